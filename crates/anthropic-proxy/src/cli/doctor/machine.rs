//! What can be told without a network: the port, the data folder, the disk, the client's variables.

use super::Finding;
use crate::app::{Instance, is_healthy};
use crate::cli::run::RESTORED;
use crate::config::Config;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use store::{OpenError, Store};

/// Less than this is not enough for an afternoon.
const LITTLE: u64 = 1_000_000_000;

/// Less than this is not enough to write at all well.
const TOO_LITTLE: u64 = 50_000_000;

/// Whether the address is free, or a proxy of ours has it.
pub(super) fn port(config: &Config) -> Finding {
    let Some(address) = config.listen.first() else {
        return Finding::fail("port", format!("{} stands for no address", config.host), "--host 127.0.0.1");
    };
    match TcpListener::bind(address) {
        Ok(_) if address.port() == 0 => Finding::ok("port", "a free one is taken at the start"),
        Ok(_) => Finding::ok("port", format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            if is_healthy(&format!("http://{address}")) {
                return Finding::ok("port", format!("a proxy answers on {address} already"));
            }
            let other = address.port().checked_add(1).unwrap_or(8082);
            Finding::fail("port", format!("another program listens on {address}"), format!("--port {other}"))
        }
        Err(error) => Finding::fail(
            "port",
            format!("cannot listen on {address}: {error}"),
            "--host 127.0.0.1 --port 8082 works on every machine",
        ),
    }
}

/// Whether the record can be written, read, and has room.
pub(super) fn data(config: &Config) -> Vec<Finding> {
    let Some(folder) = config.folder() else {
        return vec![Finding::ok("data", "in memory only: gone when the proxy ends")];
    };
    // A folder that is not there yet is made at the start, if its nearest ancestor lets us.
    let Some(ancestor) = folder.ancestors().map(or_here).find(|path| path.exists()) else {
        return vec![Finding::fail(
            "data",
            format!("no part of {} exists", folder.display()),
            "DATA_DIR=folder",
        )];
    };
    let mut findings = Vec::new();
    match tempfile::NamedTempFile::new_in(ancestor) {
        Ok(_) => findings.push(Finding::ok("data", format!("{} can be written", folder.display()))),
        Err(error) => findings.push(Finding::fail(
            "data",
            format!("{} cannot be written: {error}", ancestor.display()),
            "choose another folder with DATA_DIR, or mend its rights",
        )),
    }
    if folder.exists() {
        findings.push(record(folder));
    }
    findings.extend(room(ancestor));
    findings
}

/// The empty path, an ancestor of every relative one, is the current folder.
fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

fn record(folder: &Path) -> Finding {
    if let Some(running) = Instance::running(folder) {
        return Finding::ok("record", format!("a proxy records into it now: {running}"));
    }
    match Store::open_read_only(folder) {
        Ok(_) => Finding::ok("record", "can be read"),
        Err(OpenError::Missing { .. }) => Finding::ok("record", "none yet"),
        Err(OpenError::Older { found, .. }) => Finding::ok(
            "record",
            format!("of format {found}: brought over at the next start, with a copy kept"),
        ),
        Err(error) => {
            let text = error.to_string();
            let (found, hint) =
                text.split_once("\nhint: ").unwrap_or((&text, "`anthropic-proxy verify` tells more"));
            Finding::fail("record", found, hint)
        }
    }
}

#[cfg(unix)]
fn room(folder: &Path) -> Option<Finding> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let found = format!("{} MB free", free / 1_000_000);
    let hint = "make room, or bound the record: RETAIN_SIZE=1gb";
    Some(match free {
        TOO_LITTLE.. if free >= LITTLE => Finding::ok("disk", found),
        TOO_LITTLE.. => Finding::warn("disk", found, hint),
        _ => Finding::fail("disk", found, hint),
    })
}

#[cfg(not(unix))]
fn room(_: &Path) -> Option<Finding> {
    None
}

/// What a custom base URL switches off in Claude Code, unless this shell has the variables that bring it back.
pub(super) fn client() -> Finding {
    let missing: Vec<String> = RESTORED
        .iter()
        .filter(|(name, _)| std::env::var_os(name).is_none())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if missing.is_empty() {
        return Finding::ok(
            "client",
            "the variables that Claude Code wants beside a custom base URL are set",
        );
    }
    Finding::warn(
        "client",
        "a custom base URL switches hint headers, tool search and fine-grained tool streaming off in Claude Code",
        format!("start it with `anthropic-proxy run -- claude`, or set {}", missing.join(" ")),
    )
}
