//! What a request cost is recorded and shown, or why that is not known.

mod support;

use serde_json::{Value, json};
use store::Store;
use support::Proxy;
use support::raw::{self, BODY, Client, Echoing, STREAM_HEAD, Upstream, call, chunk, stream_events};

/// An upstream that streams the first `count` events and then ends, properly or by a cut.
fn streaming(count: usize) -> Upstream {
    Upstream::start(vec![Box::new(move |mut client: Client| {
        raw::read_request(&mut client);
        client.send(STREAM_HEAD);
        let events = stream_events();
        for event in &events[..count] {
            client.send(chunk(event));
        }
        if count == events.len() {
            client.send("0\r\n\r\n");
        }
    })])
}

/// The whole exchange and its row in the list after one call.
fn recorded(proxy: &Proxy) -> (Value, Value) {
    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY));
    let row = proxy.rows(1).remove(0);
    (proxy.only(), row)
}

#[test]
fn a_streamed_answer_has_its_cost_by_part() {
    let upstream = streaming(stream_events().len());
    let proxy = Proxy::start(&upstream.url());
    let (whole, row) = recorded(&proxy);
    // Opus 5.5: 10 x 4, 42 x 20, 2 x 5, 3 x 8, 100 x 0.20 a million.
    let expected = json!({
        "total": "0.000934", "input": "0.00004", "output": "0.00084", "cacheWrite5m": "0.00001", "cacheWrite1h": "0.000024",
        "cacheRead": "0.00002", "serverTools": "0", "currency": "USD", "priceDate": "2026-11-23",
        "priceSource": "Anthropic's list prices", "estimate": true, "partial": false,
    });
    assert_eq!(whole["metrics"]["cost"], expected);
    assert_eq!(whole["metrics"]["costReason"], Value::Null);
    let total = json!({"total": "0.000934", "currency": "USD", "estimate": true, "partial": false});
    assert_eq!(row["metrics"]["cost"], total);
}

#[test]
fn a_stream_that_broke_off_costs_what_it_had_used() {
    let upstream = streaming(4);
    let proxy = Proxy::start(&upstream.url());
    let (whole, row) = recorded(&proxy);
    assert_eq!(whole["outcome"], "truncated");
    for metrics in [&whole["metrics"], &row["metrics"]] {
        assert_eq!(metrics["cost"]["total"], "0.000114");
        assert_eq!(metrics["cost"]["partial"], true);
    }
}

#[test]
fn a_users_prices_hold_for_what_is_recorded_shown_and_read_again() {
    let body = json!({"type": "message", "role": "assistant", "model": "claude-next", "content": [],
        "usage": {"input_tokens": 5, "output_tokens": 7}})
    .to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
    let upstream = Echoing::start(format!("{head}{}\r\n\r\n{body}", body.len()));
    let folder = tempfile::tempdir().unwrap();
    let (record, prices) = (folder.path().join("record"), folder.path().join("prices.toml"));
    let text = |input: &str| {
        format!(
            "date = \"2026-11-23\"\nsource = \"ours\"\n[[price]]\nmodels = [\"claude-next\"]\ninput = \"{input}\"\noutput = \"2\"\n"
        )
    };
    std::fs::write(&prices, text("1")).unwrap();
    let flag = prices.to_str().unwrap();
    let proxy = Proxy::in_folder(&upstream.url, &record, &["--prices", flag]);
    let (whole, row) = recorded(&proxy);
    for metrics in [&whole["metrics"], &row["metrics"]] {
        assert_eq!(metrics["cost"]["total"], "0.000019");
    }
    assert_eq!(whole["metrics"]["cost"]["priceSource"], "ours");
    drop(proxy);

    let run = |arguments: &[&str]| {
        let output = support::command(&[arguments, &["--data-dir", record.to_str().unwrap()]].concat())
            .output()
            .unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    std::fs::write(&prices, text("3")).unwrap();
    run(&["reindex", "--prices", flag]);
    let (stats, _) = run(&["stats", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&stats).unwrap()["totalCost"], "0.000029");

    std::fs::write(&prices, text("cheap")).unwrap();
    let (_, error) = run(&["stats", "--prices", flag]);
    assert!(
        error.contains("prices.toml (from the command line), line 5: ") && error.contains("hint:"),
        "{error}"
    );
    let (_, error) = run(&["stats", "--prices", "/nowhere/at/all"]);
    assert!(
        error.contains("PRICES=/nowhere/at/all (from the command line) cannot be read")
            && error.contains("hint:"),
        "{error}"
    );
}

/// The exchange, its row and what the store holds after a call that is answered with this body.
fn answered(body: &Value) -> (Value, Value, store::Exchange) {
    let body = body.to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
    let upstream = Echoing::start(format!("{head}{}\r\n\r\n{body}", body.len()));
    let proxy = Proxy::start(&upstream.url);
    let (whole, row) = recorded(&proxy);
    let store = Store::open_read_only(&proxy.folder).unwrap();
    let id = row["id"].as_str().unwrap().parse().unwrap();
    let stored = store.get(id).unwrap().unwrap();
    (whole, row, stored)
}

#[test]
fn no_price_says_why_and_is_never_zero() {
    let message = |model: &str, usage: Value| json!({"type": "message", "role": "assistant", "model": model, "content": [], "usage": usage});
    let tokens = json!({"input_tokens": 5, "output_tokens": 7});
    let fast = json!({"input_tokens": 5, "output_tokens": 7, "speed": "fast"});
    let no_fast = "the speed fast has no known price for claude-haiku-4-5 here";
    for (body, reason, in_the_list) in [
        (
            message("house-model", tokens.clone()),
            "the model house-model is not in the price table",
            json!("the model house-model is not in the price table"),
        ),
        (message("claude-haiku-4-5", fast), no_fast, Value::Null),
        (json!({"input_tokens": 5}), "the answer reports no usage", json!("the answer reports no usage")),
    ] {
        let (whole, row, stored) = answered(&body);
        assert_eq!(whole["metrics"]["cost"], Value::Null, "{body}");
        assert_eq!(whole["metrics"]["costReason"], reason);
        assert_eq!(row["metrics"]["cost"], Value::Null);
        assert_eq!(row["metrics"]["costReason"], in_the_list);
        assert_eq!(stored.cost_pico, None);
    }
}

#[test]
fn the_tools_an_answer_calls_are_recorded_once_each() {
    let (_, _, stored) = answered(&json!({
        "type": "message", "role": "assistant", "model": "claude-haiku-4-5", "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 1},
        "content": [
            {"type": "redacted_thinking", "data": "x"},
            {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {}},
            {"type": "tool_use", "id": "2", "name": "Read", "input": {}},
            {"type": "mcp_tool_use", "id": "3", "name": "look", "input": {}},
            {"type": "tool_use", "id": "4", "name": "Read", "input": {}},
        ],
    }));
    assert_eq!(stored.tools, ["web_search", "Read", "look"]);
    assert!(stored.has_thinking);
    assert_eq!(stored.cost_pico, Some(6_000_000));
}
