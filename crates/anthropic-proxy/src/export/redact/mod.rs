//! The one place that takes personal things out of an exchange before it is written to a file.
//!
//! Keys, e-mail addresses, home folders, device and account ids, and what own patterns match. It looks into bodies with their content
//! coding undone, and into text that a stream spread over many events. Session ids stay: without them a file says little.

mod edits;
mod rules;
mod stream;

use crate::reading::header;
use crate::recorded::{MAX_BODY, Recorded};
use edits::{Edit, apply, moved};
use protocol::coding;
use regex::bytes::{Regex, RegexBuilder};
use rules::Rule;
use std::borrow::Cow;
use store::{Body, Frame, Headers};

/// Own patterns that may be given.
const MAX_PATTERNS: usize = 100;

/// What one own pattern may take compiled, bytes.
const PATTERN_SIZE: usize = 1 << 20;

/// What stands where an own pattern matched.
const OWN: &str = "[redacted]";

/// Takes personal things out. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Redactor {
    rules: Vec<Rule>,
    own: Vec<Regex>,
}

impl Redactor {
    /// A redactor that knows what is always taken out, and these patterns (regular expressions as the `regex` crate reads them).
    ///
    /// # Errors
    /// A sentence for people that names the wrong pattern.
    pub(crate) fn new(patterns: &[String]) -> Result<Redactor, String> {
        if patterns.len() > MAX_PATTERNS {
            return Err(format!(
                "{} patterns are too many\nhint: join some with |, up to {MAX_PATTERNS} may be given",
                patterns.len()
            ));
        }
        let own = patterns.iter().map(|pattern| {
            RegexBuilder::new(pattern).size_limit(PATTERN_SIZE).build().map_err(|error| {
                // The first line of the long form draws the place; the last says what is wrong.
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                format!("the pattern {pattern:?} is no regular expression: {why}\nhint: put \\ before signs that are meant as they are, such as \\. or \\(")
            })
        });
        let own = own.collect::<Result<Vec<_>, _>>()?;
        let rules = rules::all().map_err(|error| format!("the built-in patterns are wrong: {error}"))?;
        Ok(Redactor { rules, own })
    }

    /// A text without what is personal.
    pub(crate) fn text(&self, text: &str) -> String {
        self.text_with(text, &[])
    }

    /// Everything of an exchange: URL, headers, bodies (decoded, so their lengths change), messages.
    pub(crate) fn exchange(&self, recorded: &mut Recorded) {
        let exchange = &recorded.exchange;
        let readable = |decoded: &Decoded| !decoded.bytes.is_empty();
        let request = recorded.request.take().map(|body| decode(&body, &exchange.request_headers, &[]));
        let request = request.filter(readable);
        let response =
            recorded.response.take().map(|body| decode(&body, &exchange.response_headers, &recorded.frames));
        // What cannot be looked into is left out; its length stays.
        let response = response.filter(readable);
        recorded.frames.clear();
        let ids = request.as_ref().map(|decoded| self.ids(&decoded.bytes)).unwrap_or_default();

        let exchange = &mut recorded.exchange;
        let is_stream = header(&exchange.response_headers, "content-type")
            .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream"));
        if let Some(decoded) = request {
            let body = self.body(decoded, false, &ids).0;
            exchange.request_bytes = body.bytes.len() as u64;
            settle(&mut exchange.request_headers, exchange.request_bytes);
            recorded.request = Some(body);
        }
        if let Some(decoded) = response {
            let (body, frames) = self.body(decoded, is_stream, &ids);
            exchange.response_bytes = body.bytes.len() as u64;
            settle(&mut exchange.response_headers, exchange.response_bytes);
            recorded.response = Some(body);
            recorded.frames = frames;
        }
        for headers in [
            &mut exchange.request_headers,
            &mut exchange.request_trailers,
            &mut exchange.response_headers,
            &mut exchange.response_trailers,
        ] {
            for (name, value) in headers {
                *value = self.header(name, value, &ids);
            }
        }
        exchange.client = None;
        exchange.credential = None;
        let texts = [&mut exchange.url, &mut exchange.upstream]
            .into_iter()
            .chain(exchange.reason.as_mut())
            .chain(exchange.capture.reason.as_mut())
            .chain(exchange.error.as_mut().map(|error| &mut error.message))
            .chain(exchange.model.as_mut())
            .chain(exchange.served_model.as_mut())
            .chain(exchange.agent.as_mut().and_then(|agent| agent.kind.as_mut()))
            .chain(exchange.project.as_mut().map(|project| &mut project.value))
            .chain(exchange.opening.as_mut())
            .chain(exchange.asked.as_mut())
            .chain(exchange.tool_times.iter_mut().map(|time| &mut time.name))
            .chain(exchange.tools.iter_mut());
        for text in texts {
            *text = self.text_with(text, &ids);
        }
    }

