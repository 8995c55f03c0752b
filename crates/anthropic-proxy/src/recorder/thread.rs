//! Links a call to the one before it, and judges what it read from the cache: while recording, and when a record is read anew.

use super::exchange::{OpenExchange, header_decoded};
use crate::analysis::cache::{Stated, Verdict};
use crate::analysis::cost;
use crate::analysis::threads::Threads;
use protocol::outline::{Outline, outline};
use protocol::pricing::Money;
use protocol::usage::Usage;
use std::collections::HashMap;
use store::{CacheVerdict, Exchange, Side, Store};

/// Calls of a session that are looked at when it is met for the first time: after a start, or when it was forgotten.
const LOOKED_AT: usize = 256;

/// Of those, the newest of each agent and kind of call are read with their bodies, so many of each and in all.
const SEED_EACH: usize = 3;
const SEED: usize = 24;

/// Sets what the call follows from. Done once, when its request has come.
pub(super) fn link(threads: &mut Threads, store: &Store, exchange: &mut Exchange, outline: &Outline) {
    if exchange.session.is_some() && !threads.knows(exchange) {
        seed(threads, store, exchange);
    }
    let linked = threads.asked(exchange, outline);
    exchange.previous = linked.previous;
    exchange.retry_of = linked.retry_of;
}

/// Sets what is said of the call's use of the cache. Done once, when it has ended.
pub(super) fn judge(
    threads: &mut Threads,
    exchange: &mut Exchange,
    usage: Option<&Usage>,
    stated: Option<Stated>,
) {
    let verdict = threads.answered(exchange, stated);
    exchange.cache = verdict.map(|verdict| with_cost(exchange, usage, verdict));
}

/// As [`link()`] and [`judge`], of a call that is open in the recorder.
pub(super) fn link_open(threads: &mut Threads, store: &Store, open: &mut OpenExchange) {
    if let Some(outline) = open.outline.take() {
        link(threads, store, &mut open.row, &outline);
    }
}

fn with_cost(exchange: &Exchange, usage: Option<&Usage>, verdict: Verdict) -> CacheVerdict {
    let lost = usage.and_then(|usage| cost::lost(exchange, usage, verdict.lost_tokens));
    CacheVerdict {
        cause: verdict.cause,
        source: verdict.source,
        expected_read: verdict.expected_read,
        actual_read: verdict.actual_read,
        lost_tokens: verdict.lost_tokens,
        lost_pico: lost.and_then(Money::pico_i64),
    }
}

/// Reads the newest calls of each of the session's threads from the record. What cannot be read is not known, as if it had not been recorded.
fn seed(threads: &mut Threads, store: &Store, exchange: &Exchange) {
    let Some(session) = &exchange.session else { return };
    let earlier = match store.of_session(&session.id, exchange.started_us, LOOKED_AT) {
        Ok(earlier) => earlier,
        Err(error) => {
            tracing::debug!(%error, "the earlier calls of a session cannot be read");
            return;
        }
    };
    for known in to_seed(earlier.into_iter().filter(|known| known.id != exchange.id && is_linked(known))) {
        let Ok(Some(body)) = store.body(known.id, Side::Request) else { continue };
        threads.asked(&known, &outline(&header_decoded(&known, &body.bytes)));
        // What the server said of it is in its row already.
        threads.answered(&known, None);
    }
}

/// What is read of a session's calls, which come with the newest first; in the order in which they began.
fn to_seed(newest: impl Iterator<Item = Exchange>) -> Vec<Exchange> {
    let mut of_thread: HashMap<(Option<String>, Option<String>), usize> = HashMap::new();
    let mut chosen: Vec<Exchange> = newest
        .filter(|call| {
            let agent = call.agent.as_ref().and_then(|agent| agent.id.clone());
            let class = call.request_class.as_ref().map(|class| class.value.clone());
            let count = of_thread.entry((agent, class)).or_default();
            *count += 1;
            *count <= SEED_EACH
        })
        .take(SEED)
        .collect();
    chosen.reverse();
    chosen
}

/// Whether a call has a prompt that others can follow from.
pub(super) fn is_linked(exchange: &Exchange) -> bool {
    let path = exchange.url.split('?').next().unwrap_or_default().trim_end_matches('/');
    exchange.method == "POST" && path.ends_with("/v1/messages")
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::Agent;

    #[test]
    fn however_much_its_agents_did_the_main_agents_last_calls_are_read() {
        let call = |at: i64, agent: Option<&str>| Exchange {
            started_us: at,
            agent: agent.map(|id| Agent { id: Some(id.to_owned()), ..Agent::default() }),
            ..Exchange::default()
        };
        let main = (0..5).map(|at| call(at, None));
        let agents = (5..60).map(|at| call(at, Some(["a", "b"][usize::from(at % 2 == 0)])));
        let newest: Vec<Exchange> = main.chain(agents).collect();
        let chosen: Vec<i64> =
            to_seed(newest.into_iter().rev()).iter().map(|chosen| chosen.started_us).collect();
        assert_eq!(chosen, [2, 3, 4, 54, 55, 56, 57, 58, 59]);
        let many = (0..100).map(|at| call(at, Some(&at.to_string())));
        assert_eq!(to_seed(many).len(), SEED);
    }
}
