//! Sessions end to end: agents that start agents, turns, what names no session.

mod support;

use serde_json::{Value, json};
use simulator::{Options, Simulator};
use support::{Proxy, command};
use tokio::runtime::Runtime;

fn tools() -> Value {
    json!([{"name": "Agent", "input_schema": {"type": "object"}}, {"name": "Bash", "input_schema": {"type": "object"}}])
}

fn send(proxy: &Proxy, headers: &[(&str, &str)], messages: &Value) -> Value {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let body = json!({"model": "claude-opus-5-5", "max_tokens": 64, "tools": tools(), "messages": messages});
    let mut request = agent.post(format!("http://{}/v1/messages", proxy.authority()));
    for (name, value) in
        [("x-api-key", "sk-ant-x"), ("anthropic-version", "2023-06-01")].iter().chain(headers)
    {
        request = request.header(*name, *value);
    }
    request.send_json(&body).unwrap().body_mut().read_json().unwrap()
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

#[test]
fn a_session_is_told_with_its_agents_turns_and_calls() {
    let runtime = Runtime::new().unwrap();
    let simulator = runtime.block_on(Simulator::start(Options::default())).unwrap();
    let proxy = Proxy::start(&simulator.url());
    let main = [("x-claude-code-session-id", "s-1"), ("user-agent", "claude-cli/2.1.330 (external, cli)")];
    let agent = |id: &'static str| [main[0], main[1], ("x-claude-code-agent-id", id)];

    let ask = user("fix the build [sim:agent look at the log]");
    let first = send(&proxy, &main, &json!([ask]));
    let call = &first["content"]
        .as_array()
        .unwrap()
        .iter()
        .find(|block| block["type"] == "tool_use")
        .unwrap()
        .clone();
    assert_eq!(call["name"], "Agent", "{first}");
    send(&proxy, &agent("a1"), &json!([user(call["input"]["prompt"].as_str().unwrap())]));
    send(&proxy, &agent("a2"), &json!([user("nobody gave me these words")]));
    let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": "done"}]});
    let history = json!([ask, {"role": "assistant", "content": first["content"]}, result]);
    let second = send(&proxy, &main, &history);
    let mut history = history.as_array().unwrap().clone();
    history.push(json!({"role": "assistant", "content": second["content"]}));
    history.push(user("thanks"));
    send(&proxy, &main, &Value::Array(history));
    // Another program, which names no session.
    send(&proxy, &[("user-agent", "curl/8")], &json!([user("what is the time")]));
    send(
        &proxy,
        &[("user-agent", "curl/8")],
        &json!([user("what is the time"), {"role": "assistant", "content": "noon"}, user("and now")]),
    );
    proxy.rows(7);
    proxy
        .wait("all to end", || (proxy.get("/api/monitor/requests?q=is:running")["total"] == 0).then_some(()));

    let list = proxy.get("/api/monitor/sessions");
    let data = list["data"].as_array().unwrap();
    assert_eq!(data.len(), 2, "{list}");
    assert_eq!(
        (&data[0]["source"], &data[0]["title"], &data[0]["requests"]),
        (&json!("inferred"), &json!("what is the time"), &json!(2))
    );
    let session = &data[1];
    assert_eq!((&session["id"], &session["source"]), (&json!("s-1"), &json!("header")));
    assert!(session["title"].as_str().unwrap().starts_with("fix the build"), "{session}");
    assert_eq!(
        (&session["requests"], &session["agents"], &session["client"]["version"]),
        (&json!(5), &json!(2), &json!("2.1.330"))
    );
    assert!(session["cost"].as_str().unwrap().parse::<f64>().unwrap() > 0.0, "{session}");
    assert_eq!(proxy.get("/api/monitor/sessions?q=agent:a1")["data"][0]["requests"], 1);

    let one = proxy.get("/api/monitor/sessions/s-1");
    let tree = one["agentsTree"].as_array().unwrap();
    assert_eq!((tree.len(), &tree[0]["id"], &tree[0]["requests"]), (1, &Value::Null, &json!(3)), "{one}");
    let children = tree[0]["children"].as_array().unwrap();
    let named: Vec<(&Value, &Value)> =
        children.iter().map(|child| (&child["id"], &child["parentSource"])).collect();
    assert_eq!(named, [(&json!("a1"), &json!("inferred")), (&json!("a2"), &Value::Null)]);
    let turns = one["turns"].as_array().unwrap();
    assert_eq!(turns.len(), 2, "{one}");
    assert_eq!(
        (&turns[0]["calls"], &turns[0]["toolsSource"], &turns[1]["prompt"]),
        (&json!(4), &json!("gap"), &json!("thanks"))
    );
    assert!(turns[0]["personMs"].is_number() && turns[1]["personMs"].is_null(), "{one}");
    assert_eq!(one["lanes"].as_array().unwrap().len(), 5);
    assert_eq!(one["contextWindow"], 1_000_000);

    let inferred = proxy.get(&format!("/api/monitor/sessions/{}", data[0]["id"].as_str().unwrap()));
    assert_eq!(inferred["turns"].as_array().unwrap().len(), 2, "{inferred}");
    let cursor = proxy.get("/api/monitor/sessions?limit=1")["nextCursor"].as_str().unwrap().to_owned();
    assert_eq!(proxy.get(&format!("/api/monitor/sessions?limit=1&cursor={cursor}"))["data"], json!([]));

    let folder = proxy.folder.to_str().unwrap();
    let said = |arguments: &[&str]| {
        let output = command(&[&["sessions", "--data-dir", folder], arguments].concat()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let table = said(&[]);
    assert!(table.contains("s-1 fix the build") && table.contains("what is the time"), "{table}");
    let shown = said(&["s-1"]);
    assert!(shown.contains("agents\n  main  3 requests") && shown.contains("    a1  1 requests"), "{shown}");
    let json: Value = serde_json::from_str(&said(&["s-1", "--json"])).unwrap();
    assert_eq!(json["turns"].as_array().unwrap().len(), 2);
    runtime.block_on(simulator.stop());
}

#[test]
fn sessions_come_in_the_order_that_was_asked_for_page_by_page() {
    let runtime = Runtime::new().unwrap();
    let simulator = runtime.block_on(Simulator::start(Options::default())).unwrap();
    let proxy = Proxy::start(&simulator.url());
    let ask = |session: &str, text: &str| {
        send(&proxy, &[("x-claude-code-session-id", session)], &json!([user(text)]))
    };
    ask("dear", &format!("one long prompt {}", "of many words ".repeat(400)));
    (0..3).for_each(|_| drop(ask("busy", "short")));
    ask("failed", "no [sim:error=500]");
    ask("late", "short");
    proxy.rows(6);
    let ids = |order: &str| -> Vec<String> {
        let mut ids = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = proxy.get(&format!("/api/monitor/sessions?order={order}&limit=1&cursor={cursor}"));
            ids.extend(
                page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()),
            );
            match page["nextCursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return ids,
            }
        }
    };
    assert_eq!(ids("")[0], "late");
    for (order, first) in [("last", "late"), ("cost", "dear"), ("requests", "busy"), ("errors", "failed")] {
        let ids = ids(order);
        assert_eq!((ids.len(), ids[0].as_str()), (4, first), "{order}: {ids:?}");
    }
    let url = format!("{}/api/monitor/sessions?order=size", proxy.url);
    let refused = ureq::get(&url).call().unwrap_err().to_string();
    assert!(refused.contains("400"), "{refused}");
    let said = command(&["sessions", "--order", "size"]).output().unwrap();
    assert!(
        String::from_utf8_lossy(&said.stderr).contains("use last, cost, errors, duration, requests"),
        "{said:?}"
    );
}
