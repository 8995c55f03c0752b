//! From the upstream to the client.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use super::follower::{Follower, Side};
use super::outbox::Outbox;
use super::{Exchange, Fin, TURN, Verdict};
use crate::body::Body;
use crate::handler::Tap;
use crate::head::{HeadScan, ResponseFraming, ResponseHead, Version, write_response};
use crate::problem::Problem;
use crate::scratch;

#[derive(Debug)]
pub(super) struct Download {
    stage: Stage,
    scan: HeadScan,
    /// A head that is not whole yet.
    inbox: Vec<u8>,
    /// Ahead: what was read.
    body: Body,
    /// Behind: what was written.
    follower: Follower,
    outbox: Outbox,
    /// The client takes nothing at the moment.
    blocked: bool,
    reusable: bool,
    /// The client's connection must close after this response.
    close: bool,
    /// What ends the exchange once the outbox is empty.
    ending: Option<Verdict>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Head,
    Body,
    Done,
}

impl Download {
    pub(super) fn new() -> Self {
        let body = Body::sized(0);
        Download {
            stage: Stage::Head,
            scan: HeadScan::default(),
            inbox: Vec::new(),
            body,
            follower: Follower::new(body, Side::Response),
            outbox: Outbox::default(),
            blocked: false,
            reusable: false,
            close: false,
            ending: None,
        }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// The whole response was written.
    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Done && self.outbox.is_empty()
    }

    /// The upstream's connection can carry another request.
    pub(super) fn is_reusable(&self) -> bool {
        self.reusable
    }

    pub(super) fn must_close(&self) -> bool {
        self.close
    }

    pub(super) fn ends_with_connection(&self) -> bool {
        self.body.ends_with_connection()
    }

    /// How many of these bytes belong to the response; notes its end, or what is wrong with it.
    fn judge(&mut self, bytes: &[u8]) -> usize {
        let step = self.body.advance(bytes, |_| ());
        if let Some(error) = step.error {
            self.ending = Some(Verdict::Cut(format!("the upstream's answer is malformed: {error}")));
        } else if self.body.is_done() {
            self.stage = Stage::Done;
            self.reusable &= step.used == bytes.len();
        }
        step.used
    }

    /// Interim responses that were not written yet.
    pub(super) fn unsent(&self) -> &[u8] {
        self.outbox.unsent()
    }
}

