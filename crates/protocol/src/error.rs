//! The API's error shape, as the body of an answer or inside a stream.

use crate::json;
use crate::problem::Problems;
use serde::Serialize;
use serde_json::Value;

/// An error that the API, or a gateway before it, reported.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApiError {
    /// Its type, such as `overloaded_error`; `error` where none is named.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its text for people.
    pub message: String,
    /// The API's own id of the request, where the body names it.
    pub request_id: Option<String>,
    /// What it says for machines (`error_code` and others), where it does.
    pub details: Option<Value>,
}

/// Reads an error body: `{"type":"error","error":{"type","message"},"request_id"}`, or the shorter forms that gateways send
/// (`{"error":{"message"}}`, `{"error":"text"}`). `None` for every other body.
pub fn parse(body: &[u8]) -> Option<ApiError> {
    let text = json::lossy(body);
    // Only the outermost level is looked at, because most bodies are no errors, and some are long.
    let (entries, damage) = json::entries(&text);
    if !entries?.iter().any(|(key, _)| key == "error") && damage.is_none() {
        return None;
    }
    from_value(&json::read(body, "error", &mut Problems::default()).value)
}

pub(crate) fn from_value(body: &Value) -> Option<ApiError> {
    if body.get("type").is_some_and(|kind| kind != "error") {
        return None;
    }
    let error = body.get("error")?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let message = match error {
        Value::String(message) => Some(message.clone()),
        Value::Object(_) => text(error.get("message")),
        _ => return None,
    };
    Some(ApiError {
        kind: text(error.get("type")).unwrap_or_else(|| "error".to_owned()),
        message: message.unwrap_or_else(|| error.to_string()),
        request_id: text(body.get("request_id")),
        details: error.get("details").filter(|details| !details.is_null()).cloned(),
    })
}
