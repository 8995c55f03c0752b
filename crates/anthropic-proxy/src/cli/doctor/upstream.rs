//! Whether the upstream can be reached, is trusted, answers, and is not ourselves.

use super::Finding;
use crate::config::{Config, reaches};
use protocol::secrets;
use relay::connect::TlsSettings;
use relay::{ConnectError, Connection, FailureKind};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longer than any status line.
const ENOUGH: usize = 4096;

/// Connects as the proxy would, then asks for a head.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let upstream = &config.upstream;
    let mut findings = vec![way(config)];
    let tls = TlsSettings { extra_ca_files: config.extra_ca_files.clone() };
    let connector = match relay::connect::connector(upstream, &tls, &config.proxies) {
        Ok(connector) => connector,
        Err(error) => {
            let hint = "EXTRA_CA_CERTS names PEM files; HTTPS_PROXY looks like http://host:3128";
            findings.push(Finding::fail("upstream", error.to_string(), hint));
            return findings;
        }
    };
    let began = Instant::now();
    let connected = timeout(PATIENCE, connector.connect()).await;
    let mut connection = match connected {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => {
            findings.push(Finding::fail("upstream", &error.message, hint(&error)));
            return findings;
        }
        Err(_) => {
            let found = format!("no connection to {} within {PATIENCE:?}", upstream.host_and_port());
            findings.push(Finding::fail("upstream", found, "does a firewall want HTTPS_PROXY?"));
            return findings;
        }
    };
    let how = if upstream.is_tls() { "TCP and TLS, trusted" } else { "TCP, without TLS" };
    let took = began.elapsed().as_millis();
    findings
        .push(Finding::ok("upstream", format!("{} reached in {took} ms ({how})", upstream.host_and_port())));
    if let Some(remote) = connection.remote()
        && config.listen.iter().any(|own| reaches(remote, *own))
    {
        let found = format!("{upstream} is the address this proxy listens on: requests would go in a circle");
        findings.push(Finding::fail("loop", found, "set UPSTREAM_URL to the API or gateway to forward to"));
        return findings;
    }
    findings.push(answer(config, &mut connection).await);
    findings
}

/// Which proxy is on the way; without its password.
fn way(config: &Config) -> Finding {
    let proxies = &config.proxies;
    let own = if config.upstream.is_tls() { &proxies.https } else { &proxies.http };
    match own.as_ref().or(proxies.all.as_ref()) {
        None => Finding::ok("way", "no proxy is set: the upstream is reached directly"),
        Some(_) if config.upstream.is_loopback() => {
            Finding::ok("way", "a loopback upstream is reached directly")
        }
        Some(proxy) => {
            let shown = secrets::mask_text(proxy.as_bytes());
            let shown = shown.rsplit('@').next().unwrap_or_default();
            let unless = proxies.no.as_ref().map(|no| format!(", unless NO_PROXY={no} says otherwise"));
            Finding::ok("way", format!("through the proxy {shown}{}", unless.unwrap_or_default()))
        }
    }
}

fn hint(error: &ConnectError) -> &'static str {
    match error.kind {
        FailureKind::Dns => {
            "is the name right, and is there a network? a company network may want HTTPS_PROXY"
        }
        FailureKind::Refused => "nobody listens there: is UPSTREAM_URL right, and is the gateway running?",
        FailureKind::Tls => {
            "a company gateway that signs anew needs its certificate: EXTRA_CA_CERTS=/path/ca.pem"
        }
        FailureKind::Proxy => {
            "the proxy on the way refused: look at HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY"
        }
        _ => "does a firewall want HTTPS_PROXY?",
    }
}

/// Any answer in HTTP will do: without a key there is none that is good.
async fn answer(config: &Config, connection: &mut Connection) -> Finding {
    let upstream = &config.upstream;
    let path = format!("{}/", upstream.base_path().trim_end_matches('/'));
    let ask = format!(
        "HEAD {path} HTTP/1.1\r\nhost: {}\r\nuser-agent: anthropic-proxy-doctor/{}\r\nconnection: close\r\n\r\n",
        upstream.authority(),
        env!("CARGO_PKG_VERSION"),
    );
    let exchange = async {
        connection.write_all(ask.as_bytes()).await?;
        connection.flush().await?;
        let mut read = Vec::new();
        while read.len() < ENOUGH && !read.contains(&b'\n') {
            if connection.read_buf(&mut read).await? == 0 {
                break;
            }
        }
        std::io::Result::Ok(read)
    };
    let hint = "is UPSTREAM_URL an HTTP server? the scheme decides whether TLS is spoken";
    match timeout(PATIENCE, exchange).await {
        Err(_) => Finding::warn("answer", format!("none within {PATIENCE:?}"), hint),
        Ok(Err(error)) => Finding::fail("answer", format!("none: {error}"), hint),
        Ok(Ok(read)) => {
            let line = String::from_utf8_lossy(read.split(|byte| *byte == b'\n').next().unwrap_or_default());
            let line = secrets::mask_text(
                line.trim().chars().filter(|c| !c.is_control()).collect::<String>().as_bytes(),
            );
            match line.strip_prefix("HTTP/1.") {
                Some(status) => {
                    let status = status.split_whitespace().nth(1).unwrap_or("nothing");
                    Finding::ok("answer", format!("HTTP status {status} to HEAD {path}: somebody is there"))
                }
                None => Finding::fail("answer", "what answers does not speak HTTP/1.1", hint),
            }
        }
    }
}
