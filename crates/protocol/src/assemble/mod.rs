//! Events of a stream to the message they make, and whether it came whole.
//!
//! Contract: the result depends on the events alone, never on how their bytes were split. What came of a cut stream is kept. An
//! event, block or delta that is not known is named among the problems, and changes nothing else.

mod blocks;
mod quick;
mod update;

pub use update::{ContentKind, Update};

use crate::error::{self, ApiError};
use crate::json;
use crate::message::Message;
use crate::problem::{Problem, Problems};
use crate::sse;
use blocks::Places;
use serde_json::Value;

/// Puts one streamed message together.
#[derive(Debug, Default)]
pub struct Assembler {
    message: Option<Message>,
    places: Places,
    error: Option<ApiError>,
    /// `message_stop` has come.
    stopped: bool,
    /// A `message_delta` has named a stop reason.
    reasoned: bool,
    problems: Problems,
}

/// What a stream made.
#[derive(Debug, Default, PartialEq)]
pub struct Assembled {
    /// As much of the message as came.
    pub message: Option<Message>,
    /// The error that ended it.
    pub error: Option<ApiError>,
    /// Whether it came to its end: `message_stop`, or a stop reason with no block open, and no error.
    pub complete: bool,
    /// What was not as documented.
    pub problems: Vec<Problem>,
}

impl Assembler {
    /// Nothing has come yet.
    pub fn new() -> Assembler {
        Assembler::default()
    }

    /// The message as far as it has come. The input of a tool whose block is still open is not in it yet.
    pub fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// Takes the next event and says what it brought.
    pub fn push(&mut self, event: &sse::Event) -> Update {
        let name = event.name.as_deref().unwrap_or_default();
        if event.truncated {
            self.problems.add(named(name), "lacks its end: cut, or longer than is kept");
        }
        if event.data.is_empty() {
            return if name == "ping" { Update::Ping } else { self.unknown(name) };
        }
        if let Some(update) = self.push_text(name, event) {
            return update;
        }
        let data = json::read(&event.data, named(name), &mut self.problems).value;
        let kind = match data.get("type").and_then(Value::as_str) {
            Some(kind) if name != "error" => kind.to_owned(),
            _ => name.to_owned(),
        };
        match kind.as_str() {
            "message_start" => self.start(data),
            "content_block_start" => self.start_block(data),
            "content_block_delta" => self.delta(data),
            "content_block_stop" => self.stop_block(&data),
            "message_delta" => self.message_delta(data, event),
            "message_stop" => {
                self.stopped |= !event.truncated;
                Update::Stopped
            }
            "ping" => Update::Ping,
            "error" => self.fail(&data, event),
            _ => self.unknown(&kind),
        }
    }

    /// Takes a delta of text to a block that is there; `None`: it is something else, or odd.
    fn push_text(&mut self, name: &str, event: &sse::Event) -> Option<Update> {
        let message = self.message.as_mut().filter(|_| !event.truncated && name != "error")?;
        let delta = quick::text_delta(&event.data)?;
        self.places.extend(&delta, &mut message.content)?;
        let carries = !delta.text.is_empty() || delta.counted > 0;
        Some(Update::Content { index: delta.index, kind: delta.kind, carries })
    }

    /// The stream has ended. Blocks that are still open keep what came of them.
    pub fn finish(mut self) -> Assembled {
        let complete = self.error.is_none() && (self.stopped || (self.reasoned && !self.places.any_open()));
        if let Some(message) = &mut self.message {
            self.places.close_all(&mut message.content, &mut self.problems);
        }
        Assembled { message: self.message, error: self.error, complete, problems: self.problems.into_list() }
    }

    fn start(&mut self, mut data: Value) -> Update {
        let value = data.get_mut("message").map(Value::take).unwrap_or_default();
        if self.message.is_some() {
            self.problems
                .add("message_start", "came a second time, or after other events; only its usage is taken");
            let again = Message::from_value(value, &mut self.problems).unwrap_or_default();
            self.message_mut().usage.merge(&again.usage);
            return Update::Started;
        }
        let message = Message::from_value(value, &mut self.problems);
        if message.is_none() {
            self.problems.add("message_start", "has no message");
        }
        let message = self.message.insert(message.unwrap_or_default());
        self.places.begin_with(message.content.len());
        Update::Started
    }

    fn start_block(&mut self, mut data: Value) -> Update {
        let index = self.index(&data, "content_block_start");
        let block = data.get_mut("content_block").map(Value::take).unwrap_or_default();
        let message = message_mut(&mut self.message, &mut self.problems);
        self.places.open(index, block, message, &mut self.problems);
        Update::BlockStarted { index }
    }

    fn delta(&mut self, mut data: Value) -> Update {
        let index = self.index(&data, "content_block_delta");
        let delta = data.get_mut("delta").map(Value::take).unwrap_or_default();
        let message = message_mut(&mut self.message, &mut self.problems);
        let (kind, carries) = self.places.apply(index, delta, message, &mut self.problems);
        Update::Content { index, kind, carries }
    }

    fn stop_block(&mut self, data: &Value) -> Update {
        let index = self.index(data, "content_block_stop");
        let message = message_mut(&mut self.message, &mut self.problems);
        self.places.close(index, &mut message.content, &mut self.problems);
        Update::BlockStopped { index }
    }

    /// Fields that are `null` or absent leave what was said before. An event that was cut never reached the client as one, so it
    /// ends nothing; what it says is kept all the same.
    fn message_delta(&mut self, data: Value, event: &sse::Event) -> Update {
        let Value::Object(fields) = data else { return Update::MessageDelta };
        let message = message_mut(&mut self.message, &mut self.problems);
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("type", _) | (_, Value::Null) => {}
                ("delta", Value::Object(delta)) => {
                    for (name, value) in delta {
                        // A message's own shape is not a delta's to change.
                        if !value.is_null() && !matches!(name.as_str(), "type" | "content") {
                            self.reasoned |= name == "stop_reason" && value.is_string() && !event.truncated;
                            message.set(&name, value, &mut self.problems);
                        }
                    }
                }
                ("delta" | "content", _) => {
                    self.problems.add("message_delta", format!("has a strange {name}"));
                }
                (_, value) => message.set(&name, value, &mut self.problems),
            }
        }
        Update::MessageDelta
    }

    fn fail(&mut self, data: &Value, event: &sse::Event) -> Update {
        let error = error::from_value(data).unwrap_or_else(|| ApiError {
            kind: "error".to_owned(),
            message: String::from_utf8_lossy(&event.data).into_owned(),
            request_id: None,
            details: None,
        });
        self.error.get_or_insert(error);
        Update::Error
    }

    fn unknown(&mut self, name: &str) -> Update {
        self.problems.add(named(name), "is no event known here");
        Update::Unknown
    }

    fn index(&mut self, data: &Value, at: &str) -> u64 {
        data.get("index").and_then(Value::as_u64).unwrap_or_else(|| {
            self.problems.add(at, "has no index; taken as 0");
            0
        })
    }

    fn message_mut(&mut self) -> &mut Message {
        message_mut(&mut self.message, &mut self.problems)
    }
}

/// The message, or an empty one where its start was missed.
fn message_mut<'a>(message: &'a mut Option<Message>, problems: &mut Problems) -> &'a mut Message {
    message.get_or_insert_with(|| {
        problems.add("message_start", "did not come before other events");
        Message::default()
    })
}

fn named(name: &str) -> &str {
    if name.is_empty() { "event without a name" } else { name }
}
