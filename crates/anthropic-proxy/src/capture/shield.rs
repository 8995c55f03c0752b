//! Keeps a defect of the recording away from the exchange that it watches.

use super::tap::ExchangeTap;
use crate::contain::{contain, rehearse};
use relay::{Connected, End, Header, Reply, ResponseHead, Tap};

/// A tap that a defect cannot hurt the traffic through: what panicked is not asked again, and the record says that it misses something.
pub(crate) struct Shield {
    tap: ExchangeTap,
    broken: bool,
}

impl Shield {
    pub(super) fn new(tap: ExchangeTap) -> Shield {
        Shield { tap, broken: false }
    }

    /// A tap that records nothing: for what the proxy answers itself.
    pub(crate) fn deaf() -> Shield {
        Shield::new(ExchangeTap::deaf())
    }

    fn tell(&mut self, what: impl FnOnce(&mut ExchangeTap)) {
        if !self.broken && contain(|| what(&mut self.tap)).is_none() {
            self.broken = true;
        }
    }
}

impl Tap for Shield {
    fn request_body(&mut self, payload: &[u8]) {
        self.tell(|tap| tap.request_body(payload));
    }

    fn request_trailers(&mut self, trailers: &[Header<'_>]) {
        self.tell(|tap| tap.request_trailers(trailers));
    }

    fn request_end(&mut self) {
        self.tell(ExchangeTap::request_end);
    }

    fn connected(&mut self, how: &Connected) {
        self.tell(|tap| tap.connected(how));
    }

    fn informational(&mut self, head: &ResponseHead<'_>) {
        self.tell(|tap| tap.informational(head));
    }

    fn response_head(&mut self, head: &ResponseHead<'_>) {
        self.tell(|tap| tap.response_head(head));
    }

    fn response_body(&mut self, payload: &[u8]) {
        self.tell(|tap| {
            rehearse("tap");
            tap.response_body(payload);
        });
    }

    fn response_trailers(&mut self, trailers: &[Header<'_>]) {
        self.tell(|tap| tap.response_trailers(trailers));
    }

    fn replied(&mut self, status: u16, reply: &Reply) {
        self.tell(|tap| tap.replied(status, reply));
    }

    fn flush(&mut self) {
        self.tell(ExchangeTap::flush);
    }

    /// Told even of what is broken: an exchange without an end would be open for ever.
    fn end(&mut self, end: &End) {
        self.tell(|tap| tap.end(end));
        if self.broken {
            let _ = contain(|| self.tap.end_broken(end));
        }
    }
}
