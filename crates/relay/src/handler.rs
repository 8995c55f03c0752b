//! What the program plugs in: who decides where a request goes, and who watches it.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::head::{Header, RequestHead, ResponseHead};
use crate::problem::{Problem, Refusal};
use crate::upstream::Upstream;

/// Decides and observes. None of these may block: they run between two reads of a connection.
pub trait Handler: Send + Sync + 'static {
    /// What watches one exchange.
    type Tap: Tap;

    /// Called once for each well-formed request head, before anything is sent. What it takes out of the head, or puts in the
    /// target's place, holds for what is sent.
    fn route(&self, head: &mut RequestHead<'_>, peer: SocketAddr) -> Route<Self::Tap>;

    /// A request was refused and not forwarded. `received` is its head as far as it came, at most as long as a
    /// head may be.
    fn refused(&self, refusal: &Refusal, received: &[u8], peer: SocketAddr);

    /// The body for an answer of the relay's own (400, 408, 431, 501, 502, 504, 505).
    fn error_reply(&self, status: u16, problem: &Problem) -> Reply;
}

/// Where a request goes.
#[derive(Debug)]
pub struct Route<T> {
    /// To whom.
    pub upstream: Arc<Upstream>,
    /// Who watches.
    pub tap: T,
    /// What to do when the client leaves.
    pub on_client_disconnect: OnClientDisconnect,
}

/// What happens to a request whose client has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnClientDisconnect {
    /// The upstream learns of it as it would without the relay.
    #[default]
    Cancel,
    /// The answer is read to its end, for the tap.
    Drain,
}

/// An answer of the relay's own.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// Sees one exchange: payload without the chunked framing, each slice after it was written to the other side.
/// None of these may block.
pub trait Tap: Send + 'static {
    /// Payload of the request went upstream; or, where no connection could be made, came from the client.
    fn request_body(&mut self, payload: &[u8]) {
        let _ = payload;
    }
    /// The request had trailers.
    fn request_trailers(&mut self, trailers: &[Header<'_>]) {
        let _ = trailers;
    }
    /// The whole request went upstream.
    fn request_end(&mut self) {}
    /// There is a connection to the upstream.
    fn connected(&mut self, how: &Connected) {
        let _ = how;
    }
    /// An interim (1xx) response went to the client.
    fn informational(&mut self, head: &ResponseHead<'_>) {
        let _ = head;
    }
    /// The response began.
    fn response_head(&mut self, head: &ResponseHead<'_>) {
        let _ = head;
    }
    /// Payload of the response went to the client.
    fn response_body(&mut self, payload: &[u8]) {
        let _ = payload;
    }
    /// The response had trailers.
    fn response_trailers(&mut self, trailers: &[Header<'_>]) {
        let _ = trailers;
    }
    /// The relay answered in the upstream's stead; `end` says why.
    fn replied(&mut self, status: u16, reply: &Reply) {
        let _ = (status, reply);
    }
    /// Everything of one read from either side was handed over.
    fn flush(&mut self) {}
    /// The exchange is over. Called exactly once, whatever happens.
    fn end(&mut self, end: &End) {
        let _ = end;
    }
}

/// How the connection to the upstream came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connected {
    /// It had carried requests before.
    pub reused: bool,
    /// The other end: of the proxy, if one is used; `None` if there is no network in between.
    pub remote: Option<SocketAddr>,
}

/// How an exchange ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum End {
    /// The response went to the client to its end.
    Complete,
    /// The client left before that.
    ClientAborted,
    /// The upstream broke off after its response had begun. The client's connection was broken off too.
    UpstreamCut {
        /// What happened.
        message: String,
    },
    /// The upstream was silent for too long.
    Timeout {
        /// When.
        phase: Phase,
    },
    /// No response began. The client was told with 502.
    UpstreamFailed {
        /// What happened.
        message: String,
        /// In one word.
        kind: FailureKind,
    },
    /// The body of the request is malformed. The client was told with 400 if no response had begun.
    BadRequestBody {
        /// What is wrong with it.
        message: String,
    },
    /// The server was stopped and the time to finish was over.
    Shutdown,
    /// The connection's task was dropped.
    Aborted,
}

/// A part of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before the head of the response.
    ResponseHead,
    /// After it.
    ResponseBody,
}

/// Why no response began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// The name of the host could not be resolved.
    Dns,
    /// Nobody listens there.
    Refused,
    /// The connection was not made in time.
    ConnectTimeout,
    /// Another error of the network.
    Network,
    /// The TLS handshake failed.
    Tls,
    /// The proxy on the way refused or failed.
    Proxy,
    /// The connection was closed or reset before an answer.
    NoAnswer,
    /// The answer is malformed.
    BadAnswer,
}
