//! A message as server-sent events: blocks opened, filled by deltas and closed, paced and formatted as asked.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::message::Message;
use crate::reply::Frame;

/// How a stream is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Style {
    /// Wait before each event after the first.
    pub(crate) gap: Duration,
    /// One long wait in the middle.
    pub(crate) silence: Duration,
    /// A ping before every block.
    pub(crate) pings: bool,
    /// CRLF line ends.
    pub(crate) crlf: bool,
    /// No space after `data:` and `event:`.
    pub(crate) tight: bool,
    pub(crate) no_message_stop: bool,
    /// An `error` event, in the middle, that ends the stream.
    pub(crate) error: Option<Value>,
}

/// The frames of a streamed message.
pub(crate) fn frames(message: &Message, style: &Style) -> Vec<Frame> {
    let mut events = vec![start(message), json!({"type": "ping"})];
    for (index, block) in message.content.iter().enumerate() {
        if style.pings && index > 0 {
            events.push(json!({"type": "ping"}));
        }
        events.extend(block_events(index, block));
    }
    if let Some(error) = &style.error {
        events.truncate(2 + (events.len() - 2).div_ceil(2));
        events.push(error.clone());
    } else {
        events.push(json!({
            "type": "message_delta",
            "delta": {"stop_reason": message.stop_reason, "stop_sequence": null, "stop_details": message.stop_details()},
            "usage": message.usage.at_end(),
        }));
        if !style.no_message_stop {
            events.push(json!({"type": "message_stop"}));
        }
    }
    let middle = events.len() / 2;
    let frame = |(at, event): (usize, &Value)| Frame {
        after: if at == 0 { Duration::ZERO } else { style.gap }
            + if at == middle { style.silence } else { Duration::ZERO },
        bytes: format_event(event, style),
    };
    events.iter().enumerate().map(frame).collect()
}

fn start(message: &Message) -> Value {
    json!({"type": "message_start", "message": {
        "id": message.id, "type": "message", "role": "assistant", "model": message.model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": message.usage.at_start(message.usage.output.min(1)),
    }})
}

fn format_event(event: &Value, style: &Style) -> Bytes {
    let name = event["type"].as_str().unwrap_or_default();
    let space = if style.tight { "" } else { " " };
    let end = if style.crlf { "\r\n" } else { "\n" };
    format!("event:{space}{name}{end}data:{space}{event}{end}{end}").into()
}

/// One block's events.
fn block_events(index: usize, block: &Value) -> Vec<Value> {
    let (opened, deltas) = open_and_fill(block);
    let mut events = vec![json!({"type": "content_block_start", "index": index, "content_block": opened})];
    for delta in deltas {
        events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
    }
    events.push(json!({"type": "content_block_stop", "index": index}));
    events
}

/// The block as it is opened and the deltas that make it whole. A type without deltas is opened whole.
fn open_and_fill(block: &Value) -> (Value, Vec<Value>) {
    let mut opened = block.clone();
    let mut deltas = Vec::new();
    match block["type"].as_str().unwrap_or_default() {
        "text" => {
            opened["text"] = "".into();
            if let Some(citations) = block["citations"].as_array() {
                opened["citations"] = json!([]);
                deltas
                    .extend(citations.iter().map(|one| json!({"type": "citations_delta", "citation": one})));
            }
            for piece in words(block["text"].as_str().unwrap_or_default(), 4) {
                deltas.push(json!({"type": "text_delta", "text": piece}));
            }
        }
        "thinking" => {
            opened["thinking"] = "".into();
            opened["signature"] = "".into();
            let mut thought = 0;
            for piece in words(block["thinking"].as_str().unwrap_or_default(), 6) {
                thought += piece.len().div_ceil(4);
                deltas
                    .push(json!({"type": "thinking_delta", "thinking": piece, "estimated_tokens": thought}));
            }
            deltas.push(json!({"type": "signature_delta", "signature": block["signature"]}));
        }
        "tool_use" | "server_tool_use" | "mcp_tool_use" => {
            opened["input"] = json!({});
            let input = block["input"].to_string();
            deltas.push(json!({"type": "input_json_delta", "partial_json": ""}));
            for piece in pieces(&input, 24) {
                deltas.push(json!({"type": "input_json_delta", "partial_json": piece}));
            }
        }
        "compaction" => {
            opened["content"] = Value::Null;
            deltas.push(json!({"type": "compaction_delta", "content": block["content"]}));
        }
        _ => {}
    }
    (opened, deltas)
}

/// Cuts a text after every `count` spaces.
fn words(text: &str, count: usize) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut from, mut seen) = (0, 0);
    for (at, character) in text.char_indices() {
        let end = at + character.len_utf8();
        // Text without spaces (Chinese, long code) is cut by length.
        if character == ' ' || end - from > 60 {
            seen += 1;
        }
        if seen == count || end - from > 90 {
            out.push(&text[from..end]);
            (from, seen) = (end, 0);
        }
    }
    if from < text.len() {
        out.push(&text[from..]);
    }
    out
}

/// Cuts a text into pieces of at most `size` bytes, never inside a character.
fn pieces(text: &str, size: usize) -> Vec<&str> {
    let mut out = Vec::new();
    let mut from = 0;
    for (at, character) in text.char_indices() {
        if at + character.len_utf8() - from > size && at > from {
            out.push(&text[from..at]);
            from = at;
        }
    }
    if from < text.len() {
        out.push(&text[from..]);
    }
    out
}
