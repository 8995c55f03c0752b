use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Reads `after` with the help of `before`, and says how many messages that spared.
#[track_caller]
fn assert_same(before: &str, after: &str) -> usize {
    let earlier = Conversation::read(before.as_bytes().to_vec(), None);
    let found = Conversation::read(after.as_bytes().to_vec(), Some(&earlier));
    let (request, problems) = request::parse(after.as_bytes());
    assert_eq!(found.request, request, "{before}\n{after}");
    assert_eq!(found.problems, problems, "{before}\n{after}");
    assert_eq!(*found.outline, outline::outline(after.as_bytes()), "{before}\n{after}");
    let mark = earlier.mark.as_ref();
    let grown = mark.and_then(|mark| Top::go_on(after, mark, earlier.common(after.as_bytes())));
    if let Some((top, _)) = &grown {
        let whole = Top::read(after).0.unwrap();
        assert_eq!((&top.entries, &top.messages), (&whole.entries, &whole.messages), "{before}\n{after}");
    }
    grown.map_or(0, |(_, kept)| kept)
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

#[test]
fn a_conversation_that_grew_is_read_from_where_it_grew() {
    let tools = json!([{"name": "Bash", "input_schema": {}}, {"type": "web_search_20250305", "name": "web"}]);
    let call = |messages: &[Value], system: &str| {
        json!({"model": "m", "messages": messages, "system": system, "tools": tools, "stream": true})
            .to_string()
    };
    let mut messages = vec![
        user("first"),
        json!({"role": "assistant", "content": [{"type": "text", "text": "a\"b\\u00e9"}]}),
    ];
    messages.extend(["<system-reminder>x</system-reminder>", "Working directory: /x\n", "4"].map(user));
    for kept in 1..messages.len() {
        assert_eq!(assert_same(&call(&messages[..kept], "s"), &call(&messages, "another")), kept);
        // The newest message of the one is marked, and no longer in the next.
        let mut marked = messages[..=kept].to_vec();
        marked[kept] = json!({"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]});
        assert_eq!(assert_same(&call(&marked, "s"), &call(&messages, "s")), kept);
    }
}

#[test]
fn what_is_odd_is_read_as_without_help() {
    let (list, mark) = (
        r#"[{"role":"user","content":"a"},{"role":"user","content":"b"}]"#,
        r#""cache_control":{"type":"ephemeral"}"#,
    );
    let before = format!(r#"{{"model":"m","messages":{list},"tools":[{{"name":"t"}}]}}"#);
    for after in [
        before.clone(),
        before.replace("\"b\"", "12"),
        format!("{before} "),
        format!("{before} x"),
        before.replace("}]}", "}],\"messages\":[1]}"),
        before.replace("}]}", "}],\"tools\":[2]}"),
        before.replace("}]}", "}],\"model\":\"n\"}"),
        before.replace("}]}", "}],}"),
        before.replace("}],", "},],"),
        before.replace("}],", "} , {\"role\" : \"user\"} ] ,"),
        before[..before.len() - 1].to_owned(),
        before[..before.len() / 2].to_owned(),
        before.replace("\"b\"", "\"\\ud800\""),
        String::new(),
    ] {
        assert_same(&before, &after);
        assert_same(&after, &before);
        // A mark of the whole request is that of its last part only.
        let marked = before.replacen('{', &format!("{{{mark},"), 1);
        assert_same(&marked, &after.replacen('{', &format!("{{{mark},"), 1));
        let other = before.replacen("}]}", &format!("}}],{mark}}}"), 1);
        assert_same(&other, &after);
    }
    // The text before a number is the same, the number is not.
    assert_same(r#"{"messages":[1,2]}"#, r#"{"messages":[1,23,4]}"#);
    assert_same(r#"{"messages":[1,2]}"#, r#"{"messages":[1,2,4]}"#);
    assert_same("\u{e9}", "\u{e9}");
}

#[test]
fn what_is_common_is_counted_to_the_byte() {
    let long = vec![b'x'; 2 * STEP + 5];
    let read = Conversation::read(long.clone(), None);
    for length in [0, 1, STEP - 1, STEP, STEP + 1, long.len()] {
        assert_eq!(read.common(&long[..length]), length);
        let mut other = long.clone();
        if let Some(byte) = other.get_mut(length) {
            *byte = b'y';
        }
        assert_eq!(read.common(&other), length);
    }
}

fn message() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[a-z\"\\\\ \u{e9}]{0,12}",
        Just("Working directory: /w\nx".to_owned()),
        Just("<system-reminder>r</system-reminder> q".to_owned())
    ];
    (text, 0..4_u8, any::<bool>()).prop_map(|(text, kind, marked)| {
        let mut block = json!({"type": "text", "text": text});
        if marked {
            block["cache_control"] = json!({"type": "ephemeral"});
        }
        match kind {
            0 => json!({"role": "user", "content": text}),
            1 => json!({"role": "user", "content": [block, {"type": "tool_result", "tool_use_id": "t", "content": [block]}]}),
            2 => json!({"role": "assistant", "content": [block, {"type": "tool_use", "id": "t", "name": "n", "input": {"a": [1, 2]}}]}),
            _ => json!(17),
        }
    })
}

fn call() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    (prop::collection::vec(message(), 0..7), 0..3_usize, any::<bool>()).prop_map(
        |(messages, tools, marked)| {
            let tools: Vec<Value> = (0..tools)
                .map(|number| json!({"name": format!("t{number}"), "defer_loading": number == 1}))
                .collect();
            let mut fields = vec![
                ("model", json!("m")),
                ("messages", Value::from(messages)),
                ("system", json!([{"type": "text", "text": "s"}])),
                ("tools", Value::from(tools)),
            ];
            if marked {
                fields.push(("cache_control", json!({"type": "ephemeral"})));
            }
            fields
        },
    )
}

fn write(fields: &[(&str, Value)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn with_help_as_without(
        before in call(),
        mut after in call(),
        kept in 0..8_usize,
        order in any::<bool>(),
        edit in prop::option::of((any::<prop::sample::Index>(), "[{}\\[\\],:\"0-9a x]{0,2}")),
    ) {
        // What follows begins as what came before.
        let Value::Array(earlier) = &before[1].1 else { unreachable!() };
        let Value::Array(messages) = &mut after[1].1 else { unreachable!() };
        messages.splice(0..0, earlier.iter().take(kept).cloned());
        let (mut before, mut after) = (before.clone(), after);
        if order {
            before.swap(0, 3);
            after.swap(0, 3);
        }
        let mut text = write(&after);
        if let Some((place, put)) = edit {
            let mut at = place.index(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.insert_str(at, &put);
        }
        assert_same(&write(&before), &text);
    }
}
