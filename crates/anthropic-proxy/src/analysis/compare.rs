//! What is different between two requests: parts aligned by what they say, then word by word.

use protocol::outline::{Kind, Outline, Part, Place};
use serde_json::Value;
use similar::{Algorithm, ChangeTag, DiffOp, TextDiff, capture_diff_slices};
use std::collections::BTreeSet;
use std::time::Duration;

/// Characters of one side of a part beyond which its words are not compared, only shown in part.
const COMPARED: usize = 40_000;

/// How long comparing the words of one part may take; then it becomes coarser.
const PATIENCE: Duration = Duration::from_millis(200);

/// Characters of a label.
const LABEL: usize = 80;

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Same,
    /// It says the same; its `cache_control` does not.
    Marker,
    Changed,
    Added,
    Removed,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            State::Same => "same",
            State::Marker => "marker",
            State::Changed => "changed",
            State::Added => "added",
            State::Removed => "removed",
        }
    }
}

/// A part of either prompt, or of both.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Aligned {
    pub(crate) state: State,
    /// What it is, and its first words.
    pub(crate) label: String,
    /// Where it stands: `messages[3].content[0]`.
    pub(crate) places: [Option<String>; 2],
    /// Bytes of the longer side.
    pub(crate) bytes: usize,
    /// What it says on each side, unless it is the same.
    pub(crate) texts: [Option<String>; 2],
    /// Removed (-1), same (0) and added (1) words; `None`: too long, or only on one side.
    pub(crate) words: Option<Vec<(i8, String)>>,
}

/// The parts of one section, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// `tools`, `system`, `messages`.
    pub(crate) name: &'static str,
    pub(crate) parts: Vec<Aligned>,
}

/// One side: a body and its outline.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) body: &'a [u8],
    pub(crate) outline: &'a Outline,
}

/// Aligns two prompts section by section. `markers`: whether a moved `cache_control` counts as a difference.
pub(crate) fn sections(a: Side<'_>, b: Side<'_>, markers: bool) -> Vec<Section> {
    [("tools", 0), ("system", 1), ("messages", 2)]
        .into_iter()
        .map(|(name, section)| Section { name, parts: align(a, b, section, markers) })
        .collect()
}

fn section_of(part: &Part) -> u8 {
    match part.place {
        Place::Tool { .. } => 0,
        Place::System { .. } => 1,
        Place::Message { .. } => 2,
    }
}

fn align(a: Side<'_>, b: Side<'_>, section: u8, markers: bool) -> Vec<Aligned> {
    let of = |side: Side<'_>| -> Vec<Part> {
        side.outline.parts.iter().filter(|part| section_of(part) == section).cloned().collect()
    };
    let (left, right) = (of(a), of(b));
    let hashes = |parts: &[Part]| parts.iter().map(|part| part.hash).collect::<Vec<_>>();
    let mut aligned = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &hashes(&left), &hashes(&right)) {
        match op {
            DiffOp::Equal { old_index, new_index, len } => {
                for at in 0..len {
                    aligned.push(same(a, &left[old_index + at], &right[new_index + at], markers));
                }
            }
            other => {
                let (old, new) = (&left[other.old_range()], &right[other.new_range()]);
                for at in 0..old.len().max(new.len()) {
                    aligned.extend(changed((a, old.get(at)), (b, new.get(at))));
                }
            }
        }
    }
    aligned
}

fn same(a: Side<'_>, one: &Part, other: &Part, markers: bool) -> Aligned {
    let moved = markers && one.mark != other.mark;
    Aligned {
        state: if moved { State::Marker } else { State::Same },
        label: label(a, one),
        places: [Some(place(one)), Some(place(other))],
        bytes: one.range.len().max(other.range.len()),
        texts: [None, None],
        words: None,
    }
}

fn changed((a, one): (Side<'_>, Option<&Part>), (b, other): (Side<'_>, Option<&Part>)) -> Option<Aligned> {
    let (side, shown) = other.map(|part| (b, part)).or(one.map(|part| (a, part)))?;
    let texts = [one.map(|part| text(a, part)), other.map(|part| text(b, part))];
    let words = match &texts {
        [Some(before), Some(after)] if before.len().max(after.len()) <= COMPARED => {
            Some(words(before, after))
        }
        _ => None,
    };
    Some(Aligned {
        state: match (one, other) {
            (Some(_), Some(_)) => State::Changed,
            (Some(_), None) => State::Removed,
            _ => State::Added,
        },
        label: label(side, shown),
        places: [one.map(place), other.map(place)],
        bytes: one.map_or(0, |part| part.range.len()).max(other.map_or(0, |part| part.range.len())),
        texts: texts.map(|text| text.map(|text| text.chars().take(COMPARED).collect())),
        words,
    })
}

/// Words of two texts, those that follow each other with the same fate together.
fn words(before: &str, after: &str) -> Vec<(i8, String)> {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_unicode_words(before, after);
    let mut words: Vec<(i8, String)> = Vec::new();
    for change in diff.iter_all_changes() {
        let fate = match change.tag() {
            ChangeTag::Delete => -1,
            ChangeTag::Equal => 0,
            ChangeTag::Insert => 1,
        };
        match words.last_mut() {
            Some((last, text)) if *last == fate => text.push_str(change.value()),
            _ => words.push((fate, change.value().to_owned())),
        }
    }
    words
}

