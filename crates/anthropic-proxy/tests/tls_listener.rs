//! TLS on the listener: to real TLS clients it is the proxy as without, piece by piece; whoever does not trust it is not served.

mod support;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use support::raw::{self, Client, STREAM_HEAD, Upstream, call, chunk, stream_events};
use support::{Proxy, command};

type Secure = StreamOwned<ClientConnection, TcpStream>;

/// Connects and trusts what the file holds.
fn connect(proxy: &Proxy, trusted: &Path) -> std::io::Result<Secure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(proxy.authority()).unwrap());
    stream.flush()?;
    stream.conn.complete_io(&mut stream.sock)?;
    Ok(stream)
}

fn read_until(stream: &mut Secure, mark: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(mark) {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&bytes));
        bytes.push(byte[0]);
    }
    bytes
}

#[test]
fn a_stream_comes_piece_by_piece_and_is_recorded_as_without() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let upstream = Upstream::start(vec![Box::new(move |mut client: Client| {
        raw::read_request(&mut client);
        client.send(STREAM_HEAD);
        for event in stream_events() {
            // Not before the client has what came before.
            receiver.recv().unwrap();
            client.send(chunk(event));
        }
        client.send("0\r\n\r\n");
    })]);
    let proxy = Proxy::with(&upstream.url(), &["--tls", "self-signed", "--monitor-token", "sesame-sesame"]);
    assert!(proxy.url.starts_with("https://"), "{}", proxy.url);
    let trusted = proxy.folder.join("tls-certificate.pem");
    let mut client = connect(&proxy, &trusted).unwrap();
    client.write_all(call(r#"{"model":"claude-x","stream":true,"messages":[]}"#).as_bytes()).unwrap();
    let head = read_until(&mut client, b"\r\n\r\n");
    assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"));
    for event in stream_events() {
        sender.send(()).unwrap();
        assert_eq!(read_until(&mut client, &chunk(&event)), chunk(&event));
    }
    assert_eq!(read_until(&mut client, b"0\r\n\r\n"), b"0\r\n\r\n");

    // The same connection reaches the page's API, and a program of this machine needs no TLS.
    let row = support::wait("the row", || {
        let answer = ureq::get(format!("{}/api/monitor/requests", proxy.plain_url()))
            .header("authorization", "Bearer sesame-sesame")
            .call()
            .unwrap()
            .body_mut()
            .read_json::<serde_json::Value>()
            .unwrap();
        answer["data"].as_array()?.first().filter(|row| row["outcome"].is_string()).cloned()
    });
    assert_eq!((&row["outcome"], &row["captureComplete"]), (&json!("complete"), &json!(true)));
    client.write_all(b"GET /monitor?token=sesame-sesame HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let head = String::from_utf8(read_until(&mut client, b"\r\n\r\n")).unwrap();
    assert!(
        head.to_ascii_lowercase().contains("samesite=strict; path=/; max-age=2592000; secure\r\n"),
        "{head}"
    );

    // Commands find and ask it, whatever it speaks to others.
    let health = command(&["health", "--data-dir", proxy.folder.to_str().unwrap()]).output().unwrap();
    assert!(health.status.success(), "{}", String::from_utf8_lossy(&health.stderr));
}

#[test]
fn whoever_does_not_trust_the_certificate_is_not_served() {
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.pem");
    std::fs::write(&file, other.cert.pem()).unwrap();
    let proxy = Proxy::with("http://127.0.0.1:9", &["--tls", "self-signed"]);
    let refused = connect(&proxy, &file).unwrap_err();
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
}

#[test]
fn a_certificate_of_ones_own_serves_and_what_is_wrong_with_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(path("other.pem"), other.signing_key.serialize_pem()).unwrap();
    std::fs::write(path("empty.pem"), "").unwrap();
    let files = ["--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")];
    let proxy = Proxy::with("http://127.0.0.1:9", &files);
    connect(&proxy, Path::new(&path("cert.pem"))).unwrap();

    for (arguments, said) in [
        (vec!["--tls-cert", "cert.pem"], "TLS_CERT is set and TLS_KEY is not"),
        (vec!["--tls-key", "key.pem"], "TLS_KEY is set and TLS_CERT is not"),
        (vec!["--tls-cert", "none.pem", "--tls-key", "key.pem"], "cannot be read"),
        (vec!["--tls-cert", "empty.pem", "--tls-key", "key.pem"], "there is no certificate in it"),
        (vec!["--tls-cert", "cert.pem", "--tls-key", "other.pem"], "do not serve"),
        (vec!["--tls", "yes"], "TLS=yes (from the command line) is not known"),
        (vec!["--tls", "self-signed", "--tls-cert", "cert.pem", "--tls-key", "key.pem"], "are both set"),
    ] {
        let mut arguments: Vec<String> = arguments
            .into_iter()
            .map(|word| if word.ends_with(".pem") { path(word) } else { word.to_owned() })
            .collect();
        arguments.extend(["--port".to_owned(), "0".to_owned(), "--data-dir".to_owned(), path("data")]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = command(&arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(said) && error.contains("hint: "), "{error}");
    }
}

#[test]
fn the_certificate_stays_the_same_and_its_key_is_the_owners() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = || std::fs::read_to_string(folder.path().join("tls-certificate.pem")).unwrap();
    drop(Proxy::in_folder("http://127.0.0.1:9", folder.path(), &["--tls", "self-signed"]));
    let first = certificate();
    assert!(first.starts_with("for localhost 127.0.0.1 ::1\n"), "{first}");
    drop(Proxy::in_folder("http://127.0.0.1:9", folder.path(), &["--tls", "self-signed"]));
    assert_eq!(certificate(), first);
    let more = ["--tls", "self-signed", "--allowed-hosts", "proxy.example"];
    drop(Proxy::in_folder("http://127.0.0.1:9", folder.path(), &more));
    assert!(
        certificate().starts_with("for localhost 127.0.0.1 ::1 proxy.example\n"),
        "made anew for the new name"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.path().join("tls-key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}

#[test]
fn half_a_handshake_ends_in_time() {
    let proxy = Proxy::with("http://127.0.0.1:9", &["--tls", "self-signed", "--head-timeout", "200"]);
    let mut client = Client::connect(proxy.authority());
    client.send([0x16, 3, 1, 2]);
    assert!(client.read_to_end().is_empty());
}
