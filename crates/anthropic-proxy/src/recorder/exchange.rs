//! One exchange while it is being recorded: what the notes said so far, and what its bytes say.
//!
//! Pure: it reads and adds up; the writing is done by the recorder's loop.

use super::batch;
use super::conversations::{Conversations, Key};
use super::thread::is_linked;
use crate::analysis::cache::Stated;
use crate::analysis::cost::{self, is_batch_results};
use crate::capture::note::{Began, Ended, ResponseHead};
use crate::reading::{AnswerReader, Fed, Reading, header, text_of};
use protocol::conversation::Conversation;
use protocol::identity::{self, Identity};
use protocol::limits::Limits;
use protocol::message::{Block, Message};
use protocol::outline::Outline;
use protocol::request::MessageRequest;
use relay::{End, Phase};
use std::sync::Arc;
use store::{
    Agent, Capture, Exchange, Failure, Frame, Known, LONGEST_PREPARED, Outcome, Prepared, Program, Session,
    Source, Timing, ToolTime, Usage,
};

/// Request bodies beyond this are stored, but not read for model and identity.
const READ_LIMIT: usize = 64 << 20;

/// Characters of a person's words that are kept in the row: enough for a title.
const TITLE: usize = 200;

/// An exchange that has begun and not ended.
pub(super) struct OpenExchange {
    /// As it would be stored now.
    pub(super) row: Exchange,
    /// The request's body, kept until it is read. `None`: not a call whose body says who asked.
    request: Option<Vec<u8>>,
    answer: Option<AnswerReader>,
    /// What a streamed answer says, once it has ended: its bytes scatter the words over events.
    pub(super) streamed_text: Option<String>,
    /// An answer that is JSON and came uncompressed, once it has ended.
    pub(super) json: Option<Vec<u8>>,
    /// The prompt, until the call is linked to the one before.
    pub(super) outline: Option<Arc<Outline>>,
    /// What of storing the request's body was done with reading it.
    pub(super) prepared: Option<Arc<Prepared>>,
    /// What the answer reports that was used, once it has ended.
    pub(super) usage: Option<protocol::usage::Usage>,
    /// What the server says of a cache miss.
    pub(super) stated: Option<Stated>,
    /// When the answer was last heard of, microseconds since the exchange began.
    heard_us: Option<u64>,
    /// A defect of ours kept it from being read.
    unreadable: bool,
}

impl OpenExchange {
    pub(super) fn new(began: Began) -> OpenExchange {
        let wants_body = is_model_call(&began.url) && began.method == "POST";
        let length = header(&began.headers, "content-length").and_then(|length| length.trim().parse().ok());
        let length = length.unwrap_or(0).min(LONGEST_PREPARED);
        let row = Exchange {
            id: began.id,
            started_us: began.started_us,
            method: began.method,
            url: began.url,
            upstream: began.upstream,
            client: Some(began.client),
            http_version: began.version.to_owned(),
            credential: began.credential,
            request_headers: began.headers,
            capture: Capture { complete: true, reason: None },
            ..Exchange::default()
        };
        let mut open = OpenExchange {
            row,
            request: wants_body.then(|| Vec::with_capacity(length)),
            answer: None,
            streamed_text: None,
            json: None,
            outline: None,
            prepared: None,
            usage: None,
            stated: None,
            heard_us: None,
            unreadable: false,
        };
        open.identify(None);
        open
    }

    pub(super) fn request_body(&mut self, data: &[u8]) {
        self.row.request_bytes += data.len() as u64;
        match &mut self.request {
            Some(body) if body.len() + data.len() <= READ_LIMIT => body.extend_from_slice(data),
            other => *other = None,
        }
    }

    /// A defect showed while it was read: from now on it is only added up, and its record says so.
    pub(super) fn give_up_reading(&mut self) {
        self.unreadable = true;
        self.request = None;
        self.answer = None;
        self.outline = None;
        self.row.capture = self.capture(None);
    }

    /// `known`: what was read before, which this may go on from.
    pub(super) fn request_ended(
        &mut self,
        at_us: u64,
        trailers: Vec<(String, String)>,
        known: &mut Conversations,
    ) {
        self.row.timing.request_end_us = Some(at_us);
        self.row.request_trailers = trailers;
        self.read_request(known);
    }

