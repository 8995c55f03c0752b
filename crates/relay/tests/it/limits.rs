//! Limits of size and of time, and memory that stays flat.

use std::time::Duration;

use relay::{End, Problem, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::rig::{GET, Plan, Rig, Seen, soon};

fn with(settings: Settings) -> Plan {
    Plan { settings, ..Plan::default() }
}

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn heads_that_are_too_large_are_431() {
    for head in [
        format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "x".repeat(5000)),
        format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}", "x".repeat(5000)),
        format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(5000)),
        format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: 1\r\n".repeat(10)),
    ] {
        let mut rig =
            Rig::with(with(Settings { head_bytes: 4096, headers: 10, ..Settings::default() })).await;
        let mut client = rig.client_sends(head.as_bytes()).await;
        assert!(client.head().await.starts_with("HTTP/1.1 431 "));
        let (refusal, received) = rig.refusal().await;
        assert_eq!(refusal.status, 431);
        assert!(received.len() <= 4096);
    }
}

#[tokio::test]
async fn a_head_at_the_limits_is_fine() {
    let rig = Rig::with(with(Settings { head_bytes: 4096, headers: 10, ..Settings::default() })).await;
    let start = "GET / HTTP/1.1\r\nHost: h\r\n".to_owned() + &"A: 1\r\n".repeat(8);
    let head = format!("{start}B: {}\r\n\r\n", "x".repeat(4096 - start.len() - 7));
    assert_eq!(head.len(), 4096);
    let _client = rig.client_sends(head.as_bytes()).await;
    rig.upstream().await.expect(head).await;
}

#[tokio::test]
async fn who_comes_when_all_places_are_taken_waits_for_one() {
    let rig = Rig::with(with(Settings { connections: 1, ..Settings::default() })).await;
    let first = rig.client().await;
    // The kernel takes the second connection, and what it sends; nobody reads it yet.
    let _second = rig.client_sends(GET).await;
    assert!(rig.has_no_new_upstream().await, "the second one waits");
    drop(first);
    rig.upstream().await.head().await;
}

#[tokio::test]
async fn idle_connections_give_way_when_all_places_are_taken() {
    let settings = Settings { connections: 2, head_time: SHORT, ..Settings::default() };
    let rig = Rig::with(with(settings)).await;
    // One never asks for anything; the other has had its answer and stays.
    let mut silent = rig.client().await;
    let mut served = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    served.head().await;
    let _third = rig.client_sends(GET).await;
    // By the connection that was kept.
    assert!(upstream.head().await.starts_with("GET "));
    silent.expect_end().await;
    served.expect_end().await;
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let rig = Rig::with(with(Settings { first_byte_time: SHORT, ..Settings::default() })).await;
    rig.client().await.expect_end().await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_408() {
    let mut rig = Rig::with(with(Settings { head_time: SHORT, ..Settings::default() })).await;
    let mut client = rig.client_sends(b"GET / HTTP/1.1\r\nHost:").await;
    assert!(client.head().await.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    let (refusal, received) = rig.refusal().await;
    assert!(matches!(refusal.problem, Problem::RequestHeadTimeout(_)));
    assert_eq!(received, b"GET / HTTP/1.1\r\nHost:");
}

#[tokio::test]
async fn a_connection_without_a_next_request_is_closed() {
    let rig = Rig::with(with(Settings { keep_alive_time: SHORT, ..Settings::default() })).await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 204 \r\n\r\n").await;
    client.expect("HTTP/1.1 204 \r\n\r\n").await;
    client.expect_end().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_the_upstream_back() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    let size = 64 << 20;
    upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").as_bytes()).await;
    client.head().await;
    // Writes until nothing moves any more: what then has gone in is all that sockets and relay hold.
    let block = vec![7; 1 << 16];
    let mut written = 0;
    while let Ok(Ok(length)) =
        tokio::time::timeout(Duration::from_millis(300), upstream.stream.write(&block)).await
    {
        written += length;
        assert!(written < size / 2, "nothing holds the upstream back");
    }
    let rest = async {
        let mut left = size - written;
        while left > 0 {
            let length = left.min(block.len());
            upstream.stream.write_all(&block[..length]).await.unwrap();
            left -= length;
        }
    };
    let read = async {
        let mut buffer = vec![0; 1 << 16];
        let mut read = 0;
        while read < size {
            read += client.stream.read(&mut buffer).await.unwrap();
        }
        assert_eq!(read, size);
    };
    soon("all bytes", async { tokio::join!(rest, read) }).await;
    let exchange = rig.ended().await;
    assert!(matches!(exchange.end, End::Complete));
    assert_eq!(exchange.response_body().len(), size);
}

#[tokio::test]
async fn waiting_for_a_slow_client_is_not_the_upstreams_silence() {
    let upstream = relay::UpstreamSettings { silence: SHORT * 6, ..Default::default() };
    let mut rig = Rig::with(Plan { upstream, ..Plan::default() }).await;
    let mut client = rig.client_sends(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n").await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    for byte in [b"a", b"b"] {
        // Meanwhile somebody else waits for the upstream for longer than is allowed.
        let mut other = rig.client_sends(GET).await;
        let _silent = rig.upstream().await;
        assert!(other.head().await.starts_with("HTTP/1.1 504 "));
        rig.ended().await;
        client.send(byte).await;
        upstream.expect(byte).await;
    }
    upstream.send(b"HTTP/1.1 204 \r\n\r\n").await;
    client.expect("HTTP/1.1 204 \r\n\r\n").await;
    assert!(rig.ended().await.story().contains(&Seen::ResponseHead(204)));
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_waits_for_the_upstream() {
    let upstream = relay::UpstreamSettings { silence: SHORT, ..Default::default() };
    let rig = Rig::with(Plan { upstream, ..Plan::default() }).await;
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let mut client = rig.client_sends(head).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    assert!(client.head().await.starts_with("HTTP/1.1 504 "));
}

#[tokio::test]
async fn small_writes_are_not_delayed() {
    let rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    client.head().await;
    let start = std::time::Instant::now();
    for _ in 0..100 {
        upstream.send(b"1\r\na\r\n").await;
        client.expect("1\r\na\r\n").await;
    }
    // With Nagle's algorithm each would wait for the delayed ACK of the one before: 40 ms.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}
