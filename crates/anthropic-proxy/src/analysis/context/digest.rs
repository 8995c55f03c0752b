//! One part of a request as items of a bill, each with its weight. Parts come back in every request of a conversation, so that what
//! was found out about one is kept by its hash.
//!
//! A weight is what the part says, in bytes as it was sent, without what only frames it: a text weighs the same as a plain string
//! and as a block, with and without `cache_control`. Images weigh by their pixels.

use super::image;
use super::item::{Category, Item, mcp_server};
use super::texts;
use protocol::outline::{Kind, Part, Place};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::Arc;

/// Parts that are kept; beyond, all are forgotten at once.
const KEPT: usize = 50_000;

/// Fields that frame a block and say nothing to the model.
const FRAME: [&str; 6] = ["type", "cache_control", "id", "tool_use_id", "is_error", "caller"];

/// Something of a part that is one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) item: Item,
    pub(super) weight: u64,
}

/// What is known of the parts that were read before.
#[derive(Debug, Default)]
pub(crate) struct Digests {
    known: HashMap<Key, Arc<[Piece]>>,
}

/// The same bytes are another item as another block of the system prompt.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    hash: [u8; 16],
    system: Option<usize>,
}

impl Digests {
    /// The pieces of a part, in order; at least one. A tool's result does not tell its name: that is left empty.
    pub(super) fn of(&mut self, part: &Part, body: &[u8]) -> Arc<[Piece]> {
        let system = match part.place {
            Place::System { index } => Some(index),
            Place::Tool { .. } | Place::Message { .. } => None,
        };
        let key = Key { hash: part.hash, system };
        if let Some(known) = self.known.get(&key) {
            return Arc::clone(known);
        }
        let bytes = body.get(part.range.clone()).unwrap_or_default();
        let pieces: Arc<[Piece]> = pieces(part, &String::from_utf8_lossy(bytes)).into();
        if self.known.len() >= KEPT {
            self.known.clear();
        }
        self.known.insert(key, Arc::clone(&pieces));
        pieces
    }
}

fn pieces(part: &Part, raw: &str) -> Vec<Piece> {
    let one = |item| vec![Piece { item, weight: weight(raw) }];
    match &part.kind {
        Kind::Tool { name } => {
            let mut item = Item::of_tool(Category::Tool, name);
            if mcp_server(name).is_none() {
                item.server = toolset_server(raw);
            }
            one(item)
        }
        Kind::Attribution => one(Item::of(Category::Attribution)),
        Kind::SystemText => one(Item::named(Category::System, system_name(&part.place, &text(raw)))),
        Kind::SystemMessage => {
            let text = text(raw);
            let item = Item::named(Category::SystemMessage, texts::first_words(&text));
            of_text(&text, &item, weight(raw))
        }
        Kind::UserText => of_text(&text(raw), &Item::of(Category::UserText), weight(raw)),
        Kind::AssistantText => one(Item::of(Category::AssistantText)),
        Kind::Thinking => one(Item::of(Category::Thinking)),
        Kind::ToolUse { name, .. } => one(Item::of_tool(Category::ToolInput, name)),
        Kind::ToolResult { .. } => one(Item::of(Category::ToolResult)),
        Kind::Image => one(Item::of(Category::Image)),
        Kind::Document => one(Item::of(Category::Document)),
        Kind::Other(kind) => one(Item::named(Category::Other, kind)),
    }
}

fn system_name(place: &Place, text: &str) -> String {
    let number = match place {
        Place::System { index } => index + 1,
        Place::Tool { .. } | Place::Message { .. } => 0,
    };
    format!("{number}: {}", texts::first_words(text)).trim_end().to_owned()
}

fn of_text(text: &str, written: &Item, weight: u64) -> Vec<Piece> {
    let parts = texts::split(text, written);
    let lengths: Vec<u64> = parts.iter().map(|(_, length)| *length as u64).collect();
    let weights = super::share::share_count(weight, &lengths);
    parts.into_iter().zip(weights).map(|((item, _), weight)| Piece { item, weight }).collect()
}

/// The text of a text block, or of a plain string; lone surrogates are replaced.
fn text(raw: &str) -> String {
    match protocol::lenient(raw.as_bytes()) {
        Value::String(text) => text,
        Value::Object(mut block) => match block.get_mut("text").map(Value::take) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// The server of a tool that stands for all of a server's.
fn toolset_server(raw: &str) -> Option<String> {
    let fields = fields(raw)?;
    fields.get("mcp_server_name").and_then(|name| serde_json::from_str(name.get()).ok())
}

/// What a block says, in bytes.
fn weight(raw: &str) -> u64 {
    let Some(fields) = fields(raw) else { return string_weight(raw) };
    let kind: Option<String> = fields.get("type").and_then(|kind| serde_json::from_str(kind.get()).ok());
    match kind.as_deref() {
        Some("image") => image::weight(image_data(&fields).as_deref()),
        Some(kind) if kind.ends_with("tool_result") => {
            fields.get("content").map_or(0, |content| content_weight(content.get()))
        }
        Some("text") => fields.get("text").map_or(0, |text| string_weight(text.get())),
        _ => {
            let told = fields.iter().filter(|(name, _)| !FRAME.contains(&name.as_str()));
            told.map(|(name, value)| (name.len() + value.get().len()) as u64).sum()
        }
    }
}

/// What a content says: a plain string, or a list of blocks of one more level.
fn content_weight(raw: &str) -> u64 {
    match serde_json::from_str::<Vec<&RawValue>>(raw) {
        Ok(blocks) => blocks.iter().map(|block| weight(block.get())).sum(),
        Err(_) => string_weight(raw),
    }
}

/// Without its quotes.
fn string_weight(raw: &str) -> u64 {
    raw.trim().len().saturating_sub(2) as u64
}

fn image_data(fields: &Fields<'_>) -> Option<String> {
    let source = self::fields(fields.get("source")?.get())?;
    serde_json::from_str(source.get("data")?.get()).ok()
}

type Fields<'a> = HashMap<String, &'a RawValue>;

/// The fields of an object, unread.
fn fields(raw: &str) -> Option<Fields<'_>> {
    serde_json::from_str(raw).ok()
}
