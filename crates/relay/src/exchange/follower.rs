//! Walks behind the writer and hands payload to the tap once it was written.

use super::Guard;
use crate::body::{Body, Piece};
use crate::handler::Tap;
use crate::head::Header;

/// Which of the two bodies it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

#[derive(Debug)]
pub(super) struct Follower {
    body: Body,
    side: Side,
    trailers: Vec<u8>,
}

impl Follower {
    pub(super) fn new(body: Body, side: Side) -> Self {
        Follower { body, side, trailers: Vec::new() }
    }

    /// These bytes of the body were written.
    pub(super) fn written<T: Tap>(&mut self, bytes: &[u8], tap: &mut Guard<'_, T>) {
        if bytes.is_empty() {
            return;
        }
        let Follower { body, side, trailers } = self;
        body.advance(bytes, |piece| match (piece, *side) {
            (Piece::Payload(payload), Side::Request) => tap.request_body(payload),
            (Piece::Payload(payload), Side::Response) => tap.response_body(payload),
            (Piece::Trailer(bytes), _) => trailers.extend_from_slice(bytes),
        });
        if !trailers.is_empty() && body.is_done() {
            hand_over_trailers(trailers, *side, tap);
            self.trailers = Vec::new();
        }
    }
}

fn hand_over_trailers<T: Tap>(bytes: &[u8], side: Side, tap: &mut Guard<'_, T>) {
    let mut parsed = vec![httparse::EMPTY_HEADER; memchr::memchr_iter(b'\n', bytes).count()];
    // The chunk reader let only well-formed lines through.
    let Ok(httparse::Status::Complete((_, parsed))) = httparse::parse_headers(bytes, &mut parsed) else {
        return;
    };
    let trailers: Vec<Header<'_>> = parsed.iter().map(|header| Header::from(*header)).collect();
    match side {
        _ if trailers.is_empty() => {}
        Side::Request => tap.request_trailers(&trailers),
        Side::Response => tap.response_trailers(&trailers),
    }
}
