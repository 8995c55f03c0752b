//! A defect of the recording costs the record of what it was found in, never the traffic, nor the record of what comes after.

mod support;

use support::raw::{Client, Echoing, call};
use support::{Proxy, wait};

const MESSAGE: &str = r#"{"type":"message","content":[],"usage":{"output_tokens":1}}"#;

fn answer(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A place where a panic is asked for; what the record of that call then says; whether it is there at all.
const DEFECTS: [(&str, &str, bool); 7] = [
    ("begin", "", false),
    ("tap", "not all that went through was seen", true),
    ("read", "not read to its end", true),
    ("end", "not read to its end", true),
    ("append", "kept a part from being written", true),
    ("commit", "", true),
    ("commit,commit,commit", "", true),
];

#[test]
fn a_defect_of_the_recording_never_reaches_the_traffic() {
    for (place, said, recorded) in DEFECTS {
        let upstream = Echoing::start(answer(MESSAGE));
        let mut proxy = Proxy::with_environment(
            &upstream.url,
            &["--log-level", "debug"],
            &[("ANTHROPIC_PROXY_DEFECTS", place)],
        );
        // Both on one connection: that of the client is none the worse for it.
        let mut client = Client::connect(proxy.authority());
        for _ in 0..2 {
            client.send(call(r#"{"model":"claude-x","messages":[]}"#));
            let head = client.read_until(b"\r\n\r\n");
            assert!(head.starts_with(b"HTTP/1.1 200 "), "{place}: {}", String::from_utf8_lossy(&head));
            let body = client.read_until(b"}}");
            assert!(body.ends_with(MESSAGE.as_bytes()), "{place}");
        }
        drop(client);

        let rows = wait(&format!("the rows, {place}"), || {
            let rows = proxy.get("/api/monitor/requests")["data"].as_array()?.clone();
            let ended = rows.iter().filter(|row| row["outcome"].is_string()).count();
            (ended == if recorded { 2 } else { 1 }).then_some(rows)
        });
        let whole = &rows[0];
        assert_eq!(
            (&whole["outcome"], &whole["captureComplete"]),
            (&"complete".into(), &true.into()),
            "{place}"
        );
        assert_eq!(whole["metrics"]["outputTokens"], 1, "{place}: what comes after is read");
        if recorded {
            let hurt = &rows[1];
            assert_eq!(hurt["outcome"], "complete", "{place}: how it ended is known");
            assert_eq!(hurt["captureComplete"], said.is_empty(), "{place}: {hurt}");
            let reason = hurt["captureProblem"].as_str().unwrap_or_default();
            assert!(reason.contains(said), "{place}: {reason}");
        }
        let asked = place.split(',').count();
        let health = proxy.get("/health");
        assert_eq!(health["recording"]["defects"], asked, "{place}");
        assert_eq!(health["recording"]["on"], true, "{place}: it goes on");
        let lost = u64::from(!recorded);
        assert_eq!(health["recording"]["lost"], lost, "{place}");
        assert_eq!(health["recording"]["incomplete"], u64::from(!said.is_empty()), "{place}");
        proxy.signal(rustix::process::Signal::TERM);
        proxy.ended();
        let log = proxy.logged();
        assert!(log.contains("a defect of anthropic-proxy") && log.contains("contain.rs"), "{place}: {log}");
    }
}

#[test]
fn what_a_defect_kept_from_being_read_has_all_its_bytes() {
    let upstream = Echoing::start(answer(MESSAGE));
    let proxy = Proxy::with_environment(&upstream.url, &[], &[("ANTHROPIC_PROXY_DEFECTS", "read,end")]);
    let request = r#"{"model":"claude-x","messages":[]}"#;
    let mut client = Client::connect(proxy.authority());
    client.send(call(request));
    assert!(client.read_until(MESSAGE.as_bytes()).starts_with(b"HTTP/1.1 200 "));
    let row = proxy.only();
    assert_eq!(proxy.body(&row, "request"), request.as_bytes());
    assert_eq!(proxy.body(&row, "response"), MESSAGE.as_bytes());
}
