//! Request bodies.

use proptest::prelude::*;
use protocol::request::{MessageRequest, TEXT_LIMIT, parse};
use serde_json::{Value, json};

fn read(body: &Value) -> MessageRequest {
    let (request, problems) = parse(body.to_string().as_bytes());
    assert_eq!(problems, [], "{body}");
    request
}

#[test]
fn reads_what_claude_code_sends() {
    let request = read(&json!({
        "model": "claude-opus-5-5",
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "<system-reminder>\nToday is Monday.\n</system-reminder>"},
                {"type": "text", "text": "<system-reminder>x</system-reminder>\nFix the bug\n", "cache_control": {"type": "ephemeral"}},
            ]},
            {"role": "system", "content": "Primary working directory: /home/me/app\nIs a git repository: true"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "a.rs"}]}]},
        ],
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330.abc; cc_entrypoint=cli;"},
            {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "long"}, {"type": "text", "text": "fourth"},
        ],
        "tools": [
            {"name": "Bash", "input_schema": {"type": "object"}, "eager_input_streaming": true},
            {"type": "custom", "name": "Read", "defer_loading": true, "eager_input_streaming": false},
            {"type": "web_search_20250305", "name": "web_search"}, {"type": "mcp_toolset"},
        ],
        "tool_choice": {"type": "tool", "name": "web_search"},
        "metadata": {"user_id": "{\"session_id\":\"s\"}"},
        "max_tokens": 128_000, "temperature": 1, "top_p": 0.5, "top_k": 3, "stop_sequences": ["a", "b"],
        "thinking": {"type": "adaptive", "display": "omitted"},
        "output_config": {"effort": "medium", "format": {"type": "json_schema", "schema": {"properties": {"title": {}}}}},
        "diagnostics": {"previous_message_id": "msg_0"},
        "speed": "fast", "service_tier": "auto", "stream": true, "unknown": {"a": 1},
    }));
    assert_eq!(
        request,
        MessageRequest {
            model: Some("claude-opus-5-5".into()),
            stream: true,
            max_tokens: Some(128_000),
            temperature: Some(1.0),
            top_p: Some(0.5),
            top_k: Some(3),
            stop_sequences: vec!["a".into(), "b".into()],
            message_count: 4,
            tools: ["Bash", "Read", "web_search", "mcp_toolset"].map(String::from).to_vec(),
            typed_tools: ["web_search_20250305", "mcp_toolset"].map(String::from).to_vec(),
            deferred_tools: 1,
            eager_tools: 1,
            forced_tool: Some("web_search".into()),
            system: [
                "x-anthropic-billing-header: cc_version=2.1.330.abc; cc_entrypoint=cli;",
                "You are Claude Code.",
                "long"
            ]
            .map(String::from)
            .to_vec(),
            working_directory: Some("/home/me/app".into()),
            first_user_text: Some("Fix the bug".into()),
            last_user_text: None,
            last_user_characters: 0,
            metadata_user_id: Some("{\"session_id\":\"s\"}".into()),
            thinking: Some("adaptive".into()),
            effort: Some("medium".into()),
            output_properties: vec!["title".into()],
            speed: Some("fast".into()),
            service_tier: Some("auto".into()),
            previous_message_id: Some("msg_0".into()),
        }
    );
}

#[test]
fn finds_what_a_user_wrote() {
    let user = |content: Value| json!({"role": "user", "content": content});
    let text = |text: &str| json!([{"type": "text", "text": text}]);
    for (messages, first, last) in [
        (json!([user(json!("hi"))]), Some("hi"), Some("hi")),
        (
            json!([user(text("one")), {"role": "assistant", "content": "x"}, user(text("two"))]),
            Some("one"),
            Some("two"),
        ),
        (
            json!([user(text("<system-reminder>r</system-reminder>")), user(json!("later"))]),
            Some("later"),
            Some("later"),
        ),
        (
            json!([user(text("a<system-reminder>r</system-reminder>b<system-reminder>r</system-reminder>"))]),
            Some("ab"),
            Some("ab"),
        ),
        (json!([user(text("a <system-reminder>never closed"))]), Some("a"), Some("a")),
        (
            json!([user(json!([{"type": "image", "source": {}}, {"type": "text", "text": "what?"}]))]),
            Some("what?"),
            Some("what?"),
        ),
        (json!([{"role": "assistant", "content": "x"}]), None, None),
        (json!([user(json!("  "))]), None, None),
        (json!([]), None, None),
        (json!([1, {"role": 5}, {"content": "x"}, user(json!(null)), user(json!([1, "x"]))]), None, None),
    ] {
        let request = read(&json!({"messages": messages}));
        assert_eq!(request.first_user_text.as_deref(), first, "{messages}");
        assert_eq!(request.last_user_text.as_deref(), last, "{messages}");
    }
}

