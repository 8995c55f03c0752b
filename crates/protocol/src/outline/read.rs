//! Reads one level after the other and hashes what is deeper as it stands.

use super::{Kind, Lifetime, Outline, Part, Place};
use crate::json::{self, Raw, Top};
use serde_json::Value;
use twox_hash::XxHash3_128;

/// How Claude Code's billing line begins.
const ATTRIBUTION: &str = "x-anthropic-billing-header:";

pub(crate) fn read(top: &Top<'_>, known: Option<Known<'_>>) -> Outline {
    let fields = Fields(top.entries.clone());
    let mut reader = Reader { top, parts: Vec::new() };
    let is_last = |part: &Part| matches!(part.place, Place::Tool { .. });
    let known_tools = known.filter(|known| !known.outline.parts.last().is_some_and(is_last));
    match known_tools.and_then(|known| Some((known.outline, known.tools_moved?))) {
        Some((outline, moved)) => reader.take_tools(outline, moved),
        None => {
            for (index, tool) in fields.list("tools").into_iter().enumerate() {
                reader.tool(index, tool);
            }
        }
    }
    if let Some(system) = fields.get("system") {
        for (index, block) in Block::all(system).into_iter().enumerate() {
            reader.block(Place::System { index }, "system prompt", &block);
        }
    }
    let kept = known.map_or(0, |known| reader.take_messages(known));
    for (index, message) in top.messages.iter().enumerate().skip(kept) {
        let message = Fields::of(*message);
        let role = message.text("role").unwrap_or_default();
        let Some(content) = message.get("content") else { continue };
        for (block, found) in Block::all(content).into_iter().enumerate() {
            reader.block(Place::Message { index, block }, &role, &found);
        }
    }
    let mut parts = reader.parts;
    if let Some(last) = parts.last_mut() {
        last.mark = last.mark.or_else(|| fields.mark());
    }
    let word = |name, inner: &str| {
        let value = fields.get(name).map_or(Value::Null, |raw| json::lenient(raw.get().as_bytes()));
        value.get(inner).and_then(Value::as_str).map(str::to_owned)
    };
    Outline {
        model: fields.text("model"),
        effort: word("output_config", "effort"),
        speed: fields.text("speed"),
        parts,
        previous_message_id: word("diagnostics", "previous_message_id"),
        body_len: top.text.len(),
    }
}

/// What is known of a body that begins alike.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) outline: &'a Outline,
    /// How many messages both have in common at the beginning.
    pub(crate) messages: usize,
    /// How much farther on the same tools stand; `None` if they are not the same.
    pub(crate) tools_moved: Option<isize>,
}

/// The fields of an object, unread. Of repeated ones the last counts.
struct Fields<'a>(json::Entries<'a>);

impl<'a> Fields<'a> {
    fn of(raw: Raw<'a>) -> Fields<'a> {
        Fields(raw.entries().unwrap_or_default())
    }

    fn get(&self, name: &str) -> Option<Raw<'a>> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    fn text(&self, name: &str) -> Option<String> {
        json::text(self.get(name)?).map(std::borrow::Cow::into_owned)
    }

    fn list(&self, name: &str) -> Vec<Raw<'a>> {
        self.get(name).map(json::elements).unwrap_or_default()
    }

    fn mark(&self) -> Option<Lifetime> {
        let control = self.get("cache_control")?;
        let control = Some(Fields::of(control)).filter(|control| !control.0.is_empty())?;
        let hour = control.text("ttl").is_some_and(|ttl| ttl == "1h");
        Some(if hour { Lifetime::OneHour } else { Lifetime::FiveMinutes })
    }
}

/// A block of a content, or the plain string that stands for one text block.
enum Block<'a> {
    Plain(Raw<'a>),
    Object(Raw<'a>, Fields<'a>),
}

impl<'a> Block<'a> {
    fn all(content: Raw<'a>) -> Vec<Block<'a>> {
        if content.get().starts_with('"') {
            return vec![Block::Plain(content)];
        }
        json::elements(content).into_iter().map(|raw| Block::Object(raw, Fields::of(raw))).collect()
    }

    fn raw(&self) -> Raw<'a> {
        match self {
            Block::Plain(raw) | Block::Object(raw, _) => *raw,
        }
    }

    fn hash_into(&self, hash: &mut Hash) {
        match self {
            Block::Plain(text) => hash.field("type", "\"text\"").field("text", text.get()),
            Block::Object(raw, fields) if fields.0.is_empty() => hash.field("", raw.get()),
            Block::Object(_, fields) => hash.fields(fields),
        };
    }
}

/// Every string with its length before it, so that no two lists of them hash alike by chance.
/// What is to be hashed is put together first: in one go that is many times as quick.
struct Hash(Vec<u8>);

impl Hash {
    fn new(role: &str) -> Hash {
        let mut hash = Hash(Vec::new());
        hash.add(role);
        hash
    }

