//! Marked secrets through every field, then every file, every answer and every output searched for them.

mod support;

use serde_json::Value;
use std::path::Path;
use support::Proxy;
use support::raw::{self, Client, Upstream};

/// In the middle of every secret: what is masked shows how it begins and ends.
const MARK: &str = "TopSecret";

/// A key of Anthropic's with the mark in it.
const KEY: &str = "sk-ant-api03-aaTopSecretbb-9876543210";

const ROUTES: [&str; 22] = [
    "requests?limit=100",
    "requests?q=TopSecretbb&limit=100",
    "requests?q=9876543210",
    "requests/ID",
    "requests/ID/events",
    "requests/ID/context",
    "context",
    "cache",
    "client",
    "compare?a=&b=",
    "facets",
    "config",
    "latency",
    "limits",
    "models",
    "sessions",
    "sessions/s-1",
    "stats",
    "usage",
    "analyze?format=html",
    "analyze?format=markdown",
    "analyze?format=json",
];

const FORMATS: [&str; 8] = ["json", "jsonl", "csv", "har", "markdown", "html", "curl", "bundle"];

fn get(proxy: &Proxy, path: &str) -> Vec<u8> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    raw::exchange(proxy.authority(), request)
}

fn has_mark(bytes: &[u8]) -> bool {
    bytes.windows(MARK.len()).any(|window| window == MARK.as_bytes())
}

#[track_caller]
fn assert_clean(what: &str, bytes: &[u8]) {
    assert!(!has_mark(bytes), "{what} has it: {}", String::from_utf8_lossy(bytes));
}

/// Every JSON route and report, of every exchange.
fn assert_shown_masked(proxy: &Proxy, rows: &[Value]) {
    for route in ROUTES {
        for row in rows {
            let path = format!("/api/monitor/{}", route.replace("ID", row["id"].as_str().unwrap()));
            // The answer repeats the filter that was asked with.
            if !route.contains(MARK) {
                assert_clean(&path, &get(proxy, &path));
            }
        }
    }
}

fn assert_files_clean(folder: &Path) {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_clean(&path.display().to_string(), &std::fs::read(&path).unwrap());
            }
        }
    }
}

/// Everything that the store gives out: what lies compressed in its files too.
fn assert_exports_clean(proxy: &Proxy, rows: &[Value]) {
    for format in FORMATS {
        assert_clean(format, &get(proxy, &format!("/api/monitor/export?format={format}")));
    }
    for row in rows {
        for side in ["request", "response"] {
            assert_clean(side, &proxy.body(row, side));
        }
    }
}

#[test]
fn secrets_in_heads_trailers_and_targets_are_nowhere() {
    let answer = |mut client: Client| {
        let _ = client.read_until(b"\r\n0\r\nX-Late-Token: aaaaaaaaaaaaTopSecretbbbbb\r\n\r\n");
        client.send(format!(
            "HTTP/1.1 401 see {KEY}\r\nSet-Cookie: id=aaaaaaaaaaaaTopSecretbbbbb\r\nX-Session-Token: aaaaaaaaaaaaTopSecretbbbbb\r\n\
             Location: http://user:aaaaTopSecretbbbb@h/\r\nX-Echo: {KEY}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
             0\r\nX-Trailer: {KEY}\r\n\r\n"
        ));
    };
    let upstream = Upstream::start(vec![Box::new(answer), Box::new(drop)]);
    let variables = [("HTTPS_PROXY", "http://user:aaaaTopSecretbbbb@127.0.0.1:9")];
    let mut proxy = Proxy::with_environment(&upstream.url(), &["--log-level", "debug"], &variables);
    let long = "aaaaaaaaaaaaTopSecretbbbbb";
    let request = format!(
        "POST /v1/messages?api_key={long}&key={long}&access_token={long}&see={KEY} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nx-api-key: {KEY}\r\n\
         Authorization: Bearer {long}\r\nProxy-Authorization: Basic {long}\r\nCookie: a={long}; b={long}\r\nX-Company-Token: {long}\r\n\
         X-My-Secret: {long}\r\nX-Forwarded-Authorization: {long}\r\nX-{KEY}: 1\r\nX-Other: Bearer {long}\r\nTransfer-Encoding: chunked\r\n\
         Trailer: X-Late-Token\r\n\r\n2\r\n{{}}\r\n0\r\nX-Late-Token: {long}\r\n\r\n"
    );
    raw::exchange(proxy.authority(), &request);
    // Refused at the door, forwarded nowhere, and asking our own routes.
    for refused in [
        format!("GET http://user:{long}@h/v1?key={long} HTTP/1.1\r\nHost: h\r\nBad Header {KEY}\r\n\r\n"),
        format!("GET /v1?token={long} HTTP/1.1\r\nHost: h\r\nContent-Length: {long}\r\n\r\n"),
        format!("{KEY} {KEY}\r\n\r\n"),
        format!(
            "GET /v1/models?key={long} HTTP/1.1\r\nHost: h\r\nx-api-key: {KEY}\r\nConnection: close\r\n\r\n"
        ),
        format!(
            "GET /api/monitor/requests?q=:{KEY} HTTP/1.1\r\nHost: localhost\r\nCookie: a={long}\r\nConnection: close\r\n\r\n"
        ),
    ] {
        raw::exchange(proxy.authority(), refused);
    }
    let rows = proxy.rows(5);
    assert_shown_masked(&proxy, &rows);
    assert_exports_clean(&proxy, &rows);
    assert_clean("what it said", proxy.said.as_bytes());
    #[cfg(unix)]
    {
        proxy.signal(rustix::process::Signal::TERM);
        assert!(proxy.ended().success());
        assert_clean("the log", proxy.logged().as_bytes());
    }
    assert_files_clean(&proxy.folder);
}

#[test]
fn settings_are_shown_without_their_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let long = "aaaaaaaaaaaaTopSecretbbbbb";
    let url = format!("http://user:{long}@127.0.0.1:9/base?key={long}");
    let variables = [
        ("MONITOR_TOKEN", long),
        ("PROXY_TOKEN", long),
        ("HTTPS_PROXY", &url),
        ("HTTP_PROXY", &url),
        ("ALL_PROXY", &url),
        ("ANTHROPIC_API_KEY", KEY),
        ("ANTHROPIC_AUTH_TOKEN", long),
    ];
    for upstream in [
        "http://127.0.0.1:9".to_owned(),
        format!("http://user:{long}@127.0.0.1:9"),
        format!("http://127.0.0.1:9/?key={long}"),
    ] {
        for arguments in [
            &["config", "show"][..],
            &["config", "show", "--json"],
            &["config", "check"],
            &["doctor"],
            &["serve", "--port", "0", "--host", "256.0.0.1"],
        ] {
            let output = support::command(arguments)
                .env("DATA_DIR", folder.path())
                .env("UPSTREAM_URL", &upstream)
                .envs(variables)
                .output()
                .unwrap();
            assert_clean(&format!("{arguments:?} {upstream}: stdout"), &output.stdout);
            assert_clean(&format!("{arguments:?} {upstream}: stderr"), &output.stderr);
        }
    }
}
