//! What several tests need.
#![allow(dead_code, reason = "each test file uses a part of it")]

use store::{Exchange, Location, Outcome, Store, Writer};
use uuid::Uuid;

/// A store in memory.
pub(crate) fn memory() -> (Store, Writer) {
    Store::open(&Location::Memory).expect("opens")
}

/// A running exchange.
pub(crate) fn running() -> Exchange {
    Exchange {
        id: Uuid::now_v7(),
        started_us: 1_790_000_000_000_000,
        method: "POST".to_owned(),
        url: "/v1/messages?beta=true".to_owned(),
        upstream: "https://api.anthropic.com".to_owned(),
        http_version: "HTTP/1.1".to_owned(),
        request_headers: vec![("X-Twice".to_owned(), "1".to_owned()), ("x-tWICE".to_owned(), "".to_owned())],
        ..Exchange::default()
    }
}

/// The same, well ended.
pub(crate) fn complete(exchange: &Exchange) -> Exchange {
    let mut ended = exchange.clone();
    ended.outcome = Some(Outcome::Complete);
    ended.capture.complete = true;
    ended.timing.end_us = Some(1_000);
    ended
}

/// Bytes that do not compress.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
