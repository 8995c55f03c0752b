//! One client connection: waits for a request, has it exchanged, and waits for the next one.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{self, Poll};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::exchange::{self, Request};
use crate::handler::{Handler, Reply, Route};
use crate::head::{HeadScan, RequestHead, write_request};
use crate::incoming::{Incoming, Patience};
use crate::problem::{Problem, Refusal};
use crate::reply;
use crate::scratch;
use crate::server::Context;
use crate::stream::{reset_on_close, tune};

/// The client's side, as exchanges see it.
pub(crate) struct Client {
    pub(crate) stream: Incoming,
    /// Read but not yet used: bodies that came with their head, and the requests after this one.
    pub(crate) inbox: Vec<u8>,
    /// The client has sent all that it will send.
    pub(crate) fin: bool,
    /// A response has begun: unless it ends in order, the connection is reset.
    pub(crate) cut_on_drop: bool,
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.cut_on_drop {
            reset_on_close(self.stream.tcp());
        }
    }
}

/// What becomes of a client's connection after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Another request may come.
    KeepAlive,
    /// Closed in a way that the answer survives.
    Close,
    /// Closed in a way that cannot be taken for an end.
    Reset,
    /// The client is no longer there.
    Drop,
}

enum Next<T> {
    Request(Request, Route<T>),
    Refused(Problem),
    /// Nothing more comes, or nothing more is wanted.
    End,
}

/// Serves one connection to its end.
pub(crate) async fn run<H: Handler>(stream: TcpStream, peer: SocketAddr, context: Arc<Context<H>>) {
    tune(&stream);
    let stream = match &context.tls {
        None => Incoming::Tcp(stream),
        Some(identity) => {
            let settings = context.settings;
            let patience = Patience { first_byte: settings.first_byte_time, handshake: settings.head_time };
            let secured = tokio::select! {
                secured = Incoming::secure(stream, peer, identity, patience) => secured,
                () = context.lifecycle.drained() => None,
            };
            let Some(stream) = secured else { return };
            stream
        }
    };
    let mut client = Client { stream, inbox: Vec::new(), fin: false, cut_on_drop: false };
    let mut wait = context.settings.first_byte_time;
    loop {
        let after = match client.next(peer, &context, Instant::now() + wait).await {
            Next::End => return,
            Next::Request(request, route) => exchange::run(&mut client, request, route, &context).await,
            Next::Refused(problem) => client.refuse(problem, peer, &context).await,
        };
        match after {
            After::KeepAlive => {}
            After::Close => return client.close(&context).await,
            After::Reset => {
                client.cut_on_drop = true;
                return;
            }
            After::Drop => return,
        }
        wait = context.settings.keep_alive_time;
    }
}

impl Client {
    async fn next<H: Handler>(
        &mut self,
        peer: SocketAddr,
        context: &Context<H>,
        idle_until: Instant,
    ) -> Next<H::Tap> {
        let mut scan = HeadScan::default();
        let mut deadline = None;
        let patience = Instant::now() + context.settings.head_time;
        loop {
            while self.inbox.starts_with(b"\r\n") {
                self.consume(2);
            }
            let begun = !self.inbox.is_empty() && self.inbox != b"\r";
            if begun {
                match RequestHead::parse(&self.inbox, &mut scan, context.settings.limits()) {
                    Ok(None) => {}
                    Err(error) => return Next::Refused(Problem::BadRequest(error)),
                    Ok(Some((mut head, length))) => {
                        let route = context.handler.route(&mut head, peer);
                        let request = Request::new(&head, route.upstream.target());
                        self.consume(length);
                        return Next::Request(request, route);
                    }
                }
                deadline.get_or_insert_with(|| Instant::now() + context.settings.head_time);
            } else if context.lifecycle.is_draining() {
                return Next::End;
            }
            let read = tokio::select! {
                read = poll_fn(|cx| self.poll_read_some(cx, context.settings.head_bytes)) => read,
                () = tokio::time::sleep_until(deadline.unwrap_or(idle_until)) => {
                    return if begun {
                        Next::Refused(Problem::RequestHeadTimeout(context.settings.head_time))
                    } else {
                        Next::End
                    };
                }
                () = context.lifecycle.wants_idle_gone(patience), if !begun => return Next::End,
            };
            if read.is_err() || self.fin {
                return Next::End;
            }
        }
    }

