//! How long things took, by model or another value.

use super::query::{Asked, Filters};
use super::types::ApiProblem;
use super::{Failure, Monitor, blocking};
use crate::usage::split;
use crate::view::latency::{LatencyAnswer, answer};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use store::Split;

#[derive(Debug, Deserialize)]
pub(super) struct LatencyQuery {
    #[serde(flatten)]
    filters: Filters,
    by: Option<String>,
}

/// How long the exchanges that match took: percentiles from histograms, to 3 significant digits.
#[utoipa::path(get, path = "/api/monitor/latency", params(Filters, ("by" = Option<String>, Query,
    description = "`model`, `session`, `project`, `agentType`, `class`, `client`, `version` or `credential`; `model` unless told.")),
    responses((status = 200, body = LatencyAnswer), (status = 400, body = ApiProblem)))]
pub(super) async fn latency(
    State(monitor): State<Monitor>,
    Asked(asked): Asked<LatencyQuery>,
) -> Result<Json<LatencyAnswer>, Failure> {
    let filter = asked.filters.read()?;
    // A call can have several tools: it would be in several histograms.
    let choices = Split::ALL.map(|(split, _)| split).into_iter().filter(|split| *split != Split::Tool);
    let by = split(asked.by.as_deref(), &choices.collect::<Vec<_>>())
        .map_err(|wrong| Failure::new(StatusCode::BAD_REQUEST, format!("{wrong}; {}", wrong.hint)))?;
    let by = by.unwrap_or(Split::Model);
    let found = blocking(move || Ok(answer(by, monitor.store.latency(&filter, by)?)));
    Ok(Json(found.await?))
}
