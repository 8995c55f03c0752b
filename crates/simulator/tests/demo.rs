//! The demo load against a simulator: every kind of call it promises is made.

use simulator::demo::{self, DemoOptions};
use simulator::{Options, Simulator};

#[tokio::test(flavor = "multi_thread")]
async fn tells_whole_sessions_with_everything_that_may_happen() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let options = DemoOptions { speed: 100_000.0, sessions_at_once: 4, until_sessions: Some(9), seed: 3 };
    demo::run(&simulator.url(), options).await.unwrap();

    let received = simulator.received();
    let bodies: Vec<serde_json::Value> =
        received.iter().map(|one| serde_json::from_slice(&one.body).unwrap_or_default()).collect();
    let some_header = |name: &str, value: &str| received.iter().any(|one| one.header(name) == Some(value));
    let sessions: std::collections::HashSet<_> =
        received.iter().filter_map(|one| one.header("x-claude-code-session-id")).collect();
    assert_eq!(sessions.len(), 9);
    assert!(received.iter().any(|one| one.method == "HEAD"));
    assert!(received.iter().any(|one| one.path() == "/v1/messages/count_tokens"));
    assert!(some_header("x-claude-code-agent-type", "Explore"));
    assert!(some_header("x-claude-code-request-class", "main"));
    assert!(bodies.iter().any(|body| body["tool_choice"]["name"] == "web_search"));
    assert!(bodies.iter().any(|body| body.pointer("/output_config/format").is_some()));
    assert!(bodies.iter().any(|body| body["system"][1]["cache_control"]["ttl"] == "1h"));
    assert!(bodies.iter().any(|body| body["messages"].as_array().is_some_and(|all| all.len() > 12)));
    let systems_of = |session: &str| {
        let own = received.iter().zip(&bodies).filter(|(one, _)| {
            one.header("x-claude-code-session-id") == Some(session)
                && one.header("x-claude-code-request-class") == Some("main")
        });
        own.map(|(_, body)| body["system"][2]["text"].clone()).collect::<std::collections::HashSet<_>>().len()
    };
    assert!(sessions.iter().any(|session| systems_of(session) == 2), "some project's notes change");
    // A broken stream is asked for once more, whole; an overload with the same bytes.
    assert!(bodies.iter().any(|body| body.get("tools").is_some() && body.get("stream").is_none()));
    let overloaded: Vec<_> =
        received.iter().filter(|one| one.header("x-simulate") == Some("[sim:error=529*2]")).collect();
    assert_eq!(overloaded.len() % 3, 0, "two refusals, then an answer");
    assert!(overloaded.windows(2).any(|pair| pair[0].body == pair[1].body));
}

#[tokio::test]
async fn says_when_nobody_answers() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let url = simulator.url();
    simulator.stop().await;
    assert!(demo::run(&url, DemoOptions::default()).await.is_err());
    assert!(demo::run("ftp://x", DemoOptions::default()).await.is_err());
}
