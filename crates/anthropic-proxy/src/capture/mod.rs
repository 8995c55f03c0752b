//! The tap of one exchange: masks secrets, then feeds the bounded queue to the recorder.
//!
//! Contract: nothing here blocks, waits or fails towards the traffic. What the queue refuses is counted, and the exchange's last
//! note says so, so that the record names what it misses.

mod credential;
pub(crate) mod note;
pub(crate) mod queue;
mod shield;
mod tap;

use crate::contain::{contain, rehearse};
pub(crate) use credential::Hasher;
use note::{Began, Headers, Key, Note};
use queue::Sender;
use relay::RequestHead;
pub(crate) use shield::Shield;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tap::ExchangeTap;
use uuid::Uuid;

/// Makes a tap for each exchange.
#[derive(Clone)]
pub(crate) struct Capture {
    queue: Sender<Note>,
    credentials: Hasher,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    next_key: AtomicU64,
    lost: AtomicU64,
}

impl Capture {
    /// A capture that feeds `queue`.
    pub(crate) fn new(queue: Sender<Note>, credentials: Hasher) -> Capture {
        Capture { queue, credentials, counters: Arc::default() }
    }

    /// Begins the record of a request that goes to `upstream` (scheme, host and base path, for people).
    pub(crate) fn begin(&self, head: &RequestHead<'_>, peer: SocketAddr, upstream: &str) -> Shield {
        let tap = contain(|| self.watch(head, peer, upstream)).unwrap_or_else(|| {
            self.counters.lost.fetch_add(1, Ordering::Relaxed);
            ExchangeTap::deaf()
        });
        Shield::new(tap)
    }

    fn watch(&self, head: &RequestHead<'_>, peer: SocketAddr, upstream: &str) -> ExchangeTap {
        rehearse("begin");
        self.open(Began {
            id: Uuid::now_v7(),
            started_us: unix_micros(),
            method: protocol::secrets::mask_text(head.method.as_bytes()),
            url: protocol::secrets::mask_url(head.target),
            version: version_name(head.version),
            credential: self.credentials.find(head.headers().map(|header| (header.name, header.value))),
            headers: masked(head.headers()),
            client: peer.to_string(),
            upstream: upstream.to_owned(),
        })
    }

    /// Records a request that was refused at the door: `received` is what came of its head, `status` what was answered.
    pub(crate) fn refused(&self, refusal: &relay::Refusal, received: &[u8], peer: SocketAddr) {
        let told = contain(|| self.watch_refused(refusal, received, peer));
        self.counters.lost.fetch_add(u64::from(told.is_none()), Ordering::Relaxed);
    }

    fn watch_refused(&self, refusal: &relay::Refusal, received: &[u8], peer: SocketAddr) {
        let (method, url) = request_line(received);
        let tap = self.open(Began {
            id: Uuid::now_v7(),
            started_us: unix_micros(),
            method,
            url,
            version: "HTTP/1.1",
            credential: None,
            headers: Vec::new(),
            client: peer.to_string(),
            upstream: String::new(),
        });
        tap.refuse(refusal.status, refusal.problem.to_string());
    }

    fn open(&self, began: Began) -> ExchangeTap {
        let key: Key = self.counters.next_key.fetch_add(1, Ordering::Relaxed);
        let recorded = self.queue.offer_small(Note::Began { key, began: Box::new(began) });
        if !recorded {
            self.counters.lost.fetch_add(1, Ordering::Relaxed);
        }
        ExchangeTap::new(key, recorded.then(|| self.queue.clone()), Instant::now())
    }

    /// Exchanges of which nothing at all could be recorded, since the start.
    pub(crate) fn lost(&self) -> u64 {
        self.counters.lost.load(Ordering::Relaxed)
    }

    /// Bytes that wait for the recorder, and the bound.
    pub(crate) fn queue_bytes(&self) -> (usize, usize) {
        (self.queue.used(), self.queue.limit())
    }
}

/// The request line of a head that could not be parsed, as far as it can be read.
fn request_line(received: &[u8]) -> (String, String) {
    let line = received.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let line = &line[..line.len().min(2048)];
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let method = protocol::secrets::mask_text(words.next().unwrap_or_default());
    let target = protocol::secrets::mask_url(words.next().unwrap_or_default());
    (method, target)
}

fn masked<'a>(headers: impl Iterator<Item = relay::Header<'a>>) -> Headers {
    headers
        .map(|header| {
            let name = String::from_utf8_lossy(header.name);
            let value = protocol::secrets::mask_header(&name, header.value);
            // No key is shorter.
            let is_harmless = name.len() < 16;
            (
                if is_harmless { name.into_owned() } else { protocol::secrets::mask_text(name.as_bytes()) },
                value,
            )
        })
        .collect()
}

fn version_name(version: relay::Version) -> &'static str {
    match version {
        relay::Version::Http10 => "HTTP/1.0",
        relay::Version::Http11 => "HTTP/1.1",
    }
}

/// Microseconds since the Unix epoch; 0 for a clock before it.
fn unix_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
