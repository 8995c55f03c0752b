//! Error bodies.

use protocol::error::parse;
use serde_json::json;

#[test]
fn reads_the_shape_of_the_api_and_of_gateways() {
    for (body, expected) in [
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#,
            Some(("overloaded_error", "Overloaded", Some("req_1"))),
        ),
        (r#"{"error":{"message":"no","code":5}}"#, Some(("error", "no", None))),
        (r#"{"error":{"code":5}}"#, Some(("error", r#"{"code":5}"#, None))),
        (r#"{"error":"gone"}"#, Some(("error", "gone", None))),
        (
            r#"{"type":"error","error":{"type":"api_error","message":"half of th"#,
            Some(("api_error", "half of th", None)),
        ),
        (
            r#"{"type":"error","error":{"type":"api_error","message":"\ud83d"}}"#,
            Some(("api_error", "\u{fffd}", None)),
        ),
        (r#"{"type":"message","content":[{"error":"no"}]}"#, None),
        (r#"{"type":"message_batch_individual_response","error":{"message":"x"}}"#, None),
        (r#"{"error":null}"#, None),
        (r#"{"error":7}"#, None),
        (r#"["error"]"#, None),
        ("", None),
        ("<html>502</html>", None),
    ] {
        let read = parse(body.as_bytes());
        let brief = read.as_ref().map(|error| (&*error.kind, &*error.message, error.request_id.as_deref()));
        assert_eq!(brief, expected, "{body}");
    }
}

#[test]
fn keeps_the_details_for_machines() {
    let read = parse(
        br#"{"type":"error","error":{"type":"x","message":"y","details":{"error_code":"spend_limit"}}}"#,
    );
    assert_eq!(read.unwrap().details, Some(json!({"error_code": "spend_limit"})));
}
