//! `health`: whether the proxy of these settings answers; for containers and supervisors.

use crate::app::{Instance, is_healthy};
use crate::config::{Config, Flags};
use anyhow::bail;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

/// Exit code 0 if the proxy that these settings describe answers: the one that records into the data folder, else the one at the
/// address.
///
/// # Errors
/// When nobody answers, or a setting cannot be used.
pub(super) fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let config = Config::load(flags)?;
    if let Some(running) = config.folder().and_then(|folder| Instance::running(folder)) {
        println!("healthy: {running}");
        return Ok(ExitCode::SUCCESS);
    }
    for address in &config.listen {
        let url = format!("http://{}", reachable(*address));
        if is_healthy(&url) {
            println!("healthy: {url}");
            return Ok(ExitCode::SUCCESS);
        }
    }
    let host = &config.host;
    let port = config.listen.first().map_or(0, SocketAddr::port);
    bail!(
        "no proxy answers at {host}:{port}\nhint: start one with `anthropic-proxy`, or name its PORT or DATA_DIR"
    )
}

/// Whoever listens on all addresses is asked on this machine's own.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
