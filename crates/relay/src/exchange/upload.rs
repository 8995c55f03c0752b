//! From the client to the upstream. Stops, without ending the exchange, when the upstream takes no more: its answer
//! may be there already.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use super::follower::{Follower, Side};
use super::outbox::Outbox;
use super::{Exchange, TURN, Verdict};
use crate::body::{Body, ChunkError};
use crate::handler::Tap;
use crate::scratch;

#[derive(Debug)]
pub(super) struct Upload {
    /// Ahead: what was read.
    body: Body,
    /// Behind: what was written.
    follower: Follower,
    outbox: Outbox,
    state: State,
    /// The upstream takes nothing at the moment.
    blocked: bool,
    /// TLS may hold bytes back until it is flushed.
    unflushed: bool,
    error: Option<ChunkError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Sending,
    /// All was sent.
    Done,
    /// The upstream takes no more.
    Stopped,
}

impl Upload {
    pub(super) fn new(head: Vec<u8>, body: Body) -> Self {
        let mut outbox = Outbox::default();
        outbox.push_head(|bytes| *bytes = head);
        Upload {
            body,
            follower: Follower::new(body, Side::Request),
            outbox,
            state: State::Sending,
            blocked: false,
            unflushed: false,
            error: None,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    pub(super) fn is_over(&self) -> bool {
        self.state != State::Sending
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.state == State::Stopped
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Whether every byte of the request was read from the client.
    pub(super) fn is_read(&self) -> bool {
        self.body.is_done()
    }
}

impl<T: Tap> Exchange<'_, T> {
    /// Moves what can be moved.
    pub(super) fn poll_upload(&mut self, cx: &mut Context<'_>) -> Option<Verdict> {
        for _ in 0..TURN {
            if self.upload.state != State::Sending {
                return None;
            }
            self.take_from_inbox();
            if !self.upload.outbox.is_empty() || self.upload.unflushed {
                match self.poll_send(cx) {
                    Poll::Pending => {
                        self.upload.blocked = true;
                        return None;
                    }
                    Poll::Ready(Ok(())) => self.upload.blocked = false,
                    Poll::Ready(Err(error)) => {
                        tracing::debug!(%error, "the upstream takes no more of the request");
                        self.upload.state = State::Stopped;
                    }
                }
                continue;
            }
            self.tap.flush();
            if let Some(error) = self.upload.error {
                return Some(Verdict::BadRequestBody(error));
            }
            if self.upload.body.is_done() {
                self.upload.state = State::Done;
                self.tap.request_end();
                self.tap.flush();
                return None;
            }
            match self.poll_receive(cx) {
                Poll::Pending => return None,
                Poll::Ready(Ok(())) if !self.client.fin => {}
                Poll::Ready(_) => return Some(Verdict::ClientGone),
            }
        }
        cx.waker().wake_by_ref();
        None
    }

    /// What came before there was a connection goes out together with the head.
    fn take_from_inbox(&mut self) {
        if self.client.inbox.is_empty() || self.upload.body.is_done() || self.upload.error.is_some() {
            return;
        }
        let mut inbox = self.client.take_inbox();
        let step = self.upload.body.advance(&inbox, |_| ());
        self.upload.error = step.error;
        self.upload.outbox.push_body(&inbox[..step.used]);
        inbox.drain(..step.used);
        if !inbox.is_empty() {
            self.client.inbox = inbox;
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Exchange { upstream, upload, tap, clock, .. } = self;
        let mut upstream = Pin::new(upstream);
        while !upload.outbox.is_empty() {
            let Poll::Ready(sent) = upstream.as_mut().poll_write(cx, upload.outbox.unsent()) else {
                return Poll::Pending;
            };
            let sent = sent?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            clock.touch();
            upload.unflushed = true;
            upload.follower.written(upload.outbox.sent(sent), tap);
        }
        let flushed = upstream.poll_flush(cx);
        upload.unflushed = flushed.is_pending();
        flushed
    }

    /// Reads once and sends at once what may be sent.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Exchange { client, upstream, upload, tap, clock, request, .. } = self;
        let Upload { body, follower, outbox, unflushed, error, .. } = upload;
        if client.fin {
            return Poll::Ready(Ok(()));
        }
        let (stream, inbox, fin) = (&mut client.stream, &mut client.inbox, &mut client.fin);
        scratch::poll_read(stream, cx, scratch::SIZE, |cx, bytes| {
            *fin = bytes.is_empty();
            request.awaits_continue = false;
            let step = body.advance(bytes, |_| ());
            *error = step.error;
            let (ours, next) = bytes.split_at(step.used);
            if step.error.is_none() {
                inbox.extend_from_slice(next);
            }
            let mut sent = 0;
            // An error comes again with the next write, which is where it is dealt with.
            if let Poll::Ready(Ok(length)) = Pin::new(upstream).poll_write(cx, ours) {
                sent = length;
                *unflushed = true;
                clock.touch();
            }
            follower.written(&ours[..sent], tap);
            outbox.push_body(&ours[sent..]);
        })
    }
}
