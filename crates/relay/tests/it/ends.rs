//! How exchanges end: early, cut, abandoned, in silence.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use relay::{End, FailureKind, OnClientDisconnect, Phase, UpstreamSettings};

use crate::rig::{GET, Plan, Rig, Seen};

const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n";

fn draining() -> Plan {
    Plan { policy: OnClientDisconnect::Drain, ..Plan::default() }
}

fn silent_for(silence: Duration) -> Plan {
    Plan { upstream: UpstreamSettings { silence, ..UpstreamSettings::default() }, ..Plan::default() }
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let mut rig = Rig::new().await;
    let mut client =
        rig.client_sends(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n").await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    // Far more than the socket buffers take, and nobody reads it.
    let block = vec![b'x'; 1 << 20];
    while let Ok(sent) =
        tokio::time::timeout(Duration::from_millis(200), client.stream.write_all(&block)).await
    {
        sent.unwrap();
    }
    let answer = "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig";
    upstream.send(answer.as_bytes()).await;
    // With all those bytes unread, this resets.
    drop(upstream);
    client.expect(answer).await;
    client.expect_end().await;
    // What still comes is read and dropped: a reset could have overtaken the answer.
    client.send(&block).await;
    let exchange = rig.ended().await;
    assert!(matches!(exchange.end, End::Complete), "{:?}", exchange.end);
    assert!(!exchange.story().contains(&Seen::RequestEnd));
}

#[tokio::test]
async fn an_upstream_that_answers_and_closes_without_a_word_about_it_is_an_early_answer_too() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(POST).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\nno").await;
    drop(upstream);
    client.expect("HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\nno").await;
    client.expect_end().await;
    assert!(matches!(rig.ended().await.end, End::Complete));
}

#[tokio::test]
async fn an_upstream_that_closes_in_the_middle_of_a_request_without_an_answer_is_502() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(POST).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    drop(upstream);
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    assert!(matches!(rig.ended().await.end, End::UpstreamFailed { kind: FailureKind::NoAnswer, .. }));
}

#[tokio::test]
async fn a_client_that_resets_cancels_at_once_before_the_first_byte() {
    let mut rig = Rig::new().await;
    let client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    rig.until(|seen| *seen == Seen::RequestEnd).await;
    client.reset();
    upstream.expect_end().await;
    assert!(matches!(rig.ended().await.end, End::ClientAborted));
}

#[tokio::test]
async fn a_client_that_resets_in_the_middle_of_its_answer_cancels_at_once() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n").await;
    client.expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n").await;
    client.reset();
    upstream.expect_end().await;
    assert!(matches!(rig.ended().await.end, End::ClientAborted));
}

#[tokio::test]
async fn a_client_that_leaves_while_the_connection_is_made_cancels_it() {
    struct Never;
    impl relay::Connect for Never {
        fn connect(
            &self,
        ) -> std::pin::Pin<Box<dyn Future<Output = Result<relay::Connection, relay::ConnectError>> + Send + '_>>
        {
            Box::pin(std::future::pending())
        }
    }
    let plan = || Plan { connector: Some(std::sync::Arc::new(Never)), ..Plan::default() };
    let mut rig = Rig::with(plan()).await;
    rig.client_sends(GET).await.reset();
    assert!(matches!(rig.ended().await.end, End::ClientAborted));

    let mut rig = Rig::with(plan()).await;
    rig.client_sends(POST).await.half_close().await;
    assert!(matches!(rig.ended().await.end, End::ClientAborted));
}

#[tokio::test]
async fn a_client_that_ends_in_the_middle_of_its_request_has_left() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(POST).await;
    client.send(b"12345").await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.expect("12345").await;
    client.half_close().await;
    upstream.expect_end().await;
    assert!(matches!(rig.ended().await.end, End::ClientAborted));
}

#[tokio::test]
async fn a_half_close_is_passed_on_and_the_answer_still_arrives() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    client.half_close().await;
    let mut upstream = rig.upstream().await;
    upstream.expect(GET).await;
    upstream.expect_end().await;
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    client.expect_end().await;
    assert!(matches!(rig.ended().await.end, End::Complete));
    // Nothing can be sent on that connection any more.
    let _next = rig.client_sends(GET).await;
    rig.upstream().await.expect(GET).await;
}

#[tokio::test]
async fn an_upstream_that_cancels_in_the_middle_after_a_half_close_was_cancelled_by_the_client() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.expect(GET).await;
    client.half_close().await;
    upstream.expect_end().await;
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no").await;
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no").await;
    drop(upstream);
    client.expect_reset().await;
    assert!(matches!(rig.ended().await.end, End::ClientAborted));
}

#[tokio::test]
async fn an_upstream_that_cancels_after_a_half_close_was_cancelled_by_the_client() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.expect(GET).await;
    client.half_close().await;
    upstream.expect_end().await;
    drop(upstream);
    client.expect_end().await;
    assert!(matches!(rig.ended().await.end, End::ClientAborted));
}

