//! Who sent a request.

use protocol::identity::{Agent, Identity, Source, identify};
use protocol::request::MessageRequest;

const MESSAGES: &str = "/v1/messages?beta=true";

const CLAUDE_CODE: (&str, &str) = ("User-Agent", "claude-cli/2.1.330 (external, sdk-cli)");

fn class(identity: &Identity) -> Option<(&str, Source)> {
    identity.request_class.as_ref().map(|class| (class.value.as_str(), class.source))
}

fn session(identity: &Identity) -> Option<(&str, Source)> {
    identity.session.as_ref().map(|session| (session.value.as_str(), session.source))
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A main call of Claude Code without hint headers.
fn main_call() -> MessageRequest {
    MessageRequest {
        tools: texts(&["Bash", "Agent"]),
        system: texts(&[
            "x-anthropic-billing-header: cc_version=2.1.330.3fa; cc_entrypoint=cli;",
            "You are",
            "Prompt",
        ]),
        metadata_user_id: Some(r#"{"device_id":"d1","account_uuid":"","session_id":"s-meta"}"#.into()),
        working_directory: Some("/home/me".into()),
        first_user_text: Some("Fix it".into()),
        ..MessageRequest::default()
    }
}

#[test]
fn headers_beat_metadata() {
    let headers = [
        ("X-Claude-Code-Session-Id", "s-head"),
        ("x-claude-code-agent-id", "a6a7cad941f82a14a"),
        ("X-Claude-Code-Parent-Agent-Id", "a0"),
        ("x-claude-code-agent-type", "Explore"),
        ("x-claude-code-request-class", "subagent"),
        ("x-claude-code-prompt-id", "p1"),
        ("x-client-request-id", "c1"),
        ("x-claude-code-prev-tool-durations", "Bash=742;mcp%3Ba%3Db=9; odd ;Read=x"),
        ("x-claude-code-context-compacted", "auto"),
        CLAUDE_CODE,
    ];
    let identity = identify(MESSAGES, headers, Some(&main_call()));
    assert_eq!(session(&identity), Some(("s-head", Source::Header)));
    let agent = Agent {
        id: Some("a6a7cad941f82a14a".into()),
        parent_id: Some("a0".into()),
        kind: Some("Explore".into()),
    };
    assert_eq!(identity.agent, agent);
    assert_eq!(class(&identity), Some(("subagent", Source::Header)));
    assert_eq!(identity.prompt_id.as_deref(), Some("p1"));
    assert_eq!(identity.client_request_id.as_deref(), Some("c1"));
    assert_eq!(identity.tool_durations, [("Bash".to_owned(), 742), ("mcp;a=b".to_owned(), 9)]);
    assert_eq!(identity.context_compacted.as_deref(), Some("auto"));
    assert_eq!((identity.device_id.as_deref(), identity.account_id.as_deref()), (Some("d1"), None));
    let directory = identity.working_directory.unwrap();
    assert_eq!((directory.value.as_str(), directory.source), ("/home/me", Source::Inferred));
    let client = identity.client.unwrap();
    assert_eq!((client.name.as_str(), client.version.as_deref()), ("claude-cli", Some("2.1.330")));
    assert_eq!(client.entrypoint.as_deref(), Some("sdk-cli"));
}

#[test]
fn metadata_is_read_in_both_forms() {
    for (user_id, expected, device, account) in [
        (r#"{"device_id":"d","account_uuid":"a","session_id":"s"}"#, Some("s"), Some("d"), Some("a")),
        ("user_0f3c_account_11-22_session_33-44", Some("33-44"), Some("0f3c"), Some("11-22")),
        ("user_0f3c_account__session_33-44", Some("33-44"), Some("0f3c"), None),
        (r#"{"session_id":7}"#, None, None, None),
        ("{broken", None, None, None),
        ("somebody@example.org", None, None, None),
        ("", None, None, None),
    ] {
        let request = MessageRequest { metadata_user_id: Some(user_id.into()), ..MessageRequest::default() };
        let identity = identify(MESSAGES, [], Some(&request));
        assert_eq!(session(&identity), expected.map(|id| (id, Source::Metadata)), "{user_id}");
        assert_eq!(
            (identity.device_id.as_deref(), identity.account_id.as_deref()),
            (device, account),
            "{user_id}"
        );
    }
}

#[test]
fn tells_calls_apart() {
    let call = |change: fn(&mut MessageRequest)| {
        let mut request = main_call();
        change(&mut request);
        request
    };
    let plain: fn(&mut MessageRequest) = |_| {};
    type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, MessageRequest, Option<(&'a str, Source)>);
    let cases: Vec<Case<'_>> = vec![
        (MESSAGES, vec![CLAUDE_CODE], call(plain), Some(("main", Source::Inferred))),
        (
            MESSAGES,
            vec![("x-claude-code-request-class", "workflow")],
            call(plain),
            Some(("workflow", Source::Header)),
        ),
        (MESSAGES, vec![("x-claude-code-request-class", " ")], call(plain), Some(("main", Source::Inferred))),
        (MESSAGES, vec![("x-claude-code-agent-id", "a1")], call(plain), Some(("subagent", Source::Header))),
        (
            MESSAGES,
            vec![("x-claude-code-compaction", "auto")],
            call(plain),
            Some(("compaction", Source::Header)),
        ),
        (
            MESSAGES,
            vec![],
            call(|request| request.system[0].push_str(" cc_is_subagent=true;")),
            Some(("subagent", Source::Metadata)),
        ),
        (
            MESSAGES,
            vec![],
            call(|request| request.system[0].push_str(" cc_is_subagent=false;")),
            Some(("main", Source::Inferred)),
        ),
        (
            MESSAGES,
            vec![],
            call(|request| {
                request.max_tokens = Some(1);
                request.first_user_text = Some("quota".into());
            }),
            Some(("quota_probe", Source::Inferred)),
        ),
        (
            MESSAGES,
            vec![],
            call(|request| {
                request.tools.clear();
                request.output_properties = texts(&["title"]);
            }),
            Some(("title", Source::Inferred)),
        ),
        (MESSAGES, vec![], call(|request| request.tools.clear()), Some(("auxiliary", Source::Inferred))),
        (
            MESSAGES,
            vec![],
            call(|request| {
                request.tools = texts(&["web_search"]);
                request.typed_tools = texts(&["web_search_20250305"]);
                request.forced_tool = Some("web_search".into());
            }),
            Some(("web_search", Source::Inferred)),
        ),
        (
            MESSAGES,
            vec![],
            call(|request| {
                request.last_user_text =
                    Some("Your task is to create a detailed summary of the conversation so far".into());
            }),
            Some(("compaction", Source::Inferred)),
        ),
        (
            "/base/v1/messages/count_tokens?beta=true",
            vec![CLAUDE_CODE],
            call(plain),
            Some(("count_tokens", Source::Inferred)),
        ),
        ("/v1/models", vec![CLAUDE_CODE], call(plain), None),
        (MESSAGES, vec![("user-agent", "Anthropic/Python 2.12.0")], MessageRequest::default(), None),
    ];
    for (path, headers, request, expected) in cases {
        let identity = identify(path, headers.clone(), Some(&request));
        assert_eq!(class(&identity), expected, "{path} {headers:?} {request:?}");
    }
}

#[test]
fn without_a_body_only_headers_speak() {
    let identity = identify(MESSAGES, [CLAUDE_CODE, ("x-claude-code-session-id", "s")], None);
    assert_eq!((session(&identity), class(&identity)), (Some(("s", Source::Header)), None));
    assert_eq!(identify("/", [], None), Identity::default());
}

#[test]
fn clients_are_named() {
    for (agent, name, version, entrypoint) in [
        ("claude-cli/2.1.197 (external, sdk-cli)", "claude-cli", Some("2.1.197"), Some("sdk-cli")),
        (
            "claude-cli/2.1.197 (external, sdk-py, agent-sdk/0.2.187)",
            "claude-cli",
            Some("2.1.197"),
            Some("sdk-py"),
        ),
        ("Anthropic/Python 2.12.0", "Anthropic/Python", Some("2.12.0"), None),
        ("Anthropic/JS 1.12.0", "Anthropic/JS", Some("1.12.0"), None),
        ("Bun/1.4.0", "Bun", Some("1.4.0"), None),
        ("curl/8.5.0", "curl", Some("8.5.0"), None),
        ("something else", "something", None, None),
    ] {
        let client = identify("/", [("user-agent", agent)], None).client.unwrap();
        assert_eq!(
            (client.name.as_str(), client.version.as_deref(), client.entrypoint.as_deref()),
            (name, version, entrypoint),
            "{agent}"
        );
    }
    // The attribution names Claude Code where a gateway or a wrapper changed the user agent.
    let client = identify(MESSAGES, [("user-agent", "wrapper/1.0")], Some(&main_call())).client.unwrap();
    assert_eq!((client.name.as_str(), client.version.as_deref()), ("claude-cli", Some("2.1.330")));
    assert_eq!(client.entrypoint.as_deref(), Some("cli"));
}

#[test]
fn sources_have_the_names_of_the_api() {
    for source in [Source::Header, Source::Metadata, Source::Inferred] {
        assert_eq!(serde_json::to_value(source).unwrap(), source.as_str());
    }
    assert_eq!(Source::Inferred.as_str(), "inferred");
}
