//! What goes in comes out.

use relay::{End, UpstreamSettings};

use crate::rig::{GET, Plan, Rig, Seen};

/// One request with an empty answer; compares what the upstream gets.
async fn check_request(plan: Plan, sent: &str, forwarded: &str) {
    let rig = Rig::with(plan).await;
    let mut client = rig.client_sends(sent.as_bytes()).await;
    let mut upstream = rig.upstream().await;
    upstream.expect(forwarded).await;
    upstream.send(b"HTTP/1.1 204 \r\n\r\n").await;
    client.head().await;
}

fn to(host: &str, base_path: &str) -> Plan {
    let upstream = UpstreamSettings {
        host: Some(host.into()),
        base_path: base_path.into(),
        ..UpstreamSettings::default()
    };
    Plan { upstream, ..Plan::default() }
}

#[tokio::test]
async fn forwards_names_in_their_case_and_order_with_duplicates_and_odd_whitespace() {
    let head = "GET /v1/x?b=%2F%2f&a HTTP/1.1\r\nx-LOWER: 1\r\nHost: me:1\r\nX-Dup: a\r\nx-dup:b\r\nTabbed:\t  c \t\r\n\
                Empty:\r\nX-Dup: a\r\nUmlaut: \u{fc}\r\n\r\n";
    check_request(Plan::default(), head, head).await;
}

#[tokio::test]
async fn puts_the_base_path_before_the_path_and_replaces_the_host_at_its_place() {
    check_request(
        to("api.example:8443", "/base"),
        "GET /v1/x?q HTTP/1.1\r\nA: 1\r\nhOST:   me\r\nB: 2\r\n\r\n",
        "GET /base/v1/x?q HTTP/1.1\r\nA: 1\r\nhOST:   api.example:8443\r\nB: 2\r\n\r\n",
    )
    .await;
}

#[tokio::test]
async fn takes_scheme_and_authority_from_targets() {
    for (target, forwarded) in [
        ("http://x/p?q=http://y", "/base/p?q=http://y"),
        ("HTTP://x:1", "/base/"),
        ("https://x?q", "/base/?q"),
        ("/", "/base/"),
        ("//x", "/base//x"),
    ] {
        let with = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        check_request(to("h", "/base"), &with(target), &with(forwarded)).await;
    }
    let star = "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n";
    check_request(to("h", "/base"), star, star).await;
}

#[tokio::test]
async fn drops_what_belongs_to_one_connection_and_nothing_else() {
    check_request(
        Plan::default(),
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Gone, authorization, host\r\nX-Gone: 1\r\nX-Stays: 2\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nUpgrade: websocket\r\nTE: trailers\r\n\
         Authorization: secret\r\nVia: 1.1 somebody\r\nProxy-Authorization: p\r\nTrailer: t\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX-Stays: 2\r\nTE: trailers\r\nAuthorization: secret\r\nVia: 1.1 somebody\r\n\
         Proxy-Authorization: p\r\nTrailer: t\r\n\r\n",
    )
    .await;
}

#[tokio::test]
async fn of_te_only_trailers_go_on() {
    for (sent, forwarded) in [
        ("TE: gzip, Trailers;q=1\r\n", ""),
        ("te:  gzip, trailers\r\n", "te:  trailers\r\n"),
        ("TE: gzip\r\n", ""),
    ] {
        let with = |te: &str| format!("GET / HTTP/1.1\r\nHost: h\r\n{te}A: 1\r\n\r\n");
        check_request(Plan::default(), &with(sent), &with(forwarded)).await;
    }
}

#[tokio::test]
async fn unknown_methods_are_forwarded() {
    let head = "br\u{7e}W HTTP/1.1\r\n".replace('W', " /x");
    let head = format!("{head}Host: h\r\n\r\n");
    check_request(Plan::default(), &head, &head).await;
}

#[tokio::test]
async fn response_heads_go_through_as_they_came() {
    let rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream
        .send(
            b"HTTP/1.1 299 Sch\xf6n  so\r\nx-A:1\r\nSet-Cookie: a\r\nset-cookie:  b\r\nConnection: X-Hop\r\nx-hop: 1\r\n\
              Keep-Alive: 5\r\nCONTENT-length: 2\r\n\r\nok",
        )
        .await;
    client
        .expect(
            &b"HTTP/1.1 299 Sch\xf6n  so\r\nx-A:1\r\nSet-Cookie: a\r\nset-cookie:  b\r\nCONTENT-length: 2\r\n\r\nok"[..],
        )
        .await;
}

