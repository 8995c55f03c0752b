//! Context bills of what is recorded: of one exchange, and of many, read one after the other.

use crate::analysis::context::{self, Asked, Bill, Digests, Sum};
use crate::analysis::cost;
use crate::reading::header;
use crate::recorded::{MAX_BODY, Recorded};
use crate::view;
use protocol::coding;
use protocol::outline::outline;
use protocol::pricing::{Cost, NoPrice};
use protocol::usage::Usage;
use std::ops::ControlFlow;
use store::{Body, Exchange, Filter, Side, Store};

/// The bills of many exchanges together, and how far they were read.
#[derive(Debug, Default)]
pub(crate) struct Summed {
    /// The bills.
    pub(crate) sum: Sum,
    /// Calls of a model that were looked at, the newest first.
    pub(crate) read: u64,
    /// Whether there were more that match.
    pub(crate) more: bool,
}

/// A bill, and why it lacks what it lacks.
#[derive(Debug)]
pub(crate) struct Explained {
    /// The bill.
    pub(crate) bill: Bill,
    /// Why there are no tokens.
    pub(crate) no_tokens: Option<&'static str>,
    /// Why there is no cost.
    pub(crate) no_cost: Option<String>,
}

const NO_USAGE: &str = "the answer reports no usage";
const RUNNING: &str = "it is still running";
const NOT_STORED: &str = "the request was not recorded whole";
const TOO_LARGE: &str = "the request is too large to be read";

/// The bill of one exchange.
pub(crate) fn of_one(recorded: &Recorded) -> Explained {
    let exchange = &recorded.exchange;
    let request = recorded.request.as_ref();
    let missing = unreadable(exchange, request);
    let body = request.map(|body| decoded(exchange, &body.bytes)).unwrap_or_default();
    let ended = exchange.outcome.is_some() && missing.is_none();
    let (usage, cost) = if ended { answered(recorded) } else { Default::default() };
    let counts_only = is_count(exchange);
    let cost = cost.filter(|_| !counts_only).unwrap_or(Err(NoPrice::NoUsage));
    let bill = context::bill(&outline(&body), &body, &mut Digests::default(), &usage, cost.as_ref());
    let no_tokens = match (&bill.tokens, missing) {
        (Some(_), _) => None,
        (None, Some(why)) => Some(why),
        (None, None) if exchange.outcome.is_none() => Some(RUNNING),
        (None, None) => Some(NO_USAGE),
    };
    let no_cost = match (&bill.cost, no_tokens) {
        (Ok(_), _) => None,
        (Err(_), Some(why)) => Some(why.to_owned()),
        (Err(_), None) if counts_only => Some("counting tokens is not charged for".to_owned()),
        (Err(why), None) => Some(why.to_string()),
    };
    Explained { bill, no_tokens, no_cost }
}

/// What the answer says that was used, and what that costs.
fn answered(recorded: &Recorded) -> (Usage, Option<Result<Cost, NoPrice>>) {
    let bytes = recorded.response.as_ref().map(|body| body.bytes.as_slice()).unwrap_or_default();
    let (_, reading) = view::read_answer(&recorded.exchange, bytes, &recorded.frames);
    match reading.message {
        Some(message) => {
            let cost = cost::of(&recorded.exchange, &message.usage);
            (message.usage, Some(cost))
        }
        None => (Usage { input_tokens: reading.counted_tokens, ..Usage::default() }, None),
    }
}

/// The bills of what matches, the newest first, at most so many. Only one body is held at a time.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn of_many(store: &Store, filter: &Filter, limit: u64) -> Result<Summed, store::Error> {
    let mut summed = Summed::default();
    let mut digests = Digests::default();
    let mut failed = None;
    store.each(filter, &mut |exchange| {
        if !asks_a_model(&exchange) {
            return ControlFlow::Continue(());
        }
        if summed.read >= limit {
            summed.more = true;
            return ControlFlow::Break(());
        }
        summed.read += 1;
        match add(store, exchange, &mut digests, &mut summed.sum) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    failed.map_or(Ok(summed), Err)
}

fn add(store: &Store, exchange: Exchange, digests: &mut Digests, sum: &mut Sum) -> Result<(), store::Error> {
    if exchange.outcome.is_none() || exchange.usage.input.is_none() {
        sum.leave_out(if exchange.outcome.is_none() { RUNNING } else { NO_USAGE });
        return Ok(());
    }
    let request = match exchange.request_bytes {
        length if length > MAX_BODY as u64 => None,
        _ => store.body(exchange.id, Side::Request)?,
    };
    if let Some(why) = unreadable(&exchange, request.as_ref()) {
        sum.leave_out(why);
        return Ok(());
    }
    let asked = Asked {
        id: exchange.id,
        started_us: exchange.started_us,
        session: exchange.session.as_ref().map(|session| session.id.clone()),
        called: exchange.tools.clone(),
    };
    let bytes = request.map(|body| body.bytes).unwrap_or_default();
    let body = decoded(&exchange, &bytes);
    let (usage, cost) = used(store, exchange)?;
    sum.add(&asked, &context::bill(&outline(&body), &body, digests, &usage, cost.as_ref()));
    Ok(())
}

/// What an exchange used and what that cost: from its row where this tells the whole, else from its answer.
fn used(store: &Store, exchange: Exchange) -> Result<(Usage, Result<Cost, NoPrice>), store::Error> {
    let usage = cost::counts(&exchange);
    if let Ok(cost) = cost::of(&exchange, &usage)
        && cost.total.pico_i64() == exchange.cost_pico
    {
        return Ok((usage, Ok(cost)));
    }
    let response = match exchange.response_bytes {
        length if length > MAX_BODY as u64 => None,
        _ => store.body(exchange.id, Side::Response)?,
    };
    let (read, cost) = answered(&Recorded { exchange, response, ..Recorded::default() });
    let usage = if read.input_tokens.is_some() { read } else { usage };
    Ok((usage, cost.unwrap_or(Err(NoPrice::NoUsage))))
}

/// Why a request's parts cannot be told.
fn unreadable(exchange: &Exchange, request: Option<&Body>) -> Option<&'static str> {
    if exchange.request_bytes > MAX_BODY as u64 {
        return Some(TOO_LARGE);
    }
    let stored = request.map_or(0, |body| if body.complete { body.bytes.len() as u64 } else { 0 });
    (stored != exchange.request_bytes).then_some(NOT_STORED)
}

fn decoded<'a>(exchange: &Exchange, bytes: &'a [u8]) -> std::borrow::Cow<'a, [u8]> {
    match header(&exchange.request_headers, "content-encoding") {
        None => bytes.into(),
        encoding => coding::decode(encoding, bytes, MAX_BODY as u64).0.into(),
    }
}

/// Whether it is a call whose context somebody pays for.
fn asks_a_model(exchange: &Exchange) -> bool {
    exchange.method == "POST" && path(exchange).ends_with("/messages")
}

/// Whether tokens are only counted.
fn is_count(exchange: &Exchange) -> bool {
    path(exchange).ends_with("/count_tokens")
}

fn path(exchange: &Exchange) -> &str {
    exchange.url.split('?').next().unwrap_or_default()
}
