//! Who gets in where others can reach the proxy: whoever has the token.

mod support;

use support::raw::{self, BODY, Client, Echoing, call};
use support::{Proxy, command};

const TOKEN: &str = "open-sesame-1234";

fn guarded() -> (Proxy, Echoing) {
    let upstream = Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let proxy = Proxy::with_environment(&upstream.url, &[], &[("MONITOR_TOKEN", TOKEN)]);
    (proxy, upstream)
}

/// Head and body of the answer to a request with these further header lines.
fn ask(proxy: &Proxy, line: &str, headers: &str, body: &str) -> (String, String) {
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    let answer = String::from_utf8_lossy(&raw::exchange(proxy.authority(), request)).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn cookie(head: &str) -> String {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie: ")).expect(head);
    line["set-cookie: ".len()..].split(';').next().unwrap().to_owned()
}

#[test]
fn strangers_get_the_traffic_and_nothing_that_was_recorded() {
    let (proxy, _upstream) = guarded();
    Client::connect(proxy.authority()).send(call(BODY)).read_until(b"ok");
    for (line, status) in [
        ("GET /api/monitor/requests", "401"),
        ("GET /api/monitor/stream", "401"),
        ("GET /api/monitor/export?format=bundle", "401"),
        ("GET /api/monitor/lease", "401"),
        ("GET /api/monitor/openapi.json", "401"),
        ("POST /api/monitor/clear", "401"),
        ("GET /monitor", "401"),
        ("GET /monitor/assets/index.js", "401"),
        ("GET /api/monitor/requests?token=open-sesame-1234", "401"),
    ] {
        let (head, body) = ask(&proxy, line, "", "");
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {head}");
        assert!(!body.contains("claude-opus") && !body.contains("session"), "{line}: {body}");
    }
    let (head, page) = ask(&proxy, "GET /monitor", "Accept: text/html\r\n", "");
    assert!(head.starts_with("HTTP/1.1 401") && page.contains("<form method=\"post\""), "{head}\n{page}");
    let (_, health) = ask(&proxy, "GET /health", "", "");
    let health: serde_json::Value = serde_json::from_str(&health).unwrap();
    assert_eq!(health["status"], "healthy");
    assert_eq!(health.as_object().unwrap().len(), 2, "{health}");
    let (_, home) = ask(&proxy, "GET /", "", "");
    assert!(!home.contains("target_api"), "{home}");
}

#[test]
fn the_token_opens_as_bearer_as_link_and_by_the_form() {
    let (proxy, _upstream) = guarded();
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let (head, _) = ask(&proxy, "GET /api/monitor/requests", &bearer, "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(ask(&proxy, "GET /health", &bearer, "").1.contains("recording"));

    let (head, _) = ask(&proxy, &format!("GET /monitor?q=a&token={TOKEN}"), "", "");
    assert!(head.starts_with("HTTP/1.1 303") && head.contains("ocation: /monitor?q=a\r\n"), "{head}");
    assert!(head.contains("HttpOnly; SameSite=Strict") && !head.contains(TOKEN), "{head}");
    let from_link = cookie(&head);

    let (head, _) =
        ask(&proxy, "POST /monitor/login", "Origin: http://localhost\r\n", &format!("token={TOKEN}"));
    assert!(head.starts_with("HTTP/1.1 303"), "{head}");
    assert_eq!(cookie(&head), from_link);
    let (head, _) = ask(&proxy, "GET /api/monitor/stats", &format!("Cookie: {from_link}\r\n"), "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");

    let (head, _) =
        ask(&proxy, "POST /monitor/login", "Origin: http://evil.example\r\n", &format!("token={TOKEN}"));
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
}

#[test]
fn wrong_tokens_are_limited() {
    let (proxy, _upstream) = guarded();
    for _ in 0..10 {
        let (head, page) = ask(&proxy, "POST /monitor/login", "", "token=guess");
        assert!(head.starts_with("HTTP/1.1 401") && page.contains("not the token"), "{head}");
    }
    let (head, _) = ask(&proxy, "POST /monitor/login", "", &format!("token={TOKEN}"));
    assert!(
        head.starts_with("HTTP/1.1 429") && head.to_ascii_lowercase().contains("retry-after: 60"),
        "{head}"
    );
}

#[test]
fn a_proxy_that_others_reach_makes_a_token_and_prints_the_link() {
    let upstream = Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let proxy = Proxy::with(&upstream.url, &["--host", "0.0.0.0"]);
    let (head, _) = ask(&proxy, "GET /api/monitor/requests", "", "");
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    let note = std::fs::read_to_string(proxy.folder.join("instance.json")).unwrap();
    let note: serde_json::Value = serde_json::from_str(&note).unwrap();
    let bearer = format!("Authorization: Bearer {}\r\n", note["token"].as_str().unwrap());
    let (head, _) = ask(&proxy, "GET /api/monitor/requests", &bearer, "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    // Commands beside it find the token in its note.
    let folder = proxy.folder.to_str().unwrap();
    let output = command(&["clear", "--yes", "--data-dir", folder]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = command(&["run", "--data-dir", folder, "--", "sh", "-c", "echo $ANTHROPIC_BASE_URL"])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("http://127.0.0.1:"), "{output:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(proxy.folder.join("instance.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_token_that_is_easily_guessed_is_refused() {
    let output =
        command(&["serve", "--data-dir", ":memory:"]).env("MONITOR_TOKEN", "short").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("MONITOR_TOKEN") && said.contains("12 or more"),
        "{said}"
    );
    assert!(!said.contains("short\n"), "{said}");
}
