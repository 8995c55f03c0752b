//! 300 MB up and 300 MB down at the same time, through memory that does not grow. A process of its own, since it
//! looks at its own size.
#![cfg(target_os = "linux")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use relay::connect::{ProxySettings, TlsSettings, connector};
use relay::{
    Handler, OnClientDisconnect, Problem, Refusal, Reply, RequestHead, Route, Settings, Tap, Upstream,
    UpstreamSettings, serve,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SIZE: usize = 300 << 20;
const BLOCK: usize = 1 << 16;

struct ToOne(Arc<Upstream>);

/// Sees all and keeps nothing.
struct Blind;

impl Tap for Blind {}

impl Handler for ToOne {
    type Tap = Blind;

    fn route(&self, _head: &mut RequestHead<'_>, _peer: SocketAddr) -> Route<Blind> {
        Route { upstream: Arc::clone(&self.0), tap: Blind, on_client_disconnect: OnClientDisconnect::Cancel }
    }

    fn refused(&self, refusal: &Refusal, _received: &[u8], _peer: SocketAddr) {
        panic!("{refusal:?}");
    }

    fn error_reply(&self, status: u16, problem: &Problem) -> Reply {
        panic!("{status} {problem}");
    }
}

/// The most memory this process has ever had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

async fn send(mut to: impl AsyncWriteExt + Unpin, head: &str, chunked: bool) {
    let mut block = vec![b'x'; BLOCK];
    if chunked {
        block = [format!("{BLOCK:x}\r\n").as_bytes(), &block, b"\r\n"].concat();
    }
    to.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..SIZE / BLOCK {
        to.write_all(&block).await.unwrap();
    }
    if chunked {
        to.write_all(b"0\r\n\r\n").await.unwrap();
    }
}

/// Reads a head, and then as many bytes as a body of `SIZE` has.
async fn receive(mut from: impl AsyncReadExt + Unpin, chunked: bool) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(from.read_u8().await.unwrap());
    }
    let framing = if chunked { (SIZE / BLOCK) * (format!("{BLOCK:x}").len() + 4) + 5 } else { 0 };
    let mut left = SIZE + framing;
    let mut buffer = vec![0; BLOCK];
    while left > 0 {
        let read = from.read(&mut buffer[..left.min(BLOCK)]).await.unwrap();
        assert!(read > 0, "{left} bytes are missing");
        left -= read;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_pass_both_ways_in_flat_memory() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", upstream.local_addr().unwrap()).parse().unwrap();
    let connector = connector(&url, &TlsSettings::default(), &ProxySettings::default()).unwrap();
    let handler = ToOne(Arc::new(Upstream::new(UpstreamSettings::default(), connector)));
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = front.local_addr().unwrap();
    let forever = std::future::pending::<()>();
    tokio::spawn(serve(vec![front], Arc::new(handler), Settings::default(), forever, Duration::ZERO));

    let mut client = TcpStream::connect(address).await.unwrap();
    let (client_reads, client_writes) = client.split();
    let request = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {SIZE}\r\n\r\n");
    let before = peak();
    let upstream_side = async {
        let (mut stream, _) = upstream.accept().await.unwrap();
        let (reads, writes) = stream.split();
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        tokio::join!(receive(reads, false), send(writes, answer, true));
    };
    tokio::join!(send(client_writes, &request, false), receive(client_reads, true), upstream_side);
    let grown = peak() - before;
    assert!(grown < 16 << 20, "memory grew by {grown} bytes");
}
