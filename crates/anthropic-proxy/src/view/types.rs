//! What the monitoring API answers: the original's fields under their names, and ours beside them.

use super::cache::CacheInfo;
use super::usage::UsageTokens;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// `pending` while it runs, `success` when it came to its proper end, `error` for everything else.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RequestStatus {
    Pending,
    Success,
    Error,
}

impl RequestStatus {
    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            RequestStatus::Pending => "pending",
            RequestStatus::Success => "success",
            RequestStatus::Error => "error",
        }
    }
}

/// One exchange, without its bodies.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestRow {
    /// UUID v7.
    pub(crate) id: String,
    /// When it began, ISO 8601 in UTC.
    pub(crate) timestamp: String,
    /// When it began, milliseconds since the Unix epoch.
    pub(crate) start_time: i64,
    pub(crate) method: String,
    /// The request target as sent; secrets masked.
    pub(crate) url: String,
    pub(crate) status: RequestStatus,
    /// `complete`, `upstream_error`, `stream_error`, `truncated`, `client_aborted`, `timeout`, `connect_error`, `interrupted` or
    /// `refused`; null while it runs.
    pub(crate) outcome: Option<&'static str>,
    /// Whether everything that went through was recorded.
    pub(crate) capture_complete: bool,
    /// What is missing, and why.
    pub(crate) capture_problem: Option<String>,
    /// What was taken out of its bodies before they were recorded (`REDACT_BODIES`), for people; empty: they are what went through.
    pub(crate) redacted: Vec<String>,
    pub(crate) http_status: Option<u16>,
    /// The model asked for.
    pub(crate) model: Option<String>,
    /// The model that answered.
    pub(crate) served_model: Option<String>,
    /// Whether the answer is (or was asked to be) a stream.
    pub(crate) stream: bool,
    pub(crate) stop_reason: Option<String>,
    /// The upstream's `request-id`.
    pub(crate) request_id: Option<String>,
    pub(crate) session: Option<SessionRef>,
    pub(crate) agent: Option<AgentRef>,
    pub(crate) request_class: Option<ClassRef>,
    /// The program that sent it.
    pub(crate) client: Option<ClientRef>,
    /// The folder that the client works in, and how that is known.
    pub(crate) project: Option<ClassRef>,
    /// One for all calls that follow from one prompt of a person, as the client states it.
    pub(crate) prompt_id: Option<String>,
    /// The beginning of the first text that a user wrote in the conversation.
    pub(crate) opening: Option<String>,
    /// The beginning of what this call newly asks in words; null if only results of tools came in.
    pub(crate) asked: Option<String>,
    /// The call of the same thread before it.
    pub(crate) previous_id: Option<String>,
    /// How that is known.
    pub(crate) previous_source: Option<&'static str>,
    /// The failed call that this one tries again.
    pub(crate) retry_of: Option<String>,
    /// Whether it read from the prompt cache what it could have; null while it runs, and where nobody asked for caching.
    pub(crate) cache: Option<CacheInfo>,
    /// That it compacts the context (`auto`, `manual`, `reactive`).
    pub(crate) compaction: Option<String>,
    /// That the context before it was compacted, and why.
    pub(crate) context_compacted: Option<String>,
    /// Tools that ran before this call, as the client states them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_times: Vec<ToolTimeRef>,
    /// Names of the tools that the answer calls.
    pub(crate) tools: Vec<String>,
    /// One of the original's twelve names, a guess from the first words and the tools.
    pub(crate) request_type: &'static str,
    pub(crate) metrics: Metrics,
    pub(crate) error: Option<ErrorInfo>,
    /// Kept whatever the retention says.
    pub(crate) pinned: bool,
    /// Where a text stands that the list was asked for; only in lists, at most three places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) excerpts: Vec<ExcerptPart>,
}

/// Which session it belongs to, and how that is known: `header`, `metadata` or `inferred`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SessionRef {
    pub(crate) id: String,
    pub(crate) source: &'static str,
}

/// Which agent sent it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentRef {
    pub(crate) id: Option<String>,
    pub(crate) parent_id: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
}

/// The program that sent a request, by its user agent.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ClientRef {
    /// Such as `claude-cli`.
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    /// How Claude Code was started: `cli`, `sdk-cli`, …
    pub(crate) entrypoint: Option<String>,
}

/// How long a tool ran, milliseconds.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ToolTimeRef {
    pub(crate) name: String,
    pub(crate) ms: u64,
}

/// What is known, such as the kind of a call, and how: `header`, `metadata` or `inferred`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ClassRef {
    pub(crate) value: String,
    pub(crate) source: &'static str,
}