    /// Reads the request, unless it was.
    fn read_request(&mut self, known: &mut Conversations) {
        let Some(body) = self.request.take().filter(|body| !body.is_empty()) else { return };
        let encoding = header(&self.row.request_headers, "content-encoding").map(str::to_owned);
        let body = match &encoding {
            Some(encoding) => protocol::coding::decode(Some(encoding), &body, READ_LIMIT as u64).0,
            None => body,
        };
        known.read(Key::of(&self.row), body, |read| {
            self.take_request(&read.conversation);
            // What is stored is what came, not what it was uncompressed.
            self.prepared = read.prepared.clone().filter(|_| encoding.is_none());
        });
    }

    fn take_request(&mut self, read: &Conversation) {
        let request = &read.request;
        if is_linked(&self.row) {
            self.outline = Some(Arc::clone(&read.outline));
        }
        self.row.model.clone_from(&request.model);
        self.row.stream = request.stream;
        self.row.opening = request.first_user_text.as_deref().map(title);
        self.row.characters_in = request.last_user_characters;
        // In a conversation's first call they are the same.
        self.row.asked = match request.last_user_text == request.first_user_text {
            true => self.row.opening.clone(),
            false => request.last_user_text.as_deref().map(title),
        };
        self.identify(Some(request));
    }

    fn identify(&mut self, request: Option<&MessageRequest>) {
        let headers = self.row.request_headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let Identity {
            session,
            agent,
            request_class,
            client,
            prompt_id,
            working_directory,
            compaction,
            context_compacted,
            tool_durations,
            ..
        } = identity::identify(&self.row.url, headers, request);
        self.row.session = session.map(|found| Session { id: found.value, source: source(found.source) });
        self.row.agent = (agent.id.is_some() || agent.parent_id.is_some() || agent.kind.is_some())
            .then_some(Agent { id: agent.id, parent_id: agent.parent_id, kind: agent.kind });
        self.row.request_class =
            request_class.map(|found| Known { value: found.value, source: source(found.source) });
        self.row.program = client.map(|found| Program {
            name: found.name,
            version: found.version,
            entrypoint: found.entrypoint,
        });
        self.row.prompt_id = prompt_id;
        self.row.project =
            working_directory.map(|found| Known { value: found.value, source: source(found.source) });
        self.row.compaction = compaction;
        self.row.context_compacted = context_compacted;
        self.row.tool_times = tool_durations.into_iter().map(|(name, ms)| ToolTime { name, ms }).collect();
    }

    pub(super) fn connected(&mut self, at_us: u64, reused: bool) {
        self.row.timing.connect_us = Some(at_us);
        self.row.timing.connection_reused = Some(reused);
    }

    pub(super) fn answered(&mut self, at_us: u64, head: ResponseHead) {
        self.row.timing.first_byte_us = Some(at_us);
        self.row.status = Some(head.status);
        self.row.reason = Some(head.reason);
        self.row.response_version = Some(head.version.to_owned());
        self.row.response_headers = head.headers;
        self.take_limits();
        self.row.request_id = header(&self.row.response_headers, "request-id").map(str::to_owned);
        let answer = AnswerReader::new(
            header(&self.row.response_headers, "content-type"),
            header(&self.row.response_headers, "content-encoding"),
        );
        self.row.stream |= answer.is_stream();
        self.answer = Some(answer);
    }

