//! One exchange as the relay hands it over, turned into notes: one a read, not one a chunk.

use super::note::{Ended, Headers, Key, Note, ResponseHead};
use super::queue::Sender;
use super::{masked, version_name};
use relay::{Connected, End, Header, Tap};
use std::time::Instant;

/// Sees one exchange and queues what it saw.
pub(crate) struct ExchangeTap {
    key: Key,
    /// `None`: not even the head could be queued, so nothing of this exchange is recorded.
    queue: Option<Sender<Note>>,
    began: Instant,
    /// Payload of the read in progress.
    request: Vec<u8>,
    response: Vec<u8>,
    request_trailers: Headers,
    request_bytes: u64,
    response_bytes: u64,
    lost_request_bytes: u64,
    lost_response_bytes: u64,
    lost_notes: bool,
    ended: bool,
}

impl ExchangeTap {
    pub(super) fn new(key: Key, queue: Option<Sender<Note>>, began: Instant) -> ExchangeTap {
        ExchangeTap {
            key,
            queue,
            began,
            request: Vec::new(),
            response: Vec::new(),
            request_trailers: Vec::new(),
            request_bytes: 0,
            response_bytes: 0,
            lost_request_bytes: 0,
            lost_response_bytes: 0,
            lost_notes: false,
            ended: false,
        }
    }

    /// A tap that records nothing: for what the proxy answers itself.
    pub(crate) fn deaf() -> ExchangeTap {
        ExchangeTap::new(0, None, Instant::now())
    }

    /// Ends the record of a request that never went anywhere.
    pub(super) fn refuse(mut self, status: u16, problem: String) {
        let head = ResponseHead { status, reason: String::new(), version: "HTTP/1.1", headers: Vec::new() };
        self.tell(Note::Answered { key: self.key, at_us: self.now_us(), head: Box::new(head) });
        self.finish(End::BadRequestBody { message: problem }, false);
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn tell(&mut self, note: Note) {
        if let Some(queue) = &self.queue
            && !queue.offer_small(note)
        {
            self.lost_notes = true;
        }
    }

    fn send_request_body(&mut self) {
        let data = std::mem::take(&mut self.request);
        let (length, note) = (data.len() as u64, Note::RequestBody { key: self.key, data });
        if length > 0 && !self.offer_body(note, self.lost_request_bytes > 0) {
            self.lost_request_bytes += length;
        }
    }

    fn send_response_body(&mut self) {
        let data = std::mem::take(&mut self.response);
        let (length, at_us) = (data.len() as u64, self.now_us());
        let note = Note::ResponseBody { key: self.key, at_us, data };
        if length > 0 && !self.offer_body(note, self.lost_response_bytes > 0) {
            self.lost_response_bytes += length;
        }
    }

    /// After a gap nothing more of that body is kept: a body with a hole would look whole.
    fn offer_body(&self, note: Note, gap: bool) -> bool {
        self.queue.as_ref().is_none_or(|queue| !gap && queue.offer(note))
    }

    /// Ends the record of an exchange in which a defect of ours showed.
    pub(super) fn end_broken(&mut self, end: &End) {
        self.finish(end.clone(), true);
    }

    fn finish(&mut self, end: End, defect: bool) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let ended = Ended {
            defect,
            end,
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            lost_request_bytes: self.lost_request_bytes,
            lost_response_bytes: self.lost_response_bytes,
            lost_notes: self.lost_notes,
        };
        if let Some(queue) = &self.queue {
            queue.force(Note::Ended { key: self.key, at_us: self.now_us(), end: Box::new(ended) });
        }
    }
}

impl Tap for ExchangeTap {
    fn request_body(&mut self, payload: &[u8]) {
        self.request_bytes += payload.len() as u64;
        if self.queue.is_some() {
            self.request.extend_from_slice(payload);
        }
    }

    fn request_trailers(&mut self, trailers: &[Header<'_>]) {
        self.request_trailers = masked(trailers.iter().copied());
    }

    fn request_end(&mut self) {
        self.send_request_body();
        let trailers = std::mem::take(&mut self.request_trailers);
        self.tell(Note::RequestEnded { key: self.key, at_us: self.now_us(), trailers });
    }

    fn connected(&mut self, how: &Connected) {
        self.tell(Note::Connected { key: self.key, at_us: self.now_us(), reused: how.reused });
    }

    fn informational(&mut self, head: &relay::ResponseHead<'_>) {
        self.tell(Note::Informational { key: self.key, status: head.status });
    }

    fn response_head(&mut self, head: &relay::ResponseHead<'_>) {
        let answered = ResponseHead {
            status: head.status,
            reason: protocol::secrets::mask_text(head.reason),
            version: version_name(head.version),
            headers: masked(head.headers()),
        };
        self.tell(Note::Answered { key: self.key, at_us: self.now_us(), head: Box::new(answered) });
    }

    fn response_body(&mut self, payload: &[u8]) {
        self.response_bytes += payload.len() as u64;
        if self.queue.is_some() {
            self.response.extend_from_slice(payload);
        }
    }

    fn response_trailers(&mut self, trailers: &[Header<'_>]) {
        self.send_response_body();
        self.tell(Note::ResponseTrailers { key: self.key, trailers: masked(trailers.iter().copied()) });
    }

    fn replied(&mut self, status: u16, reply: &relay::Reply) {
        let headers = vec![("Content-Type".to_owned(), reply.content_type.to_owned())];
        let head = ResponseHead { status, reason: String::new(), version: "HTTP/1.1", headers };
        self.tell(Note::Answered { key: self.key, at_us: self.now_us(), head: Box::new(head) });
        self.response_body(&reply.body);
        self.send_response_body();
    }

    fn flush(&mut self) {
        self.send_request_body();
        self.send_response_body();
    }

    fn end(&mut self, end: &End) {
        self.flush();
        self.finish(end.clone(), false);
    }
}
