//! One session: its agents as a tree, its turns, what filled its time, its compactions. Pure, over the rows of its exchanges.

mod agents;
mod spans;
mod turns;

pub(crate) use agents::{AgentNode, tree};
pub(crate) use turns::{Turn, turns};

use store::{Exchange, Source};

/// Kinds of calls that are no part of a conversation.
const BESIDE: [&str; 5] = ["title", "web_search", "quota_probe", "count_tokens", "auxiliary"];

/// When a context fell to less than this share of the one before, it was compacted.
const FELL_TO: f64 = 0.5;

/// Whether a call is a turn of a conversation: the main one's, or an agent's.
pub(crate) fn is_conversation(exchange: &Exchange) -> bool {
    exchange.model.is_some()
        && exchange.request_class.as_ref().is_none_or(|class| !BESIDE.contains(&class.value.as_str()))
}

/// The agent that asked; `None` is the main one.
pub(crate) fn agent_of(exchange: &Exchange) -> Option<&str> {
    exchange.agent.as_ref().and_then(|agent| agent.id.as_deref())
}

/// When it was over, microseconds since the Unix epoch; when it began, if it runs.
pub(crate) fn end_of(exchange: &Exchange) -> i64 {
    at(exchange, exchange.timing.end_us.unwrap_or(0))
}

fn at(exchange: &Exchange, us: u64) -> i64 {
    exchange.started_us.saturating_add(i64::try_from(us).unwrap_or(i64::MAX))
}

/// Tokens of the context after this call: all it read and what it answered. `None`: the answer did not say.
pub(crate) fn context_of(exchange: &Exchange) -> Option<u64> {
    exchange.usage.input?;
    Some(exchange.usage.total_input?.saturating_add(exchange.usage.output.unwrap_or(0)))
}

/// A compaction of a context.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compaction {
    /// When the first call after it began, or the one that compacts, microseconds since the Unix epoch.
    pub(crate) at_us: i64,
    pub(crate) agent: Option<String>,
    /// `header` if the client said so, else `inferred`.
    pub(crate) source: Source,
    /// Why, if the client said: `auto`, `manual`, `reactive`.
    pub(crate) why: Option<String>,
    /// Tokens before and after.
    pub(crate) before: Option<u64>,
    pub(crate) after: Option<u64>,
}

/// The compactions of a session's exchanges, which are in the order in which they began.
pub(crate) fn compactions(exchanges: &[Exchange]) -> Vec<Compaction> {
    let mut newest: std::collections::HashMap<Option<&str>, u64> = std::collections::HashMap::new();
    let mut found = Vec::new();
    for exchange in exchanges.iter().filter(|exchange| is_conversation(exchange)) {
        let agent = agent_of(exchange);
        let (before, after) = (newest.get(&agent).copied(), context_of(exchange));
        let compacts = exchange.request_class.as_ref().is_some_and(|class| class.value == "compaction");
        let said = exchange.context_compacted.clone();
        #[expect(clippy::cast_precision_loss, reason = "tokens of a context")]
        let fell = before.zip(exchange.usage.total_input).is_some_and(|(before, now)| {
            exchange.usage.input.is_some() && (now as f64) < before as f64 * FELL_TO
        });
        if said.is_some() || !compacts && fell {
            found.push(Compaction {
                at_us: exchange.started_us,
                agent: agent.map(str::to_owned),
                source: if said.is_some() { Source::Header } else { Source::Inferred },
                why: said,
                before,
                after,
            });
        }
        if let Some(after) = after.filter(|_| !compacts) {
            newest.insert(agent, after);
        }
    }
    found
}

#[cfg(test)]
mod tests;