    fn header(&self, name: &str, value: &str, ids: &[Vec<u8>]) -> String {
        if protocol::secrets::is_secret_header(name) {
            rules::KEY.to_owned()
        } else if rules::is_id_header(name) {
            rules::ID.to_owned()
        } else {
            self.text_with(value, ids)
        }
    }

    fn text_with(&self, text: &str, ids: &[Vec<u8>]) -> String {
        match apply(text.as_bytes(), &self.find(text.as_bytes(), ids)) {
            Cow::Borrowed(_) => text.to_owned(),
            Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    fn body(&self, decoded: Decoded, is_stream: bool, ids: &[Vec<u8>]) -> (Body, Vec<Frame>) {
        let Decoded { mut bytes, mut frames, complete } = decoded;
        if is_stream {
            let edits = stream::edits(&bytes, &|text| self.find(text, ids));
            frames = moved(&frames, &edits);
            bytes = apply(&bytes, &edits).into_owned();
        }
        let edits = self.find(&bytes, ids);
        frames = moved(&frames, &edits);
        (Body { bytes: apply(&bytes, &edits).into_owned(), complete }, frames)
    }

    /// Device and account ids that a request names; they are taken out wherever else they stand.
    fn ids(&self, request: &[u8]) -> Vec<Vec<u8>> {
        let mut ids = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.names_ids) {
            rule.find(request, &mut |range| ids.push(request[range].to_vec()));
        }
        ids.retain(|id| id.len() >= 8);
        ids.sort();
        ids.dedup();
        ids
    }

    /// What to put where; in order, without overlaps.
    fn find(&self, text: &[u8], ids: &[Vec<u8>]) -> Vec<Edit> {
        let mut found = Vec::new();
        for (range, _masked) in protocol::secrets::find(text) {
            found.push(Edit { range, with: rules::KEY.into() });
        }
        for rule in &self.rules {
            rule.find(text, &mut |range| found.push(Edit { range, with: rule.with.into() }));
        }
        for id in ids {
            for at in memchr::memmem::find_iter(text, id) {
                found.push(Edit { range: at..at + id.len(), with: rules::ID.into() });
            }
        }
        for pattern in &self.own {
            for part in pattern.find_iter(text).filter(|part| !part.is_empty()) {
                found.push(Edit { range: part.range(), with: OWN.into() });
            }
        }
        edits::settle(found)
    }
}

struct Decoded {
    bytes: Vec<u8>,
    frames: Vec<Frame>,
    complete: bool,
}

/// Undoes the content coding frame by frame, so that it stays known what came when.
fn decode(body: &Body, headers: &Headers, frames: &[Frame]) -> Decoded {
    let mut coding = coding::Decoder::new(header(headers, "content-encoding"), MAX_BODY as u64);
    let mut bytes = Vec::new();
    let mut rest = body.bytes.as_slice();
    let mut decoded_frames = Vec::with_capacity(frames.len());
    let mut fine = true;
    for frame in frames {
        let (piece, after) = rest.split_at(rest.len().min(frame.len as usize));
        rest = after;
        let before = bytes.len();
        fine = fine && coding.feed(piece, &mut bytes).is_ok();
        let len = u32::try_from(bytes.len() - before).unwrap_or(u32::MAX);
        decoded_frames.push(Frame { len, at_us: frame.at_us });
    }
    fine = fine && coding.feed(rest, &mut bytes).is_ok() && coding.finish(&mut bytes).is_ok();
    Decoded { bytes, frames: decoded_frames, complete: fine && body.complete }
}

/// The headers of a body whose coding was undone.
fn settle(headers: &mut Headers, length: u64) {
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-encoding"));
    for (name, value) in headers {
        if name.eq_ignore_ascii_case("content-length") {
            *value = length.to_string();
        }
    }
}

#[cfg(test)]
mod tests;
