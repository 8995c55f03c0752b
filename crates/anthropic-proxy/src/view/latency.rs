//! How the API says how long things took.

use super::{iso, milliseconds};
use serde::Serialize;
use store::{GroupValue, Latency, Spread, Spreads};
use utoipa::ToSchema;

/// The first bound of a drawn stretch of time, microseconds.
const FIRST_US: u64 = 1_000;

/// How long the requests that match took. Running ones are not in it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LatencyAnswer {
    /// What is split by.
    pub(crate) by: &'static str,
    /// Significant digits of all percentiles and maxima.
    pub(crate) digits: u8,
    pub(crate) all: LatencyFigures,
    /// The 20 values with most requests, and then all others as one.
    pub(crate) groups: Vec<LatencyGroup>,
    /// A silence within an answer from which it counts as a stall, milliseconds.
    pub(crate) stall_ms: f64,
    /// Answers with such a silence.
    pub(crate) stalled: u64,
    /// The newest 100 of them.
    pub(crate) stalls: Vec<StallRef>,
}

/// A value and its figures.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LatencyGroup {
    /// The value; null: requests that have none, or all others.
    pub(crate) value: Option<String>,
    /// Of how many values all others are; null: it is one value.
    pub(crate) others: Option<u64>,
    #[serde(flatten)]
    pub(crate) figures: LatencyFigures,
}

/// Figures in milliseconds since the request began, but for `longestGap`, which is a length, and `tokensPerSecond`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LatencyFigures {
    pub(crate) requests: u64,
    /// Only of requests that opened a connection.
    pub(crate) connect: Percentiles,
    pub(crate) first_byte: Percentiles,
    /// Of text, thinking or tool input.
    pub(crate) first_token: Percentiles,
    pub(crate) longest_gap: Percentiles,
    /// Of output, from the first token to the end.
    pub(crate) tokens_per_second: Percentiles,
    pub(crate) end: Percentiles,
    /// To draw.
    pub(crate) first_token_bars: Vec<LatencyBar>,
    pub(crate) end_bars: Vec<LatencyBar>,
}

/// Percentiles of what was counted; null where nothing was.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Percentiles {
    /// Requests of which this is known.
    pub(crate) count: u64,
    pub(crate) p50: Option<f64>,
    pub(crate) p90: Option<f64>,
    pub(crate) p95: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) max: Option<f64>,
}

/// How many took so long, milliseconds: `from` is in it, `to` is not. Bars follow each other without a gap.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LatencyBar {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) count: u64,
}

/// An answer that stood still.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StallRef {
    /// Of the request.
    pub(crate) id: String,
    /// When the request began, ISO 8601 in UTC.
    pub(crate) timestamp: String,
    pub(crate) model: Option<String>,
    /// The longest silence, milliseconds.
    pub(crate) gap: f64,
}

/// The answer of the API.
pub(crate) fn answer(by: store::Split, latency: Latency) -> LatencyAnswer {
    let groups = latency.groups.into_iter().map(|(value, spreads)| {
        let (value, others) = match value {
            GroupValue::Named(name) => (Some(name), None),
            GroupValue::None => (None, None),
            GroupValue::Other { values } => (None, Some(values)),
        };
        LatencyGroup { value, others, figures: figures(&spreads) }
    });
    LatencyAnswer {
        by: by.as_str(),
        digits: 3,
        all: figures(&latency.all),
        groups: groups.collect(),
        stall_ms: milliseconds(store::STALL_US),
        stalled: latency.stalled,
        stalls: latency
            .stalls
            .into_iter()
            .map(|stall| StallRef {
                id: stall.id.to_string(),
                timestamp: iso(stall.started_us),
                model: stall.model,
                gap: milliseconds(stall.gap_us),
            })
            .collect(),
    }
}

fn figures(spreads: &Spreads) -> LatencyFigures {
    LatencyFigures {
        requests: spreads.requests,
        connect: percentiles(&spreads.connect),
        first_byte: percentiles(&spreads.first_byte),
        first_token: percentiles(&spreads.first_token),
        longest_gap: percentiles(&spreads.gap),
        // Thousandths there.
        tokens_per_second: percentiles(&spreads.rate),
        end: percentiles(&spreads.end),
        first_token_bars: bars(&spreads.first_token),
        end_bars: bars(&spreads.end),
    }
}

fn percentiles(spread: &Spread) -> Percentiles {
    let at = |percent| spread.percentile(percent).map(milliseconds);
    Percentiles {
        count: spread.len(),
        p50: at(50.0),
        p90: at(90.0),
        p95: at(95.0),
        p99: at(99.0),
        max: spread.max().map(milliseconds),
    }
}

fn bars(spread: &Spread) -> Vec<LatencyBar> {
    let bars = spread.bars(FIRST_US).into_iter();
    bars.map(|bar| LatencyBar { from: milliseconds(bar.from), to: milliseconds(bar.to), count: bar.count })
        .collect()
}
