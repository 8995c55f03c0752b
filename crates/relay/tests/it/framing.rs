//! Where messages end, and what is refused because it could end in two places.

use relay::{End, FailureKind};

use crate::rig::{GET, Rig, Seen};

#[tokio::test]
async fn refuses_request_heads_that_two_parsers_could_read_differently() {
    let head = |lines: &str| format!("POST / HTTP/1.1\r\nHost: h\r\n{lines}\r\n\r\n");
    let raw = str::to_owned;
    for (what, status, sent) in [
        ("both lengths", 400, head("Content-Length: 1\r\nTransfer-Encoding: chunked")),
        ("differing lengths", 400, head("Content-Length: 1\r\nContent-Length: 2")),
        ("the same length twice", 400, head("Content-Length: 1\r\nContent-Length: 1")),
        ("a list of lengths", 400, head("Content-Length: 1, 1")),
        ("a signed length", 400, head("Content-Length: +1")),
        ("a hexadecimal length", 400, head("Content-Length: 0x1")),
        ("an empty length", 400, head("Content-Length:")),
        ("a length with a space", 400, head("Content-Length: 1 1")),
        ("a length beyond 64 bits", 400, head("Content-Length: 18446744073709551616")),
        ("a coding other than chunked", 400, head("Transfer-Encoding: gzip, chunked")),
        ("identity", 400, head("Transfer-Encoding: identity")),
        ("chunked twice", 400, head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")),
        ("a disguised coding", 400, head("Transfer-Encoding: \"chunked\"")),
        ("a vertical tab before chunked", 400, head("Transfer-Encoding: \x0bchunked")),
        ("a coding in HTTP/1.0", 400, raw("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")),
        ("a space before the colon", 400, head("Content-Length : 1")),
        ("a folded line", 400, head("A: b\r\n c")),
        ("a folded line at the start", 400, raw("GET / HTTP/1.1\r\n Host: h\r\n\r\n")),
        ("a bare LF", 400, raw("GET / HTTP/1.1\nHost: h\r\n\r\n")),
        ("a bare LF in a value", 400, head("A: b\nc: d")),
        ("a bare CR in a value", 400, head("A: b\rc: d")),
        ("a bare CR before the CRLF", 400, head("A: b\r")),
        ("NUL in a value", 400, head("A: b\0c")),
        ("a control character in a value", 400, head("A: b\x01c")),
        ("an empty name", 400, head(": b")),
        ("no colon", 400, head("Abc")),
        ("a space in a name", 400, head("A b: c")),
        ("a control character in a name", 400, head("A\x01: c")),
        ("no Host", 400, raw("GET / HTTP/1.1\r\n\r\n")),
        ("two Hosts", 400, head("host: h")),
        ("a Host with a path", 400, raw("GET / HTTP/1.1\r\nHost: h/x\r\n\r\n")),
        ("no target", 400, raw("GET HTTP/1.1\r\nHost: h\r\n\r\n")),
        ("two spaces", 400, raw("GET  / HTTP/1.1\r\nHost: h\r\n\r\n")),
        ("a target that is no path", 400, raw("GET x HTTP/1.1\r\nHost: h\r\n\r\n")),
        ("another scheme", 400, raw("GET ftp://x/ HTTP/1.1\r\nHost: h\r\n\r\n")),
        ("a URL without a host", 400, raw("GET http:///p HTTP/1.1\r\nHost: h\r\n\r\n")),
        ("no version", 400, raw("GET /\r\nHost: h\r\n\r\n")),
        ("lower-case version", 400, raw("GET / http/1.1\r\nHost: h\r\n\r\n")),
        ("version 1.2", 505, raw("GET / HTTP/1.2\r\nHost: h\r\n\r\n")),
        ("version 2", 505, raw("GET / HTTP/2.0\r\nHost: h\r\n\r\n")),
        ("the HTTP/2 preface", 505, raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
        ("CONNECT", 501, raw("CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n")),
        ("TLS", 400, raw("\x16\x03\x01\x02")),
        ("a bracket in the method", 400, raw("G(T")),
        ("a leading space", 400, raw(" GET / HTTP/1.1\r\nHost: h\r\n\r\n")),
    ] {
        let mut rig = Rig::new().await;
        let mut client = rig.client_sends(sent.as_bytes()).await;
        let reply = String::from_utf8(client.rest().await).unwrap();
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {reply}");
        assert!(reply.contains("\r\nConnection: close\r\n"), "{what}: {reply}");
        let (refusal, received) = rig.refusal().await;
        assert_eq!(refusal.status, status, "{what}");
        assert!(sent.as_bytes().starts_with(&received) && !received.is_empty(), "{what}");
        assert!(rig.has_no_new_upstream().await, "{what}");
    }
}

#[tokio::test]
async fn empty_lines_before_a_request_are_skipped() {
    let rig = Rig::new().await;
    let mut client = rig.client_sends(b"\r").await;
    client.send(b"\n\r\n").await;
    client.send(GET).await;
    rig.upstream().await.expect(GET).await;
}

#[tokio::test]
async fn a_malformed_chunk_ends_the_request_before_it_is_forwarded() {
    for (bad, forwarded) in [
        ("x\r\n", ""),
        ("0x5\r\nhello\r\n", "0"),
        ("-1\r\n", ""),
        ("+1\r\n", ""),
        (" 1\r\n", ""),
        ("1 \r\na\r\n", "1"),
        ("1\na\r\n", "1"),
        ("1\rXa\r\n", "1\r"),
        ("\r\n", ""),
        ("11111111111111111\r\n", "1111111111111111"),
        ("1\r\nab\r\n", "1\r\na"),
        ("1\r\na\nb", "1\r\na"),
        ("1;a\0b\r\n", "1;a"),
        ("1;a\nb\r\n", "1;a"),
        ("0\r\nbad name: 1\r\n\r\n", "0\r\nbad"),
        ("0\r\n: 1\r\n\r\n", "0\r\n"),
        ("0\r\nA: 1\n\r\n", "0\r\nA: 1"),
        ("0\r\n\rX", "0\r\n\r"),
    ] {
        let mut rig = Rig::new().await;
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut client = rig.client_sends(format!("{head}2\r\nok\r\n{bad}").as_bytes()).await;
        let got = rig.upstream().await.rest_however_it_ends().await;
        assert_eq!(String::from_utf8_lossy(&got), format!("{head}2\r\nok\r\n{forwarded}"), "{bad:?}");
        let reply = client.rest().await;
        assert!(reply.starts_with(b"HTTP/1.1 400 "), "{bad:?}");
        let exchange = rig.ended().await;
        assert!(matches!(exchange.end, End::BadRequestBody { .. }), "{bad:?}: {:?}", exchange.end);
        assert!(exchange.seen.contains(&Seen::Replied(400)));
    }
}

#[tokio::test]
async fn giant_extensions_and_trailers_are_refused() {
    for body in [
        format!("1;{}\r\na\r\n", "x".repeat(20_000)),
        format!("1;x\r\na\r\n1;{}\r\n", "x".repeat(5_000)),
        format!("0\r\n{}\r\n", "x: 1\r\n".repeat(10_000)),
    ] {
        let mut rig = Rig::new().await;
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut client = rig.client_sends(format!("{head}{body}").as_bytes()).await;
        assert!(client.rest().await.starts_with(b"HTTP/1.1 400 "));
        assert!(matches!(rig.ended().await.end, End::BadRequestBody { .. }));
    }
}

#[tokio::test]
async fn malformed_answers_become_502() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: 1\r\n 2\r\n\r\n",
        "HTTP/1.1 99 X\r\n\r\n",
        "HTTP/1.1 2000 X\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ] {
        let mut rig = Rig::new().await;
        let mut client = rig.client_sends(GET).await;
        let mut upstream = rig.upstream().await;
        upstream.head().await;
        upstream.send(answer.as_bytes()).await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "), "{answer:?}");
        let exchange = rig.ended().await;
        assert!(
            matches!(&exchange.end, End::UpstreamFailed { kind: FailureKind::BadAnswer, .. }),
            "{answer:?}: {:?}",
            exchange.end
        );
        upstream.expect_end().await;
    }
}

#[tokio::test]
async fn a_malformed_chunk_in_an_answer_breaks_the_answer_off() {
    let mut rig = Rig::new().await;
    let mut client = rig.client_sends(GET).await;
    let mut upstream = rig.upstream().await;
    upstream.head().await;
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokoops\r\n0\r\n\r\n").await;
    client.expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok").await;
    client.expect_end().await;
    assert!(matches!(rig.ended().await.end, End::UpstreamCut { .. }));
}
