//! What a custom base URL changed in the clients that were seen.

use super::requests::decoded;
use super::{Failure, Monitor, blocking};
use crate::analysis::client_changes::{FEATURES, Seen};
use crate::reading::header;
use crate::view::client::{ClientInfo, ClientsAnswer, EvidenceInfo, FindingInfo};
use crate::view::iso;
use axum::Json;
use axum::extract::State;
use jiff::Zoned;
use std::ops::ControlFlow;
use store::{Exchange, Filter, Side, Store};

/// Newest main calls that are looked through for versions.
const LOOKED_AT: usize = 2_000;

/// Versions that are told.
const VERSIONS: usize = 5;

/// What a custom base URL changed in Claude Code, seen from its traffic, with the variable that restores it.
#[utoipa::path(get, path = "/api/monitor/client", responses((status = 200, body = ClientsAnswer)))]
pub(super) async fn client(State(monitor): State<Monitor>) -> Result<Json<ClientsAnswer>, Failure> {
    Ok(Json(blocking(move || Ok(clients(&monitor.store)?)).await?))
}

fn clients(store: &Store) -> Result<ClientsAnswer, store::Error> {
    let mut newest: Vec<Exchange> = Vec::new();
    let mut looked_at = 0;
    let filter = Filter::parse("client:claude-cli class:main -is:running", &Zoned::now()).unwrap_or_default();
    store.each(&filter, &mut |exchange| {
        looked_at += 1;
        let version = |of: &Exchange| of.program.as_ref().and_then(|program| program.version.clone());
        if !newest.iter().any(|known| version(known) == version(&exchange)) {
            newest.push(exchange);
        }
        if looked_at < LOOKED_AT && newest.len() < VERSIONS {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    let clients = newest.iter().map(|exchange| judged(store, exchange)).collect::<Result<_, _>>()?;
    Ok(ClientsAnswer { clients })
}

fn judged(store: &Store, exchange: &Exchange) -> Result<ClientInfo, store::Error> {
    let body = store.body(exchange.id, Side::Request)?.map(|body| decoded(exchange, &body.bytes));
    let body = body.unwrap_or_default();
    let (request, _problems) = protocol::request::parse(&body);
    let program = exchange.program.clone().unwrap_or_default();
    let headers = &exchange.request_headers;
    let seen = Seen {
        version: program.version.clone().unwrap_or_default(),
        has_hints: header(headers, "x-claude-code-request-class").is_some(),
        betas: header(headers, "anthropic-beta").unwrap_or_default().to_owned(),
        streams_input: memchr::memmem::find(&body, b"\"eager_input_streaming\":true").is_some(),
        tools: request.tools.into_iter().chain(request.typed_tools).collect(),
    };
    let findings = FEATURES.iter().map(|feature| {
        let (state, what) = feature.judge(&seen);
        FindingInfo {
            id: feature.id,
            state: state.as_str(),
            variable: feature.variable,
            value: feature.value,
            effect: feature.effect,
            evidence: EvidenceInfo { request_id: exchange.id.to_string(), what },
        }
    });
    Ok(ClientInfo {
        name: program.name,
        version: program.version,
        last_seen: iso(exchange.started_us),
        findings: findings.collect(),
    })
}
