//! Decides what a message consists of: what directives asked for, or something that fits the request.

use serde_json::{Value, json};

use super::conversation::Conversation;
use super::message::tokens_of_bytes;
use super::{Api, prose};
use crate::directive::{self, Content, Turn};
use crate::stories::{self, Story};

/// The content of an answer and why it stops.
#[derive(Debug)]
pub(super) struct Composed {
    pub(super) content: Vec<Value>,
    pub(super) stop_reason: String,
}

impl Api {
    /// The content `turn` asks for, or an answer of the simulator's own.
    pub(super) fn compose(&self, conversation: &Conversation<'_>, turn: &Turn) -> Composed {
        let mut content = Vec::new();
        for piece in &turn.content {
            self.push_piece(&mut content, piece, conversation);
        }
        if content.iter().all(|block| block["type"] == "thinking") {
            self.push_own(&mut content, conversation);
        }
        let calls_a_tool = content.iter().any(|block| block["type"] == "tool_use");
        let mut stop_reason = if calls_a_tool { "tool_use" } else { "end_turn" };
        if !calls_a_tool && shorten(&mut content, conversation.max_tokens()) {
            stop_reason = "max_tokens";
        }
        let stop_reason = turn.stop.clone().unwrap_or_else(|| stop_reason.to_owned());
        Composed { content, stop_reason }
    }

    fn push_piece(&self, content: &mut Vec<Value>, piece: &Content, conversation: &Conversation<'_>) {
        let seed = self.options.seed;
        match piece {
            Content::Text(wanted) => content.push(text(wanted)),
            Content::Words(count) => content.push(text(&prose::words(*count, seed))),
            Content::Thinking(Some(thought)) => content.push(self.thinking(thought)),
            Content::Thinking(None) => {
                content.push(self.thinking(&prose::thought(&conversation.prompt, seed)));
            }
            Content::Tool { name, input } => content.push(self.tool_use(name, input)),
            Content::Agent { kind, prompt, background } => {
                content.push(self.agent(conversation, kind, prompt, *background));
            }
            Content::Search(query) => content.extend(self.web_search(query)),
            Content::Blocks(kind) => content.extend(self.sample_blocks(kind).unwrap_or_default()),
        }
    }

    /// An answer that fits the request.
    fn push_own(&self, content: &mut Vec<Value>, conversation: &Conversation<'_>) {
        let prompt = conversation.prompt.as_str();
        let seed = self.options.seed;
        if let Some(schema) = conversation.answer_schema() {
            content.push(text(&instance_of(schema, prompt).to_string()));
        } else if conversation.wants_server_tool("web_search") {
            let query = prompt.rsplit("query:").next().unwrap_or(prompt).trim();
            content.extend(self.web_search(query));
        } else if let Some(story) = stories::of_prompt(prompt) {
            self.push_story(content, story, conversation.turn);
        } else if conversation.turn > 0 {
            let result = conversation.last_tool_result().unwrap_or_default();
            let first_line = result.lines().next().unwrap_or("nothing");
            content.push(text(&format!("Done. The tool answered: {first_line}")));
        } else {
            if conversation.thinks() && content.is_empty() {
                content.push(self.thinking(&prose::thought(prompt, seed)));
            }
            content.push(text(&prose::answer(prompt, seed)));
        }
    }

    /// The part of a story that comes now.
    fn push_story(&self, content: &mut Vec<Value>, story: &Story, turn: usize) {
        let Some(told) = story.turns.get(turn) else {
            content.push(text(&story.answer));
            return;
        };
        content.extend(told.think.iter().map(|thought| self.thinking(thought)));
        content.extend(told.say.iter().map(|said| text(said)));
        content.extend(told.calls.iter().map(|call| self.tool_use(&call.tool, &call.input)));
    }

    /// A call of the tool that starts a sub-agent, by the name this client knows it.
    fn agent(&self, conversation: &Conversation<'_>, kind: &str, prompt: &str, background: bool) -> Value {
        let name =
            if conversation.has_tool("Task") && !conversation.has_tool("Agent") { "Task" } else { "Agent" };
        let mut input = json!({"description": prose::title(&directive::without(prompt)), "prompt": prompt});
        input["subagent_type"] = kind.into();
        if conversation.tool_has_property(name, "run_in_background") {
            input["run_in_background"] = background.into();
        }
        self.tool_use(name, &input)
    }

    pub(super) fn tool_use(&self, name: &str, input: &Value) -> Value {
        json!({"type": "tool_use", "id": self.new_id("toolu"), "name": name, "input": input})
    }

    pub(super) fn thinking(&self, thought: &str) -> Value {
        json!({"type": "thinking", "thinking": thought, "signature": self.new_id("Erc")})
    }
}

pub(super) fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// Cuts the texts off where `max_tokens` is reached; true if it was.
fn shorten(content: &mut Vec<Value>, max_tokens: u64) -> bool {
    let mut left = max_tokens;
    for at in 0..content.len() {
        let block = &mut content[at];
        let bytes = match block["type"].as_str() {
            Some("text") => block["text"].as_str().map_or(0, str::len),
            Some("thinking") => block["thinking"].as_str().map_or(0, str::len),
            _ => continue,
        };
        let tokens = tokens_of_bytes(bytes);
        if tokens <= left {
            left -= tokens;
            continue;
        }
        let key = if block["type"] == "text" { "text" } else { "thinking" };
        let kept = usize::try_from(left * 4).unwrap_or(usize::MAX);
        let short = block[key].as_str().map(|whole| whole[..whole.floor_char_boundary(kept)].to_owned());
        block[key] = short.unwrap_or_default().into();
        content.truncate(at + 1);
        return true;
    }
    false
}

/// A small value that fits a JSON schema; a `title` is made from the prompt.
fn instance_of(schema: &Value, prompt: &str) -> Value {
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let properties = schema["properties"].as_object();
            let fields = properties.into_iter().flatten().map(|(name, of)| {
                let value = if name == "title" {
                    prose::title(&directive::without(prompt)).into()
                } else {
                    instance_of(of, prompt)
                };
                (name.clone(), value)
            });
            Value::Object(fields.collect())
        }
        Some("array") => json!([instance_of(&schema["items"], prompt)]),
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        _ => "simulated".into(),
    }
}
