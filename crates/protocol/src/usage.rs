//! What a call used: token counts as the API reports them, merged as its stream corrects them. Knows no prices.

use crate::json;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// Token counts and what else `usage` says. `None`: it was not said. Serialises to the API's own shape.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Input that came neither from the cache nor went into it.
    pub input_tokens: Option<u64>,
    /// All output, thinking included.
    pub output_tokens: Option<u64>,
    /// Input read from the cache.
    pub cache_read_input_tokens: Option<u64>,
    /// Input written to the cache, whatever its lifetime.
    pub cache_creation_input_tokens: Option<u64>,
    /// Of that, what lives 5 minutes.
    pub cache_creation_5m: Option<u64>,
    /// Of that, what lives 1 hour.
    pub cache_creation_1h: Option<u64>,
    /// Of the output, thinking.
    pub thinking_tokens: Option<u64>,
    /// Web searches the API ran.
    pub web_search_requests: Option<u64>,
    /// Web pages the API fetched.
    pub web_fetch_requests: Option<u64>,
    /// `standard`, `priority`, `batch`, …
    pub service_tier: Option<String>,
    /// Where it was computed.
    pub inference_geo: Option<String>,
    /// `standard`, `fast`, …
    pub speed: Option<String>,
    /// The parts of a call that went through several models or compactions, as they are.
    pub iterations: Option<Value>,
    /// Everything else, and known fields with a value of another kind (`null` too), under their own names.
    pub extra: Map<String, Value>,
}

impl Usage {
    /// Reads the value of a `usage` field; whatever is no object says nothing.
    pub fn from_value(value: Value) -> Usage {
        let Value::Object(mut extra) = value else { return Usage::default() };
        let mut usage = Usage::default();
        for (path, field) in usage.counts() {
            *field = take_count(&mut extra, path);
        }
        for (name, field) in usage.words() {
            *field = take_text(&mut extra, name);
        }
        if extra.get("iterations").is_some_and(Value::is_array) {
            usage.iterations = extra.shift_remove("iterations");
        }
        usage.extra = extra;
        usage
    }

    /// Lays `newer` over this: what it says replaces (a zero too), what it does not say stays. Nothing is ever added up, because
    /// the API's counts are cumulative.
    pub fn merge(&mut self, newer: &Usage) {
        let mut newer = newer.clone();
        for ((_, field), (_, new)) in self.counts().into_iter().zip(newer.counts()) {
            *field = new.or(*field);
        }
        for ((_, field), (_, new)) in self.words().into_iter().zip(newer.words()) {
            if new.is_some() {
                field.clone_from(new);
            }
        }
        if newer.iterations.is_some() {
            self.iterations = newer.iterations;
        }
        overlay(&mut self.extra, newer.extra);
    }

    /// The three input counts added: what the model read. `None` when the call reported no input.
    pub fn total_input(&self) -> Option<u64> {
        let written = self.cache_creation_input_tokens.unwrap_or_else(|| {
            let five_minutes = self.cache_creation_5m.unwrap_or(0);
            five_minutes.saturating_add(self.cache_creation_1h.unwrap_or(0))
        });
        let read = self.cache_read_input_tokens.unwrap_or(0);
        Some(self.input_tokens?.saturating_add(written).saturating_add(read))
    }

    /// Whether nothing was reported at all.
    pub fn is_empty(&self) -> bool {
        *self == Usage::default()
    }

    fn counts(&mut self) -> [(&'static [&'static str], &mut Option<u64>); 9] {
        [
            (&["input_tokens"], &mut self.input_tokens),
            (&["cache_creation_input_tokens"], &mut self.cache_creation_input_tokens),
            (&["cache_read_input_tokens"], &mut self.cache_read_input_tokens),
            (&["cache_creation", "ephemeral_5m_input_tokens"], &mut self.cache_creation_5m),
            (&["cache_creation", "ephemeral_1h_input_tokens"], &mut self.cache_creation_1h),
            (&["output_tokens"], &mut self.output_tokens),
            (&["output_tokens_details", "thinking_tokens"], &mut self.thinking_tokens),
            (&["server_tool_use", "web_search_requests"], &mut self.web_search_requests),
            (&["server_tool_use", "web_fetch_requests"], &mut self.web_fetch_requests),
        ]
    }

    fn words(&mut self) -> [(&'static str, &mut Option<String>); 3] {
        [
            ("service_tier", &mut self.service_tier),
            ("inference_geo", &mut self.inference_geo),
            ("speed", &mut self.speed),
        ]
    }

    fn to_json(&self) -> Map<String, Value> {
        let mut usage = self.clone();
        let mut json = Map::new();
        for (path, count) in usage.counts() {
            match (path, count) {
                ([name], Some(count)) => {
                    json.insert((*name).to_owned(), (*count).into());
                }
                ([outer, name], Some(count)) => {
                    let inner = json.entry(*outer).or_insert_with(|| Value::Object(Map::new()));
                    if let Value::Object(inner) = inner {
                        inner.insert((*name).to_owned(), (*count).into());
                    }
                }
                _ => {}
            }
        }
        for (name, word) in usage.words() {
            if let Some(word) = word.take() {
                json.insert(name.to_owned(), Value::String(word));
            }
        }
        if let Some(iterations) = usage.iterations {
            json.insert("iterations".to_owned(), iterations);
        }
        for (name, value) in usage.extra {
            match (json.get_mut(&name), value) {
                (None, value) => {
                    json.insert(name, value);
                }
                (Some(Value::Object(known)), Value::Object(rest)) => known.extend(rest),
                // What is typed is the newer word.
                (Some(_), _) => {}
            }
        }
        json
    }
}

impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

/// The tokens that a `count_tokens` answer reports.
pub fn counted_tokens(body: &[u8]) -> Option<u64> {
    // Only the outermost level is looked at, because most bodies are messages, and some are long.
    let text = json::lossy(body);
    let (Some(entries), None) = json::entries(&text) else { return None };
    let value = |name: &str| entries.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.get());
    if value("type").is_some_and(|kind| kind != "\"message_tokens_count\"") || value("content").is_some() {
        return None;
    }
    value("input_tokens")?.parse().ok()
}

/// Removes the count at the path; an object that is empty then goes with it.
fn take_count(map: &mut Map<String, Value>, path: &[&str]) -> Option<u64> {
    match path {
        [name] => {
            let count = map.get(*name)?.as_u64()?;
            map.shift_remove(*name);
            Some(count)
        }
        [outer, rest @ ..] => {
            let inner = map.get_mut(*outer)?.as_object_mut()?;
            let count = take_count(inner, rest)?;
            if inner.is_empty() {
                map.shift_remove(*outer);
            }
            Some(count)
        }
        [] => None,
    }
}

fn take_text(map: &mut Map<String, Value>, name: &str) -> Option<String> {
    match map.get_mut(name)? {
        Value::String(text) => {
            let text = std::mem::take(text);
            map.shift_remove(name);
            Some(text)
        }
        _ => None,
    }
}

/// Newer values replace older ones; `null` says nothing; objects are merged one level deep.
fn overlay(older: &mut Map<String, Value>, newer: Map<String, Value>) {
    for (name, value) in newer {
        match (older.get_mut(&name), value) {
            (None, value) => {
                older.insert(name, value);
            }
            (Some(_), Value::Null) => {}
            (Some(Value::Object(older)), Value::Object(newer)) => older.extend(newer),
            (Some(slot), value) => *slot = value,
        }
    }
}
