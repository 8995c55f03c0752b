//! The turns of a session: what a person asked, and all calls that followed from it.

use super::spans::{Span, union};
use super::{agent_of, at, context_of, end_of, is_conversation};
use protocol::pricing::Money;
use std::collections::HashMap;
use store::{Exchange, Source};
use uuid::Uuid;

/// One turn. Times are microseconds since the Unix epoch, lengths of time microseconds; what ran at the same time counts once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Turn {
    /// The client's id of the prompt, if it names one.
    pub(crate) prompt_id: Option<String>,
    /// `header` by that id, else `inferred`: a new turn begins with a main call that asks something in words.
    pub(crate) source: Source,
    /// What was asked, its beginning.
    pub(crate) prompt: Option<String>,
    pub(crate) begun_us: i64,
    pub(crate) ended_us: i64,
    /// In the order in which they began.
    pub(crate) calls: Vec<Uuid>,
    pub(crate) cost: Money,
    /// At least one call ran, and none had come to its first token.
    pub(crate) waiting_us: u64,
    /// From the first token on, of at least one call.
    pub(crate) streaming_us: u64,
    pub(crate) tools_us: u64,
    /// `header`: the client told how long its tools ran. `inferred`: the time between a call that asked for tools and the next of the
    /// same agent. `None`: no tools ran.
    pub(crate) tools_source: Option<Source>,
    /// From the end of the turn to the next one's begin: the person. `None` for the last.
    pub(crate) person_us: Option<u64>,
    /// Tokens of the main context at its end.
    pub(crate) context: Option<u64>,
}

/// The turns of a session's exchanges, which are in the order in which they began. Calls before the first prompt are no turn.
pub(crate) fn turns(exchanges: &[Exchange]) -> Vec<Turn> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut by_prompt: HashMap<&str, usize> = HashMap::new();
    for exchange in exchanges.iter().filter(|exchange| is_conversation(exchange)) {
        let is_main = agent_of(exchange).is_none();
        let known = exchange.prompt_id.as_deref().and_then(|id| by_prompt.get(id).copied());
        let opens = match (&exchange.prompt_id, known) {
            (_, Some(_)) => false,
            // An agent in the background has prompts of its own; no person asked them.
            (Some(_), None) => is_main,
            // A retry asks again what was asked.
            (None, None) => is_main && exchange.asked.is_some() && exchange.retry_of.is_none(),
        };
        if opens || groups.is_empty() {
            let prompt_id = exchange.prompt_id.as_deref().filter(|_| is_main);
            by_prompt.extend(prompt_id.map(|id| (id, groups.len())));
            groups.push(Group { prompt_id, calls: Vec::new() });
        }
        let at = known.unwrap_or(groups.len() - 1);
        groups[at].calls.push(exchange);
    }
    let mut turns: Vec<Turn> = groups.iter().map(Group::turn).collect();
    let begins: Vec<i64> = turns.iter().skip(1).map(|turn| turn.begun_us).collect();
    for (turn, next) in turns.iter_mut().zip(begins) {
        turn.person_us = Some(u64::try_from(next.saturating_sub(turn.ended_us)).unwrap_or(0));
    }
    turns
}

struct Group<'a> {
    prompt_id: Option<&'a str>,
    calls: Vec<&'a Exchange>,
}

impl Group<'_> {
    fn turn(&self) -> Turn {
        let first_token =
            |call: &Exchange| at(call, call.timing.first_token_us.or(call.timing.end_us).unwrap_or(0));
        let streaming_us = union(self.calls.iter().map(|call| (first_token(call), end_of(call))).collect());
        let busy_us = union(self.calls.iter().map(|call| (call.started_us, end_of(call))).collect());
        let (tools_us, tools_source) = self.tools();
        let costs =
            self.calls.iter().filter_map(|call| call.cost_pico).map(|pico| Money::from_pico(pico.into()));
        let main = || self.calls.iter().filter(|call| agent_of(call).is_none());
        Turn {
            prompt_id: self.prompt_id.map(str::to_owned),
            source: if self.prompt_id.is_some() { Source::Header } else { Source::Inferred },
            prompt: main().find_map(|call| call.asked.clone()),
            begun_us: self.calls.first().map_or(0, |call| call.started_us),
            ended_us: self.calls.iter().map(|call| end_of(call)).max().unwrap_or(0),
            calls: self.calls.iter().map(|call| call.id).collect(),
            cost: Money::checked_sum(costs).unwrap_or(Money::ZERO),
            waiting_us: busy_us.saturating_sub(streaming_us),
            streaming_us,
            tools_us,
            tools_source,
            person_us: None,
            context: main().rev().find_map(|call| context_of(call)),
        }
    }

    /// How long tools ran: as the client told with the next call, else from the end of the call that asked for them to that call.
    fn tools(&self) -> (u64, Option<Source>) {
        let mut last: HashMap<Option<&str>, &Exchange> = HashMap::new();
        let mut gaps: Vec<Span> = Vec::new();
        for call in &self.calls {
            if let Some(before) = last.insert(agent_of(call), call).filter(|before| !before.tools.is_empty())
            {
                gaps.push((end_of(before), call.started_us));
            }
        }
        // An agent's own calls are no tool time of the one that waits for it, but they lie within it: each moment counts once.
        let between = union(gaps.clone());
        let told: u64 = self.calls.iter().flat_map(|call| &call.tool_times).map(|tool| tool.ms).sum();
        match told.saturating_mul(1_000) {
            0 => (between, (!gaps.is_empty()).then_some(Source::Inferred)),
            // Tools that ran at the same time are told one by one.
            told => (if gaps.is_empty() { told } else { told.min(between) }, Some(Source::Header)),
        }
    }
}
