//! Turns what is stored into what the API answers and exports carry.

pub(crate) mod cache;
pub(crate) mod client;
pub(crate) mod compare;
pub(crate) mod context;
pub(crate) mod latency;
pub(crate) mod limits;
pub(crate) mod sessions;
pub(crate) mod types;
pub(crate) mod usage;

use crate::analysis::{cost, request_type};
use crate::reading::{AnswerReader, Reading, TimedEvent, header};
use crate::recorded::{MAX_BODY, Recorded};
use protocol::coding;
use protocol::message::{Block, Message};
use protocol::pricing::{self, Money, NoPrice};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use store::{Body, Exchange, Frame, Status};
use types::{
    AgentRef, BodyEncoding, BodyPart, BodyValue, ClassRef, ClientRef, Cost, ErrorInfo, ExcerptPart,
    ExcerptText, MergedContent, Metrics, ProblemInfo, RequestDetail, RequestPart, RequestRow, RequestStatus,
    ResponsePart, SessionRef, StreamChunk, ToolCall, ToolTimeRef,
};

/// An exchange as a row of the list.
pub(crate) fn row(exchange: &Exchange) -> RequestRow {
    let usage = &exchange.usage;
    let timing = &exchange.timing;
    let (cost, cost_reason) = recorded_cost(exchange);
    RequestRow {
        id: exchange.id.to_string(),
        timestamp: iso(exchange.started_us),
        start_time: exchange.started_us / 1000,
        method: exchange.method.clone(),
        url: exchange.url.clone(),
        status: match exchange.status() {
            Status::Pending => RequestStatus::Pending,
            Status::Success => RequestStatus::Success,
            Status::Error => RequestStatus::Error,
        },
        outcome: exchange.outcome.map(store::Outcome::as_str),
        capture_complete: exchange.capture.complete,
        capture_problem: exchange.capture.reason.clone(),
        redacted: exchange.redacted.clone(),
        http_status: exchange.status,
        model: exchange.model.clone(),
        served_model: exchange.served_model.clone(),
        stream: exchange.stream,
        stop_reason: exchange.stop_reason.clone(),
        request_id: exchange.request_id.clone(),
        session: exchange
            .session
            .as_ref()
            .map(|session| SessionRef { id: session.id.clone(), source: session.source.as_str() }),
        agent: exchange.agent.as_ref().map(|agent| AgentRef {
            id: agent.id.clone(),
            parent_id: agent.parent_id.clone(),
            kind: agent.kind.clone(),
        }),
        request_class: exchange.request_class.as_ref().map(known),
        client: exchange.program.as_ref().map(|program| ClientRef {
            name: program.name.clone(),
            version: program.version.clone(),
            entrypoint: program.entrypoint.clone(),
        }),
        project: exchange.project.as_ref().map(known),
        prompt_id: exchange.prompt_id.clone(),
        opening: exchange.opening.clone(),
        asked: exchange.asked.clone(),
        previous_id: exchange.previous.map(|link| link.id.to_string()),
        previous_source: exchange.previous.map(|link| link.source.as_str()),
        retry_of: exchange.retry_of.map(|id| id.to_string()),
        cache: cache::info(exchange),
        compaction: exchange.compaction.clone(),
        context_compacted: exchange.context_compacted.clone(),
        tool_times: exchange
            .tool_times
            .iter()
            .map(|time| ToolTimeRef { name: time.name.clone(), ms: time.ms })
            .collect(),
        tools: exchange.tools.clone(),
        request_type: request_type::of(exchange.opening.as_deref().unwrap_or_default(), &exchange.tools),
        metrics: Metrics {
            duration: timing.end_us.map(milliseconds),
            input_tokens: usage.input.unwrap_or(0),
            output_tokens: usage.output.unwrap_or(0),
            first_chunk_time: timing.first_byte_us.map(milliseconds),
            first_token_time: timing.first_token_us.map(milliseconds),
            connect_time: timing.connect_us.map(milliseconds),
            request_end_time: timing.request_end_us.map(milliseconds),
            longest_gap: timing.longest_gap_us.map(milliseconds),
            longest_gap_at: timing.longest_gap_at_us.map(milliseconds),
            tokens_per_second: tokens_per_second(exchange),
            chunks_count: exchange.event_count,
            request_size: exchange.request_bytes,
            response_size: exchange.response_bytes,
            total_size: exchange.request_bytes + exchange.response_bytes,
            cache_read_tokens: usage.cache_read.unwrap_or(0),
            cache_creation_5m_tokens: usage.cache_creation_5m.unwrap_or(0),
            cache_creation_1h_tokens: usage.cache_creation_1h.unwrap_or(0),
            thinking_tokens: usage.thinking.unwrap_or(0),
            total_input_tokens: usage.total_input.unwrap_or(0),
            cost,
            cost_reason,
        },
        error: exchange.error.as_ref().map(|failure| ErrorInfo {
            message: failure.message.clone(),
            kind: failure.kind.clone(),
            stack: None,
        }),
        pinned: exchange.pinned,
        excerpts: Vec::new(),
    }
}

