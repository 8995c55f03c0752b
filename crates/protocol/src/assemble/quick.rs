//! The deltas that nearly all of a stream is made of, read without a tree of values.
//!
//! Only what is just as documented: of anything else nothing is said here, so that what is odd is read, and told, in one place.

use super::ContentKind;
use serde::Deserialize;
use std::borrow::Cow;

/// A delta that adds a text to a block.
#[derive(Debug, PartialEq)]
pub(super) struct TextDelta<'a> {
    pub(super) index: u64,
    pub(super) kind: ContentKind,
    pub(super) text: Cow<'a, str>,
    /// Tokens that the server says it stands for, where it shows no text.
    pub(super) counted: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: &'a str,
    index: u64,
    #[serde(borrow)]
    delta: Delta<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delta<'a> {
    #[serde(borrow, rename = "type")]
    kind: &'a str,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    thinking: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    partial_json: Option<Cow<'a, str>>,
    #[serde(default)]
    estimated_tokens: Option<u64>,
}

/// The delta that an event's data is; `None` for any other, and for what is not as documented.
pub(super) fn text_delta(data: &[u8]) -> Option<TextDelta<'_>> {
    let event: Event<'_> =
        serde_json::from_slice(data).ok().filter(|event: &Event<'_>| event.kind == "content_block_delta")?;
    let Delta { kind, text, thinking, partial_json, estimated_tokens } = event.delta;
    let (kind, text, counted) = match (kind, text, thinking, partial_json) {
        ("text_delta", Some(text), None, None) => (ContentKind::Text, text, 0),
        ("thinking_delta", None, Some(text), None) => {
            (ContentKind::Thinking, text, estimated_tokens.unwrap_or(0))
        }
        ("input_json_delta", None, None, Some(text)) => (ContentKind::ToolInput, text, 0),
        _ => return None,
    };
    Some(TextDelta { index: event.index, kind, text, counted })
}

#[cfg(test)]
mod tests {
    use super::super::{Assembler, Update};
    use super::*;
    use crate::sse;
    use proptest::prelude::*;

    fn event(name: &str, data: &str) -> sse::Event {
        sse::Event { name: Some(name.to_owned()), data: data.as_bytes().to_vec(), end: 0, truncated: false }
    }

    #[test]
    fn only_what_is_documented_is_read() {
        for (data, read) in [
            (r#"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"a\nb"}}"#, true),
            (r#"{"delta":{"text":"","type":"text_delta"}, "index":0,"type":"content_block_delta"}"#, true),
            (
                r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\""}}"#,
                true,
            ),
            (
                r#"{"type":"content_block_delta","index":3,"delta":{"type":"thinking_delta","thinking":"","estimated_tokens":50}}"#,
                true,
            ),
            (r#"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":null}}"#, false),
            (
                r#"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"a","text":"b"}}"#,
                false,
            ),
            (
                r#"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"a","new":1}}"#,
                false,
            ),
            (
                r#"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"\ud800"}}"#,
                false,
            ),
            (r#"{"type":"content_block_delta","index":-1,"delta":{"type":"text_delta","text":"a"}}"#, false),
            (r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}"#, false),
            (
                r#"{"type":"content_block_delta","index":3,"delta":{"type":"signature_delta","signature":"a"}}"#,
                false,
            ),
            (r#"{"type":"content_block_stop","index":3,"delta":{"type":"text_delta","text":"a"}}"#, false),
            (r#"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"a"#, false),
        ] {
            assert_eq!(text_delta(data.as_bytes()).is_some(), read, "{data}");
        }
    }

    proptest! {
        /// The other way, which reads all there is, is taken where a field stands beside that is not known.
        #[test]
        fn both_ways_say_the_same(pieces in prop::collection::vec((0..3_usize, 0..4_u64, any::<String>(), any::<bool>()), 0..12)) {
            let run = |beside: &str| {
                let mut assembler = Assembler::new();
                assembler.push(&event("message_start", r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[]}}"#));
                for index in 0..3 {
                    let block = [r#"{"type":"text","text":""}"#, r#"{"type":"thinking","thinking":""}"#, r#"{"type":"tool_use","id":"t","name":"n","input":{}}"#][index];
                    assembler.push(&event("content_block_start", &format!(r#"{{"type":"content_block_start","index":{index},"content_block":{block}}}"#)));
                }
                let mut updates: Vec<Update> = Vec::new();
                for (kind, index, text, counts) in &pieces {
                    let text = serde_json::to_string(text).unwrap();
                    let delta = match kind {
                        0 => format!(r#""type":"text_delta","text":{text}"#),
                        1 if *counts => format!(r#""type":"thinking_delta","thinking":{text},"estimated_tokens":7"#),
                        1 => format!(r#""type":"thinking_delta","thinking":{text}"#),
                        _ => format!(r#""type":"input_json_delta","partial_json":{text}"#),
                    };
                    updates.push(assembler.push(&event("content_block_delta", &format!(r#"{{"type":"content_block_delta","index":{index},"delta":{{{delta}}}{beside}}}"#))));
                }
                (updates, assembler.finish())
            };
            prop_assert_eq!(run(""), run(r#","beside":1"#));
        }
    }
}
