//! What the simulator saw of each request, exactly as it came, and what became of its client.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::{Value, json};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// Counts the requests of this simulator from 1.
    pub id: u64,
    /// Counts its connections from 1; requests on one connection share it.
    pub connection: u64,
    /// When its head was complete.
    pub at: SystemTime,
    /// The method as sent.
    pub method: String,
    /// The request target as sent, with its query.
    pub target: String,
    /// Header names and values in wire order and case; bytes that are no UTF-8 show as U+FFFD (see `raw_head`).
    pub headers: Vec<(String, String)>,
    /// The head's exact bytes, up to and with the empty line.
    pub raw_head: Bytes,
    /// The payload, without chunk framing.
    pub body: Bytes,
    /// The payload's exact bytes on the wire: equals `body` unless the request was chunked.
    pub raw_body: Bytes,
    /// Whether the body arrived to its end.
    pub body_complete: bool,
    /// Whether the whole reply was handed to the socket, a scripted cut included.
    pub answered: bool,
    /// How long after the head the client was seen to leave, if it left before the reply was written.
    pub client_left: Option<Duration>,
}

impl Received {
    /// The first value of the header `name`, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// What its bodies hold in memory; an unchunked body is held once.
    fn body_bytes(&self) -> usize {
        let raw = if self.raw_body.as_ptr() == self.body.as_ptr() { 0 } else { self.raw_body.len() };
        self.body.len() + raw
    }

    pub(crate) fn to_json(&self) -> Value {
        let at = self.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        json!({
            "id": self.id,
            "connection": self.connection,
            "at_ms": u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            "method": self.method,
            "target": self.target,
            "headers": self.headers,
            "raw_head": BASE64.encode(&self.raw_head),
            "body": BASE64.encode(&self.body),
            "raw_body": BASE64.encode(&self.raw_body),
            "body_complete": self.body_complete,
            "answered": self.answered,
            "client_left_ms": self.client_left.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
        })
    }
}

/// The newest requests, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    entries: VecDeque<Received>,
    limit: usize,
    limit_bytes: usize,
    /// Bytes of all bodies together.
    bytes: usize,
}

impl Remembered {
    pub(crate) fn new(limit: usize, limit_bytes: usize) -> Self {
        Self { entries: VecDeque::new(), limit, limit_bytes, bytes: 0 }
    }

    pub(crate) fn push(&mut self, received: Received) {
        if self.limit == 0 {
            return;
        }
        self.bytes += received.body_bytes();
        self.entries.push_back(received);
        self.forget_old();
    }

    pub(crate) fn update(&mut self, id: u64, change: impl FnOnce(&mut Received)) {
        // The request in question is nearly always among the newest.
        if let Some(found) = self.entries.iter_mut().rev().find(|entry| entry.id == id) {
            let before = found.body_bytes();
            change(found);
            self.bytes = self.bytes - before + found.body_bytes();
            self.forget_old();
        }
    }

    fn forget_old(&mut self) {
        while self.entries.len() > self.limit || (self.bytes > self.limit_bytes && self.entries.len() > 1) {
            self.bytes -= self.entries.pop_front().map_or(0, |oldest| oldest.body_bytes());
        }
    }

    pub(crate) fn all(&self) -> Vec<Received> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }
}