#[tokio::test]
async fn a_chunked_body_is_passed_on_as_it_was_read() {
    let mut rig = Rig::new().await;
    let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n";
    let body = "005;ext=\"a b\";x\r\nhello\r\nA\r\n0123456789\r\n000\r\nX-Sum:  9 \r\ny:\r\n\r\n";
    let mut client = rig.client_sends(format!("{head}{body}").as_bytes()).await;
    let mut upstream = rig.upstream().await;
    upstream.expect(format!("{head}{body}")).await;
    let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    upstream.send(answer.as_bytes()).await;
    client.expect(answer).await;
    let exchange = rig.ended().await;
    let trailers = || vec!["X-Sum: 9".to_owned(), "y: ".to_owned()];
    assert_eq!(
        exchange.story(),
        [
            Seen::Connected { reused: false },
            Seen::RequestTrailers(trailers()),
            Seen::RequestEnd,
            Seen::ResponseHead(200),
            Seen::ResponseTrailers(trailers()),
        ]
    );
    assert_eq!(exchange.request_body(), b"hello0123456789");
    assert_eq!(exchange.response_body(), b"hello0123456789");
    assert!(matches!(exchange.end, End::Complete));
}

#[tokio::test]
async fn interim_responses_are_forwarded_as_they_come() {
    let mut rig = Rig::new().await;
    let head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let mut client = rig.client_sends(head.as_bytes()).await;
    let mut upstream = rig.upstream().await;
    upstream.expect(head).await;
    upstream.send(b"HTTP/1.1 100 Continue\r\n\r\n").await;
    client.expect("HTTP/1.1 100 Continue\r\n\r\n").await;
    client.send(b"body").await;
    upstream.expect("body").await;
    upstream
        .send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
        .await;
    client
        .expect("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
        .await;
    assert_eq!(
        rig.ended().await.story(),
        [
            Seen::Connected { reused: false },
            Seen::Informational(100),
            Seen::RequestEnd,
            Seen::Informational(103),
            Seen::ResponseHead(200),
        ]
    );
}

#[tokio::test]
async fn a_response_may_run_while_its_request_is_still_coming() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n").await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n").await;
    client.head().await;
    for byte in [b"a", b"b", b"c"] {
        client.send(byte).await;
        upstream.expect(byte).await;
        upstream.send(byte).await;
        client.expect(byte).await;
    }
    assert!(matches!(rig.ended().await.end, End::Complete));
    client.send(GET).await;
    upstream.expect(GET).await;
}

#[tokio::test]
async fn a_response_may_end_before_its_request_which_is_still_sent_to_its_end() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na").await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    client.send(b"bc").await;
    upstream.expect("abc").await;
    assert!(matches!(rig.ended().await.end, End::Complete));
    client.send(GET).await;
    upstream.expect(GET).await;
}

#[tokio::test]
async fn heads_without_bodies_whatever_their_fields_say() {
    for (method, head) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let mut rig = Rig::new().await;
        let request = format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n");
        let mut client = rig.client_sends(request.as_bytes()).await;
        let mut upstream = rig.upstream().await;
        for _ in 0..2 {
            upstream.expect(&request).await;
            upstream.send(head.as_bytes()).await;
            client.expect(head).await;
            assert!(matches!(rig.ended().await.end, End::Complete));
            client.send(request.as_bytes()).await;
        }
    }
}

#[tokio::test]
async fn http10_stays_http10_and_its_connections_are_not_used_again() {
    let rig = Rig::new().await;
    let head = "GET / HTTP/1.0\r\nX: 1\r\n\r\n";
    let mut client = rig.client_sends(head.as_bytes()).await;
    let mut upstream = rig.upstream().await;
    upstream.expect(head).await;
    upstream.send(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    client.expect("HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
    client.expect_end().await;
    upstream.expect_end().await;
}

#[tokio::test]
async fn http10_clients_get_no_interim_responses() {
    let rig = Rig::new().await;
    let mut client = rig.client_sends(b"GET / HTTP/1.0\r\n\r\n").await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabc").await;
    drop(upstream);
    assert_eq!(client.rest().await, b"HTTP/1.1 200 OK\r\n\r\nabc");
}

#[tokio::test]
async fn a_frame_is_everything_of_one_read() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n").await;
    client.expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n").await;
    upstream.send(b"1\r\nc\r\n0\r\n\r\n").await;
    client.expect("1\r\nc\r\n0\r\n\r\n").await;
    let seen = rig.ended().await.seen;
    let start = seen.iter().position(|seen| *seen == Seen::ResponseHead(200)).unwrap();
    assert_eq!(
        seen[start..],
        [
            Seen::ResponseHead(200),
            Seen::ResponseBody(b"a".to_vec()),
            Seen::ResponseBody(b"b".to_vec()),
            Seen::Flush,
            Seen::ResponseBody(b"c".to_vec()),
            Seen::Flush,
        ]
    );
}