fn known(it: &store::Known) -> ClassRef {
    ClassRef { value: it.value.clone(), source: it.source.as_str() }
}

/// Tokens of output a second, from the first token to the end of a stream.
#[expect(clippy::cast_precision_loss, reason = "tokens and microseconds of one answer stay far below 2^53")]
pub(crate) fn tokens_per_second(exchange: &Exchange) -> Option<f64> {
    let timing = &exchange.timing;
    let lasted = timing.end_us?.checked_sub(timing.first_token_us?).filter(|us| *us > 0)?;
    Some(exchange.usage.output? as f64 * 1_000_000.0 / lasted as f64)
}

/// The total that was recorded, or why there is none.
fn recorded_cost(exchange: &Exchange) -> (Option<Cost>, Option<String>) {
    match exchange.cost_pico {
        Some(pico) => (Some(total_cost(Money::from_pico(pico.into()), cost::partial(exchange))), None),
        None if exchange.outcome.is_none() => (None, None),
        None => (None, cost::missing(exchange).as_ref().map(NoPrice::to_string)),
    }
}

/// The cost with its parts, from the answer itself.
fn answered_cost(exchange: &Exchange, message: &Message) -> (Option<Cost>, Option<String>) {
    match cost::of(exchange, &message.usage) {
        Ok(cost) => (Some(whole_cost(&cost)), None),
        Err(reason) => (None, Some(reason.to_string())),
    }
}

fn whole_cost(cost: &pricing::Cost) -> Cost {
    Cost {
        input: Some(cost.input.to_string()),
        output: Some(cost.output.to_string()),
        cache_write_5m: Some(cost.cache_write_5m.to_string()),
        cache_write_1h: Some(cost.cache_write_1h.to_string()),
        cache_read: Some(cost.cache_read.to_string()),
        server_tools: Some(cost.server_tools.to_string()),
        price_date: Some(cost.price_date.to_string()),
        price_source: Some(cost.price_source.clone()),
        ..total_cost(cost.total, cost.partial)
    }
}

fn total_cost(total: Money, partial: bool) -> Cost {
    Cost {
        total: total.to_string(),
        input: None,
        output: None,
        cache_write_5m: None,
        cache_write_1h: None,
        cache_read: None,
        server_tools: None,
        currency: "USD",
        price_date: None,
        price_source: None,
        estimate: true,
        partial,
    }
}

/// A place where a text that was looked for stands, in parts, so that whoever shows it need not count bytes.
pub(crate) fn excerpt(excerpt: &store::Excerpt) -> ExcerptPart {
    let mut parts = Vec::new();
    let mut push = |range: std::ops::Range<usize>, marked| {
        if !range.is_empty() {
            parts.push(ExcerptText { text: excerpt.text[range].to_owned(), marked });
        }
    };
    let mut at = 0;
    for mark in &excerpt.marks {
        push(at..mark.start, false);
        push(mark.clone(), true);
        at = mark.end;
    }
    push(at..excerpt.text.len(), false);
    ExcerptPart { side: excerpt.side.as_str(), parts }
}

/// How much of an exchange an answer shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Bodies above this many bytes are omitted.
    pub(crate) body_bytes: usize,
    /// Events beyond this many are left for `/events`.
    pub(crate) events: usize,
}

/// Everything that an answer can carry.
pub(crate) const EVERYTHING: Extent = Extent { body_bytes: MAX_BODY, events: usize::MAX };

/// An exchange with everything.
pub(crate) fn detail(recorded: Recorded, extent: Extent) -> RequestDetail {
    let Recorded { exchange, request, response, frames } = recorded;
    let (events, reading) = match &response {
        Some(body) => read_answer(&exchange, &body.bytes, &frames),
        None => (Vec::new(), Reading::default()),
    };
    let total = events.len();
    let mut row = row(&exchange);
    if let Some(message) = reading.message.as_ref().filter(|_| exchange.outcome.is_some()) {
        (row.metrics.cost, row.metrics.cost_reason) = answered_cost(&exchange, message);
    }
    RequestDetail {
        row,
        http_version: exchange.http_version.clone(),
        upstream: exchange.upstream.clone(),
        client_address: exchange.client.clone(),
        connection_reused: exchange.timing.connection_reused,
        request: RequestPart {
            headers: by_name(&exchange.request_headers),
            raw_headers: exchange.request_headers.clone(),
            trailers: exchange.request_trailers.clone(),
            body: body(
                request.as_ref(),
                &exchange.request_headers,
                exchange.request_bytes,
                extent.body_bytes,
            ),
        },
        response: exchange.status.map(|status| ResponsePart {
            status,
            reason: exchange.reason.clone().unwrap_or_default(),
            headers: by_name(&exchange.response_headers),
            raw_headers: exchange.response_headers.clone(),
            trailers: exchange.response_trailers.clone(),
            informational: exchange.informational.clone(),
            body: body(
                response.as_ref(),
                &exchange.response_headers,
                exchange.response_bytes,
                extent.body_bytes,
            ),
        }),
        stream_chunks: events
            .iter()
            .take(extent.events)
            .map(|event| chunk(exchange.started_us, event))
            .collect(),
        stream_chunks_total: total as u64,
        merged_content: merged(&exchange, &reading),
    }
}

