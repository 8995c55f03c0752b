//! The parts of a prompt.

use proptest::prelude::*;
use protocol::outline::{Kind, Lifetime, Outline, Place, outline};
use serde_json::{Value, json};

fn of(body: &Value) -> Outline {
    outline(body.to_string().as_bytes())
}

#[test]
fn parts_stand_in_the_order_of_the_prefix_and_point_to_their_bytes() {
    let body = json!({
        "model": "claude-opus-5-5", "output_config": {"effort": "high"}, "speed": "fast",
        "diagnostics": {"previous_message_id": "msg_0"},
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "system", "content": [{"type": "text", "text": "env"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "yes"},
                {"type": "tool_use", "id": "t", "name": "Bash", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
                {"type": "image", "source": {}}, {"type": "document", "source": {}}, {"type": "wonder"},
            ]},
        ],
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: a"},
            {"type": "text", "text": "You are.", "cache_control": {"type": "ephemeral"}},
        ],
        "tools": [{"name": "Bash"}, {"type": "mcp_toolset"}],
        "cache_control": {"type": "ephemeral"},
    });
    let text = body.to_string();
    let outline = of(&body);
    assert_eq!(outline.model.as_deref(), Some("claude-opus-5-5"));
    assert_eq!((outline.effort.as_deref(), outline.speed.as_deref()), (Some("high"), Some("fast")));
    assert_eq!(outline.previous_message_id.as_deref(), Some("msg_0"));
    assert_eq!(outline.body_len, text.len());
    let message = |index, block| Place::Message { index, block };
    let tool = |name: &str| Kind::Tool { name: name.to_owned() };
    let marks: Vec<Option<Lifetime>> = outline.parts.iter().map(|part| part.mark).collect();
    let five = Some(Lifetime::FiveMinutes);
    let hour = Some(Lifetime::OneHour);
    assert_eq!(marks, [None, None, None, five, None, None, None, None, None, hour, None, None, five]);
    let found: Vec<(Place, Kind)> =
        outline.parts.iter().map(|part| (part.place, part.kind.clone())).collect();
    assert_eq!(
        found,
        [
            (Place::Tool { index: 0 }, tool("Bash")),
            (Place::Tool { index: 1 }, tool("mcp_toolset")),
            (Place::System { index: 0 }, Kind::Attribution),
            (Place::System { index: 1 }, Kind::SystemText),
            (message(0, 0), Kind::UserText),
            (message(1, 0), Kind::SystemMessage),
            (message(2, 0), Kind::Thinking),
            (message(2, 1), Kind::AssistantText),
            (message(2, 2), Kind::ToolUse { id: "t".to_owned(), name: "Bash".to_owned() }),
            (message(3, 0), Kind::ToolResult { tool_use_id: "t".to_owned() }),
            (message(3, 1), Kind::Image),
            (message(3, 2), Kind::Document),
            (message(3, 3), Kind::Other("wonder".to_owned())),
        ]
    );
    assert_eq!(&text[outline.parts[4].range.clone()], "\"hello\"");
    assert_eq!(&text[outline.parts[12].range.clone()], r#"{"type":"wonder"}"#);
}

fn hashes(messages: &Value) -> Vec<[u8; 16]> {
    of(&json!({"messages": messages})).parts.into_iter().map(|part| part.hash).collect()
}

#[test]
fn what_the_cache_does_not_see_does_not_change_a_hash() {
    let mark = json!({"type": "ephemeral"});
    let plain = hashes(&json!([{"role": "user", "content": "hi"}]));
    let block = json!({"type": "text", "text": "hi"});
    let marked = json!({"type": "text", "text": "hi", "cache_control": mark});
    assert_eq!(plain, hashes(&json!([{"role": "user", "content": [block]}])));
    assert_eq!(plain, hashes(&json!([{"role": "user", "content": [marked]}])));
    assert_ne!(plain, hashes(&json!([{"role": "assistant", "content": "hi"}])));
    assert_ne!(plain, hashes(&json!([{"role": "user", "content": "ho"}])));
    let result = |content: Value| {
        hashes(
            &json!([{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": content}]}]),
        )
    };
    assert_eq!(result(json!("hi")), result(json!([block])));
    assert_eq!(result(json!("hi")), result(json!([marked])));
    assert_ne!(result(json!("hi")), result(json!([block, block])));
}

/// A request with a block for each pair: its text, and whether it is marked. A block that is not is a plain string in every other place.
fn with_marks(blocks: &[(String, bool)]) -> Value {
    let block = |text: &str, marked: bool| match marked {
        true => json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "1h"}}),
        false => json!({"type": "text", "text": text}),
    };
    let message = |(at, (text, marked)): (usize, &(String, bool))| {
        let said = if *marked || at % 2 == 0 { json!([block(text, *marked)]) } else { json!(text) };
        let result = json!([{"type": "tool_result", "tool_use_id": "t", "content": said}]);
        json!({"role": "user", "content": if at % 3 == 0 { result } else { said }})
    };
    let tool = |(text, marked): &(String, bool)| {
        let mut tool = json!({"name": text, "input_schema": {}});
        if *marked {
            tool["cache_control"] = json!({"type": "ephemeral"});
        }
        tool
    };
    json!({
        "tools": blocks.iter().map(tool).collect::<Vec<_>>(),
        "system": blocks.iter().map(|(text, marked)| block(text, *marked)).collect::<Vec<_>>(),
        "messages": blocks.iter().enumerate().map(message).collect::<Vec<_>>(),
    })
}

proptest! {
    #[test]
    fn marks_never_change_a_hash(blocks in proptest::collection::vec((".{0,12}", any::<bool>()), 1..8)) {
        let unmarked: Vec<(String, bool)> = blocks.iter().map(|(text, _)| (text.clone(), false)).collect();
        let (with, without) = (of(&with_marks(&blocks)), of(&with_marks(&unmarked)));
        let hashes = |outline: &Outline| outline.parts.iter().map(|part| part.hash).collect::<Vec<_>>();
        prop_assert_eq!(hashes(&with), hashes(&without));
        let marks = blocks.iter().filter(|(_, marked)| *marked).count();
        prop_assert_eq!(with.parts.iter().filter(|part| part.mark.is_some()).count(), 3 * marks);
    }

    #[test]
    fn any_bytes_give_ranges_in_order_and_in_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes);
        check(&[b"{\"messages\":[{\"role\":\"user\",\"content\":\"", bytes.as_slice(), b"\"}]}"].concat());
    }

    #[test]
    fn broken_requests_do_no_harm(cut in 0_usize..140) {
        let body = json!({"tools": [{"name": "a"}], "system": "s", "messages": [{"role": "user", "content": [{"type": "text", "text": "é\u{1f600}"}]}]}).to_string();
        check(&body.as_bytes()[..cut.min(body.len())]);
    }
}

fn check(bytes: &[u8]) {
    let outline = outline(bytes);
    let mut end = 0;
    for part in &outline.parts {
        assert!(part.range.start >= end && part.range.end <= bytes.len(), "{part:?}");
        end = part.range.end;
    }
}
