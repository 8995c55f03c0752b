//! What is stored of one exchange, without its bodies.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Header lines: order, letter case and duplicates kept, secrets masked.
pub type Headers = Vec<(String, String)>;

/// One request and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exchange {
    /// UUID v7.
    pub id: Uuid,
    /// Microseconds since the Unix epoch.
    pub started_us: i64,
    /// The method as sent.
    pub method: String,
    /// The request target as sent, masked.
    pub url: String,
    /// Where it was forwarded: scheme, host, base path. Empty if it was not.
    pub upstream: String,
    /// The client's address and port.
    pub client: Option<String>,
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub http_version: String,
    /// Masked.
    #[serde(skip)]
    pub request_headers: Headers,
    /// Masked.
    #[serde(skip)]
    pub request_trailers: Headers,
    /// The answer's status.
    pub status: Option<u16>,
    /// The answer's reason phrase.
    pub reason: Option<String>,
    /// The answer's version.
    pub response_version: Option<String>,
    /// Masked.
    #[serde(skip)]
    pub response_headers: Headers,
    /// Masked.
    #[serde(skip)]
    pub response_trailers: Headers,
    /// Interim answers (1xx) that came before.
    pub informational: Vec<u16>,
    /// When what happened.
    pub timing: Timing,
    /// Payload of the request as transferred, without chunk framing.
    pub request_bytes: u64,
    /// Payload of the answer as transferred, without chunk framing.
    pub response_bytes: u64,
    /// What became of it; `None` while it runs.
    pub outcome: Option<Outcome>,
    /// Whether everything that went through was recorded.
    pub capture: Capture,
    /// What was taken out of its bodies or undone before they were recorded, for people; empty: they are byte for byte what went through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redacted: Vec<String>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// The model asked for.
    pub model: Option<String>,
    /// The model that answered.
    pub served_model: Option<String>,
    /// Whether the answer is, or was asked to be, a stream.
    pub stream: bool,
    /// Events of the stream.
    pub event_count: u64,
    /// Why the model stopped.
    pub stop_reason: Option<String>,
    /// The upstream's `request-id`.
    pub request_id: Option<String>,
    /// The id of the message that was answered.
    pub message_id: Option<String>,
    /// The conversation it belongs to.
    pub session: Option<Session>,
    /// The agent that asked.
    pub agent: Option<Agent>,
    /// The kind of call.
    pub request_class: Option<Known>,
    /// The program that sent it.
    pub program: Option<Program>,
    /// Who pays: a short keyed hash of the key or token, never that itself.
    pub credential: Option<Credential>,
    /// Of the subscription's 5-hour window, what was spent when this was answered, millionths.
    pub spent_5h: Option<u32>,
    /// Likewise of its 7-day window.
    pub spent_7d: Option<u32>,
    /// One for all calls that follow from one prompt of a person, as the client states it.
    pub prompt_id: Option<String>,
    /// The folder that the client works in.
    pub project: Option<Known>,
    /// The beginning of the first text that a user wrote in the conversation, without what the client put between.
    pub opening: Option<String>,
    /// The beginning of what is newly asked in words; `None` if only results of tools came in.
    pub asked: Option<String>,
    /// Unicode characters of what is newly asked in words.
    pub characters_in: u64,
    /// Unicode characters of the answer's text, thinking and tools left out.
    pub characters_out: u64,
    /// The tools that ran before this call, as the client states them.
    pub tool_times: Vec<ToolTime>,
    /// Why a compaction runs, as the client states it: `auto`, `manual`, `reactive`.
    pub compaction: Option<String>,
    /// That the context before this call was compacted, and why.
    pub context_compacted: Option<String>,
    /// The call of the same thread before it.
    pub previous: Option<Link>,
    /// The failed call that this one tries again.
    pub retry_of: Option<Uuid>,
    /// Tokens.
    pub usage: Usage,
    /// Names of the tools that the answer calls, each once.
    pub tools: Vec<String>,
    /// Whether the answer has thinking.
    pub has_thinking: bool,
    /// The list-price estimate in picodollars (10⁻¹² USD); `None` where there is no price.
    pub cost_pico: Option<i64>,
    /// What the reads from the cache saved less what its writes cost beyond plain input, picodollars; `None` where there is no price.
    pub cache_saving_pico: Option<i64>,
    /// Whether the cache answered as it could have.
    pub cache: Option<CacheVerdict>,
    /// Kept whatever the retention says. Set by [`crate::Writer::pin`] only; a save does not change it.
    #[serde(skip)]
    pub pinned: bool,
}

impl Exchange {
    /// The original's three-valued status.
    pub fn status(&self) -> Status {
        match self.outcome {
            None => Status::Pending,
            Some(Outcome::Complete) => Status::Success,
            Some(_) => Status::Error,
        }
    }
}

/// Microseconds since the exchange began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timing {
    /// A connection to the upstream was there.
    pub connect_us: Option<u64>,
    /// It had carried requests before.
    pub connection_reused: Option<bool>,
    /// The whole request had been sent.
    pub request_end_us: Option<u64>,
    /// The head of the answer was there.
    pub first_byte_us: Option<u64>,
    /// The first token of text, thinking or tool input was there.
    pub first_token_us: Option<u64>,
    /// It was over.
    pub end_us: Option<u64>,
    /// The longest silence between two reads of the answer, its length.
    pub longest_gap_us: Option<u64>,
    /// When that silence began.
    pub longest_gap_at_us: Option<u64>,
}