/// Reads a stored answer the way the recorder read it when it came: frame by frame.
pub(crate) fn read_answer(exchange: &Exchange, bytes: &[u8], frames: &[Frame]) -> (Vec<TimedEvent>, Reading) {
    let headers = &exchange.response_headers;
    let mut reader = AnswerReader::new(header(headers, "content-type"), header(headers, "content-encoding"));
    let mut events = Vec::new();
    let mut rest = bytes;
    let mut at_us = exchange.timing.first_byte_us.unwrap_or(0);
    for frame in frames {
        let (piece, after) = rest.split_at(rest.len().min(frame.len as usize));
        rest = after;
        at_us = frame.at_us;
        events.extend(reader.feed(piece, at_us).events);
    }
    if !rest.is_empty() {
        events.extend(reader.feed(rest, at_us).events);
    }
    let (fed, reading) = reader.finish(at_us);
    // What is still coming has an incomplete last event; it is no event yet.
    if exchange.outcome.is_some() {
        events.extend(fed.events);
    }
    (events, reading)
}

/// An event of a stream.
pub(crate) fn chunk(started_us: i64, event: &TimedEvent) -> StreamChunk {
    StreamChunk {
        timestamp: iso(after(started_us, event.at_us)),
        at: milliseconds(event.at_us),
        event: event.name.clone(),
        data: event.data.clone(),
    }
}

fn merged(exchange: &Exchange, reading: &Reading) -> Option<MergedContent> {
    let message = reading.message.as_ref()?;
    let complete_text = text_of(message);
    let ended_us = exchange.timing.end_us.or(exchange.timing.first_byte_us).unwrap_or(0);
    Some(MergedContent {
        total_characters: complete_text.chars().count() as u64,
        complete_text,
        tool_calls: message
            .content
            .iter()
            .filter_map(Block::tool_use)
            .map(|tool| ToolCall {
                id: tool.id.to_owned(),
                name: tool.name.to_owned(),
                input: tool.input.clone(),
            })
            .collect(),
        message_complete: reading.complete.unwrap_or(true),
        timestamp: iso(after(exchange.started_us, ended_us)),
        message: serde_json::to_value(message).unwrap_or_default(),
        problems: reading
            .problems
            .iter()
            .map(|problem| ProblemInfo { at: problem.at.clone(), what: problem.what.clone() })
            .collect(),
    })
}

/// All the text of a message.
pub(crate) fn text_of(message: &Message) -> String {
    message.content.iter().filter_map(Block::text).collect()
}

/// As Node names them: in lower case, repeated ones joined.
fn by_name(headers: &[(String, String)]) -> BTreeMap<String, String> {
    let mut named = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        named
            .entry(name.to_ascii_lowercase())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(value);
            })
            .or_insert_with(|| value.clone());
    }
    named
}

fn body(stored: Option<&Body>, headers: &[(String, String)], length: u64, limit: usize) -> BodyPart {
    let Some(stored) = stored else {
        // Above the limit it may be stored, but was not read.
        let body_encoding = if length > limit as u64 { BodyEncoding::Omitted } else { BodyEncoding::Empty };
        // Nothing stored is whole only where nothing was sent.
        return BodyPart { body: None, body_encoding, body_stored: length == 0 };
    };
    let body_stored = stored.complete && stored.bytes.len() as u64 == length;
    if stored.bytes.is_empty() {
        return BodyPart { body: None, body_encoding: BodyEncoding::Empty, body_stored };
    }
    if length > limit as u64 {
        return BodyPart { body: None, body_encoding: BodyEncoding::Omitted, body_stored };
    }
    let (decoded, _cut) = coding::decode(header(headers, "content-encoding"), &stored.bytes, limit as u64);
    let (body_encoding, value) = carried(decoded);
    BodyPart { body: Some(value), body_encoding, body_stored }
}

fn carried(bytes: Vec<u8>) -> (BodyEncoding, BodyValue) {
    match String::from_utf8(bytes) {
        // Raw, so that lone surrogates, repeated keys and long numbers reach the page as they were sent.
        Ok(text) => match serde_json::from_str::<Box<RawValue>>(&text) {
            Ok(json) => (BodyEncoding::Json, BodyValue::Json(json)),
            Err(_) => (BodyEncoding::Text, BodyValue::Text(text)),
        },
        Err(error) => (BodyEncoding::Base64, BodyValue::Text(base64(error.as_bytes()))),
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Microseconds since the Unix epoch as ISO 8601 in UTC, to the millisecond, as JavaScript writes it.
pub(crate) fn iso(unix_us: i64) -> String {
    jiff::Timestamp::from_microsecond(unix_us).map(|timestamp| format!("{timestamp:.3}")).unwrap_or_default()
}

fn after(started_us: i64, offset_us: u64) -> i64 {
    started_us.saturating_add(i64::try_from(offset_us).unwrap_or(i64::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of an exchange stay far below 2^53")]
fn milliseconds(us: u64) -> f64 {
    us as f64 / 1000.0
}
