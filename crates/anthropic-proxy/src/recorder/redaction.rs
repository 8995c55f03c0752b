//! Takes what looks like a key out of bodies before anything is read, indexed or stored, where that was asked for (`REDACT_BODIES`).
//!
//! A replaced value has the length of the old one, so that event times and lengths stay true. What is compressed cannot be changed in
//! place: it is recorded with its content coding undone, and what cannot be undone is left out. Whatever was changed is named in the row.

use crate::reading::DECODED_LIMIT;
use protocol::coding::Decoder;
use protocol::secrets::Hider;
use store::Headers;

/// One body.
#[derive(Default)]
struct Body {
    coding: Option<(String, Decoder)>,
    hider: Hider,
    /// Its content coding could not be undone: the rest is left out.
    broken: bool,
}

/// Both bodies of an exchange.
#[derive(Default)]
pub(super) struct Redaction {
    request: Body,
    response: Body,
}

impl Redaction {
    /// The request's head was read; its record says no more that the body is compressed.
    pub(super) fn begin_request(&mut self, headers: &mut Headers) {
        self.request.begin(headers);
    }

    /// Likewise of the answer.
    pub(super) fn begin_response(&mut self, headers: &mut Headers) {
        self.response.begin(headers);
    }

    /// What of the request is recorded for a piece of it.
    pub(super) fn request(&mut self, data: &[u8]) -> Vec<u8> {
        self.request.feed(data)
    }

    /// Likewise of the answer.
    pub(super) fn response(&mut self, data: &[u8]) -> Vec<u8> {
        self.response.feed(data)
    }

    /// What was held back of the request.
    pub(super) fn end_request(&mut self) -> Vec<u8> {
        self.request.finish()
    }

    /// Likewise of the answer.
    pub(super) fn end_response(&mut self) -> Vec<u8> {
        self.response.finish()
    }

    /// What was changed, for people: `request: Anthropic key x 2`.
    pub(super) fn changes(&self) -> Vec<String> {
        let mut changes = self.request.changes("request");
        changes.extend(self.response.changes("answer"));
        changes
    }
}

impl Body {
    fn begin(&mut self, headers: &mut Headers) {
        let Some(at) = headers.iter().position(|(name, _)| name.eq_ignore_ascii_case("content-encoding"))
        else {
            return;
        };
        let (_, coding) = headers.remove(at);
        let decoder = Decoder::new(Some(&coding), DECODED_LIMIT);
        self.coding = Some((coding, decoder));
    }

    fn feed(&mut self, data: &[u8]) -> Vec<u8> {
        let Some((_, decoder)) = &mut self.coding else { return self.hider.feed(data) };
        let mut plain = Vec::new();
        if !self.broken {
            self.broken = decoder.feed(data, &mut plain).is_err();
        }
        self.hider.feed(&plain)
    }

    fn finish(&mut self) -> Vec<u8> {
        let mut plain = Vec::new();
        if let Some((_, decoder)) = self.coding.as_mut().filter(|_| !self.broken) {
            self.broken = decoder.finish(&mut plain).is_err();
        }
        let mut rest = self.hider.feed(&plain);
        rest.extend(self.hider.finish());
        rest
    }

    fn changes(&self, side: &str) -> Vec<String> {
        let found = self.hider.found().iter().map(|(kind, count)| format!("{side}: {kind} x {count}"));
        let coding = self.coding.as_ref().map(|(coding, _)| match self.broken {
            true => format!("{side}: content-encoding {coding} could not be undone; the rest was left out"),
            false => format!("{side}: content-encoding {coding} undone"),
        });
        found.chain(coding).collect()
    }
}
