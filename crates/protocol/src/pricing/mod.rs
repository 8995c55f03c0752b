//! What a call costs by list price: exact, dated, and absent rather than wrong.
//!
//! Contract: money is counted in whole picodollars, nothing is rounded. Whatever decides the price and is not known here (a model, a
//! speed, a tier, where it ran, how long cached input lives) gives [`NoPrice`] with the reason, never 0. What a subscription pays
//! is another matter: the figure is a list-price estimate. Container time of code execution is not in `usage`, so not in here.

mod file;
mod money;
mod reason;
mod share;
mod table;

pub use file::TableError;
pub use money::Money;
pub use reason::NoPrice;
pub use table::PriceTable;
pub(crate) use table::names;

use crate::usage::Usage;
use jiff::civil::Date;
use jiff::tz::Offset;
use share::Share;
use table::{Factor, Row};

/// What is priced: one call and what its answer says it used.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The model that answered; where the answer names none, the one asked for.
    pub model: Option<&'a str>,
    /// The day it began, in UTC: see [`day`].
    pub at: Date,
    /// What the answer reports, merged to its end. Its tier, speed, place, iterations and searches decide too.
    pub usage: &'a Usage,
    /// It came as a result of a batch, whatever tier it names.
    pub batch: bool,
    /// It ended in a refusal.
    pub refused: bool,
    /// Whether the answer broke off, or is still coming: what it used in the end is then not known.
    pub truncated: bool,
}

/// What a call costs by list price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// All parts together.
    pub total: Money,
    /// Input that came neither from the cache nor went into it.
    pub input: Money,
    /// Output, thinking included.
    pub output: Money,
    /// Input written to the cache for 5 minutes.
    pub cache_write_5m: Money,
    /// Input written to the cache for 1 hour.
    pub cache_write_1h: Money,
    /// Input read from the cache.
    pub cache_read: Money,
    /// Searches.
    pub server_tools: Money,
    /// What the cached input would have cost as plain input, less what it did cost: below zero where it was written and not read.
    pub cache_saving: Money,
    /// The day on which the prices were looked up; of several the earliest.
    pub price_date: Date,
    /// Where they are from; of several each once, joined by `; `.
    pub price_source: String,
    /// The answer broke off: this is what it had used by then.
    pub partial: bool,
}

/// The day in UTC of a time in microseconds since the Unix epoch. A time beyond the calendar gives its last or first day.
pub fn day(unix_us: i64) -> Date {
    let beyond = if unix_us < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    Offset::UTC.to_datetime(jiff::Timestamp::from_microsecond(unix_us).unwrap_or(beyond)).date()
}

/// Prices a call.
///
/// # Errors
/// The reason why no price can be given.
pub fn price(table: &PriceTable, call: &Call<'_>) -> Result<Cost, NoPrice> {
    let shares = share::shares(call)?;
    let mut sum = Sum::default();
    for share in &shares {
        let row = table.find(&share.model, call.at)?;
        sum.add_share(call, share, row)?;
        sum.sources.push((row.date, &row.source));
    }
    let searches = call.usage.web_search_requests.unwrap_or(0);
    if searches > 0 {
        let model = call.model.ok_or(NoPrice::NoModel)?;
        let row = table.find(model, call.at)?;
        sum.add(5, searches, row.web_search)?;
        sum.sources.push((row.date, &row.source));
    }
    sum.finish(call.truncated)
}

/// Input, output, 5-minute writes, 1-hour writes, reads, searches; and the rows that priced them.
#[derive(Default)]
struct Sum<'a> {
    parts: [Money; 6],
    /// What went into the cache or came from it, priced as plain input.
    uncached: Money,
    sources: Vec<(Date, &'a str)>,
}

