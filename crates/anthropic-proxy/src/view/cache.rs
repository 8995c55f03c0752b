//! What the API says of the prompt cache.

use super::iso;
use crate::analysis::cache::proof::{Excerpt, Proof};
use protocol::pricing::Money;
use serde::Serialize;
use store::{CacheStats, Exchange};
use utoipa::ToSchema;

/// How the prompt cache served. Money is exact decimals in US dollars, a list-price estimate.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CacheAnswer {
    /// Read of all input, 0 to 1; null if there was none.
    pub(crate) rate: Option<f64>,
    pub(crate) read_tokens: u64,
    pub(crate) written_tokens: u64,
    /// Neither read nor written.
    pub(crate) fresh_tokens: u64,
    /// What reads saved less what writes cost beyond plain input; below zero where it was written and not read.
    pub(crate) net_saving: String,
    /// Tokens that were paid for again.
    pub(crate) lost_tokens: u64,
    pub(crate) lost_cost: String,
    /// The dearest first.
    pub(crate) causes: Vec<CauseInfo>,
    /// Threads whose cache can still be read, the first to expire first; of the last hour.
    pub(crate) threads: Vec<OpenThread>,
}

/// Calls of one cause.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CauseInfo {
    /// `hit`, `first_call`, `model_changed`, …
    pub(crate) cause: &'static str,
    pub(crate) count: u64,
    pub(crate) lost_tokens: u64,
    pub(crate) lost_cost: String,
    /// Ids of requests, the dearest first.
    pub(crate) examples: Vec<String>,
}

/// A thread whose cache can still be read.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenThread {
    pub(crate) session: String,
    /// Null is the main agent.
    pub(crate) agent: Option<String>,
    /// ISO 8601 in UTC.
    pub(crate) last_used: String,
    pub(crate) expires_at: String,
    /// `5m` or `1h`, by what was written last.
    pub(crate) lifetime: &'static str,
    pub(crate) cached_tokens: u64,
    pub(crate) model: String,
}

impl OpenThread {
    pub(crate) fn new(
        session: String,
        agent: Option<String>,
        used_us: i64,
        expires_us: i64,
        an_hour: bool,
        cached_tokens: u64,
        model: String,
    ) -> OpenThread {
        OpenThread {
            session,
            agent,
            last_used: iso(used_us),
            expires_at: iso(expires_us),
            lifetime: if an_hour { "1h" } else { "5m" },
            cached_tokens,
            model,
        }
    }
}

/// The answer from what was summed.
#[expect(clippy::cast_precision_loss, reason = "a share of tokens, to be shown")]
pub(crate) fn answer(stats: &CacheStats, threads: Vec<OpenThread>) -> CacheAnswer {
    let input = stats.read + stats.written + stats.fresh;
    let money = |pico: i128| Money::from_pico(pico).to_string();
    CacheAnswer {
        rate: (input > 0).then(|| stats.read as f64 / input as f64),
        read_tokens: stats.read,
        written_tokens: stats.written,
        fresh_tokens: stats.fresh,
        net_saving: money(stats.saving_pico),
        lost_tokens: stats.causes.iter().map(|cause| cause.lost_tokens).sum(),
        lost_cost: money(stats.causes.iter().map(|cause| cause.lost_pico).sum()),
        causes: stats
            .causes
            .iter()
            .map(|cause| CauseInfo {
                cause: cause.cause.as_str(),
                count: cause.count,
                lost_tokens: cause.lost_tokens,
                lost_cost: money(cause.lost_pico),
                examples: cause.examples.iter().map(ToString::to_string).collect(),
            })
            .collect(),
        threads,
    }
}

/// Whether one call read from the cache what it could have.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CacheInfo {
    /// Tokens that the call before had left to read; null if nothing tells.
    pub(crate) expected_read: Option<u64>,
    pub(crate) actual_read: u64,
    /// Tokens that were paid for again.
    pub(crate) lost_tokens: u64,
    /// What they cost beyond reading them; null where there is no price.
    pub(crate) lost_cost: Option<String>,
    /// `hit`, `first_call`, `model_changed`, `effort_changed`, `tools_changed`, `system_changed`, `messages_changed`, `ttl_expired`,
    /// `lookback_exceeded`, `concurrent_write`, `below_minimum`, `previous_message_not_found` or `unknown`.
    pub(crate) cause: &'static str,
    /// `server`: it said so. `bytes`: the two requests and their times prove it.
    pub(crate) source: &'static str,
    pub(crate) previous_id: Option<String>,
    /// The first place where the two prompts differ; only in a request's detail, and only for a miss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<ProofInfo>,
}

/// Where two prompts part. Marks and the client's attribution line do not count.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ProofInfo {
    /// `tools[2] (Bash)`, `system[1]`, `messages[3].content[0]`.
    pub(crate) place: String,
    /// The call before; null if it has nothing there.
    pub(crate) before: Option<ProofSide>,
    /// This call; null if it has nothing there.
    pub(crate) this: Option<ProofSide>,
}

/// One side of the first byte that differs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ProofSide {
    /// Of the first byte that differs, in the body with its content coding undone.
    pub(crate) offset: u64,
    /// What stands before it.
    pub(crate) same: String,
    /// What stands from it on.
    pub(crate) differs: String,
}

/// What was recorded of a call's use of the cache.
pub(crate) fn info(exchange: &Exchange) -> Option<CacheInfo> {
    let verdict = exchange.cache?;
    Some(CacheInfo {
        expected_read: verdict.expected_read,
        actual_read: verdict.actual_read,
        lost_tokens: verdict.lost_tokens,
        lost_cost: verdict.lost_pico.map(|pico| Money::from_pico(pico.into()).to_string()),
        cause: verdict.cause.as_str(),
        source: verdict.source.as_str(),
        previous_id: exchange.previous.map(|link| link.id.to_string()),
        proof: None,
    })
}

/// The proof as the API says it.
pub(crate) fn proof(proof: Proof) -> ProofInfo {
    let side = |excerpt: Excerpt| ProofSide {
        offset: excerpt.offset as u64,
        same: excerpt.same,
        differs: excerpt.differs,
    };
    ProofInfo { place: proof.place, before: proof.before.map(side), this: proof.this.map(side) }
}
