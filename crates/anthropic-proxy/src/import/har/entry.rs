//! One entry of an archive, and the exchange that it tells of.

use crate::capture::note::{Began, Headers, ResponseHead};
use crate::recorder::{self, Whole};
use base64::Engine as _;
use protocol::secrets::{mask_header, mask_text};
use relay::End;
use serde::Deserialize;
use store::{Capture, Exchange, Frame};
use uuid::Uuid;

/// What is read of an entry.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    started_date_time: String,
    #[serde(default)]
    time: f64,
    request: Request,
    response: Response,
    #[serde(default)]
    timings: Timings,
    /// Ours: milliseconds to the first token.
    #[serde(rename = "_firstTokenTime")]
    first_token_time: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    http_version: String,
    #[serde(default)]
    headers: Vec<Pair>,
    post_data: Option<PostData>,
    #[serde(default)]
    body_size: f64,
}

#[derive(Debug, Deserialize)]
struct PostData {
    text: Option<String>,
    /// Ours: the format knows no coding here.
    #[serde(rename = "_encoding")]
    encoding: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    #[serde(default)]
    status: i32,
    #[serde(default)]
    status_text: String,
    #[serde(default)]
    http_version: String,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(default)]
    content: Content,
    /// Ours: length of each part of the answer as it came, and microseconds since the exchange began.
    #[serde(rename = "_frames", default)]
    frames: Vec<(u32, u64)>,
}

/// What an entry tells of.
pub(super) struct Read {
    pub(super) exchange: Exchange,
    /// The request's body.
    pub(super) request: Vec<u8>,
    /// The answer's, if there was an answer.
    pub(super) response: Option<Vec<u8>>,
    /// When what of it came.
    pub(super) frames: Vec<Frame>,
}

#[derive(Debug, Default, Deserialize)]
struct Content {
    #[serde(default)]
    size: f64,
    text: Option<String>,
    encoding: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Pair {
    name: String,
    value: String,
}

/// Milliseconds; -1 or nothing where it does not apply.
#[derive(Debug, Default, Deserialize)]
struct Timings {
    blocked: Option<f64>,
    dns: Option<f64>,
    connect: Option<f64>,
    send: Option<f64>,
    wait: Option<f64>,
    receive: Option<f64>,
}

impl Entry {
    /// Whether an exchange can be made of it.
    pub(super) fn check(&self) -> Result<(), String> {
        self.started_us()?;
        let coded = [
            (self.request.post_data.as_ref().and_then(|data| data.encoding.as_ref()), self.request_text()),
            (self.response.content.encoding.as_ref(), self.response.content.text.as_deref()),
        ];
        for (encoding, text) in coded {
            decode(text, encoding.map(String::as_str))?;
        }
        Ok(())
    }

    /// A hash of what makes it the entry it is.
    pub(super) fn content(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        };
        for text in
            [&self.started_date_time, &self.request.method, &self.request.url, &self.response.status_text]
        {
            add(text);
        }
        add(&self.response.status.to_string());
        add(self.request_text().unwrap_or_default());
        add(self.response.content.text.as_deref().unwrap_or_default());
        for header in self.request.headers.iter().chain(&self.response.headers) {
            add(&header.name);
            add(&header.value);
        }
        *hasher.finalize().as_bytes()
    }

    /// A UUID v7 of its time and its content, for the so-manyth entry with that content.
    pub(super) fn id(&self, content: &[u8; 32], number: u64) -> Uuid {
        let hash = blake3::keyed_hash(content, &number.to_le_bytes());
        let mut random = [0; 10];
        random.copy_from_slice(&hash.as_bytes()[..10]);
        let ms = u64::try_from(self.started_us().unwrap_or(0) / 1000).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid()
    }

    /// The exchange and its bodies. Secrets are masked here, as the capture does it.
    pub(super) fn read(self, id: Uuid) -> Read {
        let started_us = self.started_us().unwrap_or(0);
        let times_us = self.times_us();
        let encoding = self.request.post_data.as_ref().and_then(|data| data.encoding.as_deref());
        let request = decode(self.request_text(), encoding).unwrap_or_default();
        let content = &self.response.content;
        let body = decode(content.text.as_deref(), content.encoding.as_deref()).unwrap_or_default();
        let missing = self.missing(&request, &body);
        let known_frames = self.frames(body.len());
        let frames = known_frames.clone().unwrap_or_else(|| at_once(body.len(), times_us[3]));
        let (upstream, url) = split(&self.request.url);
        let began = Began {
            credential: None,
            id,
            started_us,
            method: self.request.method,
            url: mask_text(url.as_bytes()),
            version: "HTTP/1.1",
            headers: headers(&self.request.headers, request.len()),
            client: String::new(),
            upstream: mask_text(upstream.as_bytes()),
        };
        let head = u16::try_from(self.response.status).ok().filter(|status| *status > 0).map(|status| {
            ResponseHead {
                status,
                reason: self.response.status_text,
                version: "HTTP/1.1",
                headers: headers(&self.response.headers, body.len()),
            }
        });
        let end = match head {
            Some(_) => End::Complete,
            None => End::UpstreamCut { message: "the HAR file has no answer".to_owned() },
        };
        let response = head.map(|head| (head, body));
        let whole = Whole { began, request, response, frames: &frames, times_us, end };
        let (mut exchange, request, response) = recorder::read_whole(whole);
        exchange.client = None;
        // The times of events are not in the format: only our own archives have them.
        if known_frames.is_none() {
            exchange.timing.first_token_us = self.first_token_time.map(microseconds);
        }
        exchange.http_version = self.request.http_version;
        exchange.response_version = exchange.status.map(|_| self.response.http_version);
        if let Some(reason) = missing {
            exchange.capture = Capture { complete: false, reason: Some(reason) };
        }
        Read { exchange, request, response, frames }
    }

