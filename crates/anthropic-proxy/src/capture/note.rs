//! What the traffic tells the recorder: one note for each thing that happened, secrets already masked.

use super::queue::Weight;
use store::Frame;
use uuid::Uuid;

/// Header lines with their order, letter case and duplicates; values masked.
pub(crate) type Headers = Vec<(String, String)>;

/// One exchange within one run of the program. Smaller and quicker to look up than its UUID.
pub(crate) type Key = u64;

/// One thing that happened to one exchange. Times are microseconds since the exchange began.
#[derive(Debug)]
pub(crate) enum Note {
    /// A request head was read. Always the first note of an exchange.
    Began { key: Key, began: Box<Began> },
    /// Request payload went upstream.
    RequestBody { key: Key, data: Vec<u8> },
    /// The last byte of the request, and what trailed it, went upstream.
    RequestEnded { key: Key, at_us: u64, trailers: Headers },
    /// A connection to the upstream was there, new or out of the pool.
    Connected { key: Key, at_us: u64, reused: bool },
    /// An interim answer (1xx) was passed on.
    Informational { key: Key, status: u16 },
    /// The head of the answer was passed on.
    Answered { key: Key, at_us: u64, head: Box<ResponseHead> },
    /// Answer payload was passed on: what one read brought.
    ResponseBody { key: Key, at_us: u64, data: Vec<u8> },
    /// What trailed the answer.
    ResponseTrailers { key: Key, trailers: Headers },
    /// Nothing more will be told. Always the last note of an exchange.
    Ended { key: Key, at_us: u64, end: Box<Ended> },
}

/// A request as its head showed it.
#[derive(Debug)]
pub(crate) struct Began {
    /// UUID v7.
    pub(crate) id: Uuid,
    /// Microseconds since the Unix epoch.
    pub(crate) started_us: i64,
    /// The method as sent.
    pub(crate) method: String,
    /// The request target as sent, masked.
    pub(crate) url: String,
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub(crate) version: &'static str,
    /// Who pays, as a hash.
    pub(crate) credential: Option<store::Credential>,
    /// Masked headers.
    pub(crate) headers: Headers,
    /// The client's address and port.
    pub(crate) client: String,
    /// Where it was forwarded: scheme, host and base path.
    pub(crate) upstream: String,
}

/// The head of the answer.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) version: &'static str,
    pub(crate) headers: Headers,
}

/// How the traffic of an exchange ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What the relay says.
    pub(crate) end: relay::End,
    /// Payload of the request that went through, recorded or not.
    pub(crate) request_bytes: u64,
    /// Payload of the answer that went through, recorded or not.
    pub(crate) response_bytes: u64,
    /// Payload bytes of the request that the queue refused.
    pub(crate) lost_request_bytes: u64,
    /// Payload bytes of the answer that the queue refused.
    pub(crate) lost_response_bytes: u64,
    /// Some other note of this exchange was refused.
    pub(crate) lost_notes: bool,
    /// A defect of ours kept something of it from being told.
    pub(crate) defect: bool,
}

impl Note {
    /// The exchange it is about.
    pub(crate) fn key(&self) -> Key {
        match self {
            Note::Began { key, .. }
            | Note::RequestBody { key, .. }
            | Note::RequestEnded { key, .. }
            | Note::Connected { key, .. }
            | Note::Informational { key, .. }
            | Note::Answered { key, .. }
            | Note::ResponseBody { key, .. }
            | Note::ResponseTrailers { key, .. }
            | Note::Ended { key, .. } => *key,
        }
    }
}

/// What a note takes beside its text: its own size and the allocator's.
const OVERHEAD: usize = size_of::<Note>() + 32;

impl Weight for Note {
    fn weight(&self) -> usize {
        OVERHEAD
            + match self {
                Note::Began { began, .. } => {
                    size_of::<Began>() + text(&began.headers) + began.url.len() + began.method.len()
                }
                Note::RequestBody { data, .. } | Note::ResponseBody { data, .. } => data.capacity(),
                Note::RequestEnded { trailers, .. } | Note::ResponseTrailers { trailers, .. } => {
                    text(trailers)
                }
                Note::Answered { head, .. } => size_of::<ResponseHead>() + text(&head.headers),
                Note::Ended { .. } => size_of::<Ended>() + 64,
                Note::Connected { .. } | Note::Informational { .. } => 0,
            }
    }
}

fn text(headers: &Headers) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len() + 2 * size_of::<String>()).sum()
}

/// The frame that a piece of answer payload makes in the store. Pieces are at most one read long, far below 4 GiB.
pub(crate) fn frame(data: &[u8], at_us: u64) -> Frame {
    Frame { len: u32::try_from(data.len()).unwrap_or(u32::MAX), at_us }
}
