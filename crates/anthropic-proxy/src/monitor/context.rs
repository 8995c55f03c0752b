//! What fills the context and what it costs: of one request, and of many.

use super::query::{Asked, Filters};
use super::requests::find;
use super::types::ApiProblem;
use super::view::context::{ContextAnswer, ContextBill, answer, bill};
use super::{Failure, Monitor, blocking};
use crate::bills;
use axum::Json;
use axum::extract::{Path, State};
use jiff::Zoned;
use serde::Deserialize;
use store::Filter;
use utoipa::IntoParams;

/// Requests that are read for one answer, unless told.
pub(crate) const LIMIT: u64 = 1_000;

/// At the most.
const MAX_LIMIT: u64 = 10_000;

/// What one request and its answer are made of, and what each part cost.
#[utoipa::path(get, path = "/api/monitor/requests/{id}/context", params(("id" = String, Path)), responses(
    (status = 200, body = ContextBill), (status = 404, body = ApiProblem)))]
pub(super) async fn of_request(
    State(monitor): State<Monitor>,
    Path(id): Path<String>,
) -> Result<Json<ContextBill>, Failure> {
    let recorded = find(&monitor, &id).await?;
    blocking(move || Ok(Json(bill(recorded.exchange.id.to_string(), bills::of_one(&recorded))))).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct ContextQuery {
    // Not flattened: serde would then hand every number over as text.
    /// The filter language: `status:error ttft:>2s -is:pinned`; `/api/monitor/filter` lists its keys. What else is given must hold too.
    q: Option<String>,
    /// A session's id.
    session: Option<String>,
    /// `success`, `error` or `pending`.
    status: Option<String>,
    /// A model's exact id, asked for or served.
    model: Option<String>,
    /// `1h`, `24h` or `7d`.
    time_range: Option<String>,
    /// How many requests are read, the newest first: 1000 unless told, 10000 at the most.
    limit: Option<u64>,
}

/// What fills the context of the requests that match: by item, results since they came in, tools never used, MCP servers.
#[utoipa::path(get, path = "/api/monitor/context", params(ContextQuery), responses(
    (status = 200, body = ContextAnswer), (status = 400, body = ApiProblem)))]
pub(super) async fn of_many(
    State(monitor): State<Monitor>,
    Asked(asked): Asked<ContextQuery>,
) -> Result<Json<ContextAnswer>, Failure> {
    let filters =
        Filters { q: asked.q, status: asked.status, model: asked.model, time_range: asked.time_range };
    let mut filter = filters.read()?;
    if let Some(session) = asked.session.as_deref().map(str::trim).filter(|session| !session.is_empty()) {
        let session = format!("session:\"{}\"", session.replace(['"', '\\'], ""));
        filter = filter.and(Filter::parse(&session, &Zoned::now())?);
    }
    let limit = asked.limit.unwrap_or(LIMIT).clamp(1, MAX_LIMIT);
    blocking(move || Ok(Json(answer(&bills::of_many(&monitor.store, &filter, limit)?, limit)))).await
}
