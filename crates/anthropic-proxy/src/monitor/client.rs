//! What a custom base URL changed in the clients, seen from their traffic.

use super::query::{Asked, Filters};
use super::requests::decoded;
use super::types::ApiProblem;
use super::{Failure, Monitor, blocking};
use crate::analysis::client_changes::Seen;
use crate::reading::header;
use crate::view::client::{ClientChanges, info};
use axum::Json;
use axum::extract::State;
use jiff::Zoned;
use protocol::request;
use std::collections::HashSet;
use std::ops::ControlFlow;
use store::{Exchange, Filter, Program, Side, Store};

/// Only Claude Code is changed by its base URL; its main calls have all that it can do.
const OF_CLAUDE_CODE: &str = "client:claude-cli class:main -is:running";

/// Calls that are looked at, the newest.
const LOOKED_AT: usize = 5_000;

/// Versions that are told of at the most.
const VERSIONS: usize = 20;

/// What a custom base URL changed in Claude Code, and the variable that brings it back; no more than its newest calls prove.
#[utoipa::path(get, path = "/api/monitor/client", params(Filters), responses(
    (status = 200, body = ClientChanges), (status = 400, body = ApiProblem)))]
pub(super) async fn client(
    State(monitor): State<Monitor>,
    Asked(filters): Asked<Filters>,
) -> Result<Json<ClientChanges>, Failure> {
    let filter = filters.read()?.and(Filter::parse(OF_CLAUDE_CODE, &Zoned::now())?);
    blocking(move || {
        let newest = newest(&monitor.store, &filter)?;
        let mut data = Vec::new();
        for exchange in newest {
            let Some(body) = monitor.store.body(exchange.id, Side::Request)? else { continue };
            data.extend(info(&exchange, &seen(&exchange, &body.bytes)));
        }
        Ok(Json(ClientChanges { data }))
    })
    .await
}

/// The newest call of each version and way to start it.
fn newest(store: &Store, filter: &Filter) -> Result<Vec<Exchange>, Failure> {
    let mut known = HashSet::<Program>::new();
    let mut newest = Vec::new();
    let mut looked_at = 0;
    store.each(filter, &mut |exchange| {
        looked_at += 1;
        let is_new = exchange.program.as_ref().is_some_and(|program| known.insert(program.clone()));
        if is_new {
            newest.push(exchange);
        }
        if looked_at >= LOOKED_AT || newest.len() >= VERSIONS {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(newest)
}

fn seen(exchange: &Exchange, body: &[u8]) -> Seen {
    let headers = &exchange.request_headers;
    let betas = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("anthropic-beta"));
    let usage = &exchange.usage;
    Seen {
        version: exchange.program.as_ref().and_then(|program| program.version.clone()),
        betas: betas.map(|(_, value)| value.clone()).collect(),
        has_hints: header(headers, "x-claude-code-request-class").is_some(),
        context: usage.total_input.map(|input| input.saturating_add(usage.output.unwrap_or(0))),
        ..Seen::of(request::parse(&decoded(exchange, body)).0)
    }
}
