//! Sessions: the list, and one with its agents, turns and calls.

use super::query::{Asked, Filters};
use super::types::ApiProblem;
use super::{Failure, Monitor, blocking};
use crate::sessions as stored;
use crate::view::sessions::{SessionDetail, SessionsAnswer};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

/// Sessions of one page at the most.
const MAX_LIMIT: usize = 500;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct SessionsQuery {
    /// The filter language; a session counts as far as its requests match.
    q: Option<String>,
    /// `success`, `error` or `pending`.
    status: Option<String>,
    /// A model's exact id, asked for or served.
    model: Option<String>,
    /// `1h`, `24h` or `7d`.
    time_range: Option<String>,
    /// The largest of what come first: `last` (used, unless told), `cost`, `errors`, `duration`, `requests`.
    order: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Sessions of a page, 50 unless told.
    limit: Option<usize>,
}

/// The sessions with requests that match, the one used last first unless another order is asked for.
#[utoipa::path(get, path = "/api/monitor/sessions", params(SessionsQuery), responses(
    (status = 200, body = SessionsAnswer), (status = 400, body = ApiProblem)))]
pub(super) async fn sessions(
    State(monitor): State<Monitor>,
    Asked(asked): Asked<SessionsQuery>,
) -> Result<Json<SessionsAnswer>, Failure> {
    let filters =
        Filters { q: asked.q, status: asked.status, model: asked.model, time_range: asked.time_range };
    let filter = filters.read()?;
    let after = match asked.cursor.as_deref().filter(|cursor| !cursor.is_empty()) {
        None => None,
        Some(cursor) => Some(place(cursor).ok_or_else(|| {
            let message = format!("cursor={cursor} is not known; use the nextCursor of a list");
            Failure::new(StatusCode::BAD_REQUEST, message)
        })?),
    };
    let order = stored::order(asked.order.as_deref().unwrap_or_default())
        .map_err(|why| Failure::new(StatusCode::BAD_REQUEST, why))?;
    let limit = asked.limit.unwrap_or(50).clamp(1, MAX_LIMIT);
    Ok(Json(blocking(move || Ok(stored::list(&monitor.store, &filter, order, after, limit)?)).await?))
}

fn place(cursor: &str) -> Option<(i64, String)> {
    let (last_us, id) = cursor.split_once('_')?;
    Some((last_us.parse().ok()?, id.to_owned()))
}

/// One session: its agents as a tree, its turns, what filled its time, its calls.
#[utoipa::path(get, path = "/api/monitor/sessions/{id}", params(("id" = String, Path)), responses(
    (status = 200, body = SessionDetail), (status = 404, body = ApiProblem)))]
pub(super) async fn session(
    State(monitor): State<Monitor>,
    Path(id): Path<String>,
) -> Result<Json<SessionDetail>, Failure> {
    let found = blocking({
        let id = id.clone();
        move || Ok(stored::one(&monitor.store, &id)?)
    });
    found.await?.map(Json).ok_or_else(|| {
        let why = format!("the session {id} is not found: it was never recorded, or it was deleted");
        Failure::new(StatusCode::NOT_FOUND, why)
    })
}
