//! What a stranger can grow has a bound: connections, and heads in size and time. Each is told so in Anthropic's shape.

mod support;

use serde_json::Value;
use support::raw::{BODY, Client, Echoing, body_of, call, exchange};
use support::{Proxy, wait};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The type and message of an error in Anthropic's shape.
fn error_of(answer: &[u8]) -> (String, String) {
    let body: Value = serde_json::from_slice(body_of(answer)).unwrap();
    assert_eq!(body["type"], "error");
    let text = |name: &str| body["error"][name].as_str().unwrap().to_owned();
    (text("type"), text("message"))
}

#[test]
fn who_comes_beyond_the_limit_is_told_and_the_others_go_on() {
    let upstream = Echoing::start(OK);
    let proxy = Proxy::with(&upstream.url, &["--max-connections", "3"]);
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(proxy.authority())).collect();
    for client in &mut clients {
        client.send(call(BODY)).read_until(b"ok");
    }
    // The one too many is answered without having asked for anything.
    let answer = Client::connect(proxy.authority()).read_to_end();
    assert!(answer.starts_with(b"HTTP/1.1 503 "), "{}", String::from_utf8_lossy(&answer));
    let (kind, message) = error_of(&answer);
    assert_eq!(kind, "overloaded_error");
    assert!(message.contains("all 3 connections are in use"), "{message}");
    for client in &mut clients {
        client.send(call(BODY)).read_until(b"ok");
    }
    clients.truncate(2);
    wait("the place of who left", || {
        let mut client = Client::connect(proxy.authority());
        // Whoever is turned away may be reset while it sends.
        let _ = std::io::Write::write_all(&mut client.0, call(BODY).as_bytes());
        client.finish();
        client.read_to_end().ends_with(b"ok").then_some(())
    });
    drop(clients);
    // Being turned away fills no record: only the calls that were served are in it.
    proxy.rows(7);
}

#[test]
fn heads_without_end_are_refused_by_time_by_size_and_by_number_and_recorded() {
    let upstream = Echoing::start(OK);
    let proxy = Proxy::with(&upstream.url, &["--head-timeout", "200"]);
    let start = "POST /v1/messages HTTP/1.1\r\nHost: h\r\n";
    let cases = [
        (start.to_owned(), "408", "timeout_error", "did not arrive within 200 ms"),
        (format!("{start}A: {}", "x".repeat(200_000)), "431", "invalid_request_error", "refused"),
        (format!("{start}{}\r\n", "A: 1\r\n".repeat(600)), "431", "invalid_request_error", "refused"),
    ];
    for (place, (head, status, kind, words)) in cases.into_iter().enumerate() {
        let answer = exchange(proxy.authority(), head);
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        let (found, message) = error_of(&answer);
        assert_eq!(found, kind);
        assert!(message.contains(words), "{message}");
        let row = &proxy.rows(place + 1)[0];
        assert_eq!(
            (row["outcome"].as_str(), row["httpStatus"].to_string()),
            (Some("refused"), status.to_owned())
        );
    }
    assert!(upstream.received.try_recv().is_err(), "nothing was forwarded");
}

#[test]
fn ambiguous_requests_are_refused_before_anything_is_forwarded() {
    let upstream = Echoing::start(OK);
    let proxy = Proxy::start(&upstream.url);
    let cases = [
        ("both lengths", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("two lengths", "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
        ("a bare line feed", "Content-Length: 2\nX: 1\r\n\r\nab"),
        ("a folded line", "X: 1\r\n 2\r\n\r\n"),
        ("a space before the colon", "Content-Length : 2\r\n\r\nab"),
        ("a length that is no number", "Content-Length: +2\r\n\r\nab"),
        ("a coding nobody knows", "Transfer-Encoding: chunked, odd\r\n\r\n"),
    ];
    let count = cases.len();
    for (what, rest) in cases {
        let answer = exchange(proxy.authority(), format!("POST /v1/messages HTTP/1.1\r\nHost: h\r\n{rest}"));
        let status = String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned();
        assert!(matches!(&*status, "HTTP/1.1 400" | "HTTP/1.1 501"), "{what}: {status}");
        assert_eq!(error_of(&answer).0, "invalid_request_error", "{what}");
    }
    assert!(proxy.rows(count).iter().all(|row| row["outcome"] == "refused"));
    assert!(upstream.received.try_recv().is_err(), "nothing was forwarded");
}
