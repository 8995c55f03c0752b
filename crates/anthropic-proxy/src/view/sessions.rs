//! What the API says of sessions.

use super::types::ClientRef;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of sessions, the one used last first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionsAnswer {
    pub(crate) data: Vec<SessionInfo>,
    /// What `cursor` takes to answer the next page; null at the end.
    pub(crate) next_cursor: Option<String>,
}

/// Tokens by what they cost.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenSums {
    /// Neither read from the cache nor written to it.
    pub(crate) input: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write: u64,
    pub(crate) output: u64,
}

impl TokenSums {
    /// Read of all input, 0 to 1; `None` if there was none.
    #[expect(clippy::cast_precision_loss, reason = "a share of tokens, to be shown")]
    pub(crate) fn cache_rate(self) -> Option<f64> {
        let all = self.input + self.cache_read + self.cache_write;
        (all > 0).then(|| self.cache_read as f64 / all as f64)
    }
}

/// One session, as far as its requests match the filter.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionInfo {
    pub(crate) id: String,
    /// How it is known: `header`, `metadata`; `inferred`: its requests name none, their conversations begin alike.
    pub(crate) source: &'static str,
    /// The first words of its first prompt.
    pub(crate) title: Option<String>,
    /// The folder that the client works in.
    pub(crate) project: Option<String>,
    pub(crate) client: Option<ClientRef>,
    /// ISO 8601 in UTC.
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) duration_ms: f64,
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    /// Agents that it started.
    pub(crate) agents: u64,
    /// A list-price estimate, exact decimals in US dollars.
    pub(crate) cost: String,
    /// Requests that are not in `cost`.
    pub(crate) unpriced: u64,
    pub(crate) tokens: TokenSums,
    pub(crate) cache_rate: Option<f64>,
    pub(crate) running: u64,
    pub(crate) pinned: bool,
}

/// One session whole.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionDetail {
    #[serde(flatten)]
    pub(crate) info: SessionInfo,
    /// A tree, the main one first.
    pub(crate) agents_tree: Vec<AgentInfo>,
    pub(crate) turns: Vec<TurnInfo>,
    pub(crate) compactions: Vec<CompactionInfo>,
    /// Its calls in the order in which they began, the newest 5000.
    pub(crate) lanes: Vec<LaneCall>,
    /// How many there are.
    pub(crate) lanes_total: u64,
    /// What the main agent's model can hold, tokens; null: not known.
    pub(crate) context_window: Option<u64>,
}

/// One agent, with those that it started.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentInfo {
    /// Null is the main one.
    pub(crate) id: Option<String>,
    /// How its parent is known: `header`, `inferred`; null: not known, it stands under the main one.
    pub(crate) parent_source: Option<&'static str>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// The first words it was given.
    pub(crate) opening: Option<String>,
    pub(crate) start: String,
    pub(crate) requests: u64,
    pub(crate) cost: String,
    pub(crate) unpriced: u64,
    pub(crate) tokens: TokenSums,
    pub(crate) cache_rate: Option<f64>,
    /// How long at least one of its calls ran.
    pub(crate) time_ms: f64,
    #[schema(no_recursion)]
    pub(crate) children: Vec<AgentInfo>,
}

/// What a person asked, and all that followed. What ran at the same time counts once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TurnInfo {
    pub(crate) prompt_id: Option<String>,
    /// `header` by the client's id of the prompt; `inferred`: it begins where a main call asks something in words.
    pub(crate) source: &'static str,
    pub(crate) prompt: Option<String>,
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) calls: u64,
    pub(crate) cost: String,
    /// Until the first token.
    pub(crate) waiting_ms: f64,
    /// From the first token on.
    pub(crate) streaming_ms: f64,
    pub(crate) tools_ms: f64,
    /// `header`: the client told it. `gap`: the time between a call that asked for tools and the next. Null: no tools ran.
    pub(crate) tools_source: Option<&'static str>,
    /// Until the next turn; null for the last.
    pub(crate) person_ms: Option<f64>,
    /// Tokens of the main context at its end.
    pub(crate) context_used: Option<u64>,
    /// Ids of its requests.
    pub(crate) request_ids: Vec<String>,
}

/// A compaction of a context.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CompactionInfo {
    /// ISO 8601 in UTC.
    pub(crate) at: String,
    /// Null is the main agent.
    pub(crate) agent: Option<String>,
    /// `header`: the client said so. `inferred`: the context fell to less than half.
    pub(crate) source: &'static str,
    /// `auto`, `manual`, `reactive`, if the client said.
    pub(crate) why: Option<String>,
    /// Tokens.
    pub(crate) before: Option<u64>,
    pub(crate) after: Option<u64>,
}

/// One call in its agent's lane. Times are milliseconds since the Unix epoch.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LaneCall {
    pub(crate) id: String,
    /// Null is the main agent.
    pub(crate) agent_id: Option<String>,
    pub(crate) start: f64,
    pub(crate) first_token: Option<f64>,
    pub(crate) end: Option<f64>,
    /// `pending`, `success`, `error`.
    pub(crate) status: &'static str,
    pub(crate) model: Option<String>,
    pub(crate) class: Option<String>,
    /// Tokens of the context after it.
    pub(crate) context: Option<u64>,
    pub(crate) cost: Option<String>,
    /// Why the prompt cache was read or missed.
    pub(crate) cause: Option<&'static str>,
}
