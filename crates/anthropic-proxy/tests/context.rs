//! The context bill: what the built proxy says fills the context of requests that the simulator answered, with its real cache.

mod support;

use serde_json::{Value, json};
use simulator::{Options, Simulator};
use support::{Proxy, command};
use tokio::runtime::Runtime;

/// Dollars in picodollars.
fn pico(cost: &Value) -> i128 {
    let text = cost.as_str().unwrap_or_else(|| panic!("{cost} is no amount"));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<12}").parse().unwrap()
}

fn ask(proxy: &Proxy, messages: &Value) {
    let tool = |name: &str| json!({"name": name, "description": "a tool ".repeat(100), "input_schema": {"type": "object"}});
    let body = json!({
        "model": "claude-opus-5-5", "max_tokens": 100,
        "tools": [tool("Read"), tool("mcp__github__list"), tool("mcp__github__close")],
        "system": [{"type": "text", "text": "You are an agent. ".repeat(2_000), "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": messages,
    });
    let answer = ureq::post(format!("{}/v1/messages", proxy.url))
        .header("x-api-key", "sk-ant-test")
        .header("anthropic-version", "2023-06-01")
        .header("x-claude-code-session-id", "5e55")
        .send(body.to_string().as_bytes());
    answer.unwrap().into_body().read_to_string().unwrap();
}

/// Three calls of one session: the result comes in with the second.
fn session(proxy: &Proxy) -> Vec<Value> {
    let rules = "<system-reminder>\nContents of /work/CLAUDE.md (project instructions, checked into the codebase):\n\nUse tabs.\n</system-reminder>";
    let mut messages = vec![
        json!({"role": "user", "content": [{"type": "text", "text": rules}, {"type": "text", "text": "look"}]}),
    ];
    ask(proxy, &json!(messages));
    proxy.rows(1);
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "mcp__github__list", "input": {}});
    messages.push(json!({"role": "assistant", "content": [call]}));
    let mark = json!({"type": "ephemeral"});
    messages.push(json!({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "an issue ".repeat(500), "cache_control": mark}]}));
    ask(proxy, &json!(messages));
    proxy.rows(2);
    messages.push(json!({"role": "assistant", "content": "One."}));
    messages.push(json!({"role": "user", "content": "go on"}));
    ask(proxy, &json!(messages));
    proxy.rows(3)
}

#[test]
fn a_session_is_billed_by_what_fills_its_context() {
    let runtime = Runtime::new().unwrap();
    let simulator = runtime.block_on(Simulator::start(Options::default())).unwrap();
    let proxy = Proxy::start(&simulator.url());
    let rows = session(&proxy);
    let mut paid = 0;
    for row in &rows {
        let bill = proxy.get(&format!("/api/monitor/requests/{}/context", row["id"].as_str().unwrap()));
        assert_eq!(bill["estimate"], true);
        assert_eq!(bill["cost"], row["metrics"]["cost"]["total"], "{bill}");
        let parts = bill["parts"].as_array().unwrap();
        assert_eq!(parts.iter().map(|part| pico(&part["cost"])).sum::<i128>(), pico(&bill["cost"]));
        let tokens =
            |kind: &str| parts.iter().map(|part| part["tokens"][kind].as_u64().unwrap()).sum::<u64>();
        assert_eq!(tokens("read"), row["metrics"]["cacheReadTokens"]);
        assert_eq!(tokens("written1h"), row["metrics"]["cacheCreation1hTokens"]);
        assert_eq!(tokens("written5m"), row["metrics"]["cacheCreation5mTokens"]);
        assert_eq!(tokens("fresh"), row["metrics"]["inputTokens"]);
        assert_eq!(tokens("output"), row["metrics"]["outputTokens"]);
        paid += pico(&bill["cost"]);
    }
    let sum = proxy.get("/api/monitor/context?session=5e55");
    assert_eq!((&sum["requests"], &sum["more"]), (&json!(3), &json!(false)));
    assert_eq!(pico(&sum["cost"]), paid);
    let of_items: i128 = sum["items"].as_array().unwrap().iter().map(|item| pico(&item["cost"])).sum();
    assert_eq!(of_items, paid);
    let named = |category: &str| {
        let items = sum["items"].as_array().unwrap().iter().filter(|item| item["category"] == category);
        items.map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(named("instructions"), ["/work/CLAUDE.md"]);
    assert_eq!(named("tool_result"), ["mcp__github__list"]);
    let unused = sum["unusedTools"].as_array().unwrap();
    assert!(unused.iter().any(|tool| tool["name"] == "mcp__github__close"), "{unused:?}");
    assert!(unused.iter().all(|tool| tool["name"] != "mcp__github__list"), "{unused:?}");
    assert_eq!(sum["servers"][0]["server"], "github");
    let carried = &sum["results"][0];
    assert_eq!(carried["sinceId"], rows[1]["id"]);
    assert_eq!(carried["lastId"], rows[0]["id"]);
    assert_eq!((&carried["turns"], &carried["tool"]), (&json!(2), &json!("mcp__github__list")));

    let newest = proxy.get("/api/monitor/context?limit=1");
    assert_eq!((&newest["read"], &newest["more"]), (&json!(1), &json!(true)));
    assert_eq!(proxy.get("/api/monitor/context?session=none")["requests"], 0);

    let folder = proxy.folder.to_str().unwrap();
    let said = |arguments: &[&str]| {
        let output = command(&[arguments, &["--data-dir", folder]].concat()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = said(&["context", "session:5e55"]);
    for expected in ["3 requests", "/work/CLAUDE.md", "Tools never used", "MCP servers", "github", "toolu_1"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(said(&["context", "last"]).contains("tool mcp__github__close"));
    let same: Value = serde_json::from_str(&said(&["context", "session:5e55", "--json"])).unwrap();
    assert_eq!(same, sum);
}

#[test]
fn what_has_no_usage_says_so() {
    let upstream = support::raw::Echoing::start(
        "HTTP/1.1 529 Overloaded\r\nContent-Type: application/json\r\nContent-Length: 77\r\n\r\n{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded!!\"}}",
    );
    let proxy = Proxy::start(&upstream.url);
    let mut client = support::raw::Client::connect(proxy.authority());
    client.send(support::raw::call(support::raw::BODY));
    let row = proxy.rows(1).remove(0);
    let bill = proxy.get(&format!("/api/monitor/requests/{}/context", row["id"].as_str().unwrap()));
    assert_eq!((&bill["tokens"], &bill["cost"]), (&Value::Null, &Value::Null));
    assert_eq!(bill["tokensReason"], "the answer reports no usage");
    let sum = proxy.get("/api/monitor/context");
    assert_eq!(sum["unmeasured"], json!({"the answer reports no usage": 1}));
}
