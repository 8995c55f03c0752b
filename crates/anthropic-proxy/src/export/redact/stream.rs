//! What a stream spread over several events is one text: an address may begin in one delta and end in the next.

use super::edits::Edit;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;

/// Fields of a `content_block_delta` that continue each other.
const CONTINUED: [&str; 3] = ["text", "thinking", "partial_json"];

/// A part of a text, and the `data:` line that carries it.
struct Part {
    line: Range<usize>,
    text: String,
}

/// The `data:` lines that have to be written anew, and how. `find` says what is to be replaced in a text.
pub(super) fn edits(stream: &[u8], find: &dyn Fn(&[u8]) -> Vec<Edit>) -> Vec<Edit> {
    let mut texts = BTreeMap::<(u64, &str), Vec<Part>>::new();
    for line in data_lines(stream) {
        let Some((index, field, text)) = delta(&stream[line.clone()]) else { continue };
        texts.entry((index, field)).or_default().push(Part { line, text });
    }
    let mut edits = Vec::new();
    for ((_, field), parts) in texts {
        let joined: String = parts.iter().map(|part| part.text.as_str()).collect();
        let found = find(joined.as_bytes());
        let mut begin = 0;
        for part in parts {
            let here = begin..begin + part.text.len();
            begin = here.end;
            if let Some(text) = replaced(&part.text, &here, &found)
                && let Some(with) = written_anew(&stream[part.line.clone()], field, text)
            {
                edits.push(Edit { range: part.line, with: with.into() });
            }
        }
    }
    super::edits::settle(edits)
}

/// The part that stands at `here` in the joined text, if an edit touches it. What replaces stands where its edit begins.
fn replaced(part: &str, here: &Range<usize>, found: &[Edit]) -> Option<String> {
    let first = found.partition_point(|edit| edit.range.end <= here.start);
    let touching = found[first..].iter().take_while(|edit| edit.range.start < here.end);
    let mut text = Vec::new();
    let mut at = 0;
    let mut any = false;
    for edit in touching {
        any = true;
        let start = edit.range.start.saturating_sub(here.start);
        let end = (edit.range.end - here.start).min(part.len());
        text.extend_from_slice(&part.as_bytes()[at..start.max(at)]);
        if edit.range.start >= here.start {
            text.extend_from_slice(edit.with.as_bytes());
        }
        at = end;
    }
    text.extend_from_slice(&part.as_bytes()[at..]);
    any.then(|| String::from_utf8_lossy(&text).into_owned())
}

/// What stands after `data:` in each such line, without its line end.
fn data_lines(stream: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < stream.len() {
            let begin = at;
            let end =
                memchr::memchr2(b'\n', b'\r', &stream[begin..]).map_or(stream.len(), |found| begin + found);
            at = end + 1;
            if stream[begin..end].starts_with(b"data:") {
                return Some(begin + b"data:".len()..end);
            }
        }
        None
    })
}

fn delta(line: &[u8]) -> Option<(u64, &'static str, String)> {
    let event = protocol::lenient(line);
    let delta = event.get("delta").filter(|_| event["type"] == "content_block_delta")?;
    let index = event.get("index").and_then(Value::as_u64).unwrap_or(0);
    CONTINUED.iter().find_map(|field| Some((index, *field, delta.get(field)?.as_str()?.to_owned())))
}

fn written_anew(line: &[u8], field: &str, text: String) -> Option<String> {
    let mut event = protocol::lenient(line);
    *event.get_mut("delta")?.get_mut(field)? = Value::String(text);
    serde_json::to_string(&event).ok().map(|json| format!(" {json}"))
}
