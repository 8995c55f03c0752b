//! `GET /v1/models` and `/v1/models/:id`.

use serde_json::{Value, json};

use super::error::ApiError;
use crate::reply::Reply;

/// Id, display name and release, newest first.
const MODELS: [(&str, &str, &str); 12] = [
    ("claude-opus-5-5", "Claude Opus 5.5", "2026-09-22T00:00:00Z"),
    ("claude-sonnet-5-5", "Claude Sonnet 5.5", "2026-09-22T00:00:00Z"),
    ("claude-haiku-5-5", "Claude Haiku 5.5", "2026-10-14T00:00:00Z"),
    ("claude-fable-5-2", "Claude Fable 5.2", "2026-10-02T00:00:00Z"),
    ("claude-opus-5", "Claude Opus 5", "2026-06-11T00:00:00Z"),
    ("claude-sonnet-5", "Claude Sonnet 5", "2026-05-05T00:00:00Z"),
    ("claude-opus-4-8", "Claude Opus 4.8", "2026-04-09T00:00:00Z"),
    ("claude-opus-4-6", "Claude Opus 4.6", "2026-02-05T00:00:00Z"),
    ("claude-sonnet-4-6", "Claude Sonnet 4.6", "2026-02-17T00:00:00Z"),
    ("claude-opus-4-5-20251101", "Claude Opus 4.5", "2025-11-24T00:00:00Z"),
    ("claude-haiku-4-5-20251001", "Claude Haiku 4.5", "2025-10-15T00:00:00Z"),
    ("claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", "2025-09-29T00:00:00Z"),
];

fn object((id, name, created): &(&str, &str, &str)) -> Value {
    json!({"type": "model", "id": id, "display_name": name, "created_at": created,
        "max_input_tokens": 1_000_000, "max_tokens": 128_000})
}

/// The page `query` asks for: `limit`, `after_id`.
pub(super) fn list(query: &str) -> Reply {
    let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let limit = parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(20_usize).max(1);
    let from = parameter("after_id")
        .and_then(|after| MODELS.iter().position(|(id, ..)| *id == after))
        .map_or(0, |at| at + 1);
    let page: Vec<Value> = MODELS.iter().skip(from).take(limit).map(object).collect();
    let id_of = |model: Option<&Value>| model.map_or(Value::Null, |model| model["id"].clone());
    Reply::json(
        200,
        &json!({"first_id": id_of(page.first()), "last_id": id_of(page.last()),
        "has_more": from + page.len() < MODELS.len(), "data": page}),
    )
}

/// One model.
pub(super) fn get(id: &str) -> Result<Reply, ApiError> {
    let found = MODELS.iter().find(|(known, ..)| *known == id);
    found
        .map(|model| Reply::json(200, &object(model)))
        .ok_or_else(|| ApiError::not_found(format!("model: {id}")))
}
