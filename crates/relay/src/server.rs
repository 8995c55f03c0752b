//! Accepts connections, one task each, and brings them to an orderly end.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::client;
use crate::handler::Handler;
use crate::head::Limits;
use crate::incoming::TlsIdentity;
use crate::lifecycle::Lifecycle;

/// Limits towards clients.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Connections at a time; whoever comes then waits until one ends. While all places are taken, connections that have waited for
    /// a request for longer than `head_time` are closed.
    pub connections: usize,
    /// Bytes of a head, request or response. Also what is read ahead of a request that is in flight.
    pub head_bytes: usize,
    /// Field lines of a head.
    pub headers: usize,
    /// How long a new connection may stay silent.
    pub first_byte_time: Duration,
    /// From the first byte of a request head to its end.
    pub head_time: Duration,
    /// How long a connection may wait for its next request.
    pub keep_alive_time: Duration,
    /// How long, after the last answer of a connection that is closed, the client may take to hear of it; also how
    /// long it may take to read an answer of the relay's own.
    pub linger_time: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            connections: usize::MAX,
            head_bytes: 128 * 1024,
            headers: 512,
            first_byte_time: Duration::from_secs(60),
            head_time: Duration::from_secs(30),
            keep_alive_time: Duration::from_secs(120),
            linger_time: Duration::from_secs(5),
        }
    }
}

impl Settings {
    pub(crate) fn limits(&self) -> Limits {
        Limits { bytes: self.head_bytes, headers: self.headers }
    }
}

/// What a server did, told when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServeReport {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that were cut because they were not done when the grace was over.
    pub cut: usize,
}

/// What all connections of a server share.
pub(crate) struct Context<H> {
    pub(crate) handler: Arc<H>,
    pub(crate) settings: Settings,
    pub(crate) tls: Option<TlsIdentity>,
    pub(crate) lifecycle: Lifecycle,
}

/// Where clients come in.
pub struct Listeners {
    /// All that listens.
    pub tcp: Vec<TcpListener>,
    /// Clients of other machines must speak TLS then; those of this one may.
    pub tls: Option<TlsIdentity>,
}

impl From<Vec<TcpListener>> for Listeners {
    fn from(tcp: Vec<TcpListener>) -> Listeners {
        Listeners { tcp, tls: None }
    }
}

/// Accepts until `shutdown` resolves; then accepts no more, closes the connections that wait for a request, lets
/// exchanges in flight finish for up to `grace`, and cuts the rest.
pub async fn serve<H: Handler>(
    listeners: impl Into<Listeners>,
    handler: Arc<H>,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
) -> ServeReport {
    let Listeners { tcp: listeners, tls } = listeners.into();
    let context = Arc::new(Context { handler, settings, tls, lifecycle: Lifecycle::new() });
    let mut connections = JoinSet::new();
    let mut report = ServeReport::default();
    let mut acceptor = Acceptor { listeners, paused_until: None };
    let mut shutdown = pin!(shutdown);
    loop {
        context.lifecycle.set_full(connections.len() >= settings.connections);
        tokio::select! {
            () = &mut shutdown => break,
            (stream, peer) = acceptor.accept(), if connections.len() < settings.connections => {
                report.accepted += 1;
                connections.spawn(client::run(stream, peer, Arc::clone(&context)));
            }
            Some(ended) = connections.join_next() => note_panic(ended),
        }
    }
    drop(acceptor);
    context.lifecycle.drain();
    let finish = async {
        while let Some(ended) = connections.join_next().await {
            note_panic(ended);
        }
    };
    if tokio::time::timeout(grace, finish).await.is_err() {
        report.cut = connections.len();
        context.lifecycle.kill();
        connections.shutdown().await;
    }
    report
}

fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the task of a connection failed");
    }
}

struct Acceptor {
    listeners: Vec<TcpListener>,
    /// Out of file descriptors or the like: accepting again at once would only burn time.
    paused_until: Option<Instant>,
}

impl Acceptor {
    /// The next connection of any listener. Errors are logged, never returned.
    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        const PAUSE: Duration = Duration::from_millis(200);
        loop {
            if let Some(until) = self.paused_until {
                tokio::time::sleep_until(until).await;
                self.paused_until = None;
            }
            match poll_fn(|cx| self.poll_accept(cx)).await {
                Ok(accepted) => return accepted,
                Err(error) if is_about_one_connection(&error) => {
                    tracing::debug!(%error, "a connection was gone before it was accepted");
                }
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections; trying again in 200 ms");
                    self.paused_until = Some(Instant::now() + PAUSE);
                }
            }
        }
    }

    fn poll_accept(&self, cx: &mut std::task::Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        for listener in &self.listeners {
            if let Poll::Ready(result) = listener.poll_accept(cx) {
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
