//! Errors in Anthropic's shape, with the headers that go with each status.

use serde_json::json;

use crate::reply::Reply;

/// An error answer in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

/// Every error the API knows: status, type, its usual message.
const KNOWN: [(u16, &str, &str); 12] = [
    (400, "invalid_request_error", "messages: at least one message is required"),
    (401, "authentication_error", "invalid x-api-key"),
    (402, "billing_error", "Your credit balance is too low to access the Anthropic API."),
    (403, "permission_error", "Your API key does not have permission to use the specified resource."),
    (404, "not_found_error", "The requested resource was not found."),
    (409, "conflict_error", "The resource was changed in the meantime."),
    (413, "request_too_large", "Request exceeds the maximum size"),
    (429, "rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
    (500, "api_error", "Internal server error"),
    (503, "api_error", "Service unavailable"),
    (504, "timeout_error", "Request timed out"),
    (529, "overloaded_error", "Overloaded"),
];

impl ApiError {
    /// The usual error of a status.
    pub(crate) fn of_status(status: u16) -> Self {
        let known = KNOWN.iter().find(|(code, ..)| *code == status);
        let (_, kind, message) = known.copied().unwrap_or((status, "api_error", "Internal server error"));
        Self { status, kind, message: message.to_owned() }
    }

    /// The usual error of a type; an unknown type keeps the status 500.
    pub(crate) fn of_kind(kind: &str) -> Self {
        let status = KNOWN.iter().find(|(_, name, _)| *name == kind).map_or(500, |(status, ..)| *status);
        Self::of_status(status)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::of_status(400) }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::of_status(404) }
    }

    /// The JSON of the error, as a body and as an event's data.
    pub(crate) fn json(&self, request_id: &str) -> serde_json::Value {
        json!({"type": "error", "error": {"type": self.kind, "message": self.message}, "request_id": request_id})
    }

    /// The answer, with `retry-after` (seconds) if given.
    pub(crate) fn reply(&self, request_id: &str, retry_after: Option<u64>) -> Reply {
        let mut reply = Reply::json(self.status, &self.json(request_id));
        if matches!(self.status, 408 | 409 | 429 | 500..) {
            reply = reply.header("x-should-retry", "true");
        } else {
            reply = reply.header("x-should-retry", "false");
        }
        match retry_after {
            Some(seconds) => reply.header("retry-after", seconds.to_string()),
            None => reply,
        }
    }
}
