//! What the API says of clients.

use serde::Serialize;
use utoipa::ToSchema;

/// By version of Claude Code, the one seen last first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientsAnswer {
    pub(crate) clients: Vec<ClientInfo>,
}

/// One version of a client, judged by its newest main call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientInfo {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    /// ISO 8601 in UTC.
    pub(crate) last_seen: String,
    pub(crate) findings: Vec<FindingInfo>,
}

/// Something that a custom base URL can switch off.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingInfo {
    /// `tool_search`, `hint_headers`, `fine_grained_tool_streaming`, `context_1m`.
    pub(crate) id: &'static str,
    /// `on`, `off`, `unknown`: as far as the call shows.
    pub(crate) state: &'static str,
    /// The variable that switches it on again, and its value.
    pub(crate) variable: &'static str,
    pub(crate) value: &'static str,
    /// What is lost without it.
    pub(crate) effect: &'static str,
    pub(crate) evidence: EvidenceInfo,
}

/// What shows it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EvidenceInfo {
    pub(crate) request_id: String,
    pub(crate) what: String,
}
