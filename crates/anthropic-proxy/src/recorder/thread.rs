//! Links a call to the one before it, and judges what it read from the cache: while recording, and when a record is read anew.

use super::exchange::{OpenExchange, header_decoded};
use crate::analysis::cache::{Stated, Verdict};
use crate::analysis::cost;
use crate::analysis::threads::Threads;
use protocol::outline::{Outline, outline};
use protocol::pricing::Money;
use protocol::usage::Usage;
use store::{CacheVerdict, Exchange, Side, Store};

/// Calls of a session that are read from the record when it is met for the first time: after a start, or when it was forgotten.
const SEED: usize = 8;

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

/// Reads the newest calls of the session from the record. What cannot be read is not known, as if it had not been recorded.
fn seed(threads: &mut Threads, store: &Store, exchange: &Exchange) {
    let Some(session) = &exchange.session else { return };
    let earlier = match store.of_session(&session.id, exchange.started_us, SEED) {
        Ok(earlier) => earlier,
        Err(error) => {
            tracing::debug!(%error, "the earlier calls of a session cannot be read");
            return;
        }
    };
    for known in earlier.into_iter().rev().filter(|known| known.id != exchange.id && is_linked(known)) {
        let Ok(Some(body)) = store.body(known.id, Side::Request) else { continue };
        threads.asked(&known, &outline(&header_decoded(&known, &body.bytes)));
        // What the server said of it is in its row already.
        threads.answered(&known, None);
    }
}

/// Whether a call has a prompt that others can follow from.
pub(super) fn is_linked(exchange: &Exchange) -> bool {
    let path = exchange.url.split('?').next().unwrap_or_default().trim_end_matches('/');
    exchange.method == "POST" && path.ends_with("/v1/messages")
}
