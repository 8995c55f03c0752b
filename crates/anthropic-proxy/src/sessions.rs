//! Sessions of what is recorded: the list, and one with its agents, turns and calls; for the API and the command line.

use crate::analysis::sessions::{self as analysis, AgentNode, Turn, agent_of, context_of};
use crate::reading::header;
use crate::recorded::Recorded;
use crate::view::sessions::{
    AgentInfo, CompactionInfo, LaneCall, SessionDetail, SessionInfo, SessionsAnswer, TokenSums, TurnInfo,
};
use crate::view::{self, iso, types::ClientRef};
use protocol::message::Block;
use protocol::pricing::Money;
use protocol::window;
use std::collections::HashMap;
use std::ops::ControlFlow;
use store::{Exchange, Filter, SessionOrder, SessionSum, Source, Store};

/// Calls of one session that are looked at, the newest.
const CALLS: usize = 5_000;

/// Answers that are read for the words that they give to agents.
const ANSWERS: usize = 200;

/// The first requests of a session in which its title is looked for.
const BEGINNING: usize = 12;

/// Requests without a session that are looked at for what belongs together, the newest.
const LOOSE: usize = 1_000;

/// Before the id of a session that was inferred: the id of its first request follows.
const INFERRED: &str = "inferred-";

/// An order by its name; none is the one used last first.
///
/// # Errors
/// When there is no such order: what to write instead.
pub(crate) fn order(name: &str) -> Result<SessionOrder, String> {
    if name.is_empty() {
        return Ok(SessionOrder::default());
    }
    SessionOrder::ALL.iter().find(|(_, known)| *known == name).map(|(order, _)| *order).ok_or_else(|| {
        let names: Vec<&str> = SessionOrder::ALL.iter().map(|(_, name)| *name).collect();
        format!("order={name} is not known; use {}", names.join(", "))
    })
}

/// Sessions with requests that match, the first of an order first. The first page also has what belongs together without naming a session.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn list(
    store: &Store,
    filter: &Filter,
    order: SessionOrder,
    after: Option<(i64, String)>,
    limit: usize,
) -> Result<SessionsAnswer, store::Error> {
    let is_first = after.is_none();
    let sums = store.sessions(filter, order, after, limit)?;
    let next_cursor = (sums.len() == limit)
        .then(|| sums.last().map(|sum| format!("{}_{}", order.key(sum), sum.id)))
        .flatten();
    let mut data: Vec<(i64, SessionInfo)> = Vec::new();
    for sum in &sums {
        let beginning = store.beginning_of_session(&sum.id, BEGINNING)?;
        data.push((order.key(sum), info(sum, &beginning)));
    }
    if is_first {
        for group in loose(store, filter)? {
            let sum = summed(&group);
            data.push((order.key(&sum), info(&sum, &group)));
        }
        data.sort_by_key(|(key, _)| std::cmp::Reverse(*key));
    }
    Ok(SessionsAnswer { data: data.into_iter().map(|(_, info)| info).collect(), next_cursor })
}

/// One session; `None` if nothing of it is recorded.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn one(store: &Store, id: &str) -> Result<Option<SessionDetail>, store::Error> {
    let exchanges = match id.strip_prefix(INFERRED) {
        Some(first) => {
            let groups = loose(store, &Filter::default())?;
            groups
                .into_iter()
                .find(|group| group.first().is_some_and(|call| call.id.to_string() == first))
                .unwrap_or_default()
        }
        None => {
            let mut newest = store.of_session(id, i64::MAX, CALLS)?;
            newest.reverse();
            newest
        }
    };
    if exchanges.is_empty() {
        return Ok(None);
    }
    let mut sum = summed(&exchanges);
    let mut beginning = Vec::new();
    if !id.starts_with(INFERRED) {
        // Sums are of all its requests, however many.
        let all = store.sessions(&Filter::session(id), SessionOrder::Last, None, 1)?;
        sum = all.into_iter().next().unwrap_or(sum);
        beginning = store.beginning_of_session(id, BEGINNING)?;
    }
    let started_by = started_by(store, &exchanges)?;
    let main =
        exchanges.iter().rev().find(|call| agent_of(call).is_none() && analysis::is_conversation(call));
    let context_window = main.and_then(|call| {
        let model = call.model.as_deref().unwrap_or_default();
        let betas = header(&call.request_headers, "anthropic-beta");
        window::of_call(model, window::asks_for_long(model, betas))
    });
    let found = if beginning.is_empty() { &exchanges } else { &beginning };
    Ok(Some(SessionDetail {
        info: info(&sum, found),
        agents_tree: analysis::tree(&exchanges, &started_by).into_iter().map(agent).collect(),
        turns: analysis::turns(&exchanges).iter().map(turn).collect(),
        compactions: analysis::compactions(&exchanges)
            .into_iter()
            .map(|found| CompactionInfo {
                at: iso(found.at_us),
                agent: found.agent,
                source: found.source.as_str(),
                why: found.why,
                before: found.before,
                after: found.after,
            })
            .collect(),
        lanes: exchanges.iter().map(lane).collect(),
        lanes_total: sum.requests,
        context_window,
    }))
}

