//! What a batch cost, seen from its results, with the simulator's batches.

mod support;

use serde_json::{Value, json};
use simulator::{Options, Simulator};
use support::{Proxy, command};
use tokio::runtime::Runtime;

/// Makes a batch of these requests through a proxy, fetches its results, and asks `look` about it.
fn with_results(requests: &Value, look: impl FnOnce(&Proxy, &str, &str)) {
    let runtime = Runtime::new().unwrap();
    let simulator = runtime.block_on(Simulator::start(Options::default())).unwrap();
    let proxy = Proxy::start(&simulator.url());
    let url = format!("{}/v1/messages/batches", proxy.url);
    let headers = |request: ureq::RequestBuilder<ureq::typestate::WithBody>| {
        request.header("x-api-key", "sk-ant-api03-test").header("anthropic-version", "2023-06-01")
    };
    let mut made = headers(ureq::post(&url)).send_json(json!({"requests": requests})).unwrap();
    let made: Value = made.body_mut().read_json().unwrap();
    let mut results = ureq::get(format!("{url}/{}/results", made["id"].as_str().unwrap()))
        .header("x-api-key", "sk-ant-api03-test")
        .header("anthropic-version", "2023-06-01")
        .call()
        .unwrap();
    let results = results.body_mut().read_to_string().unwrap();
    let rows = proxy.rows(2);
    let row = rows.iter().find(|row| row["method"] == "GET").unwrap();
    look(&proxy, row["id"].as_str().unwrap(), &results);
    runtime.block_on(simulator.stop());
}

fn request(id: &str, model: &str) -> Value {
    json!({"custom_id": id, "params": {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": "count to ten"}]}})
}

/// The sum of a count of all messages in the results.
fn sum(results: &str, name: &str) -> u64 {
    let lines = results.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter_map(|line| line["result"]["message"]["usage"][name].as_u64()).sum()
}

#[test]
fn results_cost_what_their_messages_used_at_the_price_of_batches() {
    let requests = json!([request("a", "claude-haiku-4-5"), request("b", "claude-haiku-4-5"), {"custom_id": "c", "params": {}}]);
    with_results(&requests, |proxy, id, results| {
        assert!(results.contains("\"errored\""), "{results}");
        let (input, output) = (sum(results, "input_tokens"), sum(results, "output_tokens"));
        // Haiku 4.5 by batch: half of 1 and of 5 dollars a million.
        let pico = input * 500_000 + output * 2_500_000;
        let expected = protocol::pricing::Money::from_pico(pico.into()).to_string();
        let whole = proxy.get(&format!("/api/monitor/requests/{id}"));
        assert_eq!(whole["metrics"]["cost"]["total"], expected.as_str());
        assert_eq!(whole["servedModel"], "claude-haiku-4-5");
        assert_eq!([&whole["metrics"]["inputTokens"], &whole["metrics"]["outputTokens"]], [input, output]);
        let usage = proxy.get("/api/monitor/usage?by=model");
        assert_eq!([&usage["totals"]["cost"], &usage["groups"][0]["cost"]], [expected.as_str(); 2]);
        let folder = proxy.folder.to_str().unwrap();
        let again = command(&["reindex", "--data-dir", folder]).output().unwrap();
        assert!(again.status.success());
        assert_eq!(proxy.get("/api/monitor/stats")["totalCost"], expected.as_str());
    });
}

#[test]
fn one_message_without_a_price_leaves_all_without() {
    let requests = json!([request("a", "claude-haiku-4-5"), request("b", "claude-next")]);
    with_results(&requests, |proxy, id, results| {
        let whole = proxy.get(&format!("/api/monitor/requests/{id}"));
        assert_eq!(whole["metrics"]["cost"], Value::Null);
        assert_eq!(whole["metrics"]["outputTokens"], sum(results, "output_tokens"));
        assert_eq!(proxy.get("/api/monitor/stats")["unpriced"], 1);
    });
}