    /// The frames of an archive of ours, if they are those of this body.
    fn frames(&self, length: usize) -> Option<Vec<Frame>> {
        let frames = &self.response.frames;
        let sum: u64 = frames.iter().map(|(len, _)| u64::from(*len)).sum();
        let in_order = frames.is_sorted_by_key(|(_, at_us)| *at_us);
        let year = 366 * 86_400_000_000;
        let known = !frames.is_empty() && in_order && sum == length as u64;
        let known = known && frames.last().is_some_and(|(_, at_us)| *at_us <= year);
        known.then(|| frames.iter().map(|&(len, at_us)| Frame { len, at_us }).collect())
    }

    /// What was sent but is not in the file.
    fn missing(&self, request: &[u8], response: &[u8]) -> Option<String> {
        let mut missing = Vec::new();
        if request.is_empty() && self.request.body_size > 0.0 {
            missing.push("the HAR file has no body of the request");
        }
        if response.is_empty() && self.response.content.size > 0.0 {
            missing.push("the HAR file has no body of the answer");
        }
        (!missing.is_empty()).then(|| missing.join("; "))
    }

    fn request_text(&self) -> Option<&str> {
        self.request.post_data.as_ref()?.text.as_deref()
    }

    fn started_us(&self) -> Result<i64, String> {
        let text = &self.started_date_time;
        // Some programs leave the time zone out.
        let read = text.parse::<jiff::Timestamp>().or_else(|_| format!("{text}Z").parse());
        read.map(jiff::Timestamp::as_microsecond).map_err(|_| format!("startedDateTime {text:?} is no time"))
    }

    /// Connection, end of the request, head of the answer, end.
    fn times_us(&self) -> [u64; 4] {
        let timings = &self.timings;
        let sum =
            |parts: &[Option<f64>]| microseconds(parts.iter().flatten().map(|part| part.max(0.0)).sum());
        // The handshake is part of `connect` already.
        let connected = sum(&[timings.blocked, timings.dns, timings.connect]);
        let sent = connected + sum(&[timings.send]);
        let answered = sent + sum(&[timings.wait]);
        let ended = (answered + sum(&[timings.receive])).max(microseconds(self.time));
        [connected, sent, answered, ended]
    }
}

/// All of a body at one time.
fn at_once(length: usize, at_us: u64) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut left = length;
    while left > 0 {
        let len = u32::try_from(left).unwrap_or(u32::MAX);
        frames.push(Frame { len, at_us });
        left -= len as usize;
    }
    frames
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a year before")]
fn microseconds(ms: f64) -> u64 {
    let year = 366.0 * 86_400_000.0;
    if ms.is_finite() { (ms.clamp(0.0, year) * 1000.0).round() as u64 } else { 0 }
}

fn decode(text: Option<&str>, encoding: Option<&str>) -> Result<Vec<u8>, String> {
    let text = text.unwrap_or_default();
    match encoding {
        Some(name) if name.eq_ignore_ascii_case("base64") => base64::engine::general_purpose::STANDARD
            .decode(text)
            .map_err(|error| format!("a body is no base64: {error}")),
        None | Some("") => Ok(text.as_bytes().to_vec()),
        Some(other) => Err(format!("a body is in an encoding that is not known: {other:?}")),
    }
}

/// Masked, and as they are true of a body whose coding is undone. HTTP/2's `:method` and the like are no headers.
fn headers(pairs: &[Pair], length: usize) -> Headers {
    pairs
        .iter()
        .filter(|pair| !pair.name.starts_with(':') && !pair.name.eq_ignore_ascii_case("content-encoding"))
        .map(|pair| {
            let value = if pair.name.eq_ignore_ascii_case("content-length") {
                length.to_string()
            } else {
                mask_header(&pair.name, pair.value.as_bytes())
            };
            (pair.name.clone(), value)
        })
        .collect()
}

/// Scheme and host, and the rest.
fn split(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + 3);
    if host == 0 {
        return ("", url);
    }
    let path = url[host..].find(['/', '?']).map_or(url.len(), |at| host + at);
    let (upstream, rest) = url.split_at(path);
    (upstream, if rest.is_empty() { "/" } else { rest })
}
