//! Decides what a message consists of: what directives asked for, or something that fits the request.

use serde_json::{Value, json};

use super::Api;
use super::conversation::Conversation;
use crate::directive::{Content, Turn};

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
        let has_tool = content.iter().any(|block| block["type"] == "tool_use");
        let only_thinks = content.iter().all(|block| block["type"] == "thinking");
        if only_thinks && !has_tool {
            content.push(text(&self.own_text(conversation)));
        }
        let stop_reason = match (&turn.stop, has_tool) {
            (Some(reason), _) => reason.clone(),
            (None, true) => "tool_use".to_owned(),
            (None, false) => "end_turn".to_owned(),
        };
        Composed { content, stop_reason }
    }

    fn push_piece(&self, content: &mut Vec<Value>, piece: &Content, conversation: &Conversation<'_>) {
        match piece {
            Content::Text(wanted) => content.push(text(wanted)),
            Content::Words(count) => content.push(text(&vec!["word"; *count].join(" "))),
            Content::Thinking(thought) => content.push(self.thinking(thought.as_deref().unwrap_or(
                "Let me think about what is asked here, and about the smallest change that does it.",
            ))),
            Content::Tool { name, input } => content.push(self.tool_use(name, input)),
            Content::Agent { kind, prompt } => {
                let name = if conversation.has_tool("Task") && !conversation.has_tool("Agent") {
                    "Task"
                } else {
                    "Agent"
                };
                let description: Vec<&str> = prompt.split_whitespace().take(4).collect();
                let input =
                    json!({"description": description.join(" "), "prompt": prompt, "subagent_type": kind});
                content.push(self.tool_use(name, &input));
            }
            Content::Search(_) | Content::Blocks(_) => {}
        }
    }

    fn own_text(&self, conversation: &Conversation<'_>) -> String {
        match conversation.last_tool_result() {
            Some(result) if conversation.turn > 0 => {
                format!("Done. The tool answered: {}", result.lines().next().unwrap_or_default())
            }
            _ => format!("This is a simulated answer to: {}", conversation.prompt),
        }
    }

    fn tool_use(&self, name: &str, input: &Value) -> Value {
        json!({"type": "tool_use", "id": self.new_id("toolu"), "name": name, "input": input})
    }

    fn thinking(&self, thought: &str) -> Value {
        json!({"type": "thinking", "thinking": thought, "signature": self.new_id("Erc")})
    }
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}
