//! Reads a recorded answer: undoes its compression, cuts its events, assembles the message.
//!
//! Pure and incremental. The recorder feeds it while the answer comes, the monitor feeds it what was stored: both see the same.

mod batch;

pub(crate) use batch::BatchMessage;
use batch::BatchReader;
use protocol::Problem;
use protocol::assemble::{Assembled, Assembler, Update};
use protocol::coding;
use protocol::error::ApiError;
use protocol::message::Message;
use protocol::sse;
use store::Exchange;

/// How much of one answer is decoded at the most: a compressed bomb ends here, the stored bytes stay whole.
pub(crate) const DECODED_LIMIT: u64 = 256 << 20;

/// Beyond this a JSON answer is stored but not read.
pub(crate) const JSON_LIMIT: usize = 64 << 20;

/// One event of an answer that was streamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimedEvent {
    /// Microseconds since the exchange began at which its last byte arrived.
    pub(crate) at_us: u64,
    /// The `event:` line.
    pub(crate) name: Option<String>,
    /// The `data:` lines; bytes that are not UTF-8 are replaced.
    pub(crate) data: String,
}

/// What one piece of the answer brought.
#[derive(Debug, Default)]
pub(crate) struct Fed {
    /// Events that it completed.
    pub(crate) events: Vec<TimedEvent>,
    /// Whether the first token of text, thinking or tool input was among them.
    pub(crate) first_content: bool,
    /// Whether they say more of the message itself (model, usage, why it stopped) than was known.
    pub(crate) of_message: bool,
}

/// What a whole answer says.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The message: assembled from its events, or the body itself.
    pub(crate) message: Option<Message>,
    /// The error it reports, inside a stream or as its body.
    pub(crate) error: Option<ApiError>,
    /// For a stream: whether it came to its proper end. `None` for other bodies.
    pub(crate) complete: Option<bool>,
    /// What `count_tokens` counted.
    pub(crate) counted_tokens: Option<u64>,
    /// The messages of a batch that succeeded.
    pub(crate) batch: Vec<BatchMessage>,
    /// What could not be read, and where.
    pub(crate) problems: Vec<Problem>,
    /// The body of a JSON answer, decoded.
    pub(crate) json: Option<Vec<u8>>,
}

/// An answer that is a stream of events.
#[derive(Default)]
struct Stream {
    cutter: sse::Decoder,
    assembler: Assembler,
}

enum Form {
    Events(Box<Stream>),
    Json { body: Vec<u8>, cut: bool },
    Results(BatchReader),
    Opaque,
}

/// Reads one answer, piece by piece.
pub(crate) struct AnswerReader {
    coding: coding::Decoder,
    form: Form,
    decoded: Vec<u8>,
    problems: Vec<Problem>,
    broken: bool,
    seen_content: bool,
}

impl AnswerReader {
    /// A reader for an answer with these header values.
    pub(crate) fn new(content_type: Option<&str>, content_encoding: Option<&str>) -> AnswerReader {
        let kind = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        let form = if kind.eq_ignore_ascii_case("text/event-stream") {
            Form::Events(Box::default())
        } else if kind.eq_ignore_ascii_case("application/json") {
            Form::Json { body: Vec::new(), cut: false }
        } else if ["application/x-jsonl", "application/jsonl"]
            .iter()
            .any(|name| kind.eq_ignore_ascii_case(name))
        {
            Form::Results(BatchReader::default())
        } else {
            Form::Opaque
        };
        AnswerReader {
            coding: coding::Decoder::new(content_encoding, DECODED_LIMIT),
            form,
            decoded: Vec::new(),
            problems: Vec::new(),
            broken: false,
            seen_content: false,
        }
    }

