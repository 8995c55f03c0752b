//! The prompt cache: which prefix of a request is known, by the API's rules for breakpoints.
//!
//! Prefix order is tools, system, messages. An entry is a prefix up to a marked block; a lookup starts at every
//! marked block and goes back 20 blocks. Entries belong to a model, effort and speed; each read renews their life.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

use super::conversation::array;
use super::message::{Usage, tokens_of_bytes};

/// Blocks a lookup looks at, the marked one included.
const LOOKBACK: usize = 20;
/// The most blocks of a request that may be marked.
pub(super) const MAX_MARKS: usize = 4;

/// Prefixes shorter than this many tokens are not cached; the first name a model starts with decides.
const MINIMUM_TOKENS: [(&str, u64); 6] = [
    ("claude-haiku-4-5", 4096),
    ("claude-opus-4-5", 4096),
    ("claude-opus-4-6", 4096),
    ("claude-3-haiku", 2048),
    ("claude-3-5-haiku", 2048),
    ("", 1024),
];

/// How long an entry lives after its last use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifetime {
    FiveMinutes,
    OneHour,
}

impl Lifetime {
    fn seconds(self) -> u64 {
        match self {
            Self::FiveMinutes => 300,
            Self::OneHour => 3600,
        }
    }
}

/// A request's prefix up to and with one of its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    hash: u64,
    /// Tokens of all blocks so far.
    tokens: u64,
    mark: Option<Lifetime>,
}

/// The prefixes of a request, shortest first.
pub(super) fn prefixes(body: &Value) -> Vec<Prefix> {
    let mut builder = Builder { hash: seed(body), tokens: 0, prefixes: Vec::new() };
    for tool in array(body, "tools") {
        builder.push("tool", tool);
    }
    builder.push_content("system", &without_attribution(&body["system"]));
    for message in array(body, "messages") {
        builder.push_content(message["role"].as_str().unwrap_or_default(), &message["content"]);
    }
    if let (Some(mark), Some(last)) = (mark_of(body), builder.prefixes.last_mut()) {
        last.mark = Some(mark);
    }
    builder.prefixes
}

/// Tokens of a whole request.
pub(super) fn total_tokens(prefixes: &[Prefix]) -> u64 {
    prefixes.last().map_or(0, |prefix| prefix.tokens)
}

/// How many blocks are marked.
pub(super) fn marks(prefixes: &[Prefix]) -> usize {
    prefixes.iter().filter(|prefix| prefix.mark.is_some()).count()
}

/// What lies in the cache.
#[derive(Debug, Default)]
pub(super) struct PrefixCache {
    entries: HashMap<u64, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    lifetime: Lifetime,
    /// Epoch seconds.
    expires: u64,
}

impl PrefixCache {
    /// The input side of a request's usage at `now` (epoch seconds); reads renew entries, marks write new ones.
    /// `cold` reads nothing, as if every entry had just expired.
    pub(super) fn charge(&mut self, prefixes: &[Prefix], model: &str, now: u64, cold: bool) -> Usage {
        let minimum = minimum_tokens(model);
        let hit = if cold { None } else { self.longest_hit(prefixes, now) };
        let mut usage = Usage::default();
        if let Some(at) = hit {
            usage.cache_read = prefixes[at].tokens;
            self.renew(prefixes, at, now);
        }
        let mut charged = usage.cache_read;
        for prefix in prefixes.iter().skip(hit.map_or(0, |at| at + 1)) {
            let Some(lifetime) = prefix.mark.filter(|_| prefix.tokens >= minimum) else { continue };
            self.entries.insert(prefix.hash, Entry { lifetime, expires: now + lifetime.seconds() });
            match lifetime {
                Lifetime::FiveMinutes => usage.cache_5m += prefix.tokens - charged,
                Lifetime::OneHour => usage.cache_1h += prefix.tokens - charged,
            }
            charged = prefix.tokens;
        }
        usage.input = total_tokens(prefixes) - charged;
        usage
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    fn longest_hit(&self, prefixes: &[Prefix], now: u64) -> Option<usize> {
        let marked = prefixes.iter().enumerate().rev().filter(|(_, prefix)| prefix.mark.is_some());
        let hits = marked.filter_map(|(at, _)| {
            (at.saturating_sub(LOOKBACK - 1)..=at).rev().find(|at| self.is_alive(prefixes[*at].hash, now))
        });
        hits.max()
    }

    fn is_alive(&self, hash: u64, now: u64) -> bool {
        self.entries.get(&hash).is_some_and(|entry| entry.expires > now)
    }

    /// Renews the entry that was read and the marked ones before it, which it rests on.
    fn renew(&mut self, prefixes: &[Prefix], hit: usize, now: u64) {
        for (at, prefix) in prefixes[..=hit].iter().enumerate() {
            if (at == hit || prefix.mark.is_some())
                && let Some(entry) = self.entries.get_mut(&prefix.hash).filter(|entry| entry.expires > now)
            {
                entry.expires = now + entry.lifetime.seconds();
            }
        }
    }
}

struct Builder {
    hash: u64,
    tokens: u64,
    prefixes: Vec<Prefix>,
}

impl Builder {
    /// A string counts as one text block: clients write the same text either way.
    fn push_content(&mut self, place: &str, content: &Value) {
        match content {
            Value::String(text) => self.push(place, &json!({"type": "text", "text": text})),
            Value::Array(blocks) => blocks.iter().for_each(|block| self.push(place, block)),
            _ => {}
        }
    }

    fn push(&mut self, place: &str, block: &Value) {
        let plain = unmarked(block).to_string();
        let mut hasher = DefaultHasher::new();
        (self.hash, place, &plain).hash(&mut hasher);
        self.hash = hasher.finish();
        self.tokens += tokens_of_bytes(plain.len());
        self.prefixes.push(Prefix { hash: self.hash, tokens: self.tokens, mark: mark_of(block) });
    }
}

/// The system prompt without Claude Code's billing line, which changes with each prompt and does not make the cache miss.
fn without_attribution(system: &Value) -> Value {
    let is_attribution = |block: &Value| {
        block["text"].as_str().is_some_and(|text| text.starts_with("x-anthropic-billing-header:"))
    };
    match system {
        Value::Array(blocks) => {
            let skipped = usize::from(blocks.first().is_some_and(is_attribution));
            Value::Array(blocks[skipped..].to_vec())
        }
        other => other.clone(),
    }
}

/// The block without its mark, a tool result's only text as a string: what the model sees.
fn unmarked(block: &Value) -> Value {
    let mut plain = block.clone();
    if let Some(fields) = plain.as_object_mut() {
        fields.shift_remove("cache_control");
    }
    if block["type"] == "tool_result"
        && let Some([only]) = block["content"].as_array().map(Vec::as_slice)
        && only["type"] == "text"
    {
        plain["content"] = only["text"].clone();
    }
    plain
}

fn mark_of(block: &Value) -> Option<Lifetime> {
    let control = block.get("cache_control")?;
    match (control["type"].as_str()?, control["ttl"].as_str()) {
        ("ephemeral", Some("1h")) => Some(Lifetime::OneHour),
        ("ephemeral", _) => Some(Lifetime::FiveMinutes),
        _ => None,
    }
}

fn seed(body: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    let effort = body.pointer("/output_config/effort").and_then(Value::as_str);
    (body["model"].as_str(), effort, body["speed"].as_str()).hash(&mut hasher);
    hasher.finish()
}

fn minimum_tokens(model: &str) -> u64 {
    MINIMUM_TOKENS.iter().find(|(name, _)| model.starts_with(name)).map_or(1024, |(_, tokens)| *tokens)
}
