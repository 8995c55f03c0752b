//! Cost, tokens, requests, errors and latency over time.

use super::query::{Asked, Filters};
use super::types::ApiProblem;
use super::{Failure, Monitor, blocking};
use crate::usage::{self, UsageError};
use crate::view::usage::{UsageAnswer, answer};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use store::SeriesError;
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct UsageQuery {
    // Not flattened: serde would then hand every number over as text.
    /// The filter language: `status:error ttft:>2s -is:pinned`; `/api/monitor/filter` lists its keys. What else is given must hold too.
    q: Option<String>,
    /// `success`, `error` or `pending`.
    status: Option<String>,
    /// A model's exact id, asked for or served.
    model: Option<String>,
    /// `1h`, `24h` or `7d`.
    time_range: Option<String>,
    /// `model`, `session`, `project`, `agentType`, `class`, `tool`, `client`, `version` or `credential`; not split unless told.
    by: Option<String>,
    /// `hour`, `day`, `week` (from Monday) or `5h`: blocks from the full hour, in UTC, of the first call that used tokens, as a
    /// subscription counts them; all recorded calls make them, whatever is filtered. `day` unless told.
    every: Option<String>,
    /// The time zone of hours, days and weeks by its name: `Asia/Shanghai`; this machine's unless told.
    zone: Option<String>,
    /// How many values are told apart, the dearest: 10 unless told, 100 at the most.
    top: Option<u64>,
}

/// Figures over time of the exchanges that match.
#[utoipa::path(get, path = "/api/monitor/usage", params(UsageQuery), responses(
    (status = 200, body = UsageAnswer), (status = 400, body = ApiProblem)))]
pub(super) async fn usage(
    State(monitor): State<Monitor>,
    Asked(asked): Asked<UsageQuery>,
) -> Result<Json<UsageAnswer>, Failure> {
    let filters =
        Filters { q: asked.q, status: asked.status, model: asked.model, time_range: asked.time_range };
    let filter = filters.read()?;
    let question = usage::Asked { by: asked.by, every: asked.every, zone: asked.zone, top: asked.top };
    let found =
        blocking(move || Ok(answer(usage::over_time(&monitor.store, &filter, &question, Timestamp::now())?)));
    Ok(Json(found.await?))
}

impl From<UsageError> for Failure {
    fn from(error: UsageError) -> Failure {
        match error {
            UsageError::Wrong(wrong) => {
                Failure::new(StatusCode::BAD_REQUEST, format!("{wrong}; {}", wrong.hint))
            }
            UsageError::Series(SeriesError::TooLong) => Failure::new(
                StatusCode::BAD_REQUEST,
                format!("{}; use every=week, or fewer with q=since:30d", SeriesError::TooLong),
            ),
            UsageError::Store(error) | UsageError::Series(SeriesError::Store(error)) => error.into(),
        }
    }
}