/// Times in milliseconds since the request began, sizes in bytes of payload as transferred.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metrics {
    /// To the last byte of the answer; null while it runs.
    pub(crate) duration: Option<f64>,
    /// Input tokens that were neither read from the cache nor written to it.
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    /// To the head of the answer.
    pub(crate) first_chunk_time: Option<f64>,
    /// To the first token of text, thinking or tool input.
    pub(crate) first_token_time: Option<f64>,
    /// Until a connection to the upstream was there.
    pub(crate) connect_time: Option<f64>,
    /// Until the whole request had been sent.
    pub(crate) request_end_time: Option<f64>,
    /// The longest silence within the answer.
    pub(crate) longest_gap: Option<f64>,
    /// When it began.
    pub(crate) longest_gap_at: Option<f64>,
    /// Tokens of output a second, from the first token to the end; null where either is not known.
    pub(crate) tokens_per_second: Option<f64>,
    /// Events of a stream.
    pub(crate) chunks_count: u64,
    pub(crate) request_size: u64,
    pub(crate) response_size: u64,
    pub(crate) total_size: u64,
    pub(crate) cache_read_tokens: u64,
    #[serde(rename = "cacheCreation5mTokens")]
    pub(crate) cache_creation_5m_tokens: u64,
    #[serde(rename = "cacheCreation1hTokens")]
    pub(crate) cache_creation_1h_tokens: u64,
    pub(crate) thinking_tokens: u64,
    /// Fresh, written and read input together.
    pub(crate) total_input_tokens: u64,
    /// What it costs by list price; null while it runs and where there is no price.
    pub(crate) cost: Option<Cost>,
    /// Why it has no price. The list leaves it out where only the answer's body tells.
    pub(crate) cost_reason: Option<String>,
}

/// A list-price estimate. Amounts are exact decimals as strings. A row of the list has no parts, date and source.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cost {
    pub(crate) total: String,
    /// Input that was neither read from the cache nor written to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<String>,
    #[serde(rename = "cacheWrite5m", skip_serializing_if = "Option::is_none")]
    pub(crate) cache_write_5m: Option<String>,
    #[serde(rename = "cacheWrite1h", skip_serializing_if = "Option::is_none")]
    pub(crate) cache_write_1h: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_read: Option<String>,
    /// Searches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_tools: Option<String>,
    /// `USD`.
    pub(crate) currency: &'static str,
    /// The day on which the prices were looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price_source: Option<String>,
    /// Always true: a subscription is billed otherwise.
    pub(crate) estimate: bool,
    /// The answer broke off, or was not recorded whole: this is what it had used by then.
    pub(crate) partial: bool,
}

/// Why it failed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ErrorInfo {
    pub(crate) message: String,
    /// Anthropic's error type, or the outcome.
    pub(crate) kind: String,
    /// Always null; the original had it.
    pub(crate) stack: Option<String>,
}

/// A page of exchanges, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestPage<T> {
    pub(crate) data: Vec<T>,
    /// How many match, whatever the page; if not `totalExact`, at least so many.
    pub(crate) total: u64,
    /// False for a text that stands nearly everywhere: it is answered at once, not counted. `/api/monitor/stats` counts.
    pub(crate) total_exact: bool,
    pub(crate) page: u64,
    pub(crate) limit: u64,
    /// What `cursor` takes to answer the next page, whatever is recorded meanwhile; null at the end.
    pub(crate) next_cursor: Option<String>,
}

/// One exchange with everything that was recorded of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestDetail {
    #[serde(flatten)]
    pub(crate) row: RequestRow,
    /// The request's `HTTP/1.1` or `HTTP/1.0`.
    pub(crate) http_version: String,
    /// Where it was forwarded.
    pub(crate) upstream: String,
    /// The client's address and port.
    pub(crate) client_address: Option<String>,
    /// Whether an earlier connection to the upstream was used again.
    pub(crate) connection_reused: Option<bool>,
    pub(crate) request: RequestPart,
    pub(crate) response: Option<ResponsePart>,
    /// The events of a stream, with the time each was complete.
    pub(crate) stream_chunks: Vec<StreamChunk>,
    /// How many there are; more than `streamChunks` shows if `eventLimit` was given.
    pub(crate) stream_chunks_total: u64,
    pub(crate) merged_content: Option<MergedContent>,
}

/// The request: head and body.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestPart {
    /// By lower-case name, repeated ones joined by a comma.
    pub(crate) headers: BTreeMap<String, String>,
    /// As sent: order, letter case and repetitions kept; secrets masked.
    pub(crate) raw_headers: Vec<(String, String)>,
    pub(crate) trailers: Vec<(String, String)>,
    #[serde(flatten)]
    pub(crate) body: BodyPart,
}