#[test]
fn what_is_newly_asked_is_counted_whole() {
    let user = |content| json!({"role": "user", "content": content});
    for (messages, characters) in [
        (json!([user(json!("old")), user(json!("缓存 ok"))]), 5),
        (json!([user(json!("x".repeat(9_000)))]), 9_000),
        (
            json!([user(
                json!([{"type": "text", "text": "a<system-reminder>r</system-reminder>b"}, {"type": "text", "text": " c "}])
            )]),
            3,
        ),
        (json!([user(json!("old")), user(json!([{"type": "tool_result", "content": "long"}]))]), 0),
        (json!([]), 0),
    ] {
        assert_eq!(read(&json!({"messages": messages})).last_user_characters, characters, "{messages}");
    }
}

#[test]
fn bounds_its_texts_between_characters() {
    let long = "é".repeat(TEXT_LIMIT);
    let request = read(
        &json!({"system": format!("x{long}"), "messages": [{"role": "user", "content": format!("x{long}")}]}),
    );
    for text in [&request.system[0], request.first_user_text.as_ref().unwrap()] {
        assert_eq!(text.len(), TEXT_LIMIT - 1);
        assert!(text.ends_with('é'));
    }
}

#[test]
fn odd_bytes_cost_a_problem_and_nothing_else() {
    let read = |body: &[u8]| {
        let (request, problems) = parse(body);
        (request, problems.len())
    };
    let (request, problems) =
        read(br#"{"model":"m","messages":[{"role":"user","content":"a \ud83d b"}],"system":"\udc00"}"#);
    assert_eq!((request.first_user_text.as_deref(), problems), (Some("a \u{fffd}\u{fffd}\u{fffd} b"), 0));
    assert_eq!(request.system.len(), 1);

    let (request, problems) = read(br#"{"model":"a","stream":true,"model":"b"}"#);
    assert_eq!((request.model.as_deref(), problems), (Some("b"), 1));

    let (request, problems) = read(b"{\"model\":\"m\",\"x\":\"\xff\",\"stream\":true}");
    assert_eq!((request.model.as_deref(), request.stream, problems), (Some("m"), true, 1));

    let deep = format!(
        r#"{{"messages":[{}{}],"metadata":{}{},"model":"m"}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000),
        "[".repeat(500),
        "]".repeat(500)
    );
    let (request, problems) = read(deep.as_bytes());
    assert_eq!((request.model.as_deref(), request.message_count, problems), (Some("m"), 1, 1));

    let (request, problems) = read(br#"{"model":"m","stream":true,"max_tokens":12"#);
    assert_eq!(
        (request.model.as_deref(), request.stream, request.max_tokens, problems),
        (Some("m"), true, None, 1)
    );

    let (request, problems) =
        read(br#"{"model":5,"stream":"yes","max_tokens":"many","messages":{},"tools":null,"system":7}"#);
    assert_eq!((request, problems), (MessageRequest::default(), 2));

    for body in [&b""[..], b"[]", b"null", b"{", b"hello", b"\xff\xfe"] {
        let (request, problems) = read(body);
        assert_eq!(request, MessageRequest::default());
        assert!(problems > 0, "{body:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        parse(&bytes);
    }

    #[test]
    fn arbitrary_json_never_panics(a in "[\\[\\]{}\":,a0\\\\ud8]{0,40}", b in any::<String>()) {
        parse(format!("{{\"messages\":{a},\"model\":\"x\"}}").as_bytes());
        parse(format!("{{\"messages\":[{{\"role\":\"user\",\"content\":{a}}}],\"system\":[{a}],\"tools\":[{a}]}}").as_bytes());
        let request = json!({"model": b, "messages": [{"role": "user", "content": format!("x{b}")}]}).to_string();
        prop_assert_eq!(parse(request.as_bytes()).0.model, Some(b));
    }
}
