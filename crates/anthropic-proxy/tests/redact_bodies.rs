//! `REDACT_BODIES=secrets`: keys in bodies reach no file and no answer of ours, the client and the upstream see none of it, and the
//! record says what was replaced.

mod support;

use flate2::write::GzEncoder;
use serde_json::json;
use std::io::Write as _;
use support::Proxy;
use support::raw::{self, Client, STREAM_HEAD, Upstream, call, chunk};

const ANTHROPIC: &str = "sk-ant-api03-MARKED0anthropic0key0MARKED";
const GITHUB: &str = "ghp_MARKED0github0token0MARKED0123456789";

/// A prompt with keys, and an answer that repeats them in pieces.
fn request() -> String {
    json!({
        "model": "claude-x", "stream": true,
        "messages": [{"role": "user", "content": format!("my key is {ANTHROPIC}, the other\n{GITHUB}")}]
    })
    .to_string()
}

fn answer() -> Vec<String> {
    let start = json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
        "model": "claude-x", "content": [], "usage": {"input_tokens": 3, "output_tokens": 1}}});
    let block =
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
    let delta = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": format!("it is {ANTHROPIC}")}});
    [start, block, delta, json!({"type": "content_block_stop", "index": 0}), json!({"type": "message_stop"})]
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
        .collect()
}

/// Every file of the record.
fn files(proxy: &Proxy) -> Vec<u8> {
    let files = std::fs::read_dir(&proxy.folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).flat_map(|path| std::fs::read(path).unwrap()).collect()
}

fn has_marks(bytes: &[u8]) -> bool {
    bytes.windows(7).any(|part| part == b"MARKED0")
}

#[test]
fn keys_in_bodies_are_replaced_before_they_are_recorded() {
    let upstream = Upstream::start(vec![Box::new(|mut client: Client| {
        let (_, body) = raw::read_request(&mut client);
        assert_eq!(body, request().as_bytes(), "the upstream gets every byte");
        client.send(STREAM_HEAD);
        // Cut in the middle of the key.
        let text = answer().concat();
        let middle = text.find("0anthropic").unwrap() + 3;
        client.send(chunk(&text[..middle])).send(chunk(&text[middle..])).send("0\r\n\r\n");
    })]);
    let proxy = Proxy::with(&upstream.url(), &["--redact-bodies", "secrets"]);
    let mut client = Client::connect(proxy.authority());
    client.send(call(&request()));
    let seen = client.read_until(b"0\r\n\r\n");
    assert!(has_marks(&seen), "the client gets every byte");

    let row = proxy.only();
    assert_eq!(
        row["redacted"],
        json!(["request: Anthropic key x 1", "request: GitHub token x 1", "answer: Anthropic key x 1"])
    );
    assert_eq!((&row["outcome"], &row["captureComplete"]), (&json!("complete"), &json!(true)));
    let body = proxy.body(&row, "request");
    assert_eq!(body.len(), request().len(), "a replaced value is as long as it was");
    assert!(String::from_utf8_lossy(&body).contains("my key is sk-ant-api***"));
    let text = row["mergedContent"]["completeText"].as_str().unwrap();
    assert!(
        text.starts_with("it is sk-ant-api***") && text.len() == "it is ".len() + ANTHROPIC.len(),
        "{text}"
    );

    let id = row["id"].as_str().unwrap();
    for path in ["", "/context", "/events", "/body/request", "/body/response"] {
        assert!(!has_marks(&proxy.get_bytes(&format!("/api/monitor/requests/{id}{path}"))), "{path}");
    }
    for format in ["json", "jsonl", "har", "markdown", "html", "curl"] {
        assert!(!has_marks(&proxy.get_bytes(&format!("/api/monitor/export?format={format}"))), "{format}");
    }
    assert_eq!(proxy.get("/api/monitor/requests?q=MARKED0anthropic0key0MARKED")["data"], json!([]));
    let checked =
        support::command(&["verify", "--data-dir", proxy.folder.to_str().unwrap()]).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    assert!(!has_marks(&files(&proxy)));
}

