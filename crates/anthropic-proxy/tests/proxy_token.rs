//! Who may forward where there is a `PROXY_TOKEN`, and that nobody else ever sees it.

mod support;

use serde_json::Value;
use support::raw::{self, BODY, Client, Echoing};
use support::{Proxy, command, wait};

const TOKEN: &str = "open-sesame-1234";

fn guarded(flags: &[&str]) -> (Proxy, Echoing) {
    let upstream = Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let proxy = Proxy::with_environment(&upstream.url, flags, &[("PROXY_TOKEN", TOKEN)]);
    (proxy, upstream)
}

fn ask(proxy: &Proxy, path: &str, headers: &str) -> String {
    let length = BODY.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{BODY}"
    );
    String::from_utf8_lossy(&raw::exchange(proxy.authority(), request)).into_owned()
}

#[test]
fn only_who_has_the_token_forwards() {
    let (proxy, upstream) = guarded(&[]);
    for (path, headers, forwarded) in [
        ("/v1/messages", "", None),
        ("/v1/messages", "X-Proxy-Token: wrong-sesame-1234\r\n", None),
        ("/t/wrong-sesame-1234/v1/messages", "", None),
        ("/t//v1/messages", "", None),
        ("/v1/messages", "X-Proxy-Token: open-sesame-1234\r\n", Some("/v1/messages")),
        ("/t/open-sesame-1234/v1/messages?beta=true", "", Some("/v1/messages?beta=true")),
        ("/t/open-sesame-1234", "", Some("/")),
        ("/t/open-sesame-1234?a=b", "", Some("/?a=b")),
    ] {
        let answer = ask(&proxy, path, headers);
        let Some(target) = forwarded else {
            assert!(answer.starts_with("HTTP/1.1 401"), "{path} {headers}: {answer}");
            let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
            assert_eq!(body["error"]["type"], "authentication_error");
            assert!(upstream.received.try_recv().is_err(), "{path} {headers} went upstream");
            continue;
        };
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{path} {headers}: {answer}");
        let (head, _) = upstream.received.recv().unwrap();
        assert!(head.starts_with(&format!("POST {target} HTTP/1.1\r\n")), "{head}");
        assert!(!head.to_ascii_lowercase().contains("proxy-token") && !head.contains("sesame"), "{head}");
    }
}

#[test]
fn the_token_is_nowhere_in_what_is_recorded_logged_or_exported() {
    let (mut proxy, _upstream) = guarded(&["--log-level", "debug"]);
    ask(&proxy, "/t/open-sesame-1234/v1/messages", "");
    ask(&proxy, "/v1/messages", "x-proxy-token: open-sesame-1234\r\n");
    // A head that is refused is recorded as far as it came.
    Client::connect(proxy.authority())
        .send(format!(
            "GET /t/{TOKEN}/v1 HTTP/1.1\r\nHost: a\r\nx-proxy-token: {TOKEN}\r\nContent-Length: x\r\n\r\n"
        ))
        .read_until(b"400");
    let rows = wait("three rows", || {
        let rows = proxy.get("/api/monitor/requests")["data"].as_array().unwrap().clone();
        (rows.len() == 3 && rows.iter().all(|row| row["status"] != "pending")).then_some(rows)
    });
    assert!(rows.iter().any(|row| row["url"] == "/t/***/v1"), "{rows:?}");
    for format in ["json", "jsonl", "har", "markdown", "html", "curl"] {
        let export = proxy.get_bytes(&format!("/api/monitor/export?format={format}"));
        assert!(!String::from_utf8_lossy(&export).contains("sesame"), "{format}");
    }
    for row in rows {
        assert!(
            !proxy
                .get(&format!("/api/monitor/requests/{}", row["id"].as_str().unwrap()))
                .to_string()
                .contains("sesame")
        );
    }
    for file in std::fs::read_dir(&proxy.folder).unwrap() {
        let file = file.unwrap();
        // The note by which `run` finds this proxy is its owner's alone.
        if file.file_name() != "instance.json" && file.path().is_file() {
            let bytes = std::fs::read(file.path()).unwrap();
            assert!(!bytes.windows(6).any(|window| window == b"sesame"), "{}", file.path().display());
        }
    }
    proxy.signal(rustix::process::Signal::TERM);
    assert!(!proxy.logged().contains("sesame"));
}

#[test]
fn run_gives_its_command_the_address_with_the_token() {
    let upstream = Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let folder = tempfile::tempdir().unwrap();
    let output = command(&["run", "--", "sh", "-c", "echo base $ANTHROPIC_BASE_URL"])
        .env("PROXY_TOKEN", TOKEN)
        .env("UPSTREAM_URL", &upstream.url)
        .env("DATA_DIR", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.trim_end().ends_with(&format!("/t/{TOKEN}")), "{output:?}");
}

#[test]
fn a_token_that_an_address_cannot_carry_is_refused_with_what_to_do() {
    for token in ["s-1", "has/slash/in/it", "per%cent-per%cent"] {
        let output = command(&["serve"]).env("PROXY_TOKEN", token).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains("PROXY_TOKEN") && said.contains("openssl rand"),
            "{said}"
        );
        assert!(!said.contains(token), "{said}");
    }
}
