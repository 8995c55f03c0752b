//! The proof of a miss: the first part of two prompts that differs, and the first byte within it.

use protocol::outline::{Kind, Outline, Part, Place};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::ops::Range;

/// Bytes shown before the first that differs, and from there on.
const BEFORE: usize = 80;
const AFTER: usize = 160;

/// Bytes around an excerpt that are searched for keys, so that one which is shown in part is masked too.
const AROUND: usize = 512;

/// Where two prompts part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    /// `tools[2] (Bash)`, `system[1]`, `messages[3].content[0]`.
    pub(crate) place: String,
    /// Of the call before; `None`: it has nothing there.
    pub(crate) before: Option<Excerpt>,
    /// Of this call.
    pub(crate) this: Option<Excerpt>,
}

/// What stands at the first byte that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// Of the first byte that differs, in the body with its content coding undone.
    pub(crate) offset: usize,
    /// What stands before it.
    pub(crate) same: String,
    /// What stands from it on; what looks like a key is masked.
    pub(crate) differs: String,
}

/// The first part that differs; `None` if one prompt is the beginning of the other. Marks and the client's attribution do not count.
pub(crate) fn find(
    (before, before_body): (&Outline, &[u8]),
    (this, this_body): (&Outline, &[u8]),
) -> Option<Proof> {
    let mut left = before.parts.iter().filter(|part| part.kind != Kind::Attribution);
    let mut right = this.parts.iter().filter(|part| part.kind != Kind::Attribution);
    loop {
        match (left.next(), right.next()) {
            (None, _) => return None,
            (Some(one), None) => {
                let at = (one.range.start, 0);
                return Some(Proof {
                    place: place(one),
                    before: Some(excerpt(before_body, &one.range, at)),
                    this: None,
                });
            }
            (Some(one), Some(other)) if one.hash == other.hash => {}
            (Some(one), Some(other)) => {
                let (one, other_said) = (said(before_body, &one.range), said(this_body, &other.range));
                let (a, b) = (slice(before_body, &one), slice(this_body, &other_said));
                let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
                let at = |range: &Range<usize>| (range.start + same, same);
                return Some(Proof {
                    place: place(other),
                    before: Some(excerpt(before_body, &one, at(&one))),
                    this: Some(excerpt(this_body, &other_said, at(&other_said))),
                });
            }
        }
    }
}

fn place(part: &Part) -> String {
    match (&part.place, &part.kind) {
        (Place::Tool { index }, Kind::Tool { name }) => format!("tools[{index}] ({name})"),
        (Place::Tool { index }, _) => format!("tools[{index}]"),
        (Place::System { index }, _) => format!("system[{index}]"),
        (Place::Message { index, block }, _) => format!("messages[{index}].content[{block}]"),
    }
}

/// Where the encoded string of a text block stands, which a client writes plain at another time; of other parts, where they stand.
fn said(body: &[u8], range: &Range<usize>) -> Range<usize> {
    let part = slice(body, range);
    let fields: Option<HashMap<&str, &RawValue>> = serde_json::from_slice(part).ok();
    let text = fields.filter(|fields| fields.get("type").is_some_and(|kind| kind.get() == "\"text\""));
    let Some(text) = text.and_then(|fields| fields.get("text").map(|text| text.get().as_bytes())) else {
        return range.clone();
    };
    let start = range.start + (text.as_ptr() as usize).saturating_sub(part.as_ptr() as usize);
    start..start + text.len()
}

fn slice<'a>(body: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    body.get(range.clone()).unwrap_or_default()
}

fn excerpt(body: &[u8], range: &Range<usize>, (offset, same): (usize, usize)) -> Excerpt {
    let end = range.end.min(offset.saturating_add(AFTER)).min(body.len());
    let start = offset.saturating_sub(BEFORE.min(same)).min(offset);
    let end = end.max(offset);
    let around = start.saturating_sub(AROUND)..end.saturating_add(AROUND).min(body.len());
    let keys: Vec<(Range<usize>, String)> = protocol::secrets::find(slice(body, &around))
        .into_iter()
        .map(|(key, shown)| (around.start + key.start..around.start + key.end, shown))
        .collect();
    Excerpt { offset, same: masked(body, start..offset, &keys), differs: masked(body, offset..end, &keys) }
}

