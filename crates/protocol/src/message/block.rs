//! One block of a message's content, of any type the API has or will have.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// A block: its type, and its other fields as they are.
///
/// Types are an open list, so there is no enum: what every type has is here, what some have is behind accessors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Block {
    /// `text`, `thinking`, `tool_use`, `web_search_tool_result`, …; empty if it was not said.
    pub kind: String,
    /// All fields but `type`.
    pub fields: Map<String, Value>,
}

/// A call of a tool, run by the client (`tool_use`), the API (`server_tool_use`) or an MCP server (`mcp_tool_use`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToolUse<'a> {
    /// What the result refers to.
    pub id: &'a str,
    /// The tool's name.
    pub name: &'a str,
    /// Its input: mostly an object. A string holds what came of an input that is no valid JSON, or was cut.
    pub input: &'a Value,
}

impl Block {
    /// Reads a block; `None` for anything that is no object.
    pub(crate) fn from_value(value: Value) -> Option<Block> {
        let Value::Object(mut fields) = value else { return None };
        let kind = match fields.shift_remove("type") {
            Some(Value::String(kind)) => kind,
            Some(other) => {
                fields.insert("type".to_owned(), other);
                String::new()
            }
            None => String::new(),
        };
        Some(Block { kind, fields })
    }

    pub(crate) fn with_text(kind: &str, field: &str, text: String) -> Block {
        let fields = Map::from_iter([(field.to_owned(), Value::String(text))]);
        Block { kind: kind.to_owned(), fields }
    }

    /// Appends to a field that is text.
    pub(crate) fn append(&mut self, field: &str, text: &str) {
        match self.fields.get_mut(field) {
            Some(Value::String(so_far)) => so_far.push_str(text),
            _ => {
                self.fields.insert(field.to_owned(), Value::String(text.to_owned()));
            }
        }
    }

    /// The text of a `text` block.
    pub fn text(&self) -> Option<&str> {
        self.string_of("text", "text")
    }

    /// The citations of a `text` block.
    pub fn citations(&self) -> &[Value] {
        self.fields.get("citations").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The thinking of a `thinking` block.
    pub fn thinking(&self) -> Option<&str> {
        self.string_of("thinking", "thinking")
    }

    /// Whether it is thinking, readable or not.
    pub fn is_thinking(&self) -> bool {
        matches!(self.kind.as_str(), "thinking" | "redacted_thinking")
    }

    /// The signature of a `thinking` block.
    pub fn signature(&self) -> Option<&str> {
        self.string_of("thinking", "signature")
    }

    /// The call in a `tool_use`, `server_tool_use` or `mcp_tool_use` block.
    pub fn tool_use(&self) -> Option<ToolUse<'_>> {
        if !matches!(self.kind.as_str(), "tool_use" | "server_tool_use" | "mcp_tool_use") {
            return None;
        }
        let field = |name| self.fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let input = self.fields.get("input").unwrap_or(&Value::Null);
        Some(ToolUse { id: field("id"), name: field("name"), input })
    }

    /// Whether it brings the result of a tool that the API or an MCP server ran.
    pub fn is_tool_result(&self) -> bool {
        self.kind == "tool_result" || self.kind.ends_with("_tool_result")
    }

    fn string_of(&self, kind: &str, field: &str) -> Option<&str> {
        if self.kind == kind { self.fields.get(field)?.as_str() } else { None }
    }
}

impl Serialize for Block {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.kind.is_empty() {
            map.serialize_entry("type", &self.kind)?;
        }
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