    fn add(&mut self, text: &str) {
        self.0.extend_from_slice(&(text.len() as u64).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn field(&mut self, name: &str, value: &str) -> &mut Hash {
        self.add(name);
        self.add(value);
        self
    }

    /// All fields but the mark; the content of a result by its blocks.
    fn fields(&mut self, fields: &Fields<'_>) -> &mut Hash {
        for (name, value) in &fields.0 {
            match name.as_ref() {
                "cache_control" => {}
                "content" => {
                    self.add("content");
                    let blocks = Block::all(*value);
                    if blocks.is_empty() {
                        self.add(value.get());
                    }
                    for block in &blocks {
                        // One level only: deeper marks are none.
                        match block {
                            Block::Object(_, inner) if inner.get("content").is_some() => {
                                self.field("block", block.raw().get());
                            }
                            _ => block.hash_into(self),
                        }
                    }
                }
                name => {
                    self.field(name, value.get());
                }
            }
        }
        self
    }

    fn finish(self) -> [u8; 16] {
        // Compared within one run only, and nobody gains by two parts that hash alike: speed counts.
        XxHash3_128::oneshot(&self.0).to_le_bytes()
    }
}

struct Reader<'a> {
    top: &'a Top<'a>,
    parts: Vec<Part>,
}

impl Reader<'_> {
    fn take_tools(&mut self, known: &Outline, moved: isize) {
        let tools = known.parts.iter().take_while(|part| matches!(part.place, Place::Tool { .. }));
        self.parts.extend(tools.map(|part| Part {
            range: part.range.start.saturating_add_signed(moved)..part.range.end.saturating_add_signed(moved),
            ..part.clone()
        }));
    }

    /// Returns how many messages that were. The last part of all may have the mark of the whole request.
    fn take_messages(&mut self, known: Known<'_>) -> usize {
        let kept = match known.outline.parts.last().map(|last| last.place) {
            Some(Place::Message { index, .. }) => index.min(known.messages),
            _ => 0,
        };
        let parts = known.outline.parts.iter();
        self.parts.extend(
            parts.filter(|part| matches!(part.place, Place::Message { index, .. } if index < kept)).cloned(),
        );
        kept
    }

    fn tool(&mut self, index: usize, raw: Raw<'_>) {
        let fields = Fields::of(raw);
        let name = fields.text("name").or_else(|| fields.text("type")).unwrap_or_default();
        let mut hash = Hash::new("tool");
        Block::Object(raw, Fields::of(raw)).hash_into(&mut hash);
        self.push(Place::Tool { index }, Kind::Tool { name }, hash, raw, fields.mark());
    }

    fn block(&mut self, place: Place, role: &str, block: &Block<'_>) {
        let mut hash = Hash::new(role);
        block.hash_into(&mut hash);
        let (kind, mark) = match block {
            Block::Plain(text) => (text_kind(&place, role, *text), None),
            Block::Object(_, fields) => {
                (kind(&place, role, fields), fields.mark().or_else(|| inner_mark(fields)))
            }
        };
        self.push(place, kind, hash, block.raw(), mark);
    }

    fn push(&mut self, place: Place, kind: Kind, hash: Hash, raw: Raw<'_>, mark: Option<Lifetime>) {
        let range = self.top.place(raw.get());
        self.parts.push(Part { place, kind, hash: hash.finish(), range, mark });
    }
}

fn inner_mark(fields: &Fields<'_>) -> Option<Lifetime> {
    let content = fields.get("content")?;
    Block::all(content).iter().rev().find_map(|block| match block {
        Block::Plain(_) => None,
        Block::Object(_, fields) => fields.mark(),
    })
}

fn kind(place: &Place, role: &str, fields: &Fields<'_>) -> Kind {
    let kind = fields.text("type").unwrap_or_else(|| "text".to_owned());
    let word = |name| fields.text(name).unwrap_or_default();
    match kind.as_str() {
        "text" => match fields.get("text") {
            Some(text) => text_kind(place, role, text),
            None => Kind::Other(kind),
        },
        "thinking" | "redacted_thinking" => Kind::Thinking,
        "tool_use" | "server_tool_use" | "mcp_tool_use" => {
            Kind::ToolUse { id: word("id"), name: word("name") }
        }
        "image" => Kind::Image,
        "document" => Kind::Document,
        result if result.ends_with("tool_result") => Kind::ToolResult { tool_use_id: word("tool_use_id") },
        _ => Kind::Other(kind),
    }
}

fn text_kind(place: &Place, role: &str, text: Raw<'_>) -> Kind {
    match (place, role) {
        (Place::System { index: 0 }, _) if text.get().trim_start_matches('"').starts_with(ATTRIBUTION) => {
            Kind::Attribution
        }
        (Place::System { .. }, _) => Kind::SystemText,
        (_, "system") => Kind::SystemMessage,
        (_, "assistant") => Kind::AssistantText,
        _ => Kind::UserText,
    }
}
