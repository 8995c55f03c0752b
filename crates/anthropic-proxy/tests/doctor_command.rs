//! `doctor` and `health` against upstreams of every kind on the loopback.

mod support;

use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use support::{Proxy, command};

/// Listens on the loopback, and sends each client what it is told once that has sent something.
fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer);
        }
    });
    address.to_string()
}

/// Speaks TLS with a certificate of its own; returns its address and the certificate's file.
fn in_tls(folder: &std::path::Path) -> (String, String) {
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = folder.join("ca.pem");
    std::fs::write(&file, signed.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
            }
        }
    });
    (format!("https://localhost:{port}"), file.to_str().unwrap().to_owned())
}

/// The report, and whether the exit code says that all is well.
fn examined(arguments: &[&str], variables: &[(&str, &str)]) -> (Value, bool) {
    let mut all = vec!["doctor", "--json"];
    all.extend(arguments);
    if !arguments.contains(&"--data-dir") {
        all.extend(["--data-dir", ":memory:"]);
    }
    if !arguments.contains(&"--port") {
        all.extend(["--port", "0"]);
    }
    let output = command(&all).envs(variables.iter().copied()).output().unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.success())
}

/// `state: what was found; hint` of a check.
fn said(report: &Value, check: &str) -> String {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["check"] == check);
    let found = found.unwrap_or_else(|| panic!("{check} is in {report}"));
    let part = |key: &str| found[key].as_str().unwrap_or_default();
    format!("{}: {}; {}", part("state"), part("found"), part("hint"))
}

#[test]
fn an_upstream_that_answers_anything_in_http_is_well() {
    let upstream = format!("http://{}", answering(b"HTTP/1.1 405 No\r\n\r\n"));
    let (report, well) = examined(&["-u", &upstream], &[]);
    assert!(well && report["healthy"] == true, "{report}");
    assert!(said(&report, "upstream").starts_with("ok: 127.0.0.1:"), "{report}");
    assert!(said(&report, "answer").starts_with("ok: HTTP status 405"), "{report}");
}

#[test]
fn what_is_wrong_with_an_upstream_is_told_with_what_to_do() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, check, expected) in [
        (format!("http://{closed}"), "upstream", "nobody listens there"),
        (format!("http://{}", answering(b"SSH-2.0-OpenSSH\r\n")), "answer", "does not speak HTTP/1.1"),
        (format!("https://{}", answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")), "upstream", "EXTRA_CA_CERTS"),
        ("http://no-such-name.invalid".to_owned(), "upstream", "is the name right"),
    ] {
        let (report, well) = examined(&["-u", &url], &[]);
        let told = said(&report, check);
        assert!(!well && told.starts_with("fail: ") && told.contains(expected), "{url}: {told}");
    }
}

#[test]
fn a_certificate_of_ones_own_is_distrusted_until_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (url, certificate) = in_tls(folder.path());
    let (report, well) = examined(&["-u", &url], &[]);
    assert!(!well && said(&report, "upstream").contains("EXTRA_CA_CERTS"), "{report}");
    let (report, well) = examined(&["-u", &url, "--extra-ca-certs", &certificate], &[]);
    assert!(well && said(&report, "upstream").contains("TCP and TLS, trusted"), "{report}");
}

