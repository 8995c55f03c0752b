//! Connections to the upstream: TLS, proxies, memory, and what goes wrong with them.

use std::io::Write;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use relay::connect::{ProxySettings, TlsSettings, UpstreamUrl, connector};
use relay::{Connect, ConnectError, Connection, End, FailureKind};
use rustls::pki_types::PrivateKeyDer;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::rig::{GET, Peer, Plan, Rig, Seen, soon};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// A TLS upstream on loopback with a certificate of its own, and that certificate.
struct Secure {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    certificate: String,
}

impl Secure {
    async fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Secure {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate: made.cert.pem(),
        }
    }

    fn url(&self) -> UpstreamUrl {
        format!("https://localhost:{}", self.listener.local_addr().unwrap().port()).parse().unwrap()
    }

    async fn rig(&self, trusted: bool) -> Rig {
        let ca = file(&self.certificate);
        let extra_ca_files = if trusted { vec![ca.path().to_owned()] } else { Vec::new() };
        let connector =
            connector(&self.url(), &TlsSettings { extra_ca_files }, &ProxySettings::default()).unwrap();
        Rig::with(Plan { connector: Some(connector), ..Plan::default() }).await
    }

    async fn accept(&self) -> TlsStream<TcpStream> {
        let (stream, _) = soon("a connection", self.listener.accept()).await.unwrap();
        soon("a handshake", self.acceptor.accept(stream)).await.unwrap()
    }
}

async fn expect(stream: &mut TlsStream<TcpStream>, wanted: &[u8]) {
    let mut got = vec![0; wanted.len()];
    soon("bytes", stream.read_exact(&mut got)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(wanted));
}