    /// Whether the answer is a stream of events.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.form, Form::Events(_))
    }

    /// Takes a piece of the body that arrived at `at_us`.
    pub(crate) fn feed(&mut self, bytes: &[u8], at_us: u64) -> Fed {
        if self.broken || matches!(self.form, Form::Opaque) {
            return Fed::default();
        }
        self.decoded.clear();
        if let Err(error) = self.coding.feed(bytes, &mut self.decoded) {
            self.note_broken(&error);
        }
        self.take_decoded(at_us)
    }

    fn take_decoded(&mut self, at_us: u64) -> Fed {
        match &mut self.form {
            Form::Events(stream) => {
                let mut events = Vec::new();
                stream.cutter.feed(&self.decoded, &mut events);
                let mut fed = Fed::default();
                for event in events {
                    let update = stream.assembler.push(&event);
                    fed.of_message |= !matches!(update, Update::Content { .. });
                    if update.is_first_content() && !self.seen_content {
                        self.seen_content = true;
                        fed.first_content = true;
                    }
                    fed.events.push(timed(event, at_us));
                }
                fed
            }
            Form::Json { body, cut } => {
                let room = JSON_LIMIT.saturating_sub(body.len());
                *cut |= self.decoded.len() > room;
                body.extend_from_slice(&self.decoded[..self.decoded.len().min(room)]);
                Fed::default()
            }
            Form::Results(results) => {
                results.feed(&self.decoded);
                Fed::default()
            }
            Form::Opaque => Fed::default(),
        }
    }

    fn note_broken(&mut self, error: &coding::CodingError) {
        self.broken = true;
        self.problems.push(Problem { at: "content-encoding".to_owned(), what: error.to_string() });
    }

    /// The message as far as it has come.
    pub(crate) fn message_so_far(&self) -> Option<&Message> {
        match &self.form {
            Form::Events(stream) => stream.assembler.message(),
            _ => None,
        }
    }

    /// The body has ended at `at_us`. Returns what the last bytes brought and what the whole says.
    pub(crate) fn finish(mut self, at_us: u64) -> (Fed, Reading) {
        self.decoded.clear();
        if !self.broken
            && !matches!(self.form, Form::Opaque)
            && let Err(error) = self.coding.finish(&mut self.decoded)
        {
            self.note_broken(&error);
        }
        let mut fed = self.take_decoded(at_us);
        let mut reading = match self.form {
            Form::Events(stream) => {
                let Stream { cutter, mut assembler } = *stream;
                if let Some(event) = cutter.finish() {
                    assembler.push(&event);
                    fed.events.push(timed(event, at_us));
                }
                let Assembled { message, error, complete, problems } = assembler.finish();
                Reading { message, error, complete: Some(complete), problems, ..Reading::default() }
            }
            Form::Json { body, cut: false } => {
                let reading = read_json(&body);
                Reading { json: Some(body), ..reading }
            }
            Form::Json { cut: true, .. } => Reading {
                problems: vec![Problem {
                    at: "body".to_owned(),
                    what: format!("longer than {JSON_LIMIT} bytes: stored, not read"),
                }],
                ..Reading::default()
            },
            Form::Results(results) => {
                let (batch, problems) = results.finish();
                Reading { batch, problems, ..Reading::default() }
            }
            Form::Opaque => Reading::default(),
        };
        reading.problems.append(&mut self.problems);
        (fed, reading)
    }
}

fn timed(event: sse::Event, at_us: u64) -> TimedEvent {
    let data = String::from_utf8(event.data)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    TimedEvent { at_us, name: event.name, data }
}

fn read_json(body: &[u8]) -> Reading {
    if let Some(error) = protocol::error::parse(body) {
        return Reading { error: Some(error), ..Reading::default() };
    }
    if let Some(counted) = protocol::usage::counted_tokens(body) {
        return Reading { counted_tokens: Some(counted), ..Reading::default() };
    }
    let (message, problems) = protocol::message::parse(body);
    Reading { message, problems, ..Reading::default() }
}

/// What a streamed answer says, read from its bytes; `None` for other answers. For search.
pub(crate) fn streamed_text(exchange: &Exchange, bytes: &[u8]) -> Option<String> {
    let mut answer = AnswerReader::new(
        header(&exchange.response_headers, "content-type"),
        header(&exchange.response_headers, "content-encoding"),
    );
    if !answer.is_stream() {
        return None;
    }
    answer.feed(bytes, 0);
    let (_, reading) = answer.finish(0);
    reading.message.as_ref().map(text_of)
}

/// What a message says, for search: texts, thinking, inputs and results of tools, parted by NUL as the store wants them.
pub(crate) fn text_of(message: &Message) -> String {
    let mut text = String::new();
    for block in &message.content {
        for (name, value) in &block.fields {
            if !["id", "signature", "data", "tool_use_id"].contains(&name.as_str()) {
                push_text(value, &mut text);
            }
        }
    }
    text
}

fn push_text(value: &serde_json::Value, text: &mut String) {
    match value {
        serde_json::Value::String(words) => {
            text.push_str(words);
            text.push('\0');
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| push_text(value, text)),
        serde_json::Value::Object(fields) => fields.values().for_each(|value| push_text(value, text)),
        serde_json::Value::Number(number) => {
            text.push_str(&number.to_string());
            text.push('\0');
        }
        _ => {}
    }
}

/// The value of the first header of that name.
pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
