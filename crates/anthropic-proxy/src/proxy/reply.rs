//! The answers that are the proxy's own, in the shape of Anthropic's errors, so that clients show them like any other.

use relay::{Problem, Reply};
use serde_json::json;

/// `{"type":"error","error":{"type":…,"message":…}}`
pub(super) fn error(status: u16, problem: &Problem) -> Reply {
    let kind = match status {
        400 | 405 | 431 | 501 | 505 => "invalid_request_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        _ => "api_error",
    };
    let message = format!("anthropic-proxy: {problem}");
    let body = json!({"type": "error", "error": {"type": kind, "message": message}});
    Reply { content_type: "application/json", body: body.to_string().into_bytes() }
}