    async fn refuse<H: Handler>(
        &mut self,
        problem: Problem,
        peer: SocketAddr,
        context: &Context<H>,
    ) -> After {
        let refusal = Refusal { status: problem.status(), problem };
        let received = &self.inbox[..self.inbox.len().min(context.settings.head_bytes)];
        context.handler.refused(&refusal, received, peer);
        let reply = context.handler.error_reply(refusal.status, &refusal.problem);
        self.inbox = Vec::new();
        self.send_reply(refusal.status, &reply, true, true, context).await
    }

    /// Sends an answer of the relay's own; `body`: whether the method lets it have one.
    pub(crate) async fn send_reply<H: Handler>(
        &mut self,
        status: u16,
        reply: &Reply,
        close: bool,
        body: bool,
        context: &Context<H>,
    ) -> After {
        match self.send(&reply::encode(status, reply, close, body), context).await {
            true if close => After::Close,
            true => After::KeepAlive,
            false => After::Reset,
        }
    }

    /// Sends bytes of the relay's own. False if the client does not take them in time.
    pub(crate) async fn send<H: Handler>(&mut self, bytes: &[u8], context: &Context<H>) -> bool {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        matches!(tokio::time::timeout(context.settings.linger_time, write).await, Ok(Ok(())))
    }

    /// Ends our side and reads on until the client has ended its own: closing a socket with unread bytes would
    /// reset it, and the reset could overtake the answer.
    async fn close<H: Handler>(mut self, context: &Context<H>) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let hear_out = async {
            while !self.fin {
                self.inbox.clear();
                if poll_fn(|cx| self.poll_read_some(cx, scratch::SIZE)).await.is_err() {
                    return;
                }
            }
        };
        // A client that does not end its side is left; nothing more can be done for it.
        let _ = tokio::time::timeout(context.settings.linger_time, hear_out).await;
    }

    /// Reads once into the inbox, which then holds at most `limit` bytes.
    fn poll_read_some(&mut self, cx: &mut task::Context<'_>, limit: usize) -> Poll<io::Result<()>> {
        let Client { stream, inbox, fin, .. } = self;
        let room = limit.saturating_sub(inbox.len());
        scratch::poll_read(stream, cx, room, |_, bytes| {
            *fin = bytes.is_empty();
            inbox.extend_from_slice(bytes);
        })
    }

    /// Reads ahead as far as the limit allows, so that a client that leaves is noticed.
    pub(crate) fn watch(&mut self, cx: &mut task::Context<'_>, limit: usize) -> io::Result<()> {
        while !self.fin && self.inbox.len() < limit {
            match self.poll_read_some(cx, limit) {
                Poll::Ready(result) => result?,
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    /// Forgets the first bytes of the inbox; an empty inbox holds no memory.
    pub(crate) fn consume(&mut self, length: usize) {
        if length >= self.inbox.len() {
            self.inbox = Vec::new();
        } else {
            self.inbox.drain(..length);
        }
    }

    pub(crate) fn take_inbox(&mut self) -> Vec<u8> {
        mem::take(&mut self.inbox)
    }
}

impl Request {
    fn new(head: &RequestHead<'_>, target: crate::head::RequestTarget<'_>) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        write_request(&mut bytes, head, target);
        Request {
            head: bytes,
            body: head.body(),
            to_head: head.method == "HEAD",
            version: head.version,
            wants_close: head.wants_close(),
            awaits_continue: head.awaits_continue(),
        }
    }
}
