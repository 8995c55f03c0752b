//! One session: its agents as a tree, its turns, what filled its time, its compactions. Pure, over the rows of its exchanges.

mod agents;
mod spans;
mod turns;

pub(crate) use agents::{AgentNode, tree};
pub(crate) use turns::{Turn, turns};

use std::collections::HashMap;
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
    /// When the call that compacts began, or the first one after it, microseconds since the Unix epoch.
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

/// What is known of an agent's context.
#[derive(Default)]
struct Context {
    tokens: Option<u64>,
    /// A compaction whose outcome the next call shows.
    open: Option<usize>,
    /// What the call before said of a compaction.
    told: Option<String>,
}

/// The compactions of a session's exchanges, which are in the order in which they began.
pub(crate) fn compactions(exchanges: &[Exchange]) -> Vec<Compaction> {
    let mut agents: HashMap<Option<&str>, Context> = HashMap::new();
    let mut found: Vec<Compaction> = Vec::new();
    for exchange in exchanges.iter().filter(|exchange| is_conversation(exchange)) {
        let agent = agent_of(exchange);
        let known = agents.entry(agent).or_default();
        let now = context_of(exchange);
        let told = exchange.context_compacted.clone();
        let entry = |source, why, after| Compaction {
            at_us: exchange.started_us,
            agent: agent.map(str::to_owned),
            source,
            why,
            before: known.tokens,
            after,
        };
        if let Some(class) = exchange.request_class.as_ref().filter(|class| class.value == "compaction") {
            let source = if exchange.compaction.is_some() { Source::Header } else { class.source };
            let one = entry(source, exchange.compaction.clone(), None);
            known.open = Some(found.len());
            found.push(one);
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "tokens of a context")]
        let fell = known.tokens.zip(exchange.usage.total_input).is_some_and(|(before, now)| {
            exchange.usage.input.is_some() && (now as f64) < before as f64 * FELL_TO
        });
        // The client may say so with more than one call after it.
        let is_news = told.is_some() && known.told != told;
        match known.open.take().and_then(|at| found.get_mut(at)) {
            Some(open) => {
                open.after = now;
                open.why = open.why.take().or(told.clone());
            }
            None if is_news => found.push(entry(Source::Header, told.clone(), now)),
            None if told.is_none() && fell => found.push(entry(Source::Inferred, None, now)),
            None => {}
        }
        known.told = told;
        known.tokens = now.or(known.tokens);
    }
    found
}

#[cfg(test)]
mod tests;
