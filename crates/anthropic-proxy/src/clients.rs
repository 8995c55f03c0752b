//! What a custom base URL changed in the clients, seen from their recorded calls.

use crate::analysis::client_changes::Seen;
use crate::reading::header;
use crate::recorded::MAX_BODY;
use crate::view::client::{ClientInfo, info};
use jiff::Zoned;
use protocol::{coding, request};
use std::collections::HashSet;
use std::ops::ControlFlow;
use store::{Exchange, Filter, FilterError, Program, Side, Store};

/// Only Claude Code is changed by its base URL; its main calls have all that it can do.
const OF_CLAUDE_CODE: &str = "client:claude-cli class:main -is:running";

/// Calls that are looked at, the newest.
const LOOKED_AT: usize = 5_000;

/// Versions that are told of at the most.
const VERSIONS: usize = 20;

/// The main calls of Claude Code among those that match.
///
/// # Errors
/// Never in practice: when the filter of these is none.
pub(crate) fn main_calls(filter: Filter) -> Result<Filter, FilterError> {
    Ok(filter.and(Filter::parse(OF_CLAUDE_CODE, &Zoned::now())?))
}

/// What the newest call of each version and way to start it proves, the newest first.
///
/// # Errors
/// When the database cannot be read.
pub(crate) fn of_record(store: &Store, filter: &Filter) -> Result<Vec<ClientInfo>, store::Error> {
    let mut found = Vec::new();
    for exchange in newest(store, filter)? {
        let Some(body) = store.body(exchange.id, Side::Request)? else { continue };
        found.extend(info(&exchange, &seen(&exchange, &body.bytes)));
    }
    Ok(found)
}

fn newest(store: &Store, filter: &Filter) -> Result<Vec<Exchange>, store::Error> {
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
    let (plain, _cut) = coding::decode(header(headers, "content-encoding"), body, MAX_BODY as u64);
    Seen {
        version: exchange.program.as_ref().and_then(|program| program.version.clone()),
        betas: betas.map(|(_, value)| value.clone()).collect(),
        has_hints: header(headers, "x-claude-code-request-class").is_some(),
        context: usage.total_input.map(|input| input.saturating_add(usage.output.unwrap_or(0))),
        ..Seen::of(request::parse(&plain).0)
    }
}
