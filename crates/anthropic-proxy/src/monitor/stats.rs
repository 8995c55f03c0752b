//! Figures over all exchanges that match, computed by the store.

use super::query::{Asked, Filters};
use super::types::{ApiProblem, CaptureHealth, ErrorKind, ModelsAnswer, StatsAnswer};
use super::view;
use super::{Failure, Monitor, blocking};
use crate::metrics::{CONTENT_TYPE, Now};
use crate::view::usage::UsageTokens;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use protocol::pricing::Money;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use store::{Filter, Stats};
use tokio::sync::Mutex;

/// How long figures over everything serve all who watch.
const FRESH: Duration = Duration::from_secs(1);

/// The last figures over everything: however many pages are open, they are computed once a second at the most.
#[derive(Clone, Default)]
pub(super) struct StatsCache(Arc<Mutex<Option<(Instant, StatsAnswer)>>>);

/// Figures over the exchanges that match.
#[utoipa::path(get, path = "/api/monitor/stats", params(Filters), responses(
    (status = 200, body = StatsAnswer), (status = 400, body = ApiProblem)))]
pub(super) async fn stats(
    State(monitor): State<Monitor>,
    Asked(filters): Asked<Filters>,
) -> Result<Json<StatsAnswer>, Failure> {
    Ok(Json(compute(&monitor, filters.read()?).await?))
}

/// Figures over everything, at most [`FRESH`] old.
pub(super) async fn of_everything(monitor: &Monitor) -> Result<StatsAnswer, Failure> {
    let mut cached = monitor.stats.0.lock().await;
    if let Some((at, answer)) = &*cached
        && at.elapsed() < FRESH
    {
        return Ok(answer.clone());
    }
    let answer = compute(monitor, Filter::default()).await?;
    *cached = Some((Instant::now(), answer.clone()));
    Ok(answer)
}

pub(super) async fn compute(monitor: &Monitor, filter: Filter) -> Result<StatsAnswer, Failure> {
    let store = monitor.store.clone();
    let stats = blocking(move || Ok(store.stats(&filter)?)).await?;
    Ok(answer(&stats, health(monitor)))
}

/// Whether recording keeps up.
/// What Prometheus is told. Reads no table.
pub(super) async fn metrics(State(monitor): State<Monitor>) -> Response {
    let health = health(&monitor);
    let now = Now {
        running: monitor.recorder.health().running.load(Ordering::Relaxed),
        queue: (health.queue_bytes, health.queue_limit),
        lost: health.lost,
        incomplete: health.incomplete,
        defects: health.defects,
        recording: health.off_since.is_none(),
        disk: monitor.store.bytes_on_disk(),
    };
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], monitor.recorder.metrics().text(now)).into_response()
}

pub(super) fn health(monitor: &Monitor) -> CaptureHealth {
    let (used, limit) = monitor.capture.queue_bytes();
    let health = monitor.recorder.health();
    let trouble = health.trouble();
    CaptureHealth {
        lost: monitor.capture.lost() + health.given_up.load(Ordering::Relaxed),
        incomplete: health.incomplete.load(Ordering::Relaxed),
        defects: crate::contain::caught(),
        queue_bytes: used as u64,
        queue_limit: limit as u64,
        off_since: trouble.as_ref().map(|trouble| view::iso(trouble.since_us)),
        problem: trouble.map(|trouble| trouble.why),
    }
}

/// Figures over a record that is read from outside: whether its recording keeps up is not known there.
pub(crate) fn stats_of_record(stats: &Stats) -> StatsAnswer {
    let capture = CaptureHealth {
        lost: 0,
        incomplete: 0,
        defects: 0,
        queue_bytes: 0,
        queue_limit: 0,
        off_since: None,
        problem: None,
    };
    answer(stats, capture)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of requests and tokens stay far below 2^53, or need no more digits"
)]
fn answer(stats: &Stats, capture: CaptureHealth) -> StatsAnswer {
    let ended = stats.success + stats.error;
    let rate = if ended == 0 { 0.0 } else { 100.0 * stats.success as f64 / ended as f64 };
    let avg_duration_ms = stats.avg_duration_us.map(|us| us / 1000.0);
    let milliseconds = |us: Option<u64>| us.map(|us| us as f64 / 1000.0);
    let input = stats.input_tokens + stats.cache_read + stats.cache_write;
    StatsAnswer {
        total_requests: stats.total,
        success_count: stats.success,
        error_count: stats.error,
        success_rate: format!("{rate:.2}%"),
        avg_duration: format!("{:.0}ms", avg_duration_ms.unwrap_or(0.0)),
        total_input_tokens: stats.input_tokens,
        total_output_tokens: stats.output_tokens,
        active_requests: stats.pending,
        avg_duration_ms,
        p50_duration_ms: milliseconds(stats.p50_duration_us),
        p95_duration_ms: milliseconds(stats.p95_duration_us),
        p50_first_token_ms: milliseconds(stats.p50_first_token_us),
        p95_first_token_ms: milliseconds(stats.p95_first_token_us),
        total_size: stats.total_bytes,
        cache_read_tokens: stats.cache_read,
        cache_write_tokens: stats.cache_write,
        total_cost: Money::from_pico(stats.cost_pico.into()).to_string(),
        unpriced: stats.unpriced,
        tokens: UsageTokens {
            input: stats.input_tokens,
            cache_read: stats.cache_read,
            cache_write_5m: stats.cache_write.saturating_sub(stats.cache_write_1h),
            cache_write_1h: stats.cache_write_1h,
            output: stats.output_tokens,
            thinking: stats.thinking_tokens,
        },
        cache_rate: (input > 0).then(|| stats.cache_read as f64 / input as f64),
        error_kinds: stats
            .error_kinds
            .iter()
            .map(|kind| ErrorKind { kind: kind.value.clone(), count: kind.count })
            .collect(),
        capture,
    }
}

/// All models ever asked for, whatever is filtered.
#[utoipa::path(get, path = "/api/monitor/models", responses((status = 200, body = ModelsAnswer)))]
pub(super) async fn models(State(monitor): State<Monitor>) -> Result<Json<ModelsAnswer>, Failure> {
    let data = blocking(move || Ok(monitor.store.models()?)).await?;
    Ok(Json(ModelsAnswer { data }))
}
