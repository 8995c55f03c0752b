//! Token counts.

use protocol::usage::{Usage, counted_tokens};
use serde_json::{Value, json};

fn usage(value: Value) -> Usage {
    Usage::from_value(value)
}

#[test]
fn what_is_present_overwrites_and_what_is_absent_stays() {
    let mut merged = usage(json!({
        "input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1, "service_tier": "standard",
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4, "ephemeral_1d_input_tokens": 5},
    }));
    merged.merge(&usage(json!({"output_tokens": 7, "cache_read_input_tokens": 0, "input_tokens": null})));
    merged.merge(&usage(json!({"server_tool_use": {"web_search_requests": 2, "x_requests": 1}, "new": [1]})));
    merged.merge(&usage(json!({"server_tool_use": {"web_fetch_requests": 1}, "new": null, "speed": "fast"})));
    assert_eq!(
        serde_json::to_value(&merged).unwrap(),
        json!({
            "input_tokens": 10, "cache_read_input_tokens": 0, "output_tokens": 7, "service_tier": "standard", "speed": "fast",
            "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4, "ephemeral_1d_input_tokens": 5},
            "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1, "x_requests": 1}, "new": [1],
        })
    );
}

#[test]
fn the_total_is_the_three_inputs_added() {
    for (value, total) in [
        (
            json!({"input_tokens": 1, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 300}),
            Some(321),
        ),
        (json!({"input_tokens": 1, "cache_creation_input_tokens": null}), Some(1)),
        (
            json!({"input_tokens": 1, "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3}}),
            Some(6),
        ),
        (json!({"cache_read_input_tokens": 300}), None),
        (json!({"output_tokens": 3}), None),
        (json!({"input_tokens": u64::MAX, "cache_read_input_tokens": 300}), Some(u64::MAX)),
        (json!("nothing"), None),
    ] {
        assert_eq!(usage(value.clone()).total_input(), total, "{value}");
    }
}

#[test]
fn values_of_another_kind_are_kept_as_they_are() {
    let odd = json!({
        "input_tokens": -1, "output_tokens": "many", "cache_creation": 7, "server_tool_use": null, "speed": 3, "iterations": {},
    });
    let read = usage(odd.clone());
    assert_eq!((read.input_tokens, read.output_tokens, read.cache_creation_5m), (None, None, None));
    assert_eq!(serde_json::to_value(&read).unwrap(), odd);
    assert!(!read.is_empty());
    assert!(usage(json!({})).is_empty());
}

#[test]
fn counted_tokens_are_no_used_tokens() {
    assert_eq!(counted_tokens(br#"{"input_tokens": 41, "context_management": null}"#), Some(41));
    assert_eq!(counted_tokens(br#"{"type":"message","input_tokens": 41}"#), None);
    assert_eq!(counted_tokens(b"[]"), None);
    assert_eq!(counted_tokens(b"\xff"), None);
}