#[tokio::test]
async fn tls_with_an_extra_certificate_speaks_http1_and_is_kept() {
    let secure = Secure::new().await;
    let mut rig = secure.rig(true).await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = secure.accept().await;
    assert_eq!(upstream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    for reused in [false, true, true] {
        expect(&mut upstream, GET).await;
        upstream.write_all(OK).await.unwrap();
        client.expect(OK).await;
        let exchange = rig.ended().await;
        assert!(exchange.story().contains(&Seen::Connected { reused }));
        client.send(GET).await;
    }
}

#[tokio::test]
async fn a_tls_upstream_that_said_goodbye_is_not_used_again() {
    let secure = Secure::new().await;
    let mut rig = secure.rig(true).await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = secure.accept().await;
    expect(&mut upstream, GET).await;
    upstream.write_all(OK).await.unwrap();
    upstream.shutdown().await.unwrap();
    client.expect(OK).await;
    rig.ended().await;
    client.send(GET).await;
    expect(&mut secure.accept().await, GET).await;
}

#[tokio::test]
async fn an_unknown_certificate_is_502_and_says_what_to_do() {
    let secure = Secure::new().await;
    let mut rig = secure.rig(false).await;
    let mut client = rig.client_sends(GET).await;
    let (stream, _) = secure.listener.accept().await.unwrap();
    let _ = secure.acceptor.accept(stream).await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    let End::UpstreamFailed { kind: FailureKind::Tls, message } = rig.ended().await.end else { panic!() };
    assert!(message.starts_with("could not connect to localhost:"), "{message}");
    assert!(message.contains("EXTRA_CA_CERTS"), "{message}");
}

#[tokio::test]
async fn the_end_of_tls_is_told_from_its_truncation() {
    let secure = Secure::new().await;
    let answer = b"HTTP/1.1 200 OK\r\n\r\nabc";

    let mut rig = secure.rig(true).await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = secure.accept().await;
    expect(&mut upstream, GET).await;
    upstream.write_all(answer).await.unwrap();
    upstream.shutdown().await.unwrap();
    client.expect(answer).await;
    client.expect_end().await;
    assert!(matches!(rig.ended().await.end, End::Complete));

    let mut client = rig.client_sends(GET).await;
    let mut upstream = secure.accept().await;
    expect(&mut upstream, GET).await;
    upstream.write_all(answer).await.unwrap();
    client.expect(answer).await;
    // A FIN without close_notify: somebody in between has cut the stream.
    upstream.get_mut().0.shutdown().await.unwrap();
    client.expect_reset().await;
    assert!(matches!(rig.ended().await.end, End::UpstreamCut { .. }));
}

#[tokio::test]
async fn a_half_close_becomes_a_close_notify() {
    let secure = Secure::new().await;
    let mut rig = secure.rig(true).await;
    let mut client = rig.client_sends(GET).await;
    client.half_close().await;
    let mut upstream = secure.accept().await;
    expect(&mut upstream, GET).await;
    assert_eq!(soon("close_notify", upstream.read(&mut [0])).await.unwrap(), 0);
    upstream.write_all(OK).await.unwrap();
    client.expect(OK).await;
    assert!(matches!(rig.ended().await.end, End::Complete));
}

/// A rig whose upstream is `upstream.test`, which only a proxy can find.
async fn behind_proxy(scheme: &str, no: Option<&str>) -> (Rig, TcpListener) {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("{scheme}://us%65r:pass@{}", proxy.local_addr().unwrap());
    let proxies =
        ProxySettings { http: Some(address), no: no.map(str::to_owned), ..ProxySettings::default() };
    let url = "http://upstream.test/base".parse().unwrap();
    let connector = connector(&url, &TlsSettings::default(), &proxies).unwrap();
    (Rig::with(Plan { connector: Some(connector), ..Plan::default() }).await, proxy)
}

async fn accept(listener: &TcpListener) -> Peer {
    let (stream, _) = soon("a connection to the proxy", listener.accept()).await.unwrap();
    Peer::new(stream)
}

#[tokio::test]
async fn an_http_proxy_is_asked_for_a_tunnel() {
    let (mut rig, proxy) = behind_proxy("http", None).await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = accept(&proxy).await;
    upstream
        .expect(
            "CONNECT upstream.test:80 HTTP/1.1\r\nHost: upstream.test:80\r\n\
             Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n",
        )
        .await;
    upstream.send(b"HTTP/1.1 200 Connection established\r\nX: 1\r\n\r\n").await;
    upstream.expect(GET).await;
    upstream.send(OK).await;
    client.expect(OK).await;
    assert!(matches!(rig.ended().await.end, End::Complete));
}

#[tokio::test]
async fn a_proxy_that_refuses_is_502() {
    for (answer, says) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "it asks for a user name and password (407)"),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "it refused the tunnel: 403 Forbidden"),
        ("SSH-2.0\r\n\r\n", "its answer is not HTTP"),
    ] {
        let (mut rig, proxy) = behind_proxy("http", None).await;
        let mut client = rig.client_sends(GET).await;
        let mut upstream = accept(&proxy).await;
        upstream.head().await;
        upstream.send(answer.as_bytes()).await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
        let End::UpstreamFailed { kind: FailureKind::Proxy, message } = rig.ended().await.end else {
            panic!()
        };
        assert!(message.ends_with(says) && message.contains("upstream.test:80"), "{message}");
        assert!(!message.contains("user:"), "{message}");
    }
}

#[tokio::test]
async fn a_socks_proxy_is_asked_by_name_and_with_the_password() {
    let (mut rig, proxy) = behind_proxy("socks5h", None).await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = accept(&proxy).await;
    upstream.expect(b"\x05\x01\x02").await;
    upstream.send(b"\x05\x02").await;
    upstream.expect(b"\x01\x04user\x04pass").await;
    upstream.send(b"\x01\x00").await;
    upstream.expect(b"\x05\x01\x00\x03\x0dupstream.test\x00\x50").await;
    upstream.send(b"\x05\x00\x00\x01\x01\x02\x03\x04\x00\x50").await;
    upstream.expect(GET).await;
    upstream.send(OK).await;
    client.expect(OK).await;
    assert!(matches!(rig.ended().await.end, End::Complete));
}

