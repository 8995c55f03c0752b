//! Figures over time and how long things took, asked of the running program and on the command line.

mod support;

use serde_json::{Value, json};
use support::raw::{BODY, Client, Echoing, call};
use support::{Proxy, command};

/// An upstream that answers every call alike.
fn answering(model: &str) -> Echoing {
    let body = json!({"type": "message", "role": "assistant", "model": model, "stop_reason": "tool_use",
        "content": [{"type": "tool_use", "id": "a", "name": "Bash", "input": {}}, {"type": "tool_use", "id": "b", "name": "Read", "input": {}}],
        "usage": {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 10,
            "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6}}})
    .to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
    Echoing::start(format!("{head}{}\r\n\r\n{body}", body.len()))
}

fn with_calls(proxy: &Proxy, count: usize) {
    for _ in 0..count {
        Client::connect(proxy.authority()).send(call(BODY));
    }
    proxy.wait("all to end", || {
        let stats = proxy.get("/api/monitor/stats");
        (stats["successCount"] == json!(count)).then_some(())
    });
}

#[test]
fn usage_counts_every_call_in_its_period_and_under_each_tool() {
    let upstream = answering("claude-haiku-4-5");
    let proxy = Proxy::start(&upstream.url);
    with_calls(&proxy, 3);
    let usage = proxy.get("/api/monitor/usage?by=tool&every=week&zone=Asia/Shanghai&top=1");
    assert_eq!([&usage["zone"], &usage["by"], &usage["every"]], ["Asia/Shanghai", "tool", "week"]);
    let totals = &usage["totals"];
    assert_eq!([&totals["requests"], &totals["errors"], &totals["unpriced"]], [3, 0, 0]);
    // Haiku 4.5: 5 x 1, 7 x 5, 100 x 0.10, 4 x 1.25, 6 x 2 a million, three times.
    assert_eq!(totals["cost"], "0.000201");
    let tokens = json!({"input": 15, "cacheRead": 300, "cacheWrite5m": 12, "cacheWrite1h": 18, "output": 21, "thinking": 0});
    assert_eq!(totals["tokens"], tokens);
    assert!(totals["latency"]["p95"].as_f64().is_some());
    let requests = |of: &Value| {
        of.as_array().unwrap().iter().map(|it| it["requests"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(requests(&usage["groups"]), [3, 3]);
    assert_eq!(usage["groups"][1]["others"], 1);
    assert_eq!(requests(&usage["buckets"]).iter().sum::<u64>(), 3);
    let start = usage["buckets"][0]["start"].as_str().unwrap();
    assert!(start.ends_with("T00:00:00+08:00"), "{start}");
    assert_eq!(usage["burn"]["lastHour"], json!({"cost": "0.000201", "tokens": 366}));

    let blocks = proxy.get("/api/monitor/usage?every=5h");
    assert_eq!(blocks["burn"]["block"]["spent"]["cost"], "0.000201");
    assert_eq!(blocks["buckets"].as_array().unwrap().len(), 1);

    let paid = proxy.get("/api/monitor/usage?by=credential");
    assert_eq!(paid["groups"].as_array().unwrap().len(), 1);
    let latency = proxy.get("/api/monitor/latency");
    assert_eq!(latency["groups"][0]["value"], "claude-haiku-4-5");
    assert_eq!([&latency["all"]["requests"], &latency["all"]["end"]["count"]], [3, 3]);
    assert_eq!(latency["stalls"], json!([]));
}

#[test]
fn models_without_a_price_are_counted_and_listed() {
    let upstream = answering("claude-next");
    let proxy = Proxy::start(&upstream.url);
    with_calls(&proxy, 2);
    let usage = proxy.get("/api/monitor/usage?by=model");
    let listed = json!([{"model": "claude-next", "requests": 2, "reason": "the model claude-next is not in the price table"}]);
    assert_eq!(usage["unpriced"], listed);
    assert_eq!([&usage["totals"]["unpriced"], &usage["groups"][0]["unpriced"]], [2, 2]);
}

#[test]
fn stats_tell_tokens_by_kind_and_kinds_of_errors() {
    let upstream = answering("claude-next");
    let proxy = Proxy::start(&upstream.url);
    with_calls(&proxy, 1);
    let stats = proxy.get("/api/monitor/stats");
    let tokens = json!({"input": 5, "cacheRead": 100, "cacheWrite5m": 4, "cacheWrite1h": 6, "output": 7, "thinking": 0});
    assert_eq!(
        [&stats["tokens"], &stats["unpriced"], &stats["errorKinds"]],
        [&tokens, &json!(1), &json!([])]
    );
    assert_eq!(stats["cacheRate"], json!(100.0 / 115.0));

    let nobody = Proxy::start("http://127.0.0.1:1");
    Client::connect(nobody.authority()).send(call(BODY));
    nobody.rows(1);
    let stats = nobody.get("/api/monitor/stats");
    assert_eq!(stats["cacheRate"], Value::Null);
    assert_eq!(stats["errorKinds"][0]["count"], 1);
}

#[test]
fn what_may_stand_there_is_told() {
    let upstream = answering("claude-haiku-4-5");
    let proxy = Proxy::start(&upstream.url);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    for (query, says) in [
        (
            "usage?by=colour",
            "by=colour is not known; use model, session, project, agentType, class, tool, client, version or credential",
        ),
        ("usage?every=month", "every=month is not known; use hour, day, week or 5h"),
        ("usage?zone=Mars", "zone=Mars is not known; use a name of the time zone database"),
        (
            "latency?by=tool",
            "by=tool is not known; use model, session, project, agentType, class, client, version or credential",
        ),
    ] {
        let mut answer = agent.get(format!("{}/api/monitor/{query}", proxy.url)).call().unwrap();
        assert_eq!(answer.status(), 400);
        let answer: Value = answer.body_mut().read_json().unwrap();
        assert!(answer["error"].as_str().unwrap_or_default().starts_with(says), "{answer}");
    }
}

#[test]
fn the_command_line_says_the_same() {
    let upstream = answering("claude-haiku-4-5");
    let proxy = Proxy::start(&upstream.url);
    with_calls(&proxy, 2);
    let folder = proxy.folder.to_str().unwrap();
    let run = |more: &[&str]| {
        let output = command(&[&["usage", "--data-dir", folder], more].concat()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (_, json, _) = run(&["--by", "model", "--every", "week", "--zone", "UTC", "--json"]);
    let mut json: Value = serde_json::from_str(&json).unwrap();
    let mut answer = proxy.get("/api/monitor/usage?by=model&every=week&zone=UTC");
    // A rate is of the moment at which it is asked for.
    assert_eq!(json["burn"].take()["lastHour"], answer["burn"].take()["lastHour"]);
    assert_eq!(json, answer);
    let (_, table, _) = run(&["--by", "tool"]);
    assert!(table.contains("$0.0001") && table.contains("Bash") && table.contains("last hour"), "{table}");
    let (_, none, _) = run(&["status:error"]);
    assert_eq!(none, "nothing recorded that matches\n");
    let (success, _, error) = run(&["--every", "month"]);
    assert!(
        !success && error.contains("--every=month is not known\nhint: use hour, day, week or 5h"),
        "{error}"
    );
}