/// The answer: head and body.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResponsePart {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) raw_headers: Vec<(String, String)>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Interim answers (1xx) that came before.
    pub(crate) informational: Vec<u16>,
    #[serde(flatten)]
    pub(crate) body: BodyPart,
}

/// A body as far as JSON can carry it. The exact bytes are at `/api/monitor/requests/{id}/body/{side}`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BodyPart {
    #[schema(value_type = Value, nullable)]
    pub(crate) body: Option<BodyValue>,
    pub(crate) body_encoding: BodyEncoding,
    /// Whether all bytes of it were stored.
    pub(crate) body_stored: bool,
}

/// How `body` carries the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BodyEncoding {
    /// There are none.
    Empty,
    /// As the JSON that they are.
    Json,
    /// As a string.
    Text,
    /// As a string in base64: they are not text.
    Base64,
    /// Not at all: they are more than `bodyLimit`.
    Omitted,
}

/// JSON as it was sent, or text.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum BodyValue {
    Json(Box<RawValue>),
    Text(String),
}

/// One event of a stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct StreamChunk {
    /// When its last byte arrived, ISO 8601 in UTC.
    pub(crate) timestamp: String,
    /// The same in milliseconds since the request began.
    pub(crate) at: f64,
    /// The `event:` line.
    pub(crate) event: Option<String>,
    /// The text after `data:`.
    pub(crate) data: String,
}

/// A page of a stream's events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    pub(crate) data: Vec<StreamChunk>,
    pub(crate) total: u64,
}

/// The answer put together.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MergedContent {
    /// All its text.
    pub(crate) complete_text: String,
    /// Unicode characters in it.
    pub(crate) total_characters: u64,
    pub(crate) tool_calls: Vec<ToolCall>,
    /// Whether it came to its proper end.
    pub(crate) message_complete: bool,
    /// When its last byte arrived, ISO 8601 in UTC.
    pub(crate) timestamp: String,
    /// The message in the API's own shape.
    #[schema(value_type = Value)]
    pub(crate) message: serde_json::Value,
    /// What could not be read.
    pub(crate) problems: Vec<ProblemInfo>,
}

/// A tool that the answer asks for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ToolCall {
    pub(crate) id: String,
    pub(crate) name: String,
    #[schema(value_type = Value)]
    pub(crate) input: serde_json::Value,
}

/// Something that could not be read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemInfo {
    pub(crate) at: String,
    pub(crate) what: String,
}

/// Figures over all exchanges that match.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatsAnswer {
    pub(crate) total_requests: u64,
    pub(crate) success_count: u64,
    pub(crate) error_count: u64,
    /// Of those that have ended: `97.50%`.
    pub(crate) success_rate: String,
    /// `812ms`.
    pub(crate) avg_duration: String,
    /// Input tokens that were neither read from the cache nor written to it.
    pub(crate) total_input_tokens: u64,
    pub(crate) total_output_tokens: u64,
    pub(crate) active_requests: u64,
    pub(crate) avg_duration_ms: Option<f64>,
    /// Percentiles are by nearest rank: a value that occurred.
    pub(crate) p50_duration_ms: Option<f64>,
    pub(crate) p95_duration_ms: Option<f64>,
    /// To the first token of text, thinking or tool input.
    pub(crate) p50_first_token_ms: Option<f64>,
    pub(crate) p95_first_token_ms: Option<f64>,
    /// Bytes of payload, requests and answers.
    pub(crate) total_size: u64,
    pub(crate) cache_read_tokens: u64,
    pub(crate) cache_write_tokens: u64,
    /// US dollars at list price, exact: `1.0425`. Requests without a price are not in it.
    pub(crate) total_cost: String,
    /// Answered requests that used tokens and have no price.
    pub(crate) unpriced: u64,
    pub(crate) tokens: UsageTokens,
    /// Input read from the cache, as a share of all input: from 0 to 1; null without input.
    pub(crate) cache_rate: Option<f64>,
    /// Kinds of errors, the most frequent first, 50 at the most.
    pub(crate) error_kinds: Vec<ErrorKind>,
    pub(crate) capture: CaptureHealth,
}

/// How many requests have an error of a kind.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ErrorKind {
    /// `overloaded_error`, `connect_error`, …
    pub(crate) kind: String,
    /// Requests.
    pub(crate) count: u64,
}

