//! Events to messages. The fixtures are streams as the API and its gateways send them, with their faults.

use crate::support::{assemble, cuts, events, fixture, split};
use proptest::prelude::*;
use protocol::assemble::{Assembler, ContentKind, Update};
use protocol::sse::Event;
use serde_json::{Value, json};

const STREAMS: [&str; 18] = [
    "text_with_citations",
    "thinking_then_tools",
    "server_tools_correct_the_input",
    "usage_comes_in_several_frames",
    "ends_without_message_stop",
    "cut_inside_a_tool_input",
    "cut_inside_an_event",
    "error_in_mid_stream",
    "fallback_names_the_serving_model",
    "compaction_replaces_its_content",
    "refusal_with_details",
    "blocks_out_of_order",
    "lone_surrogates_and_odd_bytes",
    "what_nobody_knows_yet",
    "begins_in_the_middle",
    "says_everything_twice",
    "crlf_without_spaces",
    "is_not_json",
];

#[test]
fn streams_make_messages() {
    for name in STREAMS {
        let (_, made) = assemble(&events([&fixture(&format!("{name}.sse"))[..]]));
        insta::assert_json_snapshot!(
            name,
            json!({
                "message": made.message, "error": made.error, "complete": made.complete, "problems": made.problems,
            })
        );
    }
}

fn event(data: &Value) -> Event {
    Event { name: None, data: data.to_string().into_bytes(), end: 0, truncated: false }
}

fn delta(delta: &Value) -> Event {
    event(&json!({"type": "content_block_delta", "index": 0, "delta": delta}))
}

#[test]
fn the_first_token_is_the_first_delta_that_carries_something() {
    let cases = [
        (json!({"type": "text_delta", "text": "a"}), true),
        (json!({"type": "text_delta", "text": ""}), false),
        (json!({"type": "thinking_delta", "thinking": "a"}), true),
        (json!({"type": "thinking_delta", "thinking": "", "estimated_tokens": 20}), true),
        (json!({"type": "thinking_delta", "thinking": "", "estimated_tokens": null}), false),
        (json!({"type": "input_json_delta", "partial_json": "{"}), true),
        (json!({"type": "input_json_delta", "partial_json": ""}), false),
        (json!({"type": "compaction_delta", "content": "a"}), true),
        (json!({"type": "compaction_delta", "content": null}), false),
        (json!({"type": "signature_delta", "signature": "a"}), false),
        (json!({"type": "citations_delta", "citation": {}}), false),
        (json!({"type": "new_delta", "x": 1}), false),
    ];
    for (value, expected) in cases {
        assert_eq!(Assembler::new().push(&delta(&value)).is_first_content(), expected, "{value}");
    }
    let start = event(&json!({"type": "message_start", "message": {}}));
    assert!(!Assembler::new().push(&start).is_first_content());
}

#[test]
fn tells_what_each_event_brought() {
    let (updates, _) = assemble(&events([&fixture("text_with_citations.sse")[..]]));
    let content = |kind| Update::Content { index: 0, kind, carries: true };
    assert_eq!(
        updates,
        [
            Update::Started,
            Update::BlockStarted { index: 0 },
            Update::Ping,
            content(ContentKind::Text),
            content(ContentKind::Text),
            content(ContentKind::Citation),
            content(ContentKind::Citation),
            Update::BlockStopped { index: 0 },
            Update::MessageDelta,
            Update::Stopped,
        ]
    );
}

#[test]
fn the_message_can_be_seen_while_it_grows() {
    let mut assembler = Assembler::new();
    assert_eq!(assembler.message(), None);
    let mut seen = Vec::new();
    for event in events([&fixture("text_with_citations.sse")[..]]) {
        assembler.push(&event);
        let text = assembler.message().and_then(|message| message.content.first()?.text().map(str::to_owned));
        seen.push(text);
    }
    assert_eq!(seen[0], None);
    assert_eq!(seen[3].as_deref(), Some("Grass is "));
    assert_eq!(seen[4].as_deref(), Some("Grass is green 🌱."));
}

#[test]
fn a_stream_that_was_cut_before_its_stop_reason_is_not_complete() {
    let stream = fixture("thinking_then_tools.sse");
    let all = events([&stream[..]]);
    for kept in 0..all.len() {
        let (_, made) = assemble(&all[..kept]);
        // The last event but one is the `message_delta`.
        assert_eq!(made.complete, kept == all.len() - 1, "{kept} events of {}", all.len());
    }
}

#[test]
fn a_stop_reason_counts_only_when_its_event_came_whole() {
    let stream = fixture("thinking_then_tools.sse");
    let all = events([&stream[..]]);
    let delta_ends = all[all.len() - 2].end as usize;
    for cut in 0..=stream.len() {
        let (_, made) = assemble(&events([&stream[..cut]]));
        assert_eq!(made.complete, cut >= delta_ends, "cut after {cut} bytes");
    }
}

#[test]
fn an_error_without_a_known_shape_is_still_an_error() {
    let mut assembler = Assembler::new();
    let raw =
        Event { name: Some("error".into()), data: b"upstream went away".to_vec(), end: 0, truncated: false };
    assert_eq!(assembler.push(&raw), Update::Error);
    let made = assembler.finish();
    assert_eq!(made.error.unwrap().message, "upstream went away");
    assert!(!made.complete);
}

