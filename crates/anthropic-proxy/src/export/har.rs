//! HTTP Archive 1.2, which browser tools open. Fields that begin with `_` are ours.

use super::{Format, Item, Opening, put_json};
use crate::reading::header;
use crate::view;
use base64::Engine as _;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use store::{Exchange, Headers, Side};

/// `{"log": {version, creator, entries}}`.
#[derive(Default)]
pub(super) struct Har {
    any: bool,
}

impl Format for Har {
    fn content_type(&self) -> &'static str {
        "application/json"
    }

    fn extension(&self) -> &'static str {
        "har"
    }

    fn begin(&mut self, out: &mut dyn Write, opening: &Opening) -> io::Result<()> {
        let creator = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
        write!(out, "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator}")?;
        if opening.redacted {
            out.write_all(b",\"comment\":\"personal things were taken out\"")?;
        }
        out.write_all(b",\"entries\":[")
    }

    fn exchange(&mut self, out: &mut dyn Write, item: &Item<'_>) -> io::Result<()> {
        if self.any {
            out.write_all(b",\n")?;
        }
        self.any = true;
        put_json(out, &entry(item))
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"]}}\n")
    }
}

fn entry(item: &Item<'_>) -> Value {
    let exchange = &item.recorded.exchange;
    let (time, timings) = timings(exchange);
    let mut entry = json!({
        "startedDateTime": view::iso(exchange.started_us),
        "time": time,
        "request": request(item),
        "response": response(item),
        "cache": {},
        "timings": timings,
        "_anthropicProxy": view::row(exchange),
    });
    if let Some(first) = exchange.timing.first_token_us {
        entry["_firstTokenTime"] = milliseconds(first).into();
    }
    let missing: Vec<_> = [("request", Side::Request), ("answer", Side::Response)]
        .into_iter()
        .filter_map(|(name, side)| Some(format!("body of the {name}: {}", item.missing(side)?)))
        .collect();
    if !missing.is_empty() {
        entry["comment"] = Value::String(missing.join("; "));
    }
    let hash = |hash: Option<[u8; 32]>| hash.map(|hash| blake3::Hash::from(hash).to_string());
    if item.without_bodies {
        entry["_bodyHashes"] = json!({"request": hash(item.hashes[0]), "response": hash(item.hashes[1])});
    }
    entry
}

fn request(item: &Item<'_>) -> Value {
    let exchange = &item.recorded.exchange;
    let mut request = json!({
        "method": exchange.method,
        "url": url(exchange),
        "httpVersion": exchange.http_version,
        "cookies": [],
        "headers": headers(&exchange.request_headers),
        "queryString": query(&exchange.url),
        "headersSize": -1,
        "bodySize": exchange.request_bytes,
    });
    if let Some(body) = item.decoded(Side::Request) {
        let kind = header(&exchange.request_headers, "content-type").unwrap_or_default();
        let mut data = Map::from_iter([("mimeType".to_owned(), kind.into())]);
        // The format knows no coding here, so it is said in a field of our own.
        put_text(&mut data, body, "_encoding");
        request["postData"] = Value::Object(data);
    }
    request
}

fn response(item: &Item<'_>) -> Value {
    let exchange = &item.recorded.exchange;
    let kind = header(&exchange.response_headers, "content-type").unwrap_or("x-unknown");
    let mut content = Map::from_iter([("mimeType".to_owned(), kind.into())]);
    let body = item.decoded(Side::Response);
    let size = body.as_ref().map_or(exchange.response_bytes, |body| body.len() as u64);
    content.insert("size".to_owned(), size.into());
    if size > exchange.response_bytes {
        content.insert("compression".to_owned(), (size - exchange.response_bytes).into());
    }
    if let Some(body) = body {
        put_text(&mut content, body, "encoding");
    }
    let mut response = json!({
        "status": exchange.status.unwrap_or(0),
        "statusText": exchange.reason.as_deref().unwrap_or_default(),
        "httpVersion": exchange.response_version.as_deref().unwrap_or(&exchange.http_version),
        "cookies": [],
        "headers": headers(&exchange.response_headers),
        "content": content,
        "redirectURL": header(&exchange.response_headers, "location").unwrap_or_default(),
        "headersSize": -1,
        "bodySize": if exchange.status.is_some() { i64::try_from(exchange.response_bytes).unwrap_or(-1) } else { -1 },
    });
    // Frames are of the bytes as they came: they say nothing about those of which the coding was undone.
    let plain = header(&exchange.response_headers, "content-encoding").is_none_or(str::is_empty);
    let frames = &item.recorded.frames;
    if plain && item.recorded.response.is_some() && !frames.is_empty() {
        response["_frames"] = frames.iter().map(|frame| json!([frame.len, frame.at_us])).collect();
    }
    response
}

fn put_text(fields: &mut Map<String, Value>, body: Vec<u8>, encoding: &str) {
    let text = match String::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            fields.insert(encoding.to_owned(), "base64".into());
            base64::engine::general_purpose::STANDARD.encode(error.as_bytes())
        }
    };
    fields.insert("text".to_owned(), text.into());
}

fn headers(sent: &Headers) -> Value {
    sent.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

/// Archives want a whole URL.
fn url(exchange: &Exchange) -> String {
    if exchange.url.starts_with('/') {
        let upstream = if exchange.upstream.is_empty() { "http://localhost" } else { &exchange.upstream };
        format!("{}{}", upstream.trim_end_matches('/'), exchange.url)
    } else {
        exchange.url.clone()
    }
}

fn query(url: &str) -> Value {
    let query = url.split_once('?').map(|(_, query)| query.split('#').next().unwrap_or_default());
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            json!({"name": plain(name), "value": plain(value)})
        })
        .collect()
}

/// Without percent signs and plus signs.
fn plain(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let code = (*first == b'%')
            .then(|| std::str::from_utf8(after.get(..2)?).ok())
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (code, first) {
            (Some(byte), _) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (None, b'+') => bytes.push(b' '),
            (None, byte) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The whole time, milliseconds, and its parts, of which the whole is the sum.
fn timings(exchange: &Exchange) -> (f64, Value) {
    let timing = &exchange.timing;
    let connected = timing.connect_us.unwrap_or(0);
    let sent = timing.request_end_us.unwrap_or(connected).max(connected);
    let first = timing.first_byte_us.unwrap_or(sent).max(connected);
    // An answer may begin before the request has ended.
    let sent = sent.min(first);
    let end = timing.end_us.unwrap_or(first).max(first);
    let ms = milliseconds;
    let connect = if timing.connect_us.is_some() { ms(connected) } else { -1.0 };
    let (send, wait, receive) = (ms(sent - connected), ms(first - sent), ms(end - first));
    let timings = json!({"blocked": -1, "dns": -1, "connect": connect, "send": send, "wait": wait,
                         "receive": receive, "ssl": -1});
    (connect.max(0.0) + send + wait + receive, timings)
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of an exchange stay far below 2^53")]
fn milliseconds(us: u64) -> f64 {
    us as f64 / 1000.0
}
