//! Whatever an upstream or a client does wrong: it ends as without a proxy or with a clear answer, and the record says what happened.

mod support;

use serde_json::{Value, json};
use socket2::SockRef;
use std::time::Duration;
use support::raw::{self, BODY, Client, Echoing, Upstream, call};
use support::{Proxy, wait};

type Script = fn(Client);

/// The row of the only request, once it has ended.
fn ended(proxy: &Proxy) -> Value {
    wait("the row to end", || {
        proxy.get("/api/monitor/requests")["data"]
            .as_array()
            .and_then(|rows| rows.first().filter(|row| row["outcome"].is_string()).cloned())
    })
}

/// Ends with a reset instead of a FIN.
fn reset(client: &Client) {
    SockRef::from(&client.0).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Stays silent until the proxy has had enough.
fn wait_for_the_end(mut client: Client) {
    client.read_to_end();
}

#[test]
fn what_an_upstream_does_wrong_is_told_to_the_client_and_recorded() {
    let faults: [(&str, Script, &str, &str); 13] = [
        ("resets before it has read anything", |client| reset(&client), "HTTP/1.1 502", "connect_error"),
        (
            "resets after the request",
            |mut client| {
                raw::read_request(&mut client);
                reset(&client);
            },
            "HTTP/1.1 502",
            "connect_error",
        ),
        (
            "closes without an answer",
            |mut client| drop(raw::read_request(&mut client)),
            "HTTP/1.1 502",
            "connect_error",
        ),
        (
            "stalls before its head",
            |mut client| {
                raw::read_request(&mut client);
                wait_for_the_end(client);
            },
            "HTTP/1.1 504",
            "timeout",
        ),
        (
            "stalls within its head",
            |mut client| {
                raw::read_request(&mut client);
                client.send("HTTP/1.1 200 OK\r\nContent-");
                wait_for_the_end(client);
            },
            "HTTP/1.1 504",
            "timeout",
        ),
        (
            "sends half a head and closes",
            |mut client| {
                raw::read_request(&mut client);
                client.send("HTTP/1.1 200 OK\r\nContent-Le");
            },
            "HTTP/1.1 502",
            "connect_error",
        ),
        (
            "sends what is no HTTP",
            |mut client| {
                raw::read_request(&mut client);
                client.send("SSH-2.0-OpenSSH_9.2\r\n\r\n");
            },
            "HTTP/1.1 502",
            "connect_error",
        ),
        (
            "says two lengths",
            |mut client| {
                raw::read_request(&mut client);
                client.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok");
            },
            "HTTP/1.1 502",
            "connect_error",
        ),
        (
            "stalls within its body",
            |mut client| {
                raw::read_request(&mut client);
                client.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
                wait_for_the_end(client);
            },
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
            "timeout",
        ),
        (
            "closes before the length it said",
            |mut client| {
                raw::read_request(&mut client);
                client.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
            },
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
            "truncated",
        ),
        (
            "breaks the framing of its chunks",
            |mut client| {
                raw::read_request(&mut client);
                client.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nnonsense\r\n");
            },
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
            "truncated",
        ),
        (
            "sends more after its end",
            |mut client| {
                raw::read_request(&mut client);
                client.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Garbage\r\n\r\n");
            },
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "complete",
        ),
        (
            "sends interim answers first",
            |mut client| {
                raw::read_request(&mut client);
                client.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            },
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
            "complete",
        ),
    ];
    for (fault, script, answer, outcome) in faults {
        let upstream = Upstream::start(vec![Box::new(script)]);
        let proxy = Proxy::with(&upstream.url(), &["--request-timeout", "400"]);
        let request = call(BODY).replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
        let said = String::from_utf8_lossy(&raw::exchange(proxy.authority(), request))
            .replace("Connection: close\r\n", "");
        assert!(said.starts_with(answer), "{fault}: {said}");
        if answer.starts_with("HTTP/1.1 50") {
            let body: Value = serde_json::from_str(said.split_once("\r\n\r\n").unwrap().1).unwrap();
            assert_eq!(body["type"], "error", "{fault}");
        }
        let row = ended(&proxy);
        assert_eq!(row["outcome"], outcome, "{fault}: {row}");
        assert!(!said.contains("Garbage"), "{fault}: {said}");
    }
}

#[test]
fn what_a_client_sends_wrong_is_refused_clearly_and_never_reaches_the_upstream() {
    let head = |lines: &str| format!("POST /v1/messages HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    let many = "X-A: b\r\n".repeat(100_000);
    let long = format!("X-A: {}\r\n", "b".repeat(1 << 20));
    let faults = [
        ("both lengths", head("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"), "400"),
        ("two lengths", head("Content-Length: 2\r\nContent-Length: 2\r\n"), "400"),
        ("a length that is none", head("Content-Length: +2\r\n"), "400"),
        ("an unknown coding", head("Transfer-Encoding: gzip, chunked\r\n"), "400"),
        ("a folded line", head("X-A: b\r\n c\r\nContent-Length: 0\r\n"), "400"),
        ("a space before the colon", head("Content-Length : 2\r\n"), "400"),
        ("a bare line feed", "POST / HTTP/1.1\nHost: a\n\n".to_owned(), "400"),
        ("a bare carriage return", head("X-A: b\rContent-Length: 2\r\n"), "400"),
        ("a NUL", head("X-A: b\0c\r\n"), "400"),
        ("no host", "GET / HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("two hosts", head("Host: b\r\n"), "400"),
        ("another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "505"),
        ("a tunnel", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "501"),
        ("too many headers", head(&many), "431"),
        ("too long a header", head(&long), "431"),
    ];
    for (fault, request, status) in faults {
        let upstream = Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let proxy = Proxy::start(&upstream.url);
        let mut client = Client::connect(proxy.authority());
        // Who is refused early may find its connection closed while it still sends.
        let _ = std::io::Write::write_all(&mut client.0, request.as_bytes());
        let said = String::from_utf8_lossy(&client.read_to_end()).into_owned();
        let line = said.lines().next().unwrap_or_default().to_owned();
        assert!(
            line.starts_with(&format!("HTTP/1.1 {status}")) || (line.is_empty() && status == "431"),
            "{fault}: {line}"
        );
        assert!(upstream.received.try_recv().is_err(), "{fault} reached the upstream");
        let row = ended(&proxy);
        assert_eq!(
            (&row["outcome"], row["status"].as_str()),
            (&"refused".into(), Some("error")),
            "{fault}: {row}"
        );
    }
}

#[test]
fn a_client_that_reads_slowly_gets_every_byte_and_holds_nobody_up() {
    let body = "x".repeat(600_000);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let upstream = Echoing::start(answer.clone());
    let proxy = Proxy::start(&upstream.url);
    let mut slow = Client::connect(proxy.authority());
    slow.send(call(BODY)).read_until(b"\r\n\r\n");
    // While it does not read on, others are served at once.
    let mut quick = Client::connect(proxy.authority());
    let request = call(BODY).replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
    assert!(quick.send(request).read_to_end().ends_with(b"xxx"));
    let mut rest = vec![0; body.len()];
    std::io::Read::read_exact(&mut slow.0, &mut rest).unwrap();
    assert!(rest == body.as_bytes());
    proxy.rows(2);
}

#[test]
fn a_head_that_never_ends_is_refused_in_time_and_recorded() {
    let upstream = Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let proxy = Proxy::with(&upstream.url, &["--head-timeout", "200"]);
    let mut client = Client::connect(proxy.authority());
    client.send("POST /v1/messages HTTP/1.1\r\nHost: h\r\nX-A: ");
    let answer = client.read_to_end();
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    let error: Value = serde_json::from_slice(raw::body_of(&answer)).unwrap();
    assert_eq!(error["error"]["type"], "timeout_error");
    let row = proxy.only();
    assert_eq!((&row["outcome"], &row["httpStatus"]), (&json!("refused"), &json!(408)));
    assert!(upstream.received.try_recv().is_err(), "nothing was forwarded");
}