    fn take_limits(&mut self) {
        let headers = self.row.response_headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let limits = Limits::read(headers, jiff::Timestamp::UNIX_EPOCH);
        let spent = |name| {
            let used = limits.family(name).and_then(|family| family.utilization)?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "bounded, and not below zero"
            )]
            Some((used.min(1_000.0) * 1e6).round() as u32)
        };
        self.row.spent_5h = spent("unified-5h");
        self.row.spent_7d = spent("unified-7d");
    }

    /// Returns the events that the piece completed.
    pub(super) fn response_body(&mut self, data: &[u8], at_us: u64) -> Fed {
        self.row.response_bytes += data.len() as u64;
        self.heard(at_us);
        let Some(answer) = &mut self.answer else { return Fed::default() };
        let fed = answer.feed(data, at_us);
        self.row.event_count += fed.events.len() as u64;
        if fed.first_content {
            self.row.timing.first_token_us = Some(at_us);
        }
        if let Some(message) = answer.message_so_far().filter(|_| fed.of_message) {
            take_message(&mut self.row, message);
        }
        fed
    }

    /// Keeps the longest silence; the head of the answer is where the first can begin.
    fn heard(&mut self, at_us: u64) {
        let timing = &mut self.row.timing;
        if let Some(since) = self.heard_us.replace(at_us).or(timing.first_byte_us)
            && let gap = at_us.saturating_sub(since)
            && timing.longest_gap_us.is_none_or(|longest| gap > longest)
        {
            timing.longest_gap_us = Some(gap);
            timing.longest_gap_at_us = Some(since);
        }
    }

    /// Closes the record: outcome, usage, what is missing. Returns what the last bytes brought.
    pub(super) fn ended(&mut self, at_us: u64, ended: &Ended, known: &mut Conversations) -> Fed {
        self.row.timing.end_us = Some(at_us);
        if self.row.timing.first_byte_us.is_some() {
            self.heard(at_us);
        }
        self.row.request_bytes = ended.request_bytes;
        self.row.response_bytes = ended.response_bytes;
        let (fed, reading) = self.read_to_end(at_us, known);
        self.row.outcome = Some(outcome(&self.row, &ended.end, &reading));
        self.row.error = failure(&self.row, &ended.end, &reading);
        self.row.capture = self.capture(Some(ended));
        if is_batch_results(&self.row.url) {
            batch::take_cost(&mut self.row, &reading.batch);
        }
        if let Some(message) = &reading.message {
            take_whole(&mut self.row, message);
            self.usage = Some(message.usage.clone());
            self.stated = message.diagnostics.as_ref().and_then(Stated::read);
        }
        fed
    }

    /// Reads what is left to read; all that the bytes tell is known then.
    fn read_to_end(&mut self, at_us: u64, known: &mut Conversations) -> (Fed, Reading) {
        self.read_request(known);
        let (fed, mut reading) = match self.answer.take() {
            Some(answer) => answer.finish(at_us),
            None => (Fed::default(), Reading::default()),
        };
        self.row.event_count += fed.events.len() as u64;
        if let Some(message) = &reading.message {
            take_message(&mut self.row, message);
        }
        if reading.complete.is_some() {
            self.streamed_text = reading.message.as_ref().map(text_of);
        }
        let is_plain = header(&self.row.response_headers, "content-encoding").is_none();
        self.json = reading.json.take().filter(|_| is_plain);
        if is_batch_results(&self.row.url) {
            batch::take_usage(&mut self.row, &reading.batch);
        }
        if let Some(counted) = reading.counted_tokens {
            // Counted, not spent: it must not add to the sums of what was.
            self.row.usage = Usage { total_input: Some(counted), ..Usage::default() };
        }
        (fed, reading)
    }

    /// What is missing, as far as is known; all of it once it has ended.
    fn capture(&self, ended: Option<&Ended>) -> Capture {
        let mut missing = Vec::new();
        if self.unreadable {
            missing.push("a defect of the proxy: not read to its end".to_owned());
        }
        if let Some(ended) = ended {
            if ended.lost_request_bytes > 0 {
                missing.push(format!("queue full: {} bytes of the request", ended.lost_request_bytes));
            }
            if ended.lost_response_bytes > 0 {
                missing.push(format!("queue full: {} bytes of the answer", ended.lost_response_bytes));
            }
            if ended.lost_notes {
                missing.push("queue full: heads or times".to_owned());
            }
            if ended.defect {
                missing.push("a defect of the proxy: not all that went through was seen".to_owned());
            }
        }
        let reason = (!missing.is_empty()).then(|| missing.join("; "));
        Capture { complete: reason.is_none(), reason }
    }
}

