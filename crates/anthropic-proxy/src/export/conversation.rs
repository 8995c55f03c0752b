//! An exchange as people read it: who said what, with thinking, tool calls and their results told apart.

use super::Item;
use crate::view;
use protocol::message::Block;
use serde_json::Value;
use store::{Exchange, Side};

/// What one side said.
pub(super) struct Turn {
    /// `system`, `user`, `assistant`, or whatever role was sent.
    pub(super) who: String,
    pub(super) parts: Vec<Part>,
}

/// A part of it.
pub(super) enum Part {
    Text(String),
    Thinking(String),
    /// A tool that is asked for, its input as indented JSON.
    Call {
        name: String,
        id: String,
        input: String,
    },
    /// What a tool gave back.
    Result {
        id: String,
        failed: bool,
        parts: Vec<Part>,
    },
    /// Any other block, or a body that is no conversation: what it is, and its text.
    Other {
        kind: String,
        text: String,
    },
}

/// A request and its answer.
pub(super) struct Conversation {
    /// System prompt and messages, or the body as it is; empty if there is none.
    pub(super) asked: Vec<Turn>,
    /// Names of the tools that were offered.
    pub(super) tools: Vec<String>,
    /// The answer, or nothing.
    pub(super) answered: Option<Turn>,
    /// Bodies that are not in the file, for people.
    pub(super) missing: Vec<String>,
}

/// Reads an exchange.
pub(super) fn read(item: &Item<'_>) -> Conversation {
    let mut conversation =
        Conversation { asked: Vec::new(), tools: Vec::new(), answered: None, missing: Vec::new() };
    if let Some(body) = item.decoded(Side::Request) {
        match protocol::lenient(&body) {
            request if request["messages"].is_array() => take_request(&request, &mut conversation),
            _ => conversation.asked.push(Turn { who: "request".to_owned(), parts: vec![raw(&body)] }),
        }
    }
    conversation.answered = answer(item);
    for (name, side) in [("request", Side::Request), ("answer", Side::Response)] {
        conversation.missing.extend(item.missing(side).map(|why| format!("body of the {name}: {why}")));
    }
    conversation
}

fn take_request(request: &Value, conversation: &mut Conversation) {
    let system = parts(&request["system"]);
    if !system.is_empty() {
        conversation.asked.push(Turn { who: "system".to_owned(), parts: system });
    }
    for message in request["messages"].as_array().into_iter().flatten() {
        let who = message["role"].as_str().unwrap_or("message").to_owned();
        conversation.asked.push(Turn { who, parts: parts(&message["content"]) });
    }
    let name = |tool: &Value| Some(tool.get("name").or_else(|| tool.get("type"))?.as_str()?.to_owned());
    conversation.tools = request["tools"].as_array().into_iter().flatten().filter_map(name).collect();
}

fn answer(item: &Item<'_>) -> Option<Turn> {
    let recorded = &item.recorded;
    let body = recorded.response.as_ref().filter(|body| !body.bytes.is_empty())?;
    let (_, reading) = view::read_answer(&recorded.exchange, &body.bytes, &recorded.frames);
    let parts = match reading.message {
        Some(message) => message.content.iter().map(block).collect(),
        None => vec![raw(&item.decoded(Side::Response)?)],
    };
    Some(Turn { who: "assistant".to_owned(), parts })
}

/// Content is a text, or a list of blocks.
fn parts(content: &Value) -> Vec<Part> {
    match content {
        Value::Null => Vec::new(),
        Value::String(text) => vec![Part::Text(text.clone())],
        Value::Array(blocks) => blocks.iter().map(part).collect(),
        other => vec![Part::Other { kind: "content".to_owned(), text: indented(other) }],
    }
}

fn part(value: &Value) -> Part {
    let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let kind = field("type");
    match kind.as_str() {
        "text" => Part::Text(field("text")),
        "thinking" => Part::Thinking(field("thinking")),
        "tool_use" | "server_tool_use" | "mcp_tool_use" => {
            Part::Call { name: field("name"), id: field("id"), input: indented(&value["input"]) }
        }
        _ if kind == "tool_result" || kind.ends_with("_tool_result") => Part::Result {
            id: field("tool_use_id"),
            failed: value["is_error"].as_bool().unwrap_or(false),
            parts: parts(&value["content"]),
        },
        _ => Part::Other { text: indented(&without_data(value)), kind },
    }
}

fn block(block: &Block) -> Part {
    part(&serde_json::to_value(block).unwrap_or_default())
}

/// An image or a document without its bytes: nobody reads base64.
fn without_data(block: &Value) -> Value {
    let mut block = block.clone();
    if let Some(data) = block.pointer_mut("/source/data")
        && let Some(length) = data.as_str().map(str::len).filter(|length| *length > 200)
    {
        *data = Value::String(format!("[{length} characters]"));
    }
    block
}

fn indented(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// A body that is no conversation.
fn raw(body: &[u8]) -> Part {
    let text = match (serde_json::from_slice::<Value>(body), std::str::from_utf8(body)) {
        (Ok(value), _) => indented(&value),
        (_, Ok(text)) => text.to_owned(),
        _ => format!("{} bytes that are not text", body.len()),
    };
    Part::Other { kind: "body".to_owned(), text }
}

/// What there is to say about an exchange beside what was said in it: names and values.
pub(super) fn facts(exchange: &Exchange) -> Vec<(&'static str, String)> {
    let usage = &exchange.usage;
    let timing = &exchange.timing;
    let text =
        |name, value: Option<String>| value.filter(|value| !value.is_empty()).map(|value| (name, value));
    let count = |name, value: Option<u64>| value.map(|value| (name, value.to_string()));
    let time = |name, us: Option<u64>| us.map(|us| (name, format!("{}.{:03} ms", us / 1000, us % 1000)));
    let outcome = exchange.outcome.map_or("running", store::Outcome::as_str);
    [
        Some(("id", exchange.id.to_string())),
        Some(("request", format!("{} {}", exchange.method, exchange.url))),
        text("upstream", Some(exchange.upstream.clone())),
        text("status", exchange.status.map(|status| status.to_string())),
        Some(("outcome", outcome.to_owned())),
        text("stop reason", exchange.stop_reason.clone()),
        text("session", exchange.session.as_ref().map(|session| session.id.clone())),
        text("agent", exchange.agent.as_ref().and_then(|agent| agent.id.clone().or(agent.kind.clone()))),
        time("time to first token", timing.first_token_us),
        time("duration", timing.end_us),
        count("input tokens", usage.input),
        count("read from cache", usage.cache_read),
        count("written to cache", usage.cache_creation),
        count("output tokens", usage.output),
        count("of them thinking", usage.thinking),
        Some(("bytes", format!("{} sent, {} received", exchange.request_bytes, exchange.response_bytes))),
        text("not recorded", exchange.capture.reason.clone()),
    ]
    .into_iter()
    .flatten()
    .collect()
}
