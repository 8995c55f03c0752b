//! Every route that is ours: its headers, and that no other site and no strange name gets anything. The list is the OpenAPI document's,
//! so a new route is tried as soon as it is there.

mod support;

use serde_json::Value;
use support::raw::{Client, Echoing};
use support::{Proxy, command};

/// What every answer of ours carries.
const ALWAYS: [&str; 5] = [
    "x-content-type-options: nosniff",
    "referrer-policy: no-referrer",
    "x-frame-options: deny",
    "cross-origin-resource-policy: same-origin",
    "cross-origin-opener-policy: same-origin",
];

/// Method and path of each route of the API.
fn api() -> Vec<(String, String)> {
    let document: Value = serde_json::from_slice(&command(&["openapi"]).output().unwrap().stdout).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "019f0000-0000-7000-8000-000000000000").replace("{side}", "request");
        assert!(!path.contains('{'), "{path}: say here what stands for it");
        for method in methods.as_object().unwrap().keys() {
            routes.push((method.to_ascii_uppercase(), path.clone()));
        }
    }
    assert!(routes.len() > 25, "{routes:?}");
    routes
}

fn besides() -> Vec<(String, String)> {
    let list = [
        ("GET", "/metrics"),
        ("GET", "/monitor"),
        ("GET", "/monitor/assets/none.js"),
        ("GET", "/monitor/requests/x"),
        ("POST", "/monitor/login"),
        ("POST", "/api/monitor/stats"),
        ("OPTIONS", "/api/monitor/clear"),
    ];
    list.map(|(method, path)| (method.to_owned(), path.to_owned())).to_vec()
}

fn proxy(variables: &[(&str, &str)]) -> (Proxy, Echoing) {
    let upstream = Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    (Proxy::with_environment(&upstream.url, &[], variables), upstream)
}

/// The head of the answer, in lower case: some answers never end.
fn head(proxy: &Proxy, (method, path): &(String, String), headers: &str) -> String {
    let mut client = Client::connect(proxy.authority());
    client.send(format!("{method} {path} HTTP/1.1\r\nContent-Length: 0\r\n{headers}\r\n"));
    String::from_utf8(client.read_until(b"\r\n\r\n")).unwrap().to_ascii_lowercase()
}

fn assert_hardened(route: &(String, String), head: &str) {
    for line in ALWAYS {
        assert!(head.contains(line), "{route:?} lacks {line}: {head}");
    }
    let policy = head.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).unwrap_or("");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{route:?}: {policy:?}");
    }
    assert!(!policy.contains("unsafe") && !head.contains("access-control-"), "{route:?}: {head}");
}

#[test]
fn every_answer_of_ours_is_hardened() {
    let (proxy, _upstream) = proxy(&[]);
    let more = ["/", "/health"].map(|path| ("GET".to_owned(), path.to_owned()));
    for route in api().into_iter().chain(besides()).chain(more) {
        assert_hardened(&route, &head(&proxy, &route, "Host: localhost\r\n"));
    }
}

#[test]
fn every_answer_to_a_stranger_is_hardened_and_refused() {
    let (proxy, _upstream) = proxy(&[("MONITOR_TOKEN", "open-sesame-1234")]);
    for route in api().into_iter().chain(besides()) {
        let head = head(&proxy, &route, "Host: localhost\r\n");
        assert!(head.starts_with("http/1.1 401 "), "{route:?}: {head}");
        assert_hardened(&route, &head);
    }
}

#[test]
fn other_sites_and_strange_names_are_refused_everywhere() {
    let (proxy, _upstream) = proxy(&[]);
    let port = proxy.authority().rsplit(':').next().unwrap();
    for headers in [
        format!("Host: evil.example:{port}\r\n"),
        format!("Host: evil.example:{port}\r\nOrigin: http://evil.example:{port}\r\nSec-Fetch-Site: same-origin\r\n"),
        "Host: localhost\r\nOrigin: http://evil.example\r\n".to_owned(),
        "Host: localhost\r\nOrigin: null\r\n".to_owned(),
        "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n".to_owned(),
        "Host: localhost\r\nSec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n".to_owned(),
        "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n".to_owned(),
    ] {
        for route in api().into_iter().chain(besides()) {
            let head = head(&proxy, &route, &headers);
            assert!(head.starts_with("http/1.1 403 "), "{route:?} {headers}: {head}");
            assert_hardened(&route, &head);
        }
        for path in ["/", "/health"] {
            let answer = support::raw::exchange(
                proxy.authority(),
                format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n"),
            );
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("127.0.0.1"), "{path} {headers}: {answer}");
            assert!(!answer.contains(env!("CARGO_PKG_VERSION")), "{path} {headers}: {answer}");
        }
    }
}

#[test]
fn what_one_read_can_ask_for_is_bounded() {
    let (proxy, _upstream) = proxy(&[]);
    let long = "x".repeat(20_000);
    for path in ["requests", "stats", "export", "facets", "sessions", "usage"] {
        let route = ("GET".to_owned(), format!("/api/monitor/{path}?format=json&q={long}"));
        let head = head(&proxy, &route, "Host: localhost\r\n");
        assert!(head.starts_with("http/1.1 400 "), "{path}: {head}");
    }
    let page = proxy.get("/api/monitor/requests?limit=1000000&include=bodies");
    assert_eq!(page["limit"], 100);
    assert_eq!(proxy.get("/api/monitor/requests?limit=1000000")["limit"], 1000);
}

#[cfg(target_os = "linux")]
#[test]
fn a_crash_leaves_no_memory_behind() {
    let (proxy, _upstream) = proxy(&[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", proxy.child.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(line.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{line}");
}
