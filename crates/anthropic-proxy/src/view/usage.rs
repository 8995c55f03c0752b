//! How the API says figures over time.

use crate::usage::Usage;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use protocol::pricing::Money;
use serde::Serialize;
use store::{Every, Figures, Group, GroupValue, Period};
use utoipa::ToSchema;

/// Figures over time of the exchanges that match.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageAnswer {
    /// `hour`, `day`, `week` or `5h`.
    pub(crate) every: &'static str,
    /// The time zone of the periods: `Asia/Shanghai`; null where this machine's has no name.
    pub(crate) zone: Option<String>,
    /// What is split by; null: nothing.
    pub(crate) by: Option<&'static str>,
    /// Costs are estimates by list price, in this currency.
    pub(crate) currency: &'static str,
    /// From the first to the last request. Empty hours, days and weeks are there; between blocks of five hours is none.
    pub(crate) buckets: Vec<UsageBucket>,
    /// Of all requests that match.
    pub(crate) totals: UsageFigures,
    /// Requests of `totals` that lie in no block, because they used no tokens and none ran then. They are in no bucket.
    pub(crate) outside: u64,
    /// The values that are told apart, the dearest first, and then all others as one. By `tool`, a request counts under each tool that
    /// its answer calls, so that the parts are more than the whole.
    pub(crate) groups: Vec<UsageGroup>,
    /// Models of answered requests that have no price. They are in no cost.
    pub(crate) unpriced: Vec<UnpricedModel>,
    pub(crate) burn: BurnRate,
}

/// A period and its figures.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageBucket {
    /// Its first moment, ISO 8601 with the offset of the zone then.
    pub(crate) start: String,
    /// The first moment after it.
    pub(crate) end: String,
    #[serde(flatten)]
    pub(crate) figures: UsageFigures,
    /// By the values of `groups` of the answer, in their order.
    pub(crate) groups: Vec<UsageFigures>,
}

/// A value and its figures.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageGroup {
    /// The value; null: requests that have none, or all others.
    pub(crate) value: Option<String>,
    /// Of how many values all others are; null: it is one value.
    pub(crate) others: Option<u64>,
    #[serde(flatten)]
    pub(crate) figures: UsageFigures,
}

/// Figures over some requests.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageFigures {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    /// Exact: `1.0425`. Requests without a price are not in it.
    pub(crate) cost: String,
    /// Answered requests that used tokens and have no price.
    pub(crate) unpriced: u64,
    pub(crate) tokens: UsageTokens,
    pub(crate) latency: UsageLatency,
}

/// Tokens by kind.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageTokens {
    /// Input that was neither read from the cache nor written to it.
    pub(crate) input: u64,
    pub(crate) cache_read: u64,
    /// Written for five minutes, or for a time that was not told.
    #[serde(rename = "cacheWrite5m")]
    pub(crate) cache_write_5m: u64,
    #[serde(rename = "cacheWrite1h")]
    pub(crate) cache_write_1h: u64,
    /// Thinking included.
    pub(crate) output: u64,
    /// Of the output, where that was told.
    pub(crate) thinking: u64,
}

/// Percentiles in milliseconds, by nearest rank: a value that occurred.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageLatency {
    /// To the end.
    pub(crate) p50: Option<f64>,
    pub(crate) p95: Option<f64>,
    /// To the first token.
    pub(crate) ttft_p50: Option<f64>,
    pub(crate) ttft_p95: Option<f64>,
}

/// A model without a price.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnpricedModel {
    /// As it was named; null: neither request nor answer names one.
    pub(crate) model: Option<String>,
    pub(crate) requests: u64,
    /// Why the newest of them has no price; null: what was recorded does not tell.
    pub(crate) reason: Option<String>,
}

/// What is spent now, by the same filter.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BurnRate {
    /// Over the last hour, so that it is a rate an hour.
    pub(crate) last_hour: Rate,
    /// The block of five hours that runs; null: none does.
    pub(crate) block: Option<RunningBlock>,
}

/// Money and tokens.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rate {
    pub(crate) cost: String,
    /// Input of every kind and output.
    pub(crate) tokens: u64,
}

