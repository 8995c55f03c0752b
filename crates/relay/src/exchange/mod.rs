//! One request and its response. Two pumps, polled by one task: `upload` and `download` each hold at most what was
//! read once and not yet taken by the other side. The first thing that decides the exchange becomes its verdict,
//! and `settle` carries it out.

mod clock;
mod download;
mod follower;
mod guard;
mod outbox;
mod settle;
mod upload;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context as TaskContext, Poll};

use tokio::io::AsyncWrite;

use crate::body::{Body, ChunkError};
use crate::client::{After, Client};
use crate::connect::ConnectError;
use crate::handler::{Connected, Handler, OnClientDisconnect, Route, Tap};
use crate::head::Version;
use crate::lifecycle::Lifecycle;
use crate::problem::Problem;
use crate::server::{Context, Settings};
use crate::stream::Connection;
use clock::Clock;
use download::{Download, Stage};
use guard::Guard;
use upload::Upload;

/// Reads that one direction may make before it lets the other have its turn.
const TURN: usize = 16;

/// A request whose head was read. It holds secrets, so it has no `Debug`.
pub(crate) struct Request {
    /// As it goes upstream.
    pub(crate) head: Vec<u8>,
    /// At its start.
    pub(crate) body: Body,
    /// The method is HEAD.
    pub(crate) to_head: bool,
    pub(crate) version: Version,
    pub(crate) wants_close: bool,
    pub(crate) awaits_continue: bool,
}

/// What decided an exchange.
#[derive(Debug)]
enum Verdict {
    /// The response was relayed to its end.
    Complete,
    /// The client is gone.
    ClientGone,
    /// The response broke off.
    Cut(String),
    /// The upstream said nothing for too long.
    Silent,
    /// There will be no response; the client is told why.
    Failed(Problem),
    /// The request's body broke its framing.
    BadRequestBody(ChunkError),
}

/// Takes a request through to its response.
pub(crate) async fn run<H: Handler>(
    client: &mut Client,
    request: Request,
    route: Route<H::Tap>,
    context: &Context<H>,
) -> After {
    let Route { upstream, tap, on_client_disconnect } = route;
    let mut tap = Guard::new(tap, &context.lifecycle);
    let connected = {
        let mut connecting = pin!(upstream.connection());
        poll_fn(|cx| poll_connect(connecting.as_mut(), client, request.body, &context.settings, cx)).await
    };
    let (connection, how) = match connected {
        Some(Ok(connected)) => connected,
        Some(Err(error)) => return settle::no_connection(client, &request, tap, error, context).await,
        None => return settle::gone_before_connected(tap),
    };
    tap.connected(&how);
    let mut exchange = Exchange::new(client, connection, request, tap, context);
    exchange.drain = on_client_disconnect == OnClientDisconnect::Drain;
    exchange.clock = Clock::new(upstream.silence());
    let verdict = poll_fn(|cx| exchange.poll(cx)).await;
    settle::settle(exchange, verdict, &upstream, context).await
}

/// Waits for a connection while watching the client; `None` once the client has left.
fn poll_connect(
    connecting: Pin<&mut impl Future<Output = Result<(Connection, Connected), ConnectError>>>,
    client: &mut Client,
    mut body: Body,
    settings: &Settings,
    cx: &mut TaskContext<'_>,
) -> Poll<Option<Result<(Connection, Connected), ConnectError>>> {
    if let Poll::Ready(connected) = connecting.poll(cx) {
        return Poll::Ready(Some(connected));
    }
    if client.watch(cx, settings.head_bytes).is_err() {
        return Poll::Ready(None);
    }
    if client.fin {
        body.advance(&client.inbox, |_| ());
        if !body.is_done() {
            return Poll::Ready(None);
        }
    }
    Poll::Pending
}

/// The state of an exchange with its two sides.
struct Exchange<'a, T: Tap> {
    client: &'a mut Client,
    upstream: Connection,
    tap: Guard<'a, T>,
    lifecycle: &'a Lifecycle,
    settings: Settings,
    request: Request,
    upload: Upload,
    download: Download,
    clock: Clock,
    /// Read the response to its end even if the client is gone.
    drain: bool,
    /// The client is gone, and the rest is read for the tap only.
    client_gone: bool,
    fin: Fin,
}

/// Whether the end of what the client sends was passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fin {
    No,
    Wanted,
    Sent,
}

impl<'a, T: Tap> Exchange<'a, T> {
    fn new<H>(
        client: &'a mut Client,
        upstream: Connection,
        mut request: Request,
        tap: Guard<'a, T>,
        context: &'a Context<H>,
    ) -> Self {
        let head = std::mem::take(&mut request.head);
        Exchange {
            upload: Upload::new(head, request.body),
            download: Download::new(),
            client,
            upstream,
            tap,
            lifecycle: &context.lifecycle,
            settings: context.settings,
            request,
            clock: Clock::new(std::time::Duration::MAX),
            drain: false,
            client_gone: false,
            fin: Fin::No,
        }
    }

    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Verdict> {
        // The response first: what is already there must not be lost to an error of the upload.
        let decided = self
            .poll_download(cx)
            .or_else(|| self.poll_upload(cx))
            .or_else(|| self.poll_client(cx))
            .or_else(|| self.poll_completion(cx));
        if let Some(verdict) = decided {
            return Poll::Ready(verdict);
        }
        let upload_waits = self.upload.is_over() || self.upload.is_blocked() || self.request.awaits_continue;
        let waiting = upload_waits && !self.download.is_blocked();
        if self.clock.poll_expired(cx, waiting) { Poll::Ready(Verdict::Silent) } else { Poll::Pending }
    }

    /// Once the request is sent: reads ahead, notices a client that leaves, and passes on its end.
    fn poll_client(&mut self, cx: &mut TaskContext<'_>) -> Option<Verdict> {
        if !self.upload.is_done() || self.client_gone {
            return None;
        }
        if self.client.watch(cx, self.settings.head_bytes).is_err() {
            if !self.drain {
                return Some(Verdict::ClientGone);
            }
            self.client_gone = true;
            return self.poll_download(cx);
        }
        // With another request behind this one, the end is that one's.
        if self.client.fin && self.client.inbox.is_empty() && !self.drain && self.fin == Fin::No {
            self.fin = Fin::Wanted;
        }
        if self.fin == Fin::Wanted && Pin::new(&mut self.upstream).poll_shutdown(cx).is_ready() {
            self.fin = Fin::Sent;
        }
        None
    }

    /// A response that is over is the end, unless its request is still being sent and still wanted.
    fn poll_completion(&mut self, cx: &mut TaskContext<'_>) -> Option<Verdict> {
        if !self.download.is_done() {
            return None;
        }
        let over = self.upload.is_over() || !self.download.is_reusable() || self.poll_upstream_ended(cx);
        over.then_some(Verdict::Complete)
    }

    fn response_has_begun(&self) -> bool {
        self.download.stage() != Stage::Head
    }
}
