//! The blocks of a message in the making: addressed by index, whatever the order they come in.

use super::ContentKind;
use super::quick::TextDelta;
use crate::json;
use crate::message::{Block, Message};
use crate::problem::Problems;
use serde_json::Value;

/// More blocks than any message has; a stream that goes on beyond is broken.
const BLOCKS_LIMIT: usize = 10_000;

/// What is known of each block beside its content; parallel to the message's blocks, sorted by index.
#[derive(Debug, Default)]
pub(super) struct Places {
    list: Vec<Place>,
}

#[derive(Debug, Default)]
struct Place {
    index: u64,
    open: bool,
    /// The input of a tool as far as it has come: JSON text.
    input: String,
}

impl Places {
    /// The message began with this many blocks.
    pub(super) fn begin_with(&mut self, blocks: usize) {
        self.list = (0..blocks as u64).map(|index| Place { index, ..Place::default() }).collect();
    }

    pub(super) fn any_open(&self) -> bool {
        self.list.iter().any(|place| place.open)
    }

    pub(super) fn open(&mut self, index: u64, block: Value, message: &mut Message, problems: &mut Problems) {
        if self.find(index).is_some() {
            problems.add(at(index), "was started twice; both are kept");
        }
        let block = Block::from_value(block).unwrap_or_else(|| {
            problems.add(at(index), "has no content_block");
            Block::default()
        });
        // The last fallback names the model that served the answer; a body that is not streamed has it in `model`.
        if block.kind == "fallback"
            && let Some(model) = block.fields.get("to").and_then(|to| to.get("model")).and_then(Value::as_str)
        {
            message.model = Some(model.to_owned());
        }
        self.insert(index, block, message, problems);
    }

    fn insert(
        &mut self,
        index: u64,
        block: Block,
        message: &mut Message,
        problems: &mut Problems,
    ) -> Option<usize> {
        if self.list.len() >= BLOCKS_LIMIT {
            problems.add("content", format!("has more than {BLOCKS_LIMIT} blocks; the rest is left out"));
            return None;
        }
        let position = self.list.partition_point(|place| place.index <= index);
        self.list.insert(position, Place { index, open: true, input: String::new() });
        message.content.insert(position.min(message.content.len()), block);
        Some(position)
    }

    /// Adds text to its block. `None`: there is no such block.
    pub(super) fn extend(&mut self, delta: &TextDelta<'_>, content: &mut [Block]) -> Option<()> {
        let position = self.find(delta.index)?;
        let (place, block) = (self.list.get_mut(position)?, content.get_mut(position)?);
        extend(place, block, delta.kind, &delta.text);
        Some(())
    }

    /// Adds a delta to its block. Returns what kind it was and whether it carried anything.
    pub(super) fn apply(
        &mut self,
        index: u64,
        mut delta: Value,
        message: &mut Message,
        problems: &mut Problems,
    ) -> (ContentKind, bool) {
        let kind = delta.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let found = self.find(index).or_else(|| {
            problems.add(at(index), "got a delta before its start");
            self.insert(index, block_for(&kind)?, message, problems)
        });
        let Some(position) = found else { return (ContentKind::Other, false) };
        let (Some(place), Some(block)) = (self.list.get_mut(position), message.content.get_mut(position))
        else {
            return (ContentKind::Other, false);
        };
        let mut extended = |kind: ContentKind, name: &str| {
            let text = delta.get(name).and_then(Value::as_str).unwrap_or_default();
            extend(place, block, kind, text);
            (kind, !text.is_empty())
        };
        match kind.as_str() {
            "text_delta" => extended(ContentKind::Text, "text"),
            "thinking_delta" => {
                let (kind, carries) = extended(ContentKind::Thinking, "thinking");
                let counted = delta.get("estimated_tokens").and_then(Value::as_u64).unwrap_or(0);
                (kind, carries || counted > 0)
            }
            "input_json_delta" => extended(ContentKind::ToolInput, "partial_json"),
            "signature_delta" => {
                let signature = delta.get_mut("signature").map(Value::take).unwrap_or_default();
                block.fields.insert("signature".to_owned(), signature);
                (ContentKind::Signature, true)
            }
            "citations_delta" => {
                let citation = delta.get_mut("citation").map(Value::take).unwrap_or_default();
                match block.fields.get_mut("citations") {
                    Some(Value::Array(citations)) => citations.push(citation),
                    _ => {
                        block.fields.insert("citations".to_owned(), Value::Array(vec![citation]));
                    }
                }
                (ContentKind::Citation, true)
            }
            "compaction_delta" => (ContentKind::Compaction, assign(block, delta)),
            _ => {
                problems.add(at(index), format!("got a delta of type {kind:?}, which is not known here"));
                (ContentKind::Other, true)
            }
        }
    }

    pub(super) fn close(&mut self, index: u64, content: &mut [Block], problems: &mut Problems) {
        match self.find(index) {
            Some(position) => self.close_at(position, content, problems),
            None => problems.add(at(index), "was stopped but never started"),
        }
    }

    pub(super) fn close_all(&mut self, content: &mut [Block], problems: &mut Problems) {
        for position in 0..self.list.len() {
            if self.list[position].open {
                problems.add(at(self.list[position].index), "was still open when the stream ended");
                self.close_at(position, content, problems);
            }
        }
    }

    fn close_at(&mut self, position: usize, content: &mut [Block], problems: &mut Problems) {
        let (Some(place), Some(block)) = (self.list.get_mut(position), content.get_mut(position)) else {
            return;
        };
        place.open = false;
        let input = std::mem::take(&mut place.input);
        if input.is_empty() {
            return;
        }
        let read = json::read(input.as_bytes(), &format!("{}.input", at(place.index)), problems);
        let value = if read.whole { read.value } else { Value::String(input) };
        block.fields.insert("input".to_owned(), value);
    }

    fn find(&self, index: u64) -> Option<usize> {
        let after = self.list.partition_point(|place| place.index <= index);
        let position = after.checked_sub(1)?;
        (self.list.get(position)?.index == index).then_some(position)
    }
}

/// Adds text where its kind belongs: a tool's input is read once it is whole.
fn extend(place: &mut Place, block: &mut Block, kind: ContentKind, text: &str) {
    match kind {
        ContentKind::ToolInput => place.input.push_str(text),
        ContentKind::Thinking => block.append("thinking", text),
        _ => block.append("text", text),
    }
}

/// A compaction's delta is its final value, and `null` means that it failed. Returns whether there is a summary.
fn assign(block: &mut Block, delta: Value) -> bool {
    let Value::Object(fields) = delta else { return false };
    let mut carries = false;
    for (name, value) in fields {
        if name != "type" {
            carries |= value.as_str().is_some_and(|text| !text.is_empty());
            block.fields.insert(name, value);
        }
    }
    carries
}

/// What a block must be whose start was missed; `None` where its deltas do not tell.
fn block_for(delta: &str) -> Option<Block> {
    let kind = match delta {
        "text_delta" | "citations_delta" => "text",
        "thinking_delta" | "signature_delta" => "thinking",
        "input_json_delta" => "tool_use",
        "compaction_delta" => "compaction",
        _ => return None,
    };
    Some(Block { kind: kind.to_owned(), ..Block::default() })
}

fn at(index: u64) -> String {
    format!("content[{index}]")
}
