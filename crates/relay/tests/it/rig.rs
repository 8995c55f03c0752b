//! A relay on loopback whose client and upstream are in the test's hands, and a tap that writes down what it sees.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use relay::connect::{ProxySettings, TlsSettings, UpstreamUrl, connector};
use relay::{
    Connect, Connected, End, Handler, Header, OnClientDisconnect, Problem, Refusal, Reply, RequestHead,
    ResponseHead, Route, ServeReport, Settings, Tap, Upstream, UpstreamSettings, serve,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// No step of any test takes this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited too long for {what}"),
    }
}

/// What the tap saw; neighbouring payload is joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Connected { reused: bool },
    RequestBody(Vec<u8>),
    RequestTrailers(Vec<String>),
    RequestEnd,
    Informational(u16),
    ResponseHead(u16),
    ResponseBody(Vec<u8>),
    ResponseTrailers(Vec<String>),
    Replied(u16),
    Flush,
}

pub(crate) struct Exchange {
    pub(crate) seen: Vec<Seen>,
    pub(crate) end: End,
}

impl Exchange {
    pub(crate) fn request_body(&self) -> Vec<u8> {
        self.seen
            .iter()
            .flat_map(|seen| if let Seen::RequestBody(bytes) = seen { &bytes[..] } else { &[] })
            .copied()
            .collect()
    }

    pub(crate) fn response_body(&self) -> Vec<u8> {
        self.seen
            .iter()
            .flat_map(|seen| if let Seen::ResponseBody(bytes) = seen { &bytes[..] } else { &[] })
            .copied()
            .collect()
    }

    /// The events without payload and flushes.
    pub(crate) fn story(&self) -> Vec<Seen> {
        let told = |seen: &&Seen| !matches!(seen, Seen::RequestBody(_) | Seen::ResponseBody(_) | Seen::Flush);
        self.seen.iter().filter(told).cloned().collect()
    }
}

struct Notes {
    seen: Vec<Seen>,
    live: mpsc::UnboundedSender<Seen>,
    done: mpsc::UnboundedSender<Exchange>,
}

impl Notes {
    fn note(&mut self, seen: Seen) {
        let _ = self.live.send(seen.clone());
        self.seen.push(seen);
    }
}

fn texts(trailers: &[Header<'_>]) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    trailers.iter().map(|header| format!("{}: {}", text(header.name), text(header.value))).collect()
}

impl Tap for Notes {
    fn request_body(&mut self, payload: &[u8]) {
        self.note(Seen::RequestBody(payload.to_vec()));
    }
    fn request_trailers(&mut self, trailers: &[Header<'_>]) {
        self.note(Seen::RequestTrailers(texts(trailers)));
    }
    fn request_end(&mut self) {
        self.note(Seen::RequestEnd);
    }
    fn connected(&mut self, how: &Connected) {
        self.note(Seen::Connected { reused: how.reused });
    }
    fn informational(&mut self, head: &ResponseHead<'_>) {
        self.note(Seen::Informational(head.status));
    }
    fn response_head(&mut self, head: &ResponseHead<'_>) {
        self.note(Seen::ResponseHead(head.status));
    }
    fn response_body(&mut self, payload: &[u8]) {
        self.note(Seen::ResponseBody(payload.to_vec()));
    }
    fn response_trailers(&mut self, trailers: &[Header<'_>]) {
        self.note(Seen::ResponseTrailers(texts(trailers)));
    }
    fn replied(&mut self, status: u16, _reply: &Reply) {
        self.note(Seen::Replied(status));
    }
    fn flush(&mut self) {
        self.note(Seen::Flush);
    }
    fn end(&mut self, end: &End) {
        let exchange = Exchange { seen: std::mem::take(&mut self.seen), end: end.clone() };
        let _ = self.done.send(exchange);
    }
}

struct Switchboard {
    upstream: Arc<Upstream>,
    policy: OnClientDisconnect,
    live: mpsc::UnboundedSender<Seen>,
    done: mpsc::UnboundedSender<Exchange>,
    refused: mpsc::UnboundedSender<(Refusal, Vec<u8>)>,
}

impl Handler for Switchboard {
    type Tap = Notes;

    fn route(&self, _head: &mut RequestHead<'_>, _peer: SocketAddr) -> Route<Notes> {
        Route {
            upstream: Arc::clone(&self.upstream),
            tap: Notes { seen: Vec::new(), live: self.live.clone(), done: self.done.clone() },
            on_client_disconnect: self.policy,
        }
    }

    fn refused(&self, refusal: &Refusal, received: &[u8], _peer: SocketAddr) {
        let _ = self.refused.send((refusal.clone(), received.to_vec()));
    }

    fn error_reply(&self, _status: u16, problem: &Problem) -> Reply {
        Reply { content_type: "text/plain", body: problem.to_string().into_bytes() }
    }
}

/// How a rig differs from the usual.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) upstream: UpstreamSettings,
    pub(crate) policy: OnClientDisconnect,
    pub(crate) connector: Option<Arc<dyn Connect>>,
    pub(crate) grace: Option<Duration>,
}

pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
    live: mpsc::UnboundedReceiver<Seen>,
    done: mpsc::UnboundedReceiver<Exchange>,
    refused: mpsc::UnboundedReceiver<(Refusal, Vec<u8>)>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<ServeReport>,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(Plan::default()).await
    }

    pub(crate) async fn with(plan: Plan) -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: UpstreamUrl = format!("http://{}", upstream.local_addr().unwrap()).parse().unwrap();
        let direct = || connector(&url, &TlsSettings::default(), &ProxySettings::default()).unwrap();
        let connector = plan.connector.unwrap_or_else(direct);
        let (live, see_live) = mpsc::unbounded_channel();
        let (done, see_done) = mpsc::unbounded_channel();
        let (refused, see_refused) = mpsc::unbounded_channel();
        let handler = Switchboard {
            upstream: Arc::new(Upstream::new(plan.upstream, connector)),
            policy: plan.policy,
            live,
            done,
            refused,
        };
        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = front.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let grace = plan.grace.unwrap_or(PATIENCE);
        let server = tokio::spawn(serve(vec![front], Arc::new(handler), plan.settings, shutdown, grace));
        Rig {
            address,
            listener: upstream,
            live: see_live,
            done: see_done,
            refused: see_refused,
            stop: Some(stop),
            server,
        }
    }

    /// A new connection to the relay.
    pub(crate) async fn client(&self) -> Peer {
        Peer::new(soon("the relay", TcpStream::connect(self.address)).await.unwrap())
    }

    /// A new connection that has sent these bytes.
    pub(crate) async fn client_sends(&self, bytes: &[u8]) -> Peer {
        let mut client = self.client().await;
        client.send(bytes).await;
        client
    }

    /// The relay's next connection to the upstream.
    pub(crate) async fn upstream(&self) -> Peer {
        let (stream, _) = soon("a connection to the upstream", self.listener.accept()).await.unwrap();
        Peer::new(stream)
    }

    /// Whether a connection to the upstream waits to be accepted.
    pub(crate) async fn has_no_new_upstream(&self) -> bool {
        let accept = std::pin::pin!(self.listener.accept());
        futures_poll(accept).await.is_none()
    }

    /// The next exchange that ends.
    pub(crate) async fn ended(&mut self) -> Exchange {
        soon("an exchange to end", self.done.recv()).await.unwrap()
    }

    pub(crate) async fn refusal(&mut self) -> (Refusal, Vec<u8>) {
        soon("a refusal", self.refused.recv()).await.unwrap()
    }

    /// Waits until a tap has seen this.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Seen) -> bool) {
        let seen = async {
            while let Some(seen) = self.live.recv().await {
                if wanted(&seen) {
                    return;
                }
            }
            panic!("the relay is gone");
        };
        soon("the tap to see something", seen).await;
    }

    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) async fn report(self) -> ServeReport {
        soon("the server to end", self.server).await.unwrap()
    }
}

