//! Rate limits by credential, from what answers' headers say; and that no credential is anywhere on disk.

mod support;

use serde_json::{Value, json};
use simulator::{Options, Simulator};
use std::path::Path;
use support::Proxy;
use tokio::runtime::Runtime;

const KEYS: [&str; 2] = ["sk-ant-api03-FirstFirstFirstFirst", "sk-ant-oat01-OtherOtherOtherOther"];

fn send(proxy: &Proxy, key: &str, session: &str, simulate: &str) -> u16 {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let body = json!({"model": "claude-opus-5-5", "max_tokens": 64, "stream": true,
                      "messages": [{"role": "user", "content": format!("hello of {session}")}]});
    let request = agent.post(format!("http://{}/v1/messages", proxy.authority()));
    let request = match key.contains("oat") {
        true => request.header("authorization", format!("Bearer {key}")),
        false => request.header("x-api-key", key),
    };
    let request =
        request.header("anthropic-version", "2023-06-01").header("x-claude-code-session-id", session);
    let mut answer = request.header("x-simulate", simulate).send_json(&body).unwrap();
    let _ = answer.body_mut().read_to_vec().unwrap();
    answer.status().as_u16()
}

fn files_hold(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| match entry.file_type().unwrap().is_dir() {
        true => files_hold(&entry.path(), text),
        false => {
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        }
    })
}

#[test]
fn each_credential_has_its_windows_buckets_and_who_took_them() {
    let runtime = Runtime::new().unwrap();
    let options = Options { five_hour_tokens: 1_000, ..Options::default() };
    let simulator = runtime.block_on(Simulator::start(options)).unwrap();
    let proxy = Proxy::start(&simulator.url());
    for (key, session, simulate) in [
        (KEYS[0], "one", ""),
        (KEYS[0], "one", ""),
        (KEYS[0], "two", ""),
        (KEYS[1], "three", ""),
        (KEYS[1], "three", "[sim:error=429][sim:retry-after=7]"),
    ] {
        send(&proxy, key, session, simulate);
    }
    proxy.rows(5);
    let answer = proxy.get("/api/monitor/limits");
    let credentials = answer["credentials"].as_array().unwrap();
    assert_eq!(credentials.len(), 2, "{answer}");
    let of = |kind: &str| credentials.iter().find(|credential| credential["kind"] == kind).unwrap();
    let (key, token) = (of("api key"), of("oauth"));
    assert_ne!(key["credential"], token["credential"]);
    // The one that was used last comes first.
    assert_eq!(credentials[0]["kind"], "oauth");

    let window = key["windows"].as_array().unwrap().iter().find(|window| window["name"] == "5h").unwrap();
    assert!(window["utilization"].as_f64().unwrap() > 0.0 && window["expired"] == false, "{window}");
    let history = window["history"].as_array().unwrap();
    assert_eq!(history.len(), 3, "{window}");
    assert!(history.iter().map(|point| point[1].as_f64().unwrap()).is_sorted(), "{window}");
    assert_eq!(history[2][1], window["utilization"]);
    let sessions = window["sessions"].as_array().unwrap();
    let names: Vec<&Value> = sessions.iter().map(|share| &share["session"]).collect();
    assert_eq!(names, ["one", "two"], "{window}");
    assert_eq!(sessions[0]["title"], "hello of one");
    let shares: f64 = sessions.iter().map(|share| share["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{window}");
    let buckets = key["buckets"].as_array().unwrap();
    assert!(
        buckets.iter().any(|bucket| bucket["name"] == "requests" && bucket["remaining"].is_u64()),
        "{key}"
    );
    assert_eq!(key["throttled"], json!([]));
    let throttled = &token["throttled"][0];
    assert_eq!((&throttled["status"], &throttled["retryAfter"]), (&json!(429), &json!(7_000)), "{token}");

    let hash = key["credential"].as_str().unwrap().to_owned();
    assert_eq!(proxy.get(&format!("/api/monitor/requests?q=credential:{hash}"))["total"], 3);
    for secret in KEYS {
        assert!(!files_hold(&proxy.folder, &secret[13..]), "{secret} is on disk");
        assert!(!answer.to_string().contains(&secret[13..]));
    }
    runtime.block_on(simulator.stop());
}