#[tokio::test]
async fn draining_reads_on_for_the_tap_when_the_client_is_gone() {
    let mut rig = Rig::with(draining()).await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc").await;
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc").await;
    client.reset();
    upstream.send(b"def").await;
    let exchange = rig.ended().await;
    assert!(matches!(exchange.end, End::ClientAborted), "{:?}", exchange.end);
    assert_eq!(exchange.response_body(), b"abcdef");
}

#[tokio::test]
async fn draining_does_not_pass_a_half_close_on() {
    let mut rig = Rig::with(draining()).await;
    let mut client = rig.client_sends(GET).await;
    client.half_close().await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    rig.until(|seen| *seen == Seen::RequestEnd).await;
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert!(matches!(rig.ended().await.end, End::Complete));
    // It was kept for the next request: not ended, not written to.
    let mut next = rig.client_sends(GET).await;
    upstream.expect(GET).await;
    upstream.send(b"HTTP/1.1 204 \r\n\r\n").await;
    next.expect("HTTP/1.1 204 \r\n\r\n").await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_client() {
    for head in ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"] {
        let mut rig = Rig::new().await;
        let mut client = rig.client_sends(GET).await;
        let mut upstream = rig.upstream().await;
        upstream.head().await;
        let answer = format!("HTTP/1.1 200 OK\r\n{head}");
        upstream.send(answer.as_bytes()).await;
        client.expect(&answer).await;
        drop(upstream);
        client.expect_end().await;
        let exchange = rig.ended().await;
        assert!(matches!(exchange.end, End::UpstreamCut { .. }), "{:?}", exchange.end);
        assert_eq!(exchange.response_body(), b"abc");
    }
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_chunk_is_no_clean_end() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc").await;
    client.expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc").await;
    upstream.reset();
    client.expect_end().await;
    assert!(matches!(rig.ended().await.end, End::UpstreamCut { .. }));
}

#[tokio::test]
async fn a_body_that_ends_with_its_connection_ends_cleanly_only_if_that_does() {
    let answer = "HTTP/1.1 200 OK\r\nX: 1\r\n\r\nabc";
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(answer.as_bytes()).await;
    client.expect(answer).await;
    drop(upstream);
    client.expect_end().await;
    assert!(matches!(rig.ended().await.end, End::Complete));

    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(answer.as_bytes()).await;
    client.expect(answer).await;
    upstream.reset();
    client.expect_reset().await;
    assert!(matches!(rig.ended().await.end, End::UpstreamCut { .. }));
}

#[tokio::test]
async fn no_answer_is_502() {
    for answer in ["", "HTTP/1.1 20"] {
        let mut rig = Rig::new().await;
        let mut client = rig.client_sends(GET).await;
        let mut upstream = rig.upstream().await;
        upstream.head().await;
        upstream.send(answer.as_bytes()).await;
        drop(upstream);
        assert!(client.head().await.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
        let end = rig.ended().await.end;
        assert!(matches!(end, End::UpstreamFailed { kind: FailureKind::NoAnswer, .. }), "{end:?}");
    }
}

#[tokio::test]
async fn an_answer_of_our_own_to_head_has_no_body() {
    let rig = Rig::new().await;
    let mut client = rig.client_sends(b"HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    drop(rig.upstream().await);
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 502 ") && head.contains("Content-Length: "), "{head}");
    client.expect_end().await;
}

#[tokio::test]
async fn a_refused_connection_is_502_and_the_client_may_stay() {
    let url = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let connector = relay::connect::connector(
        &url.parse().unwrap(),
        &relay::connect::TlsSettings::default(),
        &relay::connect::ProxySettings::default(),
    )
    .unwrap();
    let mut rig = Rig::with(Plan { connector: Some(connector), ..Plan::default() }).await;
    let mut client = rig.client().await;
    for _ in 0..2 {
        client.send(POST).await;
        client.send(b"0123456789").await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        let end = rig.ended().await.end;
        let End::UpstreamFailed { kind: FailureKind::Refused, message } = end else { panic!("{end:?}") };
        let address = url.strip_prefix("http://").unwrap();
        assert_eq!(message, format!("could not connect to {address}: connection refused"));
        client.expect(&message).await;
        if head.contains("Connection: close") {
            // The body had not come yet when the connection was refused.
            client = rig.client().await;
        }
    }
}

#[tokio::test]
async fn silence_before_the_answer_is_504() {
    let mut rig = Rig::with(silent_for(Duration::from_millis(50))).await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    assert!(client.head().await.starts_with("HTTP/1.1 504 "));
    client.expect("the upstream sent nothing for 50 ms").await;
    assert!(matches!(rig.ended().await.end, End::Timeout { phase: Phase::ResponseHead }));
    upstream.expect_end().await;
}

#[tokio::test]
async fn silence_in_the_answer_breaks_it_off() {
    let mut rig = Rig::with(silent_for(Duration::from_millis(300))).await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await;
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await;
    client.expect_end().await;
    assert!(matches!(rig.ended().await.end, End::Timeout { phase: Phase::ResponseBody }));
}

#[tokio::test]
async fn garbage_after_an_answer_is_dropped_with_its_connection() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n").await;
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert!(matches!(rig.ended().await.end, End::Complete));
    upstream.rest_however_it_ends().await;
    client.send(GET).await;
    rig.upstream().await.expect(GET).await;
}
