//! What Prometheus reads, scraped from the built binary.

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use support::raw::Echoing;
use support::{Proxy, command};

/// Name and labels with the value; fails on a line that is no OpenMetrics.
fn parse(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
            let bare = name.split('{').next().unwrap();
            assert!(bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{line:?}");
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line:?}")))
        })
        .collect()
}

fn scrape(proxy: &Proxy) -> BTreeMap<String, f64> {
    let answer = ureq::get(format!("{}/metrics", proxy.url)).call().unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    parse(&answer.into_body().read_to_string().unwrap())
}

const ANSWER: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-5","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1000000,"output_tokens":2,"cache_read_input_tokens":3,"cache_creation_input_tokens":4,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":0}}}"#;

#[test]
fn what_went_through_is_counted_exactly() {
    let upstream = Echoing::start(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    ));
    let proxy = Proxy::with_environment(&upstream.url, &[], &[]);
    let before = scrape(&proxy);
    assert_eq!(before["anthropic_proxy_recording"], 1.0);
    assert!(!before.keys().any(|name| name.contains("exchanges_total")), "{before:?}");
    let body = r#"{"model":"claude-opus-4-5","max_tokens":9,"messages":[]}"#;
    for _ in 0..3 {
        let answer = ureq::post(format!("{}/v1/messages", proxy.url)).send(body).unwrap();
        assert_eq!(answer.into_body().read_to_string().unwrap(), ANSWER);
    }
    let of_model = |name: &str| format!("anthropic_proxy_{name}{{model=\"claude-opus-4-5\"}}");
    let ended = r#"anthropic_proxy_exchanges_total{model="claude-opus-4-5",status="200",outcome="complete"}"#;
    let after =
        support::wait("three exchanges", || Some(scrape(&proxy)).filter(|all| all.get(ended) == Some(&3.0)));
    for (kind, count) in [("input", 3e6), ("output", 6.0), ("cache_read", 9.0), ("cache_write", 12.0)] {
        let name = format!("anthropic_proxy_tokens_total{{model=\"claude-opus-4-5\",kind=\"{kind}\"}}");
        assert_eq!(after[&name], count, "{name}");
    }
    // What the API's own figures say, to the last digit that they have.
    let stats: Value = ureq::get(format!("{}/api/monitor/stats", proxy.url))
        .call()
        .unwrap()
        .into_body()
        .read_json()
        .unwrap();
    let dollars: f64 = stats["totalCost"]
        .as_str()
        .map_or_else(|| stats["totalCost"].as_f64(), |text| text.parse().ok())
        .unwrap();
    assert!((after[&of_model("cost_dollars_total")] - dollars).abs() < 1e-9, "{after:?} {stats}");
    assert_eq!(after[&of_model("duration_seconds_count")], 3.0);
    assert_eq!(after[r#"anthropic_proxy_body_bytes_total{direction="request"}"#], 3.0 * body.len() as f64);
    assert_eq!(after[r#"anthropic_proxy_body_bytes_total{direction="response"}"#], 3.0 * ANSWER.len() as f64);
    assert_eq!(after["anthropic_proxy_running"], 0.0);
    assert!(after["anthropic_proxy_disk_bytes"] > 1_000.0);

    let page = String::from_utf8(command(&["docs", "metrics"]).output().unwrap().stdout).unwrap();
    let named = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let is_served = |name: &str| after.keys().any(|served| served.starts_with(name));
    let missing: Vec<&str> = named.filter(|name| !is_served(name)).collect();
    // Nothing of this kind happened.
    let not_yet = ["unpriced_total", "first_token_seconds"];
    assert_eq!(missing, not_yet.map(|name| format!("anthropic_proxy_{name}")));
}

#[test]
fn strangers_and_other_sites_get_no_figures() {
    let upstream = Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let proxy = Proxy::with_environment(&upstream.url, &[], &[("MONITOR_TOKEN", "open-sesame-1234")]);
    let ask = |headers: &str| {
        let request = format!("GET /metrics HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
        String::from_utf8(support::raw::exchange(proxy.authority(), request)).unwrap()
    };
    let token = "Authorization: Bearer open-sesame-1234\r\n";
    assert!(ask("Host: localhost\r\n").starts_with("HTTP/1.1 401 "));
    assert!(ask(&format!("Host: evil.example\r\n{token}")).starts_with("HTTP/1.1 403 "));
    assert!(ask(&format!("Host: localhost\r\n{token}")).contains("anthropic_proxy_recording 1"));
}