/// What the bytes of an exchange say, read anew.
pub(crate) struct Again {
    /// As it is to be recorded; what it follows from is not known yet.
    pub(super) exchange: Exchange,
    /// What its streamed answer says.
    pub(super) text: Option<String>,
    pub(super) outline: Option<Arc<Outline>>,
    pub(super) usage: Option<protocol::usage::Usage>,
    pub(super) stated: Option<Stated>,
}

/// Reads an exchange that has ended anew.
///
/// How it ended and what failed are facts of the traffic: they stay as they are.
pub(crate) fn read_again(stored: &Exchange, request: &[u8], response: &[u8], frames: &[Frame]) -> Again {
    let mut open = OpenExchange::new(Began {
        id: stored.id,
        started_us: stored.started_us,
        method: stored.method.clone(),
        url: stored.url.clone(),
        upstream: stored.upstream.clone(),
        client: stored.client.clone().unwrap_or_default(),
        version: "",
        credential: stored.credential.clone(),
        headers: stored.request_headers.clone(),
    });
    open.request_body(request);
    // What is read anew comes in no order that would help.
    let mut known = Conversations::default();
    open.request_ended(0, Vec::new(), &mut known);
    if let Some(status) = stored.status {
        let headers = stored.response_headers.clone();
        open.answered(
            stored.timing.first_byte_us.unwrap_or(0),
            ResponseHead { status, reason: String::new(), version: "", headers },
        );
    }
    let mut rest = response;
    for frame in frames {
        let (now, later) = rest.split_at((frame.len as usize).min(rest.len()));
        open.response_body(now, frame.at_us);
        rest = later;
    }
    open.response_body(rest, stored.timing.end_us.unwrap_or(0));
    open.heard(stored.timing.end_us.unwrap_or(0));
    let (_, reading) = open.read_to_end(stored.timing.end_us.unwrap_or(0), &mut known);
    let mut row = Exchange {
        client: stored.client.clone(),
        http_version: stored.http_version.clone(),
        request_trailers: stored.request_trailers.clone(),
        reason: stored.reason.clone(),
        response_version: stored.response_version.clone(),
        response_trailers: stored.response_trailers.clone(),
        informational: stored.informational.clone(),
        timing: Timing {
            first_token_us: open.row.timing.first_token_us,
            longest_gap_us: open.row.timing.longest_gap_us,
            longest_gap_at_us: open.row.timing.longest_gap_at_us,
            ..stored.timing
        },
        request_bytes: stored.request_bytes,
        response_bytes: stored.response_bytes,
        outcome: stored.outcome,
        capture: stored.capture.clone(),
        redacted: stored.redacted.clone(),
        error: stored.error.clone(),
        pinned: stored.pinned,
        ..open.row
    };
    let mut again = Again {
        exchange: Exchange::default(),
        text: open.streamed_text,
        outline: open.outline,
        usage: None,
        stated: None,
    };
    if is_batch_results(&row.url) {
        batch::take_cost(&mut row, &reading.batch);
    }
    if let Some(message) = &reading.message {
        take_whole(&mut row, message);
        again.usage = Some(message.usage.clone());
        again.stated = message.diagnostics.as_ref().and_then(Stated::read);
    }
    Again { exchange: row, ..again }
}

/// A request's body with its content coding undone, as far as it is read.
pub(super) fn header_decoded(exchange: &Exchange, body: &[u8]) -> Vec<u8> {
    protocol::coding::decode(header(&exchange.request_headers, "content-encoding"), body, READ_LIMIT as u64).0
}

/// The beginning of a text, its white space made one line; what looks like a key in it is masked, for it is shown in lists.
pub(crate) fn title(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > TITLE * 4 {
            break;
        }
    }
    protocol::secrets::mask_text(line.as_bytes()).chars().take(TITLE).collect()
}

/// Whether a request's body names a model and who asked.
fn is_model_call(url: &str) -> bool {
    let path = url.split('?').next().unwrap_or_default().trim_end_matches('/');
    path.ends_with("/v1/messages")
        || path.ends_with("/v1/messages/count_tokens")
        || path.ends_with("/v1/complete")
}

fn source(source: identity::Source) -> Source {
    match source {
        identity::Source::Header => Source::Header,
        identity::Source::Metadata => Source::Metadata,
        identity::Source::Inferred => Source::Inferred,
    }
}