impl Sum<'_> {
    fn add_share(&mut self, call: &Call<'_>, share: &Share, row: &Row) -> Result<(), NoPrice> {
        let pace = pace(call, share, row)?;
        let place = place(call.usage.inference_geo.as_deref(), row)?;
        let tokens = &share.tokens;
        let rates = row.rates(tokens.prompt());
        let parts = [
            ("input", tokens.input, Some(rates.input)),
            ("output", tokens.output, Some(rates.output)),
            ("5-minute cache writes", tokens.write_5m, rates.cache_write_5m),
            ("1-hour cache writes", tokens.write_1h, rates.cache_write_1h),
            ("cache reads", tokens.read, rates.cache_read),
        ];
        for (index, (name, count, rate)) in parts.into_iter().enumerate() {
            if count == 0 {
                continue;
            }
            let rate = rate.ok_or_else(|| NoPrice::Part { model: share.model.clone(), part: name })?;
            let paid = |rate| pace.apply(rate).and_then(|rate| place.apply(rate)).ok_or(NoPrice::TooMuch);
            self.add(index, count, paid(rate)?)?;
            if (2..5).contains(&index) {
                let plain = amount(count, paid(rates.input)?)?;
                self.uncached = self.uncached.checked_add(plain).ok_or(NoPrice::TooMuch)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, part: usize, count: u64, rate: i64) -> Result<(), NoPrice> {
        let slot = self.parts.get_mut(part).ok_or(NoPrice::TooMuch)?;
        *slot = slot.checked_add(amount(count, rate)?).ok_or(NoPrice::TooMuch)?;
        Ok(())
    }

    fn finish(self, partial: bool) -> Result<Cost, NoPrice> {
        let [input, output, cache_write_5m, cache_write_1h, cache_read, server_tools] = self.parts;
        let cached = Money::checked_sum([cache_write_5m, cache_write_1h, cache_read]);
        let saving = cached.and_then(|cached| self.uncached.pico().checked_sub(cached.pico()));
        let mut sources = Vec::new();
        for (_, source) in &self.sources {
            if !sources.contains(source) {
                sources.push(*source);
            }
        }
        Ok(Cost {
            total: Money::checked_sum(self.parts).ok_or(NoPrice::TooMuch)?,
            input,
            output,
            cache_write_5m,
            cache_write_1h,
            cache_read,
            server_tools,
            cache_saving: saving.map(Money::from_pico).ok_or(NoPrice::TooMuch)?,
            price_date: self.sources.iter().map(|(date, _)| *date).min().ok_or(NoPrice::NoUsage)?,
            price_source: sources.join("; "),
            partial,
        })
    }
}

fn amount(count: u64, rate: i64) -> Result<Money, NoPrice> {
    i128::from(count).checked_mul(rate.into()).map(Money::from_pico).ok_or(NoPrice::TooMuch)
}

/// What tier and speed multiply by. Priority is paid for in advance; its tokens count at the standard price.
fn pace(call: &Call<'_>, share: &Share, row: &Row) -> Result<Factor, NoPrice> {
    let batch = match call.usage.service_tier.as_deref() {
        Some("batch") => true,
        None | Some("standard" | "priority") => call.batch,
        Some(tier) => return Err(NoPrice::Tier { tier: tier.to_owned() }),
    };
    match call.usage.speed.as_deref() {
        None | Some("standard") => Ok(if batch { row.batch } else { Factor::ONE }),
        // The speed is said of the call; whether another model's part of it ran as fast is not.
        Some("fast") if !batch && call.model == Some(share.model.as_str()) => {
            row.fast.ok_or_else(|| NoPrice::Speed { model: share.model.clone(), speed: "fast".to_owned() })
        }
        Some(speed) => Err(NoPrice::Speed { model: share.model.clone(), speed: speed.to_owned() }),
    }
}

/// What the place multiplies by. `not_available` is what the API says for models that cannot be bound to a place.
fn place(geo: Option<&str>, row: &Row) -> Result<Factor, NoPrice> {
    match geo {
        None | Some("" | "global" | "not_available") => Ok(Factor::ONE),
        Some("us") => Ok(row.us_only),
        Some(place) => Err(NoPrice::Place { place: place.to_owned() }),
    }
}
