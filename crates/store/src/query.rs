//! Which exchanges are asked for, and what comes back.

use crate::exchange::{Exchange, Status};

/// Which exchanges are meant; the default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only with this status.
    pub status: Option<Status>,
    /// Only of this model, asked for or served.
    pub model: Option<String>,
    /// Only begun at or after this time, microseconds since the Unix epoch.
    pub since_us: Option<i64>,
    /// Only begun before this time, microseconds since the Unix epoch.
    pub until_us: Option<i64>,
}

/// A page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u64,
    /// Rows of a page.
    pub size: u64,
}

/// A page of exchanges, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// Without headers: [`crate::Store::get`] has them.
    pub rows: Vec<Exchange>,
    /// How many match in all.
    pub total: u64,
}

/// Figures over all exchanges that match.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stats {
    /// How many match.
    pub total: u64,
    /// Of these, with [`Status::Success`].
    pub success: u64,
    /// Of these, with [`Status::Error`].
    pub error: u64,
    /// Of these, with [`Status::Pending`].
    pub pending: u64,
    /// Mean duration of those that have ended, microseconds.
    pub avg_duration_us: Option<f64>,
    /// 95th percentile of it (nearest rank), microseconds.
    pub p95_duration_us: Option<u64>,
    /// Input that was neither read from the cache nor written to it.
    pub input_tokens: u64,
    /// Output.
    pub output_tokens: u64,
    /// Input read from the cache.
    pub cache_read: u64,
    /// Input written to the cache.
    pub cache_write: u64,
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
    pub(crate) fn as_str(self) -> &'static str {
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
}