/// Polls once.
async fn futures_poll<T>(mut future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match future.as_mut().poll(cx) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

/// One end of a connection, driven byte by byte.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
}

impl Peer {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Peer { stream }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        soon("a write", self.stream.write_all(bytes)).await.unwrap();
    }

    /// The next bytes must be these.
    pub(crate) async fn expect(&mut self, wanted: impl AsRef<[u8]>) {
        let wanted = wanted.as_ref();
        let mut got = Vec::new();
        while got.len() < wanted.len() {
            let mut buffer = vec![0; wanted.len() - got.len()];
            match soon("bytes", self.stream.read(&mut buffer)).await {
                Ok(0) => break,
                Ok(length) => got.extend_from_slice(&buffer[..length]),
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&got)),
            }
            if !wanted.starts_with(&got) {
                break;
            }
        }
        if got != wanted {
            // Only what is around the first difference, since this may be megabytes.
            let same = got.iter().zip(wanted).take_while(|(got, wanted)| got == wanted).count();
            let around = |bytes: &[u8]| {
                let part = &bytes[same.saturating_sub(80)..bytes.len().min(same + 80)];
                String::from_utf8_lossy(part).into_owned()
            };
            assert_eq!(around(&got), around(wanted), "after {same} bytes");
            panic!("only {} of {} bytes came", got.len(), wanted.len());
        }
    }

    /// Reads a head to its end.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match soon("a head", self.stream.read_u8()).await {
                Ok(byte) => head.push(byte),
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&head)),
            }
        }
        String::from_utf8(head).unwrap()
    }

    /// The other side ends without another byte.
    pub(crate) async fn expect_end(&mut self) {
        let mut rest = Vec::new();
        let read = soon("the end", self.stream.read_to_end(&mut rest)).await;
        assert_eq!(String::from_utf8_lossy(&rest), "");
        read.unwrap();
    }

    /// The connection was reset, whatever came before.
    pub(crate) async fn expect_reset(&mut self) {
        let mut rest = Vec::new();
        let error = soon("a reset", self.stream.read_to_end(&mut rest)).await.expect_err("a clean end");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }

    /// All bytes up to a clean end.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        soon("the end", self.stream.read_to_end(&mut rest)).await.unwrap();
        rest
    }

    /// All bytes up to a clean end or a reset.
    pub(crate) async fn rest_however_it_ends(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = soon("the end", self.stream.read_to_end(&mut rest)).await;
        rest
    }

    /// Ends our side; the other can go on.
    pub(crate) async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Leaves with a reset.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

pub(crate) const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