#[test]
fn what_is_compressed_is_recorded_without_its_coding() {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [{"type": "text", "text": GITHUB}], "usage": {"input_tokens": 3, "output_tokens": 7}})
    .to_string();
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(message.as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    let sent = packed.clone();
    let upstream = Upstream::start(vec![Box::new(move |mut client: Client| {
        raw::read_request(&mut client);
        let length = sent.len();
        client.send(format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n"));
        client.send(sent);
    })]);
    let proxy = Proxy::with(&upstream.url(), &["--redact-bodies", "secrets"]);
    let mut client = Client::connect(proxy.authority());
    client.send(call(r#"{"model":"claude-x","messages":[]}"#));
    assert!(client.read_until(&packed).ends_with(&packed), "the client gets every byte");
    let row = proxy.only();
    assert_eq!(row["redacted"], json!(["answer: GitHub token x 1", "answer: content-encoding gzip undone"]));
    assert_eq!(row["metrics"]["outputTokens"], 7);
    let body = proxy.body(&row, "response");
    assert_eq!(body.len(), message.len());
    assert!(!has_marks(&body) && !has_marks(&files(&proxy)));
}

#[test]
fn without_it_bodies_are_what_went_through() {
    let upstream =
        raw::Echoing::start(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{GITHUB}", GITHUB.len()));
    let proxy = Proxy::start(&upstream.url);
    let mut client = Client::connect(proxy.authority());
    client.send(call(&request())).read_until(GITHUB.as_bytes());
    let row = proxy.only();
    assert_eq!(row["redacted"], json!([]));
    assert_eq!(proxy.body(&row, "request"), request().as_bytes());
    assert_eq!(proxy.body(&row, "response"), GITHUB.as_bytes());
    let bundle = proxy.get_bytes("/api/monitor/export?format=json");
    assert!(has_marks(&bundle), "an export has what was recorded, unless it is asked to be redacted");
    assert!(!has_marks(&proxy.get_bytes("/api/monitor/export?format=json&redact=1")));
}

#[test]
fn what_looks_like_a_key_is_shown_masked_in_every_answer_that_is_read() {
    let stream = format!("{STREAM_HEAD}{}0\r\n\r\n", String::from_utf8(chunk(answer().concat())).unwrap());
    let upstream = raw::Echoing::start(stream);
    let proxy = Proxy::start(&upstream.url);
    let mut page = Client::connect(proxy.authority());
    page.send("GET /api/monitor/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    page.read_until(b"\r\n\r\n");
    let mut client = Client::connect(proxy.authority());
    for _ in 0..2 {
        client.send(call(&request())).read_until(b"0\r\n\r\n");
    }
    let rows = proxy.rows(2);
    let live = page.read_until(br#""outcome":"complete""#);
    assert!(!has_marks(&live), "{}", String::from_utf8_lossy(&live));
    let (one, two) = (rows[0]["id"].as_str().unwrap(), rows[1]["id"].as_str().unwrap());
    let detail = proxy.get(&format!("/api/monitor/requests/{one}"));
    assert!(detail.to_string().contains("my key is sk-ant-api...RKED"), "{detail}");
    for path in [
        &format!("requests/{one}"),
        &format!("requests/{one}?include=bodies"),
        &format!("requests/{one}/context"),
        &format!("requests/{one}/events"),
        &format!("requests/{one}/body/request?decoded=1&masked=1"),
        &format!("requests/{one}/body/response?masked=1"),
        "requests",
        "requests?q=GITHUB0github",
        "requests?q=github",
        "sessions",
        "sessions/s-1",
        "cache",
        "context",
        "client",
        &format!("compare?a={one}&b={two}"),
        "analyze?format=json",
        "analyze?format=html",
        "analyze?format=markdown",
    ] {
        let answer = ureq::get(format!("{}/api/monitor/{path}", proxy.url)).call();
        let mut answer = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
        let text = answer.body_mut().read_to_string().unwrap();
        assert!(!has_marks(text.as_bytes()), "{path}: {text}");
    }
}