/// Whether recording keeps up.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CaptureHealth {
    /// Exchanges of which nothing could be recorded, since the start.
    pub(crate) lost: u64,
    /// Exchanges whose record misses something, since the start.
    pub(crate) incomplete: u64,
    /// Defects of the proxy itself that were caught while recording, since the start; the log says where.
    pub(crate) defects: u64,
    /// Bytes that wait for the recorder now.
    pub(crate) queue_bytes: u64,
    /// How many may wait.
    pub(crate) queue_limit: u64,
    /// Since when nothing reaches the disk (ISO 8601); null while recording works.
    pub(crate) off_since: Option<String>,
    /// Why the last write was refused, if it was: a full disk, say.
    pub(crate) problem: Option<String>,
}

/// What the proxy runs with.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfigAnswer {
    pub(crate) log_level: &'static str,
    pub(crate) port: u16,
    pub(crate) host: String,
    /// Where requests are forwarded.
    pub(crate) upstream: String,
    pub(crate) version: &'static str,
    /// Where the record is kept; null if only in memory.
    pub(crate) data_folder: Option<String>,
    pub(crate) retention: RetentionInfo,
    pub(crate) record: RecordInfo,
    pub(crate) prices: PricesInfo,
    /// Whether a token opens the page and its API.
    pub(crate) has_token: bool,
}

/// What is kept at the most; null is no limit.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetentionInfo {
    pub(crate) age_seconds: Option<u64>,
    pub(crate) bytes: Option<u64>,
    pub(crate) count: Option<u64>,
}

/// How much is kept.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RecordInfo {
    /// On disk, the database and its log.
    pub(crate) bytes: u64,
    /// Requests.
    pub(crate) requests: u64,
    /// When the oldest began, ISO 8601 in UTC; null if there is none.
    pub(crate) oldest: Option<String>,
}

/// Which prices are in use.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PricesInfo {
    /// The day on which they were compared with the list, `2026-11-23`.
    pub(crate) date: Option<String>,
    /// Whether some are the user's own (`PRICES`).
    pub(crate) own: bool,
}

/// All models ever asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelsAnswer {
    pub(crate) data: Vec<String>,
}

/// The values that occur among the exchanges that match.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FacetsAnswer {
    pub(crate) data: Vec<FacetInfo>,
}

/// The values of one key of the filter language.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FacetInfo {
    /// As `GET /api/monitor/filter` lists it.
    pub(crate) key: &'static str,
    /// The most frequent first, 50 at the most.
    pub(crate) values: Vec<FacetValue>,
}

/// A value and how many exchanges have it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FacetValue {
    pub(crate) value: String,
    pub(crate) count: u64,
}

/// The keys of the filter language.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FilterKeys {
    pub(crate) data: Vec<FilterKey>,
}

/// A key of the filter language.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FilterKey {
    /// As it is written, without the colon.
    pub(crate) name: &'static str,
    /// What it asks for.
    pub(crate) about: &'static str,
    /// A term with it.
    pub(crate) example: &'static str,
}

/// What is wrong with a request to this API.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiProblem {
    pub(crate) error: String,
    /// Where, of a filter `q` that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<FilterPlace>,
    /// What to write instead, of a filter `q` that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// Of a request that was here: when and why it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deleted: Option<Deleted>,
}

/// When and why a request was deleted. It is remembered of the newest 200,000.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Deleted {
    /// ISO 8601 in UTC.
    pub(crate) at: String,
    /// `asked`: somebody deleted it; `retention`: a limit of age, size or number did.
    pub(crate) why: &'static str,
}

impl From<store::Gone> for Deleted {
    fn from(gone: store::Gone) -> Deleted {
        let why = match gone.why {
            store::Removal::Asked => "asked",
            store::Removal::Retention => "retention",
        };
        Deleted { at: super::iso(gone.at_us), why }
    }
}

/// A place in a filter, in UTF-16 code units as JavaScript counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FilterPlace {
    pub(crate) start: u64,
    /// The first after it.
    pub(crate) end: u64,
}

/// One message of the live stream.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum LiveMessage {
    /// Figures over everything.
    Stats { stats: Box<StatsAnswer> },
    /// An exchange began, went on, or ended.
    Request { request: Box<RequestRow> },
    /// Events of an answer that is still coming; `from` is the index of the first.
    Delta { id: String, from: u64, events: Vec<StreamChunk> },
    /// Everything that had ended was deleted.
    Cleared,
    /// Something was missed: fetch anew what is shown.
    Resync,
}

/// A place where a text that was looked for stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ExcerptPart {
    /// `request` or `response`.
    pub(crate) side: &'static str,
    /// The text in parts, in order.
    pub(crate) parts: Vec<ExcerptText>,
}

/// A part of an excerpt.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ExcerptText {
    pub(crate) text: String,
    /// Whether it is what was looked for.
    pub(crate) marked: bool,
}