/// The block of five hours that runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunningBlock {
    pub(crate) start: String,
    pub(crate) end: String,
    /// So far.
    pub(crate) spent: Rate,
    /// An hour, over the block so far; null within its first minute.
    pub(crate) hourly: Option<Rate>,
    /// At its end, if it goes on like that: a straight line; null within its first minute.
    pub(crate) projected: Option<Rate>,
}

/// The answer of the API, and of the command with `--json`.
pub(crate) fn answer(usage: Usage) -> UsageAnswer {
    let Usage { query, series, reasons, burn } = usage;
    let zone = &query.zone;
    let running = burn.block.as_ref().map(|(period, figures)| {
        let (cost, tokens) = (figures.cost_pico, i128::from(figures.tokens.total()));
        let both = |amount: &dyn Fn(i128) -> Option<i128>| rate(amount(cost)?, amount(tokens)?);
        RunningBlock {
            start: local(period.start_us, zone),
            end: local(period.end_us, zone),
            spent: Rate { cost: dollars(cost), tokens: figures.tokens.total() },
            hourly: both(&|amount| burn.hourly(*period, amount)),
            projected: both(&|amount| burn.projected(*period, amount)),
        }
    });
    let last_hour = Rate { cost: dollars(burn.last_hour.cost_pico), tokens: burn.last_hour.tokens.total() };
    UsageAnswer {
        every: query.every.as_str(),
        zone: zone.iana_name().map(str::to_owned),
        by: query.by.map(store::Split::as_str),
        currency: "USD",
        buckets: series
            .buckets
            .into_iter()
            .map(|bucket| {
                let [start, end] = ends(bucket.period, zone);
                let groups = bucket.groups.into_iter().map(figures).collect();
                UsageBucket { start, end, figures: figures(bucket.figures), groups }
            })
            .collect(),
        totals: figures(series.totals),
        outside: if query.every == Every::Block { series.outside } else { 0 },
        groups: series.groups.into_iter().map(group).collect(),
        unpriced: series
            .unpriced
            .into_iter()
            .zip(reasons)
            .map(|(it, reason)| UnpricedModel { model: it.model, requests: it.requests, reason })
            .collect(),
        burn: BurnRate { last_hour, block: running },
    }
}

fn group(group: Group) -> UsageGroup {
    let (value, others) = match group.value {
        GroupValue::Named(name) => (Some(name), None),
        GroupValue::None => (None, None),
        GroupValue::Other { values } => (None, Some(values)),
    };
    UsageGroup { value, others, figures: figures(group.figures) }
}

fn figures(mut figures: Figures) -> UsageFigures {
    let tokens = figures.tokens;
    UsageFigures {
        requests: figures.requests,
        errors: figures.errors,
        cost: dollars(figures.cost_pico),
        unpriced: figures.unpriced,
        tokens: UsageTokens {
            input: tokens.fresh,
            cache_read: tokens.cache_read,
            cache_write_5m: tokens.cache_write_5m,
            cache_write_1h: tokens.cache_write_1h,
            output: tokens.output,
            thinking: tokens.thinking,
        },
        latency: UsageLatency {
            p50: figures.durations.percentile(50).map(super::milliseconds),
            p95: figures.durations.percentile(95).map(super::milliseconds),
            ttft_p50: figures.first_tokens.percentile(50).map(super::milliseconds),
            ttft_p95: figures.first_tokens.percentile(95).map(super::milliseconds),
        },
    }
}

fn rate(cost: i128, tokens: i128) -> Option<Rate> {
    Some(Rate { cost: dollars(cost), tokens: u64::try_from(tokens).ok()? })
}

fn dollars(pico: i128) -> String {
    Money::from_pico(pico).to_string()
}

fn ends(period: Period, zone: &TimeZone) -> [String; 2] {
    [local(period.start_us, zone), local(period.end_us, zone)]
}

/// ISO 8601 with the offset of the zone then; empty beyond the calendar.
pub(crate) fn local(us: i64, zone: &TimeZone) -> String {
    let time = Timestamp::from_microsecond(us).map(|time| time.to_zoned(zone.clone()));
    time.map(|time| time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()).unwrap_or_default()
}
