//! Shows what looks like a key masked, wherever recorded text is told to be read. Exact bytes have routes of their own: a body, an
//! export.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Masks what is told as JSON, Markdown or HTML.
pub(super) async fn veil(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_exact = path.contains("/body/") || path.ends_with("/export");
    let response = next.run(request).await;
    if is_exact || !is_text(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // Ours, and made whole before it is sent.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if protocol::secrets::find(&bytes).is_empty() {
        return Response::from_parts(parts, Body::from(bytes));
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(protocol::secrets::mask_text(&bytes)))
}

fn is_text(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| {
        ["application/json", "text/markdown", "text/html"].iter().any(|text| kind.starts_with(text))
    })
}
