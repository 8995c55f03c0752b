//! What an exchange costs by list price: asked by the recorder when it ends, and by the monitor with what was recorded.

use crate::reading::BatchMessage;
use protocol::pricing::{self, Call, Cost, Money, NoPrice, PriceTable};
use protocol::usage::Usage;
use std::sync::OnceLock;
use store::{Exchange, Outcome};

/// The user's prices, where there are any.
static PRICES: OnceLock<PriceTable> = OnceLock::new();

/// Prices everything by this table. It is said once, before anything is priced; later calls change nothing.
pub(crate) fn price_with(table: PriceTable) {
    let _ = PRICES.set(table);
}

/// The date of the prices in use, and whether some are the user's own.
pub(crate) fn prices_of() -> (Option<jiff::civil::Date>, bool) {
    (prices().date(), PRICES.get().is_some())
}

fn prices() -> &'static PriceTable {
    PRICES.get().unwrap_or_else(|| PriceTable::builtin())
}

/// Prices an exchange that has ended, with what its answer reports.
pub(crate) fn of(exchange: &Exchange, usage: &Usage) -> Result<Cost, NoPrice> {
    let call = Call {
        model: exchange.served_model.as_deref().or(exchange.model.as_deref()),
        at: pricing::day(exchange.started_us),
        usage,
        batch: is_batch_results(&exchange.url),
        refused: exchange.stop_reason.as_deref() == Some("refusal"),
        truncated: partial(exchange),
    };
    pricing::price(prices(), &call)
}

/// Prices one message of a batch by the day on which its results were fetched: they do not tell when it was made. A line was
/// read whole or not at all.
pub(crate) fn of_batch(exchange: &Exchange, message: &BatchMessage) -> Result<Cost, NoPrice> {
    let call = Call {
        model: message.model.as_deref(),
        at: pricing::day(exchange.started_us),
        usage: &message.usage,
        batch: true,
        refused: message.stop_reason.as_deref() == Some("refusal"),
        truncated: false,
    };
    pricing::price(prices(), &call)
}

/// Whether the answer to this request target is the results of a batch.
pub(crate) fn is_batch_results(url: &str) -> bool {
    let path = url.split('?').next().unwrap_or_default().trim_end_matches('/');
    let Some((_, rest)) = path.split_once("/v1/messages/batches/") else { return false };
    rest.split_once('/').is_some_and(|(_, last)| last == "results")
}

/// What tokens cost that could have been read from the cache and were paid for again: the price less what it would have been.
/// `None` where there is no price, or where it is not known which model's they were.
pub(crate) fn lost(exchange: &Exchange, usage: &Usage, tokens: u64) -> Option<Money> {
    let has_parts =
        usage.iterations.as_ref().is_some_and(|parts| parts.as_array().is_some_and(|list| !list.is_empty()));
    if has_parts {
        return None;
    }
    let paid = of(exchange, usage).ok()?.total;
    let could = of(exchange, &as_if_read(usage, tokens)).ok()?.total;
    Some(Money::from_pico(paid.pico().checked_sub(could.pico())?))
}

/// The same call with so many more tokens read. The prefix comes first: what was written for long, then for short, then not at all.
fn as_if_read(usage: &Usage, tokens: u64) -> Usage {
    let mut left = tokens;
    let mut take = |count: Option<u64>| {
        let taken = left.min(count.unwrap_or(0));
        left -= taken;
        count.map(|count| count - taken)
    };
    let written = usage.cache_creation_input_tokens;
    let (hour, minutes) = (take(usage.cache_creation_1h), take(usage.cache_creation_5m));
    let split = usage.cache_creation_1h.is_some() || usage.cache_creation_5m.is_some();
    let after =
        if split { Some(hour.unwrap_or(0).saturating_add(minutes.unwrap_or(0))) } else { take(written) };
    let input = take(usage.input_tokens);
    Usage {
        cache_creation_1h: hour,
        cache_creation_5m: minutes,
        cache_creation_input_tokens: written.and(after),
        input_tokens: input,
        cache_read_input_tokens: Some(
            usage.cache_read_input_tokens.unwrap_or(0).saturating_add(tokens - left),
        ),
        ..usage.clone()
    }
}

/// Whether the answer broke off or was not recorded whole, so that only what it had used by then can be priced.
pub(crate) fn partial(exchange: &Exchange) -> bool {
    exchange.outcome != Some(Outcome::Complete) || !exchange.capture.complete
}

/// Why an exchange that was recorded without a price has none, as far as its row tells: a row has neither speed nor tier.
pub(crate) fn missing(exchange: &Exchange) -> Option<NoPrice> {
    of(exchange, &counts(exchange)).err()
}

/// What a row tells of what was used: no speed, tier, place, searches or iterations, all of which change a price.
pub(crate) fn counts(exchange: &Exchange) -> Usage {
    let counts = &exchange.usage;
    Usage {
        input_tokens: counts.input,
        output_tokens: counts.output,
        cache_read_input_tokens: counts.cache_read,
        cache_creation_input_tokens: counts.cache_creation,
        cache_creation_5m: counts.cache_creation_5m,
        cache_creation_1h: counts.cache_creation_1h,
        thinking_tokens: counts.thinking,
        ..Usage::default()
    }
}
