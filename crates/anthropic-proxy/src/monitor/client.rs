//! What a custom base URL changed in the clients, seen from their traffic.

use super::query::{Asked, Filters};
use super::types::ApiProblem;
use super::{Failure, Monitor, blocking};
use crate::clients;
use crate::view::client::ClientChanges;
use axum::Json;
use axum::extract::State;

/// What a custom base URL changed in Claude Code, and the variable that brings it back; no more than its newest calls prove.
#[utoipa::path(get, path = "/api/monitor/client", params(Filters), responses(
    (status = 200, body = ClientChanges), (status = 400, body = ApiProblem)))]
pub(super) async fn client(
    State(monitor): State<Monitor>,
    Asked(filters): Asked<Filters>,
) -> Result<Json<ClientChanges>, Failure> {
    let filter = clients::main_calls(filters.read()?)?;
    blocking(move || Ok(Json(ClientChanges { data: clients::of_record(&monitor.store, &filter)? }))).await
}