fn info(sum: &SessionSum, beginning: &[Exchange]) -> SessionInfo {
    let main = |call: &&Exchange| agent_of(call).is_none() && analysis::is_conversation(call);
    let first = beginning.iter().filter(main).find(|call| call.opening.is_some()).or(beginning.first());
    let tokens = TokenSums {
        input: sum.input,
        cache_read: sum.cache_read,
        cache_write: sum.cache_write,
        output: sum.output,
    };
    let source =
        first.and_then(|call| call.session.as_ref()).map_or(Source::Inferred, |session| session.source);
    SessionInfo {
        id: sum.id.clone(),
        source: source.as_str(),
        title: first.and_then(|call| call.opening.clone()),
        project: beginning.iter().find_map(|call| call.project.as_ref()).map(|project| project.value.clone()),
        client: beginning.iter().find_map(|call| call.program.as_ref()).map(|program| ClientRef {
            name: program.name.clone(),
            version: program.version.clone(),
            entrypoint: program.entrypoint.clone(),
        }),
        start: iso(sum.begun_us),
        end: iso(sum.ended_us),
        duration_ms: milliseconds(sum.ended_us.saturating_sub(sum.begun_us)),
        requests: sum.requests,
        errors: sum.errors,
        agents: sum.agents,
        cost: Money::from_pico(sum.cost_pico.into()).to_string(),
        unpriced: sum.unpriced,
        tokens,
        cache_rate: tokens.cache_rate(),
        running: sum.running,
        pinned: sum.pinned,
    }
}

/// The sums of exchanges that are at hand, which are in the order in which they began.
fn summed(exchanges: &[Exchange]) -> SessionSum {
    let count = |of: &dyn Fn(&Exchange) -> Option<u64>| exchanges.iter().filter_map(of).sum::<u64>();
    let spent = |exchange: &Exchange| exchange.usage.input.is_some();
    let number =
        |is: &dyn Fn(&Exchange) -> bool| exchanges.iter().filter(|exchange| is(exchange)).count() as u64;
    let agents: std::collections::HashSet<&str> = exchanges.iter().filter_map(agent_of).collect();
    SessionSum {
        id: exchanges.first().map_or(String::new(), |first| format!("{INFERRED}{}", first.id)),
        begun_us: exchanges.first().map_or(0, |first| first.started_us),
        last_us: exchanges.last().map_or(0, |last| last.started_us),
        ended_us: exchanges.iter().map(analysis::end_of).max().unwrap_or(0),
        requests: exchanges.len() as u64,
        errors: number(&|exchange| exchange.status() == store::Status::Error),
        running: number(&|exchange| exchange.outcome.is_none()),
        agents: agents.len() as u64,
        cost_pico: exchanges.iter().filter_map(|exchange| exchange.cost_pico).fold(0, i64::saturating_add),
        unpriced: number(&|exchange| spent(exchange) && exchange.cost_pico.is_none()),
        input: count(&|exchange| exchange.usage.input),
        cache_read: count(&|exchange| exchange.usage.cache_read.filter(|_| spent(exchange))),
        cache_write: count(&|exchange| exchange.usage.cache_creation.filter(|_| spent(exchange))),
        output: count(&|exchange| exchange.usage.output),
        pinned: exchanges.iter().any(|exchange| exchange.pinned),
    }
}