#[test]
fn a_proxy_on_the_way_is_named_without_its_password() {
    let proxy = answering(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    let with_password = format!("http://me:MARKED@{proxy}");
    let (report, well) = examined(&["-u", "https://api.example"], &[("HTTPS_PROXY", &with_password)]);
    assert!(!well && !report.to_string().contains("MARKED"), "{report}");
    assert!(said(&report, "way").contains(&format!("through the proxy {proxy}")), "{report}");
    assert!(said(&report, "upstream").contains("look at HTTPS_PROXY"), "{report}");
}

#[test]
fn a_port_is_free_or_ours_or_another_programs() {
    let upstream = answering(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    let upstream = format!("http://{upstream}");
    let proxy = Proxy::start(&upstream);
    let port_of = |authority: &str| authority.rsplit(':').next().unwrap().to_owned();
    let data = proxy.folder.to_str().unwrap();
    let ours = port_of(proxy.authority());
    let (report, well) = examined(&["-u", &upstream, "--port", &ours, "--data-dir", data], &[]);
    assert!(well && said(&report, "port").contains("a proxy answers on"), "{report}");
    assert!(said(&report, "record").contains("a proxy records into it now"), "{report}");
    let other = port_of(&answering(b"HTTP/1.1 200 OK\r\n\r\n"));
    let (report, well) = examined(&["-u", &upstream, "--port", &other], &[]);
    assert!(!well && said(&report, "port").contains("another program listens"), "{report}");
}

#[test]
fn settings_and_folders_that_cannot_be_used_fail() {
    let (report, well) = examined(&["--log-level", "LOUD"], &[]);
    assert!(!well && said(&report, "settings").contains("use DEBUG, INFO, WARN or ERROR"), "{report}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let upstream = format!("http://{}", answering(b"HTTP/1.1 404 Not Found\r\n\r\n"));
    let inside = file.join("data");
    let (report, well) = examined(&["-u", &upstream, "--data-dir", inside.to_str().unwrap()], &[]);
    assert!(!well && said(&report, "data").contains("cannot be written"), "{report}");
}

#[test]
fn the_variables_of_the_client_are_asked_for_until_they_are_set() {
    let upstream = format!("http://{}", answering(b"HTTP/1.1 404 Not Found\r\n\r\n"));
    let (report, well) = examined(&["-u", &upstream], &[("ENABLE_TOOL_SEARCH", "true")]);
    let told = said(&report, "client");
    assert!(
        well && told.starts_with("warn: ") && told.contains("CLAUDE_CODE_GATEWAY_HINT_HEADERS=1"),
        "{told}"
    );
    assert!(!told.contains("ENABLE_TOOL_SEARCH=true"), "{told}");
}

#[test]
fn what_the_newest_recorded_call_lacks_is_told_with_what_brings_it_back() {
    let upstream = support::raw::Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let proxy = Proxy::start(&upstream.url);
    let folder = proxy.folder.to_str().unwrap().to_owned();
    let examined = || examined(&["-u", &upstream.url, "--data-dir", &folder], &[]).0;
    let call = |headers: &[(&str, &str)]| {
        let tools: Vec<Value> =
            (0..24).map(|number| serde_json::json!({"name": format!("tool{number}")})).collect();
        let body = serde_json::json!({"model": "claude-opus-5-5", "max_tokens": 9, "tools": tools,
            "messages": [{"role": "user", "content": "hello"}]});
        let request = ureq::post(format!("{}/v1/messages", proxy.url))
            .header("user-agent", "claude-cli/2.1.330 (external, cli)");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send(body.to_string()).unwrap();
    };
    assert!(!examined().to_string().contains("\"recorded\""), "there is no call to judge by");
    call(&[]);
    proxy.rows(1);
    let told = said(&examined(), "recorded");
    for part in [
        "warn: ",
        "claude-cli 2.1.330",
        "24 tools",
        "no header x-claude-code-request-class",
        "ENABLE_TOOL_SEARCH=true",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    call(&[("x-claude-code-request-class", "main")]);
    proxy.rows(2);
    let told = said(&examined(), "recorded");
    assert!(told.contains("24 tools") && !told.contains("x-claude-code-request-class"), "{told}");
}

#[test]
fn health_is_the_exit_code() {
    let upstream = format!("http://{}", answering(b"HTTP/1.1 404 Not Found\r\n\r\n"));
    let proxy = Proxy::start(&upstream);
    let port = proxy.authority().rsplit(':').next().unwrap().to_owned();
    let code = |arguments: &[&str]| {
        let all = [&["health"], arguments].concat();
        command(&all).output().unwrap().status.code()
    };
    let data = proxy.folder.to_str().unwrap().to_owned();
    assert_eq!(code(&["--data-dir", ":memory:", "--port", &port]), Some(0));
    assert_eq!(code(&["--data-dir", &data, "--port", "1"]), Some(0));
    drop(proxy);
    assert_eq!(code(&["--data-dir", ":memory:", "--port", &port]), Some(1));
}