/// Whether everything that went through was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// It was.
    pub complete: bool,
    /// What is missing, and why.
    pub reason: Option<String>,
}

/// Why an exchange failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Anthropic's error type, or the outcome.
    pub kind: String,
    /// For people.
    pub message: String,
}

/// The conversation an exchange belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// As the client names it.
    pub id: String,
    /// How that is known.
    pub source: Source,
}

/// The agent that asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Agent {
    /// Its own id; none for the main one.
    pub id: Option<String>,
    /// The agent that started it.
    pub parent_id: Option<String>,
    /// `Explore`, `general-purpose`, …
    pub kind: Option<String>,
}

/// Something that is known: the kind of a call (`main`, `subagent`, `title`, …), the folder of its project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// What.
    pub value: String,
    /// How that is known.
    pub source: Source,
}

/// A program, as its user agent names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Program {
    /// Such as `claude-cli`.
    pub name: String,
    /// Such as `2.1.330`.
    pub version: Option<String>,
    /// How Claude Code was started: `cli`, `sdk-cli`, …
    pub entrypoint: Option<String>,
}

/// What a request was paid with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Credential {
    /// Eight hexadecimal digits of a hash whose key never leaves the data folder.
    pub hash: String,
    /// `api key`, `oauth`, `token`.
    pub kind: String,
}

/// How long a tool ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolTime {
    /// Its name.
    pub name: String,
    /// Milliseconds.
    pub ms: u64,
}

/// Another exchange that this one follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The other.
    pub id: Uuid,
    /// How that is known.
    pub source: Source,
}

/// What was read from the prompt cache against what could have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheVerdict {
    /// Why it was read, or was not.
    pub cause: CacheCause,
    /// Who says so.
    pub source: VerdictSource,
    /// Tokens that could have been read as far as the call before tells; `None` if nothing tells.
    pub expected_read: Option<u64>,
    /// Tokens that were.
    pub actual_read: u64,
    /// Tokens that were paid for as input or written again.
    pub lost_tokens: u64,
    /// What they cost beyond reading them, picodollars; `None` where there is no price.
    pub lost_pico: Option<i64>,
}

/// Tokens as the answer reported them; `None` is not reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Input that was neither read from the cache nor written to it.
    pub input: Option<u64>,
    /// Output.
    pub output: Option<u64>,
    /// Input read from the cache.
    pub cache_read: Option<u64>,
    /// Input written to the cache, whatever its lifetime.
    pub cache_creation: Option<u64>,
    /// Of that, what lives 5 minutes.
    pub cache_creation_5m: Option<u64>,
    /// Of that, what lives 1 hour.
    pub cache_creation_1h: Option<u64>,
    /// Of the output, thinking.
    pub thinking: Option<u64>,
    /// Fresh, read and written input together.
    pub total_input: Option<u64>,
}

macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// All there are.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// Its name in the store and in the API.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// The one with that name.
            pub fn from_name(name: &str) -> Option<$name> {
                match name { $($text => Some($name::$variant),)+ _ => None }
            }
        }
    };
}

named! {
    /// What became of an exchange.
    Outcome {
        /// It came to its proper end.
        Complete = "complete",
        /// The upstream answered with a status of 400 or above.
        UpstreamError = "upstream_error",
        /// An error came inside an answer that had begun well.
        StreamError = "stream_error",
        /// The answer broke off.
        Truncated = "truncated",
        /// The client left.
        ClientAborted = "client_aborted",
        /// The upstream was silent for too long.
        Timeout = "timeout",
        /// No answer could be had from the upstream.
        ConnectError = "connect_error",
        /// We ended before it did.
        Interrupted = "interrupted",
        /// It was malformed and never forwarded.
        Refused = "refused",
    }
}

named! {
    /// The original's status, derived from the outcome.
    Status {
        /// It runs.
        Pending = "pending",
        /// It came to its proper end.
        Success = "success",
        /// Anything else.
        Error = "error",
    }
}

named! {
    /// How something is known.
    Source {
        /// A header says so.
        Header = "header",
        /// The request's metadata say so.
        Metadata = "metadata",
        /// It is a guess.
        Inferred = "inferred",
    }
}

named! {
    /// Why the prompt cache was read, or was not. The server's names where it has them.
    CacheCause {
        /// All that could be read was.
        Hit = "hit",
        /// There was no call before.
        FirstCall = "first_call",
        /// Another model was asked.
        ModelChanged = "model_changed",
        /// Another effort, or another speed.
        EffortChanged = "effort_changed",
        /// The definitions of tools differ.
        ToolsChanged = "tools_changed",
        /// The system prompt differs.
        SystemChanged = "system_changed",
        /// An earlier message differs.
        MessagesChanged = "messages_changed",
        /// It had lived for its time.
        TtlExpired = "ttl_expired",
        /// Too many blocks came since the last mark.
        LookbackExceeded = "lookback_exceeded",
        /// The call that would have written it had not begun to answer.
        ConcurrentWrite = "concurrent_write",
        /// So short a prompt is not cached.
        BelowMinimum = "below_minimum",
        /// The server does not know the call before.
        PreviousMessageNotFound = "previous_message_not_found",
        /// The bytes do not tell.
        Unknown = "unknown",
    }
}

named! {
    /// Who says why the cache was missed.
    VerdictSource {
        /// The server, in its answer.
        Server = "server",
        /// The bytes of the two requests, and their times.
        Bytes = "bytes",
    }
}
