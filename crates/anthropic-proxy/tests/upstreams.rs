//! Upstreams beyond plain TCP: TLS with a company's own authority, a proxy on the way.

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use support::raw::{BODY, Client, call};
use support::{PATIENCE, Proxy};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

/// An upstream that speaks TLS as `localhost`, and the PEM file of the authority it is to be believed by.
fn tls_upstream(folder: &std::path::Path) -> (SocketAddr, std::path::PathBuf) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = folder.join("ca.pem");
    std::fs::write(&file, certified.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(session, tcp.unwrap());
            let mut read = Vec::new();
            let mut byte = [0];
            // A refused handshake shows as a failed read.
            while !read.ends_with(BODY.as_bytes()) && stream.read(&mut byte).is_ok_and(|count| count == 1) {
                read.push(byte[0]);
            }
            if !read.is_empty() {
                stream.write_all(ANSWER).unwrap();
            }
        }
    });
    (address, file)
}

/// A proxy that joins whoever asks by CONNECT; tells what was asked for.
fn connect_proxy() -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://user:pass@{}", listener.local_addr().unwrap());
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let mut client = Client(tcp.unwrap());
            let head = String::from_utf8(client.read_until(b"\r\n\r\n")).unwrap();
            let target = head.split_whitespace().nth(1).unwrap().to_owned();
            let port = target.rsplit(':').next().unwrap();
            let mut upstream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
            sender.send(head).unwrap();
            client.send("HTTP/1.1 200 OK\r\n\r\n");
            let (mut from, mut to) = (client.0.try_clone().unwrap(), upstream.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            let mut back = client.0;
            std::thread::spawn(move || std::io::copy(&mut upstream, &mut back));
        }
    });
    (url, receiver)
}

fn ask(proxy: &Proxy) -> String {
    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY));
    String::from_utf8(client.read_until(b"}")).unwrap()
}

#[test]
fn a_companys_own_authority_is_believed_when_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (address, ca) = tls_upstream(folder.path());
    let url = format!("https://localhost:{}", address.port());
    let believing = Proxy::with(&url, &["--extra-ca-certs", ca.to_str().unwrap()]);
    assert!(ask(&believing).starts_with("HTTP/1.1 200 OK"));
    assert_eq!(believing.only()["outcome"], "complete");

    let doubting = Proxy::start(&url);
    assert!(ask(&doubting).starts_with("HTTP/1.1 502"));
    let row = doubting.only();
    assert_eq!(row["outcome"], "connect_error");
    assert!(row["error"]["message"].as_str().unwrap().contains("certificate"), "{}", row["error"]);
}

#[test]
fn a_proxy_on_the_way_is_asked_with_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let (address, ca) = tls_upstream(folder.path());
    let (proxy_url, asked) = connect_proxy();
    // A name that is no loopback address is reached through the proxy only.
    let url = format!("https://localhost.example:{}", address.port());
    let proxy = Proxy::with_environment(
        &url,
        &["--extra-ca-certs", ca.to_str().unwrap()],
        &[("HTTPS_PROXY", &proxy_url)],
    );
    // The certificate is for another name: the tunnel stood, TLS refused. Both are said.
    assert!(ask(&proxy).starts_with("HTTP/1.1 502"));
    let head = asked.recv_timeout(PATIENCE).unwrap();
    assert!(
        head.starts_with(&format!("CONNECT localhost.example:{} HTTP/1.1\r\n", address.port())),
        "{head}"
    );
    assert!(head.to_lowercase().contains("proxy-authorization: basic dxnlcjpwyxnz"), "{head}");
}