#[test]
fn a_stream_of_endless_blocks_or_problems_stays_bounded() {
    let mut assembler = Assembler::new();
    for index in 0..12_000_u64 {
        assembler.push(&event(
            &json!({"type": "content_block_start", "index": 12_000 - index, "content_block": {"type": "x"}}),
        ));
        assembler.push(&event(&json!({"type": format!("unknown_{index}")})));
    }
    let made = assembler.finish();
    assert_eq!(made.message.unwrap().content.len(), 10_000);
    assert!(made.problems.len() <= 50);
}

/// A block and the deltas that make it, cut anywhere.
fn block() -> impl Strategy<Value = (Value, Vec<String>)> {
    let pieces = prop::collection::vec("\\PC{0,12}", 0..6);
    let kind = prop::sample::select(vec!["text", "thinking", "tool_use"]);
    (kind, pieces, any::<u32>()).prop_map(|(kind, pieces, number)| match kind {
        "tool_use" => {
            let input = json!({"text": pieces.concat(), "n": number}).to_string();
            let middle = (0..=input.len() / 2).rev().find(|at| input.is_char_boundary(*at)).unwrap_or(0);
            let (a, b) = input.split_at(middle);
            (
                json!({"type": "tool_use", "id": "t", "name": "T", "input": {}}),
                vec![a.to_owned(), b.to_owned()],
            )
        }
        kind => (json!({"type": kind, kind: ""}), pieces),
    })
}

fn written(blocks: &[(Value, Vec<String>)]) -> String {
    let mut stream = String::new();
    let mut write = |value: Value| {
        stream.push_str(&format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap()));
    };
    write(json!({"type": "message_start", "message": {"type": "message", "usage": {"input_tokens": 1}}}));
    for (index, (block, pieces)) in blocks.iter().enumerate() {
        write(json!({"type": "content_block_start", "index": index, "content_block": block}));
        for piece in pieces {
            let delta = match block["type"].as_str().unwrap() {
                "text" => json!({"type": "text_delta", "text": piece}),
                "thinking" => json!({"type": "thinking_delta", "thinking": piece}),
                _ => json!({"type": "input_json_delta", "partial_json": piece}),
            };
            write(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        write(json!({"type": "content_block_stop", "index": index}));
    }
    write(
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}),
    );
    write(json!({"type": "message_stop"}));
    stream
}

proptest! {
    #[test]
    fn what_was_generated_is_assembled(blocks in prop::collection::vec(block(), 0..6), cuts in cuts()) {
        let stream = written(&blocks);
        let (_, made) = assemble(&events(split(stream.as_bytes(), &cuts)));
        prop_assert!(made.complete);
        prop_assert_eq!(&made.problems, &[]);
        let message = made.message.unwrap();
        prop_assert_eq!(message.content.len(), blocks.len());
        for (made, (block, pieces)) in message.content.iter().zip(&blocks) {
            let whole = pieces.concat();
            match block["type"].as_str().unwrap() {
                "text" => prop_assert_eq!(made.text(), Some(whole.as_str())),
                "thinking" => prop_assert_eq!(made.thinking(), Some(whole.as_str())),
                _ => prop_assert_eq!(made.tool_use().unwrap().input, &serde_json::from_str::<Value>(&whole).unwrap()),
            }
        }
        prop_assert_eq!(message.usage.input_tokens, Some(1));
        prop_assert_eq!(message.usage.output_tokens, Some(7));
    }

    #[test]
    fn a_stream_cut_anywhere_keeps_a_prefix_of_its_text(blocks in prop::collection::vec(block(), 1..5), cut in 0.0..1.0) {
        let stream = written(&blocks);
        let cut = (stream.len() as f64 * cut) as usize;
        let (_, part) = assemble(&events([&stream.as_bytes()[..cut]]));
        let (_, whole) = assemble(&events([stream.as_bytes()]));
        let text = |made: &protocol::assemble::Assembled| {
            let blocks = made.message.iter().flat_map(|message| &message.content);
            blocks.filter_map(|block| block.text().or(block.thinking())).collect::<String>()
        };
        // A character that the cut went through shows as U+FFFD, its JSON escape not at all.
        let part = text(&part);
        let is_prefix = text(&whole).starts_with(part.trim_end_matches(char::REPLACEMENT_CHARACTER));
        prop_assert!(is_prefix);
    }

    #[test]
    fn arbitrary_events_never_panic(
        names in prop::collection::vec(prop::sample::select(vec![
            "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
            "message_stop", "ping", "error", "other", "",
        ]), 0..20),
        data in prop::collection::vec("\\PC{0,30}", 20),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut assembler = Assembler::new();
        for (name, data) in names.iter().zip(&data) {
            let shapes = [
                format!("{{\"type\":\"{name}\",\"index\":{}}}", data.len() % 4),
                format!("{{\"type\":\"{name}\",\"index\":-1,\"delta\":{data},\"message\":[],\"usage\":{data}}}"),
                format!("{{\"type\":\"{name}\",\"message\":{{\"content\":[1,{{}}],\"usage\":7}},\"delta\":{{\"type\":\"text_delta\"}},\"content_block\":3}}"),
                data.clone(),
            ];
            let shape = shapes[cut.index(shapes.len())].clone().into_bytes();
            assembler.push(&Event { name: Some((*name).to_owned()), data: shape, end: 0, truncated: false });
        }
        let made = assembler.finish();
        prop_assert!(serde_json::to_value(&made.message).is_ok());
    }
}
