//! The answer of `/v1/messages`: the same shape whether it came as one body or was assembled from a stream.
//!
//! What is unknown is kept under its own name, so that serialising a message gives back what the API said.

mod block;

pub use block::{Block, ToolUse};

use crate::json;
use crate::problem::{Problem, Problems};
use crate::usage::Usage;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// A message as the API sends it. `None`: it was not said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// `msg_…`.
    pub id: Option<String>,
    /// The model that served it: after a fallback the last one.
    pub model: Option<String>,
    /// `assistant`.
    pub role: Option<String>,
    /// Its blocks, in the order of their index.
    pub content: Vec<Block>,
    /// Why it ended: `end_turn`, `tool_use`, `max_tokens`, … `None` while it has not.
    pub stop_reason: Option<String>,
    /// The stop sequence that was met.
    pub stop_sequence: Option<String>,
    /// What explains a refusal.
    pub stop_details: Option<Value>,
    /// What it used.
    pub usage: Usage,
    /// The container that ran its code.
    pub container: Option<Value>,
    /// What the API cleared from the context.
    pub context_management: Option<Value>,
    /// Why the cache missed, when the client asked.
    pub diagnostics: Option<Value>,
    /// Everything else, and known fields with a value of another kind (`null` too), under their own names.
    pub extra: Map<String, Value>,
}

impl Message {
    /// Reads a message; `None` for anything that is no object.
    pub(crate) fn from_value(value: Value, problems: &mut Problems) -> Option<Message> {
        let Value::Object(fields) = value else { return None };
        let mut message = Message::default();
        for (name, value) in fields {
            message.set(&name, value, problems);
        }
        Some(message)
    }

    /// Sets a field as it is named in the API's JSON.
    pub(crate) fn set(&mut self, name: &str, value: Value, problems: &mut Problems) {
        let kept = match (name, value) {
            ("type", Value::String(kind)) if kind == "message" => None,
            ("id", Value::String(text)) => replace(&mut self.id, text),
            ("model", Value::String(text)) => replace(&mut self.model, text),
            ("role", Value::String(text)) => replace(&mut self.role, text),
            ("stop_reason", Value::String(text)) => replace(&mut self.stop_reason, text),
            ("stop_sequence", Value::String(text)) => replace(&mut self.stop_sequence, text),
            ("stop_details", value @ Value::Object(_)) => replace(&mut self.stop_details, value),
            ("container", value @ Value::Object(_)) => replace(&mut self.container, value),
            ("context_management", value @ Value::Object(_)) => replace(&mut self.context_management, value),
            ("diagnostics", value @ Value::Object(_)) => replace(&mut self.diagnostics, value),
            ("usage", value @ Value::Object(_)) => {
                self.usage.merge(&Usage::from_value(value));
                None
            }
            ("content", Value::Array(list)) => {
                self.content = blocks(list, problems);
                None
            }
            ("content", Value::String(text)) => {
                self.content = vec![Block::with_text("text", "text", text)];
                None
            }
            (_, value) => Some(value),
        };
        match kept {
            None => {
                self.extra.shift_remove(name);
            }
            Some(value) => {
                self.extra.insert(name.to_owned(), value);
            }
        }
    }
}

fn replace<T>(field: &mut Option<T>, value: T) -> Option<Value> {
    *field = Some(value);
    None
}

fn blocks(list: Vec<Value>, problems: &mut Problems) -> Vec<Block> {
    list.into_iter()
        .enumerate()
        .filter_map(|(index, value)| {
            let block = Block::from_value(value);
            if block.is_none() {
                problems.add(format!("content[{index}]"), "is no object; left out");
            }
            block
        })
        .collect()
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        let mut written =
            vec!["type", "id", "role", "model", "content", "stop_reason", "stop_sequence", "usage"];
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("type", self.extra.get("type").unwrap_or(&Value::String("message".to_owned())))?;
        map.serialize_entry("role", &self.role)?;
        map.serialize_entry("model", &self.model)?;
        map.serialize_entry("content", &self.content)?;
        map.serialize_entry("stop_reason", &self.stop_reason)?;
        map.serialize_entry("stop_sequence", &self.stop_sequence)?;
        for (name, value) in [
            ("stop_details", &self.stop_details),
            ("container", &self.container),
            ("context_management", &self.context_management),
            ("diagnostics", &self.diagnostics),
        ] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
                written.push(name);
            }
        }
        map.serialize_entry("usage", &self.usage)?;
        for (name, value) in &self.extra {
            if !written.contains(&name.as_str()) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// Reads the body of an answer that was not streamed. `None` without a problem: it is no message, but another answer of the API.
///
/// A body that was cut, or has what JSON forbids, gives all that stood before the damage.
pub fn parse(body: &[u8]) -> (Option<Message>, Vec<Problem>) {
    let mut problems = Problems::default();
    let value = json::read(body, "body", &mut problems).value;
    let is_message = match value.get("type") {
        Some(kind) => kind == "message",
        None => value.get("content").is_some() && value.get("role").is_some(),
    };
    let message = if is_message { Message::from_value(value, &mut problems) } else { None };
    (message, problems.into_list())
}
