//! How the API says what a custom base URL changed in a client.

use super::iso;
use super::types::ClientRef;
use crate::analysis::client_changes::{Seen, judge};
use serde::Serialize;
use store::Exchange;
use utoipa::ToSchema;

/// What a custom base URL changed in Claude Code, by version, seen from the newest call of each.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientChanges {
    /// The newest call first. Empty: no call of a main conversation of Claude Code is recorded that matches.
    pub(crate) data: Vec<ClientInfo>,
}

/// One version of Claude Code, started one way.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientInfo {
    pub(crate) client: ClientRef,
    /// The call that all findings are of.
    pub(crate) request_id: String,
    /// When it began, ISO 8601 in UTC.
    pub(crate) at: String,
    pub(crate) changes: Vec<ClientChange>,
}

/// One thing that a custom base URL may have changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientChange {
    /// `tool_search`, `hint_headers`, `long_context` or `fine_grained_tool_streaming`.
    pub(crate) id: &'static str,
    /// `on`, `off`, or `unknown`: the call does not prove either.
    pub(crate) state: &'static str,
    pub(crate) evidence: ClientEvidence,
    /// The environment variable of the client that brings it back.
    pub(crate) variable: &'static str,
    /// Its value.
    pub(crate) value: String,
    /// What it does.
    pub(crate) effect: &'static str,
}

/// What shows it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientEvidence {
    pub(crate) request_id: String,
    /// One sentence about that request.
    pub(crate) what: String,
}

/// What the call proves; `None` if it does not name its program.
pub(crate) fn info(exchange: &Exchange, seen: &Seen) -> Option<ClientInfo> {
    let program = exchange.program.as_ref()?;
    let request_id = exchange.id.to_string();
    let changes = judge(seen).into_iter().map(|found| ClientChange {
        id: found.id,
        state: found.state.as_str(),
        evidence: ClientEvidence { request_id: request_id.clone(), what: found.evidence },
        variable: found.variable,
        value: found.value,
        effect: found.effect,
    });
    Some(ClientInfo {
        client: ClientRef {
            name: program.name.clone(),
            version: program.version.clone(),
            entrypoint: program.entrypoint.clone(),
        },
        at: iso(exchange.started_us),
        changes: changes.collect(),
        request_id,
    })
}
