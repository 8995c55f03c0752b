//! Which exchanges are asked for, and what comes back.

use crate::exchange::Exchange;
use std::str::FromStr;

/// A page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u64,
    /// Rows of a page.
    pub size: u64,
    /// Only what comes after this place of the list; `number` counts from there.
    pub after: Option<Cursor>,
}

impl Page {
    /// A page by its number, from 1.
    pub fn numbered(number: u64, size: u64) -> Page {
        Page { number, size, after: None }
    }
}

/// A place in a list, newest first: what follows it stays the same whatever is recorded meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub(crate) started_us: i64,
    pub(crate) seq: i64,
}

impl Cursor {
    /// Before the newest.
    pub const NEWEST: Cursor = Cursor { started_us: i64::MAX, seq: i64::MAX };
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{}", self.started_us, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Cursor, Self::Err> {
        let wrong = "it is not one that a list has given";
        let (started_us, seq) = text.split_once('_').ok_or(wrong)?;
        let number = |text: &str| text.parse().map_err(|_| wrong);
        Ok(Cursor { started_us: number(started_us)?, seq: number(seq)? })
    }
}

/// A page of exchanges, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// Without headers: [`crate::Store::get`] has them.
    pub rows: Vec<Exchange>,
    /// How many match in all, whatever the page; if not [`Listing::exact`], at least so many.
    pub total: u64,
    /// Whether `total` was counted. A text that stands nearly everywhere is not counted, to answer at once: [`crate::Store::stats`] does.
    pub exact: bool,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

/// How many exchanges have a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    /// The value, as a filter takes it.
    pub value: String,
    /// Exchanges.
    pub count: u64,
}

/// The values that occur, by the key of the filter language; the most frequent first, 50 of each key at the most.
pub type Facets = Vec<(&'static str, Vec<Facet>)>;

/// Figures over all exchanges that match.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// How many match.
    pub total: u64,
    /// Of these, with [`crate::Status::Success`].
    pub success: u64,
    /// Of these, with [`crate::Status::Error`].
    pub error: u64,
    /// Of these, with [`crate::Status::Pending`].
    pub pending: u64,
    /// Mean duration of those that have ended, microseconds.
    pub avg_duration_us: Option<f64>,
    /// Median of it (nearest rank), microseconds.
    pub p50_duration_us: Option<u64>,
    /// 95th percentile of it, microseconds.
    pub p95_duration_us: Option<u64>,
    /// Median of the time to the first token, microseconds.
    pub p50_first_token_us: Option<u64>,
    /// 95th percentile of it, microseconds.
    pub p95_first_token_us: Option<u64>,
    /// Input that was neither read from the cache nor written to it.
    pub input_tokens: u64,
    /// Output.
    pub output_tokens: u64,
    /// Input read from the cache.
    pub cache_read: u64,
    /// Input written to the cache.
    pub cache_write: u64,
    /// Of that, for an hour.
    pub cache_write_1h: u64,
    /// Of the output, thinking, where that was told.
    pub thinking_tokens: u64,
    /// Sum of the estimates, picodollars; exchanges without a price are not in it.
    pub cost_pico: i64,
    /// Answered calls that used tokens and have no price.
    pub unpriced: u64,
    /// Kinds of errors, the most frequent first, 50 at the most.
    pub error_kinds: Vec<Facet>,
    /// Payload of requests and answers.
    pub total_bytes: u64,
}

/// One of the two bodies of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// What the client sent.
    Request,
    /// What the upstream sent.
    Response,
}

impl Side {
    /// `request` or `response`.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Request => "request",
            Side::Response => "response",
        }
    }

    pub(crate) fn number(self) -> i64 {
        match self {
            Side::Request => 0,
            Side::Response => 1,
        }
    }
}

/// A body as it was transferred, without chunk framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// All bytes there are.
    pub bytes: Vec<u8>,
    /// Whether that is all that was appended, and the body was finished.
    pub complete: bool,
}

/// What [`crate::Store::read_body`] read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyInfo {
    /// Bytes.
    pub len: u64,
    /// As [`Body::complete`].
    pub complete: bool,
    /// What was appended in all; `None` if the body was never finished.
    pub summary: Option<BodySummary>,
}

/// What was appended to a body in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodySummary {
    /// Bytes.
    pub len: u64,
    /// Their BLAKE3 hash, taken as they were appended.
    pub hash: [u8; 32],
}

/// What one read of an answer brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Payload bytes.
    pub len: u32,
    /// When they arrived, microseconds since the exchange began.
    pub at_us: u64,
}

/// What a store takes on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskUse {
    /// The database and its log, bytes.
    pub bytes: u64,
    /// Exchanges, those that run too.
    pub exchanges: u64,
    /// When the oldest began, microseconds since the Unix epoch.
    pub oldest_us: Option<i64>,
}
