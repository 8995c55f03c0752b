//! One connection, several requests; connections to the upstream that are kept.

use std::time::Duration;

use relay::{End, PoolSettings, UpstreamSettings};

use crate::rig::{GET, Peer, Plan, Rig, Seen};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn exchange(client: &mut Peer, upstream: &mut Peer) {
    client.send(GET).await;
    upstream.expect(GET).await;
    upstream.send(OK).await;
    client.expect(OK).await;
}

#[tokio::test]
async fn a_connection_to_the_upstream_carries_request_after_request() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.expect(GET).await;
    upstream.send(OK).await;
    client.expect(OK).await;
    assert_eq!(rig.ended().await.story()[0], Seen::Connected { reused: false });
    for _ in 0..3 {
        exchange(&mut client, &mut upstream).await;
        assert_eq!(rig.ended().await.story()[0], Seen::Connected { reused: true });
    }
    // Another client gets it too.
    drop(client);
    let mut client = rig.client().await;
    exchange(&mut client, &mut upstream).await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let rig = Rig::new().await;
    let request = |n: u32| format!("POST /{n} HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n{n}");
    let mut client = rig.client_sends([request(1), request(2), request(3)].concat().as_bytes()).await;
    let mut upstream = rig.upstream().await;
    for n in 1..=3 {
        upstream.expect(request(n)).await;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{n}");
        upstream.send(answer.as_bytes()).await;
        client.expect(answer).await;
    }
}

#[tokio::test]
async fn a_long_pipeline_is_read_as_it_is_answered() {
    const REQUESTS: usize = 500;
    let settings = relay::Settings { head_bytes: 1024, ..relay::Settings::default() };
    let rig = Rig::with(Plan { settings, ..Plan::default() }).await;
    let mut client = rig.client_sends(&GET.repeat(REQUESTS)).await;
    let mut upstream = rig.upstream().await;
    for _ in 0..REQUESTS {
        upstream.expect(GET).await;
        upstream.send(OK).await;
    }
    client.expect(OK.repeat(REQUESTS)).await;
}

#[tokio::test]
async fn the_end_of_a_pipelining_client_belongs_to_its_last_request() {
    let rig = Rig::new().await;
    let mut client = rig.client_sends(&[GET, GET].concat()).await;
    client.half_close().await;
    let mut upstream = rig.upstream().await;
    upstream.expect(GET).await;
    upstream.send(OK).await;
    upstream.expect(GET).await;
    upstream.expect_end().await;
    upstream.send(OK).await;
    client.expect([OK, OK].concat()).await;
    client.expect_end().await;
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_not_used() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.expect(GET).await;
    upstream.send(OK).await;
    client.expect(OK).await;
    rig.ended().await;
    upstream.half_close().await;
    client.send(GET).await;
    let mut fresh = rig.upstream().await;
    fresh.expect(GET).await;
    fresh.send(OK).await;
    client.expect(OK).await;
    assert_eq!(rig.ended().await.story()[0], Seen::Connected { reused: false });
}

#[tokio::test]
async fn a_request_on_a_kept_connection_that_fails_is_502_and_never_sent_twice() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.expect(GET).await;
    upstream.send(OK).await;
    client.expect(OK).await;
    client.send(GET).await;
    upstream.expect(GET).await;
    drop(upstream);
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    rig.ended().await;
    assert!(matches!(rig.ended().await.end, End::UpstreamFailed { .. }));
    assert!(rig.has_no_new_upstream().await);
}

#[tokio::test]
async fn connections_are_kept_for_their_time_only() {
    let pool = PoolSettings { idle_for: Duration::from_millis(20), ..PoolSettings::default() };
    let upstream = UpstreamSettings { pool, ..UpstreamSettings::default() };
    let rig = Rig::with(Plan { upstream, ..Plan::default() }).await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.expect(GET).await;
    upstream.send(OK).await;
    client.expect(OK).await;
    upstream.expect_end().await;
}

#[tokio::test]
async fn at_most_so_many_connections_are_kept() {
    let pool = PoolSettings { max_idle: 1, ..PoolSettings::default() };
    let upstream = UpstreamSettings { pool, ..UpstreamSettings::default() };
    let mut rig = Rig::with(Plan { upstream, ..Plan::default() }).await;
    let mut one = (rig.client_sends(GET).await, rig.upstream().await);
    let mut two = (rig.client_sends(GET).await, rig.upstream().await);
    for (client, upstream) in [&mut one, &mut two] {
        upstream.expect(GET).await;
        upstream.send(OK).await;
        client.expect(OK).await;
        rig.ended().await;
    }
    one.1.expect_end().await;
    exchange(&mut two.0, &mut two.1).await;
}

#[tokio::test]
async fn a_client_that_wants_to_close_is_told_so_and_closed() {
    let rig = Rig::new().await;
    let mut client = rig.client_sends(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    let mut upstream = rig.upstream().await;
    upstream.expect(GET).await;
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: 1\r\n\r\nok").await;
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: 1\r\nConnection: close\r\n\r\nok").await;
    client.expect_end().await;
    // That was the client's connection only.
    let mut client = rig.client().await;
    exchange(&mut client, &mut upstream).await;
}

#[tokio::test]
async fn an_upstream_that_closes_does_not_close_the_client() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.expect(GET).await;
    upstream.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").await;
    client.expect(OK).await;
    rig.ended().await;
    upstream.expect_end().await;
    client.send(GET).await;
    rig.upstream().await.expect(GET).await;
}
