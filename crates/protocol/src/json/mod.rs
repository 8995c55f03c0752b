//! Reads JSON that was not written for us: lone surrogates, invalid UTF-8, repeated keys, endless nesting, a missing end.
//!
//! Valid JSON costs one pass. Whatever else comes yields all that stood before the damage, and a note of each liberty taken.
//! Numbers of more than 64 bits lose digits, silently.

mod mend;
mod shallow;
mod skip;
mod slot;
mod top;

pub(crate) use shallow::{Entries, Raw, elements, entries, lossy, text};
pub(crate) use top::{Mark, Top};

use crate::problem::Problems;
use mend::{open_string, replace_lone_surrogates};
use serde::de::DeserializeSeed;
use serde_json::Value;
use slot::{Notes, Slot};
use std::borrow::Cow;

/// Values nested deeper are kept as their text: reading and writing them would need stack without bound.
const DEPTH_LIMIT: usize = 100;

/// Fields whose text is worth having although its end is missing. Half a name or half a number would be a wrong one.
const PROSE: [&str; 4] = ["text", "thinking", "partial_json", "message"];

/// What was read.
pub(crate) struct Reading {
    /// `Null` where nothing could be read.
    pub(crate) value: Value,
    /// Whether the bytes were one JSON value from start to end.
    pub(crate) whole: bool,
}

/// Reads one JSON value as well as it can be read; `Null` where there is none.
pub fn lenient(bytes: &[u8]) -> Value {
    read(bytes, "", &mut Problems::default()).value
}

/// Reads one JSON value. Problems are reported as being at `at`.
pub(crate) fn read(bytes: &[u8], at: &str, problems: &mut Problems) -> Reading {
    let text = lossy(bytes);
    if matches!(text, Cow::Owned(_)) {
        problems.add(at, "has bytes that are not UTF-8, replaced by U+FFFD");
    }
    let mut filled = fill(&text);
    if filled.error.is_some()
        && let Some(mended) = replace_lone_surrogates(&text)
    {
        problems.add(at, "has lone surrogates, replaced by U+FFFD");
        filled = fill(&mended);
        return conclude(filled, &mended, at, problems);
    }
    conclude(filled, &text, at, problems)
}

fn conclude(mut filled: Filled, text: &str, at: &str, problems: &mut Problems) -> Reading {
    if let Some(error) = &filled.error {
        problems.add(at, format!("is no valid JSON: {error}"));
        if error.is_eof() {
            filled = fill_cut(text, filled);
        }
    }
    if filled.notes.deep {
        problems.add(at, format!("is nested more than {DEPTH_LIMIT} deep; the inner part is kept as text"));
    }
    if let Some(key) = filled.notes.repeated {
        problems.add(at, format!("has the key {key:?} more than once; the last one counts"));
    }
    Reading { whole: filled.error.is_none(), value: filled.value }
}

struct Filled {
    value: Value,
    notes: Notes,
    error: Option<serde_json::Error>,
}

/// Keeps what was read before an error, unlike `serde_json::from_str::<Value>`.
fn fill(text: &str) -> Filled {
    let mut filled = Filled { value: Value::Null, notes: Notes::default(), error: None };
    let mut source = serde_json::Deserializer::from_str(text);
    let slot = Slot { value: &mut filled.value, depth: 0, notes: &mut filled.notes };
    filled.error = slot.deserialize(&mut source).and_then(|()| source.end()).err();
    filled
}

/// Reads text whose end is missing: an open string is closed, and then kept only where half of it is of use.
fn fill_cut(text: &str, filled: Filled) -> Filled {
    match open_string(text) {
        Some(end) => {
            let mut again = fill(&format!("{}\"", &text[..end]));
            drop_half(&mut again.value, None, |value, key| {
                value.is_string() && !key.is_some_and(|key| PROSE.contains(&key))
            });
            Filled { error: filled.error, ..again }
        }
        None => {
            let mut filled = filled;
            if text
                .ends_with(|last: char| last.is_ascii_digit() || matches!(last, '.' | 'e' | 'E' | '+' | '-'))
            {
                drop_half(&mut filled.value, None, |value, _| value.is_number());
            }
            filled
        }
    }
}

/// The value that was being read when the text ended is the last of the last.
fn drop_half(value: &mut Value, key: Option<&str>, is_half: fn(&Value, Option<&str>) -> bool) {
    match value {
        Value::Object(object) => {
            if let Some((key, last)) = object.iter_mut().next_back() {
                drop_half(last, Some(key), is_half);
            }
        }
        Value::Array(list) => {
            if let Some(last) = list.last_mut() {
                drop_half(last, key, is_half);
            }
        }
        leaf if is_half(leaf, key) => *leaf = Value::Null,
        _ => {}
    }
}