/// What a part says, for people: the text of a text block, else its JSON, indented. Keys in it are masked.
fn text(side: Side<'_>, part: &Part) -> String {
    let bytes = side.body.get(part.range.clone()).unwrap_or_default();
    let value = protocol::lenient(bytes);
    let said = match &value {
        Value::String(text) => text.clone(),
        Value::Object(fields) if fields.get("type").is_some_and(|kind| kind == "text") => {
            fields.get("text").and_then(Value::as_str).unwrap_or_default().to_owned()
        }
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    protocol::secrets::mask_text(said.as_bytes())
}

fn label(side: Side<'_>, part: &Part) -> String {
    let kind = match &part.kind {
        Kind::Tool { name } => return name.clone(),
        Kind::Attribution => "attribution",
        Kind::SystemText => "system",
        Kind::UserText => "user",
        Kind::SystemMessage => "system message",
        Kind::AssistantText => "assistant",
        Kind::Thinking => "thinking",
        Kind::ToolUse { name, .. } => return format!("calls {name}"),
        Kind::ToolResult { .. } => "tool result",
        Kind::Image => "image",
        Kind::Document => "document",
        Kind::Other(kind) => kind,
    };
    let start = part.range.start;
    let beginning = Part { range: start..part.range.end.min(start + 4_000), ..part.clone() };
    let said = if part.range.len() > 4_000 {
        String::from_utf8_lossy(side.body.get(beginning.range).unwrap_or_default()).into_owned()
    } else {
        text(side, part)
    };
    let first: String = said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LABEL).collect();
    let first = protocol::secrets::mask_text(first.as_bytes());
    format!("{kind}: {first}")
}

fn place(part: &Part) -> String {
    match part.place {
        Place::Tool { index } => format!("tools[{index}]"),
        Place::System { index } => format!("system[{index}]"),
        Place::Message { index, block } => format!("messages[{index}].content[{block}]"),
    }
}

/// A name with its value on each side.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) values: [Option<String>; 2],
}

/// All fields of two bodies but those that are compared part by part.
pub(crate) fn parameters(a: &[u8], b: &[u8]) -> Vec<Field> {
    let fields = |body: &[u8]| match protocol::lenient(body) {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    };
    let (a, b) = (fields(a), fields(b));
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let value = |fields: &serde_json::Map<String, Value>, name: &str| {
        fields.get(name).map(|value| protocol::secrets::mask_text(value.to_string().as_bytes()))
    };
    names
        .into_iter()
        .filter(|name| !["tools", "system", "messages"].contains(&name.as_str()))
        .map(|name| Field { name: name.clone(), values: [value(&a, name), value(&b, name)] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::outline::outline;
    use serde_json::json;

    fn compared(a: &Value, b: &Value, markers: bool) -> Vec<(&'static str, &'static str, String)> {
        let (a, b) = (a.to_string(), b.to_string());
        let (left, right) = (outline(a.as_bytes()), outline(b.as_bytes()));
        let (a, b) =
            (Side { body: a.as_bytes(), outline: &left }, Side { body: b.as_bytes(), outline: &right });
        let sections = sections(a, b, markers);
        sections
            .into_iter()
            .flat_map(|section| {
                section.parts.into_iter().map(move |part| (section.name, part.state.as_str(), part.label))
            })
            .collect()
    }

    #[test]
    fn parts_are_aligned_by_what_they_say() {
        let user = |text: &str| json!({"role": "user", "content": text});
        let marked = json!({"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]});
        let base = json!({"tools": [{"name": "Bash"}, {"name": "Read"}], "system": "be brief", "messages": [user("hi"), user("more")]});
        let other = json!({"tools": [{"name": "Read"}, {"name": "Edit"}], "system": "be long", "messages": [marked, user("new"), user("more")]});
        let expected = [
            ("tools", "removed", "Bash"),
            ("tools", "same", "Read"),
            ("tools", "added", "Edit"),
            ("system", "changed", "system: be long"),
            ("messages", "same", "user: hi"),
            ("messages", "added", "user: new"),
            ("messages", "same", "user: more"),
        ];
        let expected = expected.map(|(section, state, label)| (section, state, label.to_owned()));
        assert_eq!(compared(&base, &other, false), expected);
        assert_eq!(compared(&base, &other, true)[4].1, "marker");
        assert!(compared(&base, &base, true).iter().all(|(_, state, _)| *state == "same"));
    }

    #[test]
    fn words_come_back_as_either_text() {
        for (before, after) in [
            ("fix the bug now", "fix a bug"),
            ("", "x"),
            ("提示缓存命中率", "提示缓存未命中率"),
            ("a\nb", "a\nb"),
        ] {
            let words = words(before, after);
            let side = |fate: i8| {
                words
                    .iter()
                    .filter(|(of, _)| *of == 0 || *of == fate)
                    .map(|(_, text)| text.as_str())
                    .collect::<String>()
            };
            assert_eq!((side(-1), side(1)), (before.to_owned(), after.to_owned()), "{words:?}");
        }
        assert!(words("提示缓存命中率", "提示缓存未命中率").contains(&(1, "未".to_owned())));
    }

    #[test]
    fn parameters_are_what_is_not_compared_by_parts() {
        let fields =
            parameters(br#"{"model":"a","stream":true,"messages":[]}"#, br#"{"model":"b","tools":[]}"#);
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            fields,
            [
                Field { name: "model".to_owned(), values: [text("\"a\""), text("\"b\"")] },
                Field { name: "stream".to_owned(), values: [text("true"), None] },
            ]
        );
    }
}
