//! Scripted bytes, what is remembered of requests, and control over HTTP.

use std::time::Duration;

use serde_json::Value;
use simulator::{Options, Script, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{call, exchange, start};

#[tokio::test]
async fn scripts_are_answered_byte_for_byte_in_their_order() {
    let simulator = start().await;
    simulator.script(Script::new().path("/other").send("never"));
    simulator.script(
        Script::new().send("HTTP/1.1 200 O").pause(Duration::from_millis(1)).send("K\r\nX: 1\r\n").finish(),
    );
    simulator.script(Script::new().times(2).send_split("HTTP/1.1 204 No\r\n\r\n", 3).finish());
    simulator.script(Script::new().send("half").reset());
    let get = b"GET /any HTTP/1.1\r\n\r\n";
    assert_eq!(exchange(&simulator, get).await.raw, b"HTTP/1.1 200 OK\r\nX: 1\r\n");
    for _ in 0..2 {
        assert_eq!(exchange(&simulator, get).await.raw, b"HTTP/1.1 204 No\r\n\r\n");
    }
    assert!(exchange(&simulator, get).await.reset);
    assert_eq!(call(&simulator, "GET", "/any", "", b"").await.status(), 404, "scripts are used up");
}

#[tokio::test]
async fn requests_are_remembered_exactly() {
    let simulator = start().await;
    let head = b"POST /v1/odd%20path?q=%C3%A9 HTTP/1.1\r\nhOsT: a\r\nX-Twice: 1\r\nx-twice:  2\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let body = b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n";
    exchange(&simulator, &[&head[..], &body[..]].concat()).await;
    let seen = simulator.received_when(|all| all.iter().any(|one| one.answered)).await;
    assert_eq!(seen[0].raw_head, head[..]);
    assert_eq!(seen[0].raw_body, body[..]);
    assert_eq!(seen[0].body, b"abcde"[..]);
    assert_eq!(seen[0].target, "/v1/odd%20path?q=%C3%A9");
    assert_eq!(seen[0].headers[1], ("X-Twice".to_owned(), "1".to_owned()));
    assert!(seen[0].body_complete && seen[0].client_left.is_none());
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_at_once() {
    let simulator = start().await;
    simulator.script(Script::new().send("HTTP/1.1 200 OK\r\n\r\n").pause(Duration::from_secs(600)));
    let mut stream = TcpStream::connect(simulator.addr()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    stream.read_exact(&mut [0; 4]).await.unwrap();
    drop(stream);
    let seen = simulator.received_when(|all| all.iter().any(|one| one.client_left.is_some())).await;
    assert!(!seen[0].answered);
}

#[tokio::test]
async fn keeps_connections_answers_early_and_says_continue() {
    let simulator = start().await;
    let mut stream = TcpStream::connect(simulator.addr()).await.unwrap();
    // Two pipelined requests, then one that waits for a 100, then one answered before its body.
    stream.write_all(b"HEAD / HTTP/1.1\r\n\r\nGET /api/hello HTTP/1.1\r\n\r\n").await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"{\"message\":\"hello\"}") {
        stream.read_buf(&mut seen).await.unwrap();
    }
    stream.write_all(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n").await.unwrap();
    let mut line = [0; 25];
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"HTTP/1.1 100 Continue\r\n\r\n");
    simulator.script(Script::reply(413, &[], "").path("/early").early());
    stream.write_all(b"x").await.unwrap();
    stream.write_all(b"POST /early HTTP/1.1\r\nContent-Length: 5\r\n\r\n").await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(" 413 ") {
        assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
    }
    assert!(simulator.received().iter().all(|one| one.connection == 1));
}

#[tokio::test]
async fn http_control_queues_lists_advances_and_resets() {
    let simulator = start().await;
    let script = br#"{"path":"/x","steps":[{"text":"HTTP/1.1 200 OK\r\n"},{"pause_ms":1},{"base64":"DQo="},"finish"]}"#;
    assert_eq!(call(&simulator, "POST", "/_simulator/script", "", script).await.status(), 200);
    assert_eq!(exchange(&simulator, b"GET /x HTTP/1.1\r\n\r\n").await.raw, b"HTTP/1.1 200 OK\r\n\r\n");
    let short = br#"{"status":418,"headers":[["A","b"]],"body":"tea"}"#;
    call(&simulator, "POST", "/_simulator/script", "", short).await;
    assert_eq!(call(&simulator, "GET", "/y", "", b"").await.status(), 418);
    assert_eq!(call(&simulator, "POST", "/_simulator/script", "", b"{}").await.status(), 400);
    let listed = call(&simulator, "GET", "/_simulator/received", "", b"").await.json();
    let targets: Vec<&Value> = listed.as_array().unwrap().iter().map(|one| &one["target"]).collect();
    assert_eq!(targets, ["/x", "/y"]);
    assert_eq!(
        call(&simulator, "POST", "/_simulator/clock", "", b"{\"advance_seconds\":5}").await.status(),
        200
    );
    call(&simulator, "POST", "/_simulator/reset", "", b"").await;
    assert!(simulator.received().is_empty());
}

#[tokio::test]
async fn remembers_no_more_than_it_is_told() {
    let simulator = Simulator::start(Options { remember: 2, ..Options::default() }).await.unwrap();
    for path in ["/a", "/b", "/c"] {
        call(&simulator, "GET", path, "", b"").await;
    }
    let targets: Vec<String> = simulator.received().into_iter().map(|one| one.target).collect();
    assert_eq!(targets, ["/b", "/c"]);

    let options = Options { remember_bytes: 10, ..Options::default() };
    let simulator = Simulator::start(options).await.unwrap();
    for body in ["1234", "5678", "9", "more than ten bytes", "x"] {
        call(&simulator, "POST", "/a", "", body.as_bytes()).await;
        let kept: usize = simulator.received().iter().map(|one| one.body.len()).sum();
        assert!(kept <= body.len().max(10), "{kept} bytes after {body:?}");
    }
    let bodies: Vec<_> = simulator.received().into_iter().map(|one| one.body).collect();
    assert_eq!(bodies, ["x"]);
}
