//! The page: files that were built into the program.

use super::{Failure, Monitor};
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

pub(super) fn routes() -> Router<Monitor> {
    Router::new()
        .route("/monitor", get(page))
        .route("/monitor/", get(page))
        .route("/monitor/{*path}", get(file))
}

async fn page(headers: HeaderMap) -> Response {
    answer("index.html", &headers)
}

async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    answer(&path, &headers)
}

fn answer(path: &str, headers: &HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let Some(asset) = dashboard::asset(path, accepted.unwrap_or_default()) else {
        return Failure::new(StatusCode::NOT_FOUND, "there is no such page; start at /monitor")
            .into_response();
    };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let text = |value: &str| HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""));
    let mut answer = HeaderMap::new();
    answer.insert(header::ETAG, text(&asset.etag));
    answer.insert(header::CACHE_CONTROL, text(asset.cache_control));
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if known == Some(asset.etag.as_str()) {
        return (StatusCode::NOT_MODIFIED, answer).into_response();
    }
    answer.insert(header::CONTENT_TYPE, text(asset.content_type));
    if let Some(encoding) = asset.encoding {
        answer.insert(header::CONTENT_ENCODING, text(encoding));
    }
    (answer, asset.bytes).into_response()
}