/// A stretch of the body; a key that reaches into it is shown masked.
fn masked(body: &[u8], stretch: Range<usize>, keys: &[(Range<usize>, String)]) -> String {
    let mut seen = Vec::with_capacity(stretch.len());
    let mut at = stretch.start;
    for (key, shown) in keys.iter().filter(|(key, _)| key.start < stretch.end && stretch.start < key.end) {
        seen.extend_from_slice(slice(body, &(at..key.start.max(at))));
        seen.extend_from_slice(shown.as_bytes());
        at = key.end.min(stretch.end);
    }
    seen.extend_from_slice(slice(body, &(at..stretch.end)));
    String::from_utf8_lossy(&seen).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::outline::outline;
    use serde_json::{Value, json};

    fn proof(before: &Value, this: &Value) -> Option<Proof> {
        let (before, this) = (before.to_string(), this.to_string());
        find((&outline(before.as_bytes()), before.as_bytes()), (&outline(this.as_bytes()), this.as_bytes()))
    }

    #[test]
    fn the_first_byte_that_differs_is_shown_on_both_sides() {
        let body = |tool: &str, system: &str, messages: &[&str]| {
            let messages: Vec<Value> =
                messages.iter().map(|text| json!({"role": "user", "content": text})).collect();
            json!({"tools": [{"name": "Bash", "description": tool}], "system": system, "messages": messages})
        };
        let base = body("runs", "be brief", &["hi", "there"]);
        assert_eq!(proof(&base, &base), None);
        assert_eq!(proof(&base, &body("runs", "be brief", &["hi", "there", "more"])), None);
        for (other, place, differs) in [
            (body("walks", "be brief", &["hi", "there"]), "tools[0] (Bash)", Some("walks\"")),
            (body("runs", "be long", &["hi", "there"]), "system[0]", Some("long\"")),
            (body("runs", "be brief", &["hi", "they"]), "messages[1].content[0]", Some("y\"")),
            (body("runs", "be brief", &["hi"]), "messages[1].content[0]", None),
        ] {
            let proof = proof(&base, &other).unwrap();
            assert_eq!(proof.place, place, "{other}");
            let text = other.to_string();
            match (proof.this, differs) {
                (Some(this), Some(differs)) => {
                    assert!(this.differs.starts_with(differs), "{this:?}");
                    assert!(text[this.offset..].starts_with(&this.differs), "{this:?}");
                    assert!(text[..this.offset].ends_with(&this.same));
                }
                (this, differs) => assert_eq!((this, differs), (None, None)),
            }
        }
    }

    #[test]
    fn a_text_is_compared_with_a_text_whatever_its_form() {
        let before = json!({"messages": [{"role": "user", "content": "fix the bug"}]});
        let block = json!([{"type": "text", "text": "fix the dog", "cache_control": {"type": "ephemeral"}}]);
        let found = proof(&before, &json!({"messages": [{"role": "user", "content": block}]})).unwrap();
        assert_eq!(found.before.unwrap().same, "\"fix the ");
        assert_eq!(found.this.unwrap().differs, "dog\"");
    }

    #[test]
    fn keys_are_masked() {
        let body = |text: &str| json!({"messages": [{"role": "user", "content": text}]});
        let found = proof(&body("x"), &body("sk-ant-api03-TopSecretTopSecretTopSecret")).unwrap();
        assert!(!found.this.unwrap().differs.contains("TopSecretTopSecret"));
    }

    #[test]
    fn of_a_key_that_another_took_the_place_of_nothing_is_shown_on_either_side() {
        let body = |key: &str| json!({"messages": [{"role": "user", "content": format!("use {key} here")}]});
        let found = proof(
            &body("sk-ant-api03-TheSameBeginning-OneEndOneEndOneEnd"),
            &body("sk-ant-api03-TheSameBeginning-AnotherAnotherAnother"),
        )
        .unwrap();
        for side in [found.before.unwrap(), found.this.unwrap()] {
            let shown = format!("{} {}", side.same, side.differs);
            for secret in ["TheSame", "OneEndOne", "AnotherAnother"] {
                assert!(!shown.contains(secret), "{shown}");
            }
            assert!(side.same.starts_with("\"use ") && side.differs.ends_with(" here\""), "{shown}");
        }
    }
}
