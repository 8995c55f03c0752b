//! What an exchange costs by list price: asked by the recorder when it ends, and by the monitor with what was recorded.

use protocol::pricing::{self, Call, Cost, NoPrice, PriceTable};
use protocol::usage::Usage;
use store::{Exchange, Outcome};

/// Prices an exchange that has ended, with what its answer reports.
pub(crate) fn of(exchange: &Exchange, usage: &Usage) -> Result<Cost, NoPrice> {
    let call = Call {
        model: exchange.served_model.as_deref().or(exchange.model.as_deref()),
        at: pricing::day(exchange.started_us),
        usage,
        batch: false,
        refused: exchange.stop_reason.as_deref() == Some("refusal"),
        truncated: partial(exchange),
    };
    pricing::price(PriceTable::builtin(), &call)
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