impl<T: Tap> Exchange<'_, T> {
    /// Moves what can be moved.
    pub(super) fn poll_download(&mut self, cx: &mut Context<'_>) -> Option<Verdict> {
        for _ in 0..TURN {
            match self.poll_deliver(cx) {
                Poll::Pending => {
                    self.download.blocked = true;
                    return None;
                }
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Some(Verdict::ClientGone),
            }
            if mem::take(&mut self.download.blocked) {
                self.clock.touch();
            }
            self.tap.flush();
            if let Some(ending) = self.download.ending.take() {
                return Some(ending);
            }
            let read = match self.download.stage {
                Stage::Done => return None,
                Stage::Head => self.poll_head(cx),
                Stage::Body => self.poll_body(cx),
            };
            if read.is_pending() {
                return None;
            }
        }
        cx.waker().wake_by_ref();
        None
    }

    /// Whether the upstream has ended its side, after its response.
    pub(super) fn poll_upstream_ended(&mut self, cx: &mut Context<'_>) -> bool {
        self.download.reusable &= scratch::poll_read(&mut self.upstream, cx, 1, |_, _| ()).is_pending();
        !self.download.reusable
    }

    /// Writes what waits. False if the client is gone and nobody else wants the rest.
    fn poll_deliver(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Exchange { client, download: Download { outbox, follower, .. }, tap, .. } = self;
        while !outbox.is_empty() {
            let sent = if self.client_gone {
                Ok(outbox.unsent().len())
            } else {
                match Pin::new(&mut client.stream).poll_write(cx, outbox.unsent()) {
                    Poll::Ready(sent) => sent,
                    Poll::Pending => return Poll::Pending,
                }
            };
            match sent {
                Ok(sent) if sent > 0 => follower.written(outbox.sent(sent), tap),
                _ if self.drain => self.client_gone = true,
                _ => return Poll::Ready(false),
            }
        }
        Poll::Ready(true)
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let inbox = &mut self.download.inbox;
        let read = scratch::poll_read(&mut self.upstream, cx, scratch::SIZE, |_, bytes| {
            inbox.extend_from_slice(bytes);
            bytes.len()
        });
        match read {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(length)) if length > 0 => {
                self.clock.touch();
                self.take_heads(cx);
            }
            Poll::Ready(Ok(_)) => {
                let message = if self.download.inbox.is_empty() {
                    "the upstream closed the connection without an answer"
                } else {
                    "the upstream closed the connection in the middle of the head of its answer"
                };
                self.no_answer(message.to_owned());
            }
            Poll::Ready(Err(error)) => {
                self.no_answer(format!("the upstream broke off the connection without an answer: {error}"));
            }
        }
        Poll::Ready(())
    }

    fn no_answer(&mut self, message: String) {
        self.download.ending = Some(if self.fin == Fin::No {
            Verdict::Failed(Problem::NoAnswer(message))
        } else {
            Verdict::ClientGone
        });
    }

    /// Takes interim responses and the head of the response from what was read.
    fn take_heads(&mut self, cx: &mut Context<'_>) {
        let inbox = mem::take(&mut self.download.inbox);
        let mut rest = &inbox[..];
        let problem = loop {
            let parsed = ResponseHead::parse(rest, &mut self.download.scan, self.settings.limits());
            let (head, length) = match parsed {
                Ok(Some(parsed)) => parsed,
                Ok(None) => {
                    self.download.inbox = rest.to_vec();
                    return;
                }
                Err(error) => break Problem::BadAnswer(error),
            };
            rest = &rest[length..];
            self.download.scan = HeadScan::default();
            match head.status {
                101 => break Problem::UnexpectedUpgrade,
                100..=199 => self.pass_interim(&head),
                _ => match head.framing(self.request.to_head) {
                    Ok(framing) => return self.begin(&head, framing, rest, cx),
                    Err(error) => break Problem::BadAnswer(error),
                },
            }
        };
        self.download.ending = Some(Verdict::Failed(problem));
    }

    fn pass_interim(&mut self, head: &ResponseHead<'_>) {
        self.request.awaits_continue = false;
        // HTTP/1.0 does not know them.
        if self.request.version == Version::Http11 {
            self.download.outbox.push_head(|out| write_response(out, head, false));
        }
        self.tap.informational(head);
    }

    /// Sends the head of the response with as much of its body as came with it.
    fn begin(
        &mut self,
        head: &ResponseHead<'_>,
        framing: ResponseFraming,
        rest: &[u8],
        cx: &mut Context<'_>,
    ) {
        self.request.awaits_continue = false;
        self.download.reusable = framing.reusable && self.request.version == Version::Http11;
        self.download.close = self.closes_after(head, framing);
        self.download.stage = Stage::Body;
        self.client.cut_on_drop = true;
        self.download.body = framing.body;
        self.download.follower = Follower::new(framing.body, Side::Response);
        let say_close = self.download.close && !framing.body.ends_with_connection();
        self.download.outbox.push_head(|out| write_response(out, head, say_close));
        let used = self.download.judge(rest);
        let Exchange { client, download: Download { outbox, follower, .. }, tap, .. } = self;
        outbox.push_body(&rest[..used]);
        let sent = match Pin::new(&mut client.stream).poll_write(cx, outbox.unsent()) {
            Poll::Ready(Ok(sent)) if !self.client_gone => sent,
            _ => 0,
        };
        tap.response_head(head);
        follower.written(outbox.sent(sent), tap);
    }

    fn closes_after(&self, head: &ResponseHead<'_>, framing: ResponseFraming) -> bool {
        self.request.wants_close
            || head.version == Version::Http10
            || framing.body.ends_with_connection()
            || self.lifecycle.is_draining()
            || self.upload.has_stopped()
            || (!self.upload.is_over() && !framing.reusable)
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Exchange { client, upstream, download, tap, clock, client_gone, .. } = self;
        let read = scratch::poll_read(upstream, cx, scratch::SIZE, |cx, bytes| {
            if bytes.is_empty() {
                return false;
            }
            clock.touch();
            let used = download.judge(bytes);
            let sent = match (*client_gone, Pin::new(&mut client.stream)) {
                (true, _) => used,
                (false, stream) => match stream.poll_write(cx, &bytes[..used]) {
                    Poll::Ready(Ok(sent)) => sent,
                    // An error comes again with the next write, which is where it is dealt with.
                    Poll::Ready(Err(_)) | Poll::Pending => 0,
                },
            };
            download.follower.written(&bytes[..sent], tap);
            download.outbox.push_body(&bytes[sent..used]);
            true
        });
        let until_close = download.body.ends_with_connection();
        match read {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(true)) => {}
            Poll::Ready(Ok(false)) if until_close => download.stage = Stage::Done,
            Poll::Ready(Ok(false)) => {
                let message = "the upstream closed the connection in the middle of its answer".to_owned();
                download.ending = Some(Verdict::Cut(message));
            }
            Poll::Ready(Err(error)) => {
                let message = format!("the upstream broke off in the middle of its answer: {error}");
                download.ending = Some(Verdict::Cut(message));
            }
        }
        Poll::Ready(())
    }
}