/// Requests that name no session, by the conversation that they go on with: each with those that follow from it.
fn loose(store: &Store, filter: &Filter) -> Result<Vec<Vec<Exchange>>, store::Error> {
    let without = filter.clone().and(Filter::without_session());
    let mut newest = Vec::new();
    store.each(&without, &mut |exchange| {
        if analysis::is_conversation(&exchange) {
            newest.push(exchange);
        }
        if newest.len() < LOOSE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    newest.reverse();
    let mut groups: Vec<Vec<Exchange>> = Vec::new();
    let mut group_of: HashMap<uuid::Uuid, usize> = HashMap::new();
    for exchange in newest {
        let before = exchange.previous.map(|link| link.id).or(exchange.retry_of);
        let at = before.and_then(|id| group_of.get(&id).copied()).unwrap_or_else(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        group_of.insert(exchange.id, at);
        groups[at].push(exchange);
    }
    Ok(groups)
}

/// By the first words that an agent was given, the agent whose answer gave them: read from the answers that start agents.
fn started_by(
    store: &Store,
    exchanges: &[Exchange],
) -> Result<HashMap<String, Option<String>>, store::Error> {
    let mut given = HashMap::new();
    let is_unknown = |call: &&Exchange| {
        call.agent.as_ref().is_some_and(|agent| agent.id.is_some() && agent.parent_id.is_none())
    };
    if !exchanges.iter().any(|call| is_unknown(&call)) {
        return Ok(given);
    }
    let starts = |call: &&Exchange| call.tools.iter().any(|tool| tool == "Agent" || tool == "Task");
    for call in exchanges.iter().filter(starts).take(ANSWERS) {
        let recorded = Recorded::load(store, call.clone())?;
        let Some(body) = &recorded.response else { continue };
        let (_, reading) = view::read_answer(call, &body.bytes, &recorded.frames);
        for tool in reading.message.iter().flat_map(|message| &message.content).filter_map(Block::tool_use) {
            let prompt = tool.input.get("prompt").and_then(serde_json::Value::as_str);
            let words = prompt.map(crate::recorder::title);
            given.extend(words.map(|words| (words, agent_of(call).map(str::to_owned))));
        }
    }
    Ok(given)
}

fn agent(node: AgentNode) -> AgentInfo {
    let tokens = TokenSums {
        input: node.input,
        cache_read: node.cache_read,
        cache_write: node.cache_write,
        output: node.output,
    };
    AgentInfo {
        id: node.id,
        parent_source: node.parent_source.map(Source::as_str),
        kind: node.kind,
        opening: node.opening,
        start: iso(node.begun_us),
        requests: node.requests,
        cost: node.cost.to_string(),
        unpriced: node.unpriced,
        tokens,
        cache_rate: tokens.cache_rate(),
        time_ms: milliseconds(i64::try_from(node.time_us).unwrap_or(i64::MAX)),
        children: node.children.into_iter().map(agent).collect(),
    }
}

fn turn(turn: &Turn) -> TurnInfo {
    let length = |us: u64| milliseconds(i64::try_from(us).unwrap_or(i64::MAX));
    TurnInfo {
        prompt_id: turn.prompt_id.clone(),
        source: turn.source.as_str(),
        prompt: turn.prompt.clone(),
        start: iso(turn.begun_us),
        end: iso(turn.ended_us),
        calls: turn.calls.len() as u64,
        cost: turn.cost.to_string(),
        waiting_ms: length(turn.waiting_us),
        streaming_ms: length(turn.streaming_us),
        tools_ms: length(turn.tools_us),
        tools_source: turn.tools_source.map(|source| if source == Source::Header { "header" } else { "gap" }),
        person_ms: turn.person_us.map(length),
        context_used: turn.context,
        request_ids: turn.calls.iter().map(ToString::to_string).collect(),
    }
}

fn lane(call: &Exchange) -> LaneCall {
    let at = |us: u64| milliseconds(call.started_us.saturating_add(i64::try_from(us).unwrap_or(0)));
    LaneCall {
        id: call.id.to_string(),
        agent_id: agent_of(call).map(str::to_owned),
        start: milliseconds(call.started_us),
        first_token: call.timing.first_token_us.map(at),
        end: call.timing.end_us.map(at),
        status: call.status().as_str(),
        model: call.served_model.clone().or_else(|| call.model.clone()),
        class: call.request_class.as_ref().map(|class| class.value.clone()),
        context: context_of(call),
        cost: call.cost_pico.map(|pico| Money::from_pico(pico.into()).to_string()),
        cause: call.cache.map(|verdict| verdict.cause.as_str()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 stay below 2^53")]
fn milliseconds(us: i64) -> f64 {
    us as f64 / 1_000.0
}