fn take_message(row: &mut Exchange, message: &Message) {
    row.served_model.clone_from(&message.model);
    row.stop_reason.clone_from(&message.stop_reason);
    row.message_id.clone_from(&message.id);
    let usage = &message.usage;
    row.usage = Usage {
        input: usage.input_tokens,
        output: usage.output_tokens,
        cache_read: usage.cache_read_input_tokens,
        cache_creation: usage.cache_creation_input_tokens,
        cache_creation_5m: usage.cache_creation_5m,
        cache_creation_1h: usage.cache_creation_1h,
        thinking: usage.thinking_tokens,
        total_input: usage.total_input(),
    };
}

/// What only a message that has ended tells. How it ended and what was lost of it must be known by now.
fn take_whole(row: &mut Exchange, message: &Message) {
    for tool in message.content.iter().filter_map(Block::tool_use) {
        if !tool.name.is_empty() && !row.tools.iter().any(|known| known == tool.name) {
            row.tools.push(tool.name.to_owned());
        }
    }
    row.characters_out =
        message.content.iter().filter_map(Block::text).map(|text| text.chars().count() as u64).sum();
    row.has_thinking = message.content.iter().any(Block::is_thinking);
    let cost = cost::of(row, &message.usage).ok();
    row.cost_pico = cost.as_ref().and_then(|cost| cost.total.pico_i64());
    row.cache_saving_pico = cost.and_then(|cost| cost.cache_saving.pico_i64());
}

/// What became of it. The traffic's end decides, unless the answer itself says more.
fn outcome(row: &Exchange, end: &End, reading: &Reading) -> Outcome {
    let failed_status = row.status.is_some_and(|status| status >= 400);
    let came_to_its_end = reading.complete == Some(true);
    match end {
        End::BadRequestBody { .. } => Outcome::Refused,
        End::Complete if failed_status => Outcome::UpstreamError,
        End::Complete | End::ClientAborted if reading.error.is_some() && !failed_status => {
            Outcome::StreamError
        }
        // A client may hang up as soon as it has seen the last event, or the status of an error: no fault of anybody.
        End::ClientAborted if failed_status => Outcome::UpstreamError,
        End::ClientAborted if came_to_its_end => Outcome::Complete,
        End::ClientAborted => Outcome::ClientAborted,
        End::Complete if reading.complete == Some(false) && is_model_call(&row.url) => Outcome::Truncated,
        End::Complete => Outcome::Complete,
        End::UpstreamCut { .. } => Outcome::Truncated,
        End::Timeout { .. } => Outcome::Timeout,
        End::UpstreamFailed { .. } => Outcome::ConnectError,
        // `Shutdown`, `Aborted`, and whatever joins them later: we ended it.
        _ => Outcome::Interrupted,
    }
}

fn failure(row: &Exchange, end: &End, reading: &Reading) -> Option<Failure> {
    let outcome = row.outcome.filter(|outcome| *outcome != Outcome::Complete)?;
    // An answer of the proxy's own says less than its reason.
    let from_upstream = matches!(end, End::Complete | End::ClientAborted);
    if let Some(error) = reading.error.as_ref().filter(|_| from_upstream) {
        return Some(Failure { kind: error.kind.clone(), message: error.message.clone() });
    }
    let message = match (outcome, row.status) {
        (Outcome::UpstreamError, Some(status)) => format!("the upstream answered {status}"),
        _ => describe(end),
    };
    Some(Failure { kind: outcome.as_str().to_owned(), message })
}

fn describe(end: &End) -> String {
    match end {
        End::Complete => "the stream ended before its message did".to_owned(),
        End::ClientAborted => "the client left before the answer was complete".to_owned(),
        End::UpstreamCut { message }
        | End::UpstreamFailed { message, .. }
        | End::BadRequestBody { message } => message.clone(),
        End::Timeout { phase: Phase::ResponseHead } => {
            "the upstream was silent for too long before it answered".to_owned()
        }
        End::Timeout { phase: Phase::ResponseBody } => {
            "the upstream was silent for too long within its answer".to_owned()
        }
        _ => "the proxy was stopped before the answer was complete".to_owned(),
    }
}
