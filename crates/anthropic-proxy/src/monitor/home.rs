//! `/`, `/health`, and what the proxy says about itself.

use super::types::{ConfigAnswer, PricesInfo, RecordInfo, RetentionInfo};
use super::{Failure, Monitor, access, blocking, stats, view};
use crate::analysis::cost;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::convert::Infallible;

pub(super) fn routes() -> Router<Monitor> {
    Router::new().route("/", get(home)).route("/health", get(health))
}

/// For programs a description, for a browser the page.
async fn home(State(monitor): State<Monitor>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("text/html") {
        return Redirect::temporary("/monitor").into_response();
    }
    if is_stranger(&monitor, &headers) {
        return Json(json!({ "message": "Anthropic API proxy", "status": "running" })).into_response();
    }
    let description = json!({
        "message": "Anthropic API proxy",
        "status": "running",
        "version": env!("CARGO_PKG_VERSION"),
        "endpoints": {
            "messages": "/v1/messages",
            "count_tokens": "/v1/messages/count_tokens",
            "health": "/health",
            "monitor": "/monitor",
        },
        "configuration": {
            "target_api": monitor.config.upstream.to_string(),
            "timeout": monitor.config.request_timeout.as_millis(),
        },
    });
    Json(description).into_response()
}

/// Also a page of another site, which may have led its own name to us.
fn is_stranger(monitor: &Monitor, headers: &HeaderMap) -> bool {
    !access::is_own(headers, monitor) || !monitor.door.admits(headers)
}

/// Healthy as long as traffic flows: that the record is not written is said beside it.
/// Strangers learn nothing else.
async fn health(State(monitor): State<Monitor>, headers: HeaderMap) -> Json<Value> {
    let timestamp = view::iso(jiff::Timestamp::now().as_microsecond());
    if is_stranger(&monitor, &headers) {
        return Json(json!({ "status": "healthy", "timestamp": timestamp }));
    }
    let capture = stats::health(&monitor);
    Json(json!({
        "status": "healthy",
        "timestamp": timestamp,
        "anthropic_base_url": monitor.config.upstream.to_string(),
        "proxy_version": env!("CARGO_PKG_VERSION"),
        "recording": {
            "on": capture.off_since.is_none(),
            "offSince": capture.off_since,
            "problem": capture.problem,
            "lost": capture.lost,
            "incomplete": capture.incomplete,
            "defects": capture.defects,
            "queueBytes": capture.queue_bytes,
            "queueLimit": capture.queue_limit,
        },
    }))
}

/// What the proxy runs with.
#[utoipa::path(get, path = "/api/monitor/config", responses((status = 200, body = ConfigAnswer)))]
pub(super) async fn config(State(monitor): State<Monitor>) -> Result<Json<ConfigAnswer>, Failure> {
    let store = monitor.store.clone();
    let disk = blocking(move || Ok(store.disk()?)).await?;
    let (date, own) = cost::prices_of();
    let config = &monitor.config;
    Ok(Json(ConfigAnswer {
        log_level: config.log_level.as_str(),
        port: config.listen.first().map_or(0, std::net::SocketAddr::port),
        host: config.host.clone(),
        upstream: config.upstream.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        data_folder: config.folder().map(|folder| folder.display().to_string()),
        retention: RetentionInfo {
            age_seconds: config.limits.age.map(|age| age.as_secs()),
            bytes: config.limits.bytes,
            count: config.limits.count,
        },
        record: RecordInfo {
            bytes: disk.bytes,
            requests: disk.exchanges,
            oldest: disk.oldest_us.map(view::iso),
        },
        prices: PricesInfo { date: date.map(|date| date.to_string()), own },
        has_token: config.monitor_token.is_some(),
    }))
}

/// This document.
#[utoipa::path(get, path = "/api/monitor/openapi.json", responses((status = 200, body = Value)))]
pub(super) async fn openapi() -> Response {
    match super::openapi_json() {
        Ok(document) => ([(header::CONTENT_TYPE, "application/json")], document).into_response(),
        Err(error) => super::Failure::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
            .into_response(),
    }
}

/// An answer without end: as long as somebody holds it, a proxy that was started by `run` stays up.
#[utoipa::path(get, path = "/api/monitor/lease", responses((status = 200, content_type = "text/plain", body = String)))]
pub(super) async fn lease(State(monitor): State<Monitor>) -> Response {
    let held = Held::new(&monitor);
    let mut stopping = monitor.stopping.clone();
    let stream = futures_util::stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"held\n")) })
        .chain(futures_util::stream::once(async move {
            // An error means that the program has ended: as good a reason.
            let _ = stopping.wait_for(|stopping| *stopping).await;
            drop(held);
            Ok(Bytes::new())
        }));
    Body::from_stream(stream).into_response()
}

/// Counts one lease for as long as it lives.
struct Held(super::Leases);

impl Held {
    fn new(monitor: &Monitor) -> Held {
        monitor.leases.send_modify(|count| *count += 1);
        Held(monitor.leases.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
