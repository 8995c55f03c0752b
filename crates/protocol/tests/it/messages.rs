//! Bodies that were not streamed.

use crate::support::fixture;
use proptest::prelude::*;
use protocol::message;
use serde_json::{Value, json};

#[test]
fn a_message_serialises_to_what_it_was_read_from() {
    let body = fixture("message.json");
    let (read, problems) = message::parse(&body);
    let read = read.unwrap();
    assert_eq!(problems, []);
    assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::from_slice::<Value>(&body).unwrap());
    assert_eq!(read.model.as_deref(), Some("claude-haiku-4-5-20251001"));
    assert_eq!(read.content[0].text(), Some("Hi"));
    let call = read.content[1].tool_use().unwrap();
    assert_eq!((call.id, call.name, call.input), ("mcptoolu_1", "echo", &json!({"n": 1})));
    assert!(read.content[2].is_tool_result());
    assert_eq!(read.usage.total_input(), Some(13));
    assert_eq!(read.usage.service_tier.as_deref(), Some("batch"));
}

#[test]
fn other_answers_are_no_messages() {
    for body in [
        r#"{"input_tokens": 5}"#,
        r#"{"type":"error","error":{"type":"api_error","message":"x"}}"#,
        r#"{"data":[{"type":"model","id":"claude-opus-5-5"}]}"#,
        r#"{"type":"message_batch","id":"b"}"#,
        "[1,2]",
        "null",
    ] {
        assert_eq!(message::parse(body.as_bytes()), (None, vec![]), "{body}");
    }
    let (read, problems) = message::parse(b"<html>bad gateway</html>");
    assert_eq!(read, None);
    assert_eq!(problems.len(), 1);
}

#[test]
fn a_cut_body_keeps_its_texts_but_no_half_names_or_numbers() {
    let body = r#"{"type":"message","role":"assistant","content":[{"type":"text","text":"one"},{"type":"text","text":"tw\ud83d\udc4do"}],"model":"claude-opus-5-5","usage":{"input_tokens":1234,"output_tokens":56}}"#;
    let cut_after = |mark: &str| &body[..body.find(mark).unwrap() + mark.len()];
    let read = |body: &str| {
        let (read, problems) = message::parse(body.as_bytes());
        assert_eq!(problems.len(), 1, "{problems:?}");
        read.unwrap()
    };
    let texts = |body: &str| {
        read(body).content.iter().map(|block| block.text().unwrap_or("-").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts(cut_after("\"on")), ["on"]);
    assert_eq!(texts(cut_after("\"tw")), ["one", "tw"]);
    assert_eq!(texts(cut_after("tw\\ud8")), ["one", "tw"]);
    assert_eq!(texts(cut_after("tw\\ud83d\\udc4d")), ["one", "tw👍"]);
    assert_eq!(read(cut_after("claude-op")).model, None);
    assert_eq!(read(cut_after("claude-opus-5-5\"")).model.as_deref(), Some("claude-opus-5-5"));
    assert_eq!(read(cut_after("123")).usage.input_tokens, None);
    assert_eq!(read(cut_after("1234,")).usage.input_tokens, Some(1234));
}

#[test]
fn what_json_forbids_is_replaced_and_told() {
    let (read, problems) = message::parse(
        br#"{"type":"message","content":[{"type":"text","text":"a\ud83d \udc00 \ud83c\udf31 \\ud83d"}]}"#,
    );
    assert_eq!(read.unwrap().content[0].text(), Some("a\u{fffd} \u{fffd} 🌱 \\ud83d"));
    assert_eq!(problems.len(), 1);

    let (read, problems) =
        message::parse(b"{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"a\xff\"}]}");
    assert_eq!(read.unwrap().content[0].text(), Some("a\u{fffd}"));
    assert_eq!(problems.len(), 1);

    let (read, problems) = message::parse(br#"{"type":"message","id":"a","id":"b","content":[]}"#);
    assert_eq!(read.unwrap().id.as_deref(), Some("b"));
    assert_eq!(problems.len(), 1);
}

#[test]
fn endless_nesting_is_kept_as_text() {
    for depth in [99, 127, 128, 5000, 200_000] {
        let body = format!(
            r#"{{"type":"message","model":"m","content":[],"deep":{}{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        );
        let (read, problems) = message::parse(body.as_bytes());
        let read = read.unwrap();
        assert_eq!(read.model.as_deref(), Some("m"));
        assert_eq!(problems.len(), usize::from(depth > 99), "{depth}");
        assert!(serde_json::to_string(&read).unwrap().contains("[[[["));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        message::parse(&bytes);
    }

    #[test]
    fn a_body_cut_or_damaged_anywhere_never_panics(cut in any::<prop::sample::Index>(), byte: u8, at in any::<prop::sample::Index>()) {
        let mut body = fixture("message.json");
        let at = at.index(body.len());
        body[at] = byte;
        body.truncate(cut.index(body.len()));
        let (read, _) = message::parse(&body);
        prop_assert!(serde_json::to_string(&read).is_ok());
    }

    #[test]
    fn any_text_survives(text in any::<String>()) {
        let body = json!({"type": "message", "content": [{"type": "text", "text": text}]}).to_string();
        let (read, problems) = message::parse(body.as_bytes());
        let read = read.unwrap();
        prop_assert_eq!(read.content[0].text(), Some(text.as_str()));
        prop_assert_eq!(problems, vec![]);
    }
}