#[tokio::test]
async fn a_socks_proxy_that_refuses_is_502() {
    let (mut rig, proxy) = behind_proxy("socks5h", None).await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = accept(&proxy).await;
    upstream.expect(b"\x05\x01\x02").await;
    upstream.send(b"\x05\x02\x01\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00").await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    let End::UpstreamFailed { kind: FailureKind::Proxy, message } = rig.ended().await.end else { panic!() };
    assert!(message.ends_with("it refused the tunnel: connection refused"), "{message}");
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_502() {
    // No proxy for it, so that it has to be resolved here.
    let (mut rig, _proxy) = behind_proxy("http", Some("other.test, .upstream.test")).await;
    let mut client = rig.client_sends(GET).await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    let End::UpstreamFailed { kind: FailureKind::Dns, message } = rig.ended().await.end else { panic!() };
    assert!(message.starts_with("could not connect to upstream.test:80: the name could not be resolved"));
}

/// Connections in memory; the other ends are collected.
#[derive(Default)]
struct InMemory(Mutex<Vec<DuplexStream>>);

impl Connect for InMemory {
    fn connect(&self) -> Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send + '_>> {
        let (ours, theirs) = tokio::io::duplex(16);
        self.0.lock().unwrap().push(theirs);
        Box::pin(async { Ok(Connection::Boxed(Box::new(ours))) })
    }
}

#[tokio::test]
async fn an_upstream_in_memory_works_like_any_other() {
    let memory = Arc::new(InMemory::default());
    let connector: Arc<dyn Connect> = Arc::clone(&memory) as _;
    let mut rig = Rig::with(Plan { connector: Some(connector), ..Plan::default() }).await;
    let mut client = rig.client_sends(GET).await;
    rig.until(|seen| matches!(seen, Seen::Connected { reused: false })).await;
    let mut upstream = memory.0.lock().unwrap().pop().unwrap();
    for _ in 0..3 {
        let mut got = vec![0; GET.len()];
        soon("the request", upstream.read_exact(&mut got)).await.unwrap();
        soon("a write", upstream.write_all(OK)).await.unwrap();
        client.expect(OK).await;
        rig.ended().await;
        client.send(GET).await;
    }
    soon("the start of a request", upstream.read_exact(&mut [0; 5])).await.unwrap();
    drop(upstream);
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    client.send(GET).await;
    rig.until(|seen| matches!(seen, Seen::Connected { reused: false })).await;
}

#[tokio::test]
async fn all_addresses_of_a_name_are_tried() {
    // localhost has an IPv6 and an IPv4 address; only one of them listens.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url: UpstreamUrl = format!("http://localhost:{port}").parse().unwrap();
    let proxies = ProxySettings { all: Some("http://127.0.0.1:1".to_owned()), ..ProxySettings::default() };
    let connector = connector(&url, &TlsSettings::default(), &proxies).unwrap();
    let connecting =
        tokio::spawn(async move { connector.connect().await.map(|connection| connection.remote()) });
    let (_stream, _) = soon("a connection past the proxy", listener.accept()).await.unwrap();
    assert_eq!(connecting.await.unwrap().unwrap(), Some(SocketAddr::from(([127, 0, 0, 1], port))));
}

#[test]
fn bad_certificate_files_are_named() {
    let url: UpstreamUrl = "https://upstream.test".parse().unwrap();
    let ask = |path: &std::path::Path| {
        let tls = TlsSettings { extra_ca_files: vec![path.to_owned()] };
        connector(&url, &tls, &ProxySettings::default()).err().unwrap().to_string()
    };
    let empty = file("no certificate here");
    assert!(ask(empty.path()).ends_with(" holds no certificate"));
    assert!(
        ask("/nonexistent.pem".as_ref()).starts_with("could not read certificates from /nonexistent.pem: ")
    );
}
