//! Reads each setting's text into its value, and says what to write instead where that fails.

use super::layers::{Found, Layers};
use crate::recorder::Limits;
use anyhow::{anyhow, bail};
use protocol::pricing::PriceTable;
use protocol::secrets::mask_url;
use relay::OnClientDisconnect;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;
use store::Location;
use uuid::Uuid;

/// What is logged: this and everything graver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

impl LogLevel {
    /// As it is written in the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Warn => "WARN",
            LogLevel::Error => "ERROR",
        }
    }
}

/// The message for a value that cannot be used.
pub(super) fn unusable(name: &str, found: Found<'_>, why: &str, hint: &str) -> anyhow::Error {
    let shown = mask_url(found.text.as_bytes());
    anyhow!("{name}={shown} (from {}) {why}\nhint: {hint}", found.origin)
}

pub(super) fn listen(layers: &Layers<'_>) -> anyhow::Result<(String, Vec<SocketAddr>)> {
    let host = layers.find("HOST").map_or("127.0.0.1", |found| found.text).to_owned();
    let port = match layers.find("PORT") {
        None => 8082,
        Some(found) => found.text.parse::<u16>().map_err(|_| {
            unusable("PORT", found, "is no port number", "use a number from 0 to 65535; 0 takes a free port")
        })?,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let mut addresses: Vec<SocketAddr> = (bare.as_str(), port)
        .to_socket_addrs()
        .map_err(|error| {
            anyhow!("HOST={host} cannot be looked up: {error}\nhint: use 127.0.0.1 for this machine only, 0.0.0.0 for all")
        })?
        .collect();
    addresses.dedup();
    // A free port differs from address to address: with port 0 only the first is used, so that there is one URL to name.
    if port == 0 {
        addresses.truncate(1);
    }
    Ok((bare, addresses))
}

pub(super) fn milliseconds(layers: &Layers<'_>, name: &str, default: u64) -> anyhow::Result<Duration> {
    let Some(found) = layers.find(name) else { return Ok(Duration::from_millis(default)) };
    match found.text.parse::<u64>() {
        Ok(milliseconds) if milliseconds > 0 => Ok(Duration::from_millis(milliseconds)),
        _ => Err(unusable(
            name,
            found,
            "is no number of milliseconds above 0",
            &format!("{name}={default} is the default"),
        )),
    }
}

pub(super) fn log_level(layers: &Layers<'_>) -> anyhow::Result<LogLevel> {
    let Some(found) = layers.find("LOG_LEVEL") else { return Ok(LogLevel::Info) };
    match found.text.to_ascii_uppercase().as_str() {
        "DEBUG" | "TRACE" => Ok(LogLevel::Debug),
        "INFO" => Ok(LogLevel::Info),
        "WARN" | "WARNING" => Ok(LogLevel::Warn),
        "ERROR" => Ok(LogLevel::Error),
        _ => Err(unusable("LOG_LEVEL", found, "is no level", "use DEBUG, INFO, WARN or ERROR")),
    }
}

pub(super) fn data(layers: &Layers<'_>) -> anyhow::Result<Location> {
    match layers.find("DATA_DIR") {
        Some(found) if found.text == ":memory:" => Ok(Location::Memory),
        Some(found) => Ok(Location::Folder(PathBuf::from(found.text))),
        None => Ok(Location::Folder(super::default_data_folder()?)),
    }
}

pub(super) fn extra_ca_files(layers: &Layers<'_>) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for name in ["EXTRA_CA_CERTS", "NODE_EXTRA_CA_CERTS"] {
        let Some(found) = layers.find(name) else { continue };
        for file in std::env::split_paths(found.text) {
            if !file.is_file() {
                let why = format!("names {}, which is no file", file.display());
                bail!(unusable(name, found, &why, "give the path of a PEM file with certificates"));
            }
            files.push(file);
        }
    }
    Ok(files)
}

/// The list prices with the user's own laid over them, if there are any.
pub(super) fn prices(layers: &Layers<'_>) -> anyhow::Result<Option<PriceTable>> {
    let Some(found) = layers.find("PRICES") else { return Ok(None) };
    let text = std::fs::read_to_string(found.text).map_err(|error| {
        let why = format!("cannot be read: {error}");
        unusable("PRICES", found, &why, "give the path of a TOML file with [[price]] tables")
    })?;
    let table = PriceTable::builtin().with_overrides(&text);
    Ok(Some(table.map_err(|error| anyhow!("{} (from {}), {error}", found.text, found.origin))?))
}

pub(super) fn on_client_disconnect(layers: &Layers<'_>) -> anyhow::Result<OnClientDisconnect> {
    let Some(found) = layers.find("ON_CLIENT_DISCONNECT") else { return Ok(OnClientDisconnect::Cancel) };
    match found.text.to_ascii_lowercase().as_str() {
        "cancel" => Ok(OnClientDisconnect::Cancel),
        "drain" => Ok(OnClientDisconnect::Drain),
        _ => Err(unusable(
            "ON_CLIENT_DISCONNECT",
            found,
            "is neither `cancel` nor `drain`",
            "`cancel` ends the upstream request at once; `drain` reads it to its end",
        )),
    }
}

pub(super) fn queue_bytes(layers: &Layers<'_>) -> anyhow::Result<usize> {
    let Some(found) = layers.find("CAPTURE_QUEUE_MB") else { return Ok(64 << 20) };
    match found.text.parse::<usize>() {
        Ok(megabytes) if (1..=65_536).contains(&megabytes) => Ok(megabytes << 20),
        _ => Err(unusable(
            "CAPTURE_QUEUE_MB",
            found,
            "is no number of megabytes from 1 to 65536",
            "CAPTURE_QUEUE_MB=64 is the default",
        )),
    }
}

pub(super) fn max_connections(layers: &Layers<'_>) -> anyhow::Result<usize> {
    let Some(found) = layers.find("MAX_CONNECTIONS") else { return Ok(4096) };
    match found.text.parse::<usize>() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(unusable(
            "MAX_CONNECTIONS",
            found,
            "is no number above 0",
            "MAX_CONNECTIONS=4096 is the default",
        )),
    }
}

pub(super) fn redact_bodies(layers: &Layers<'_>) -> anyhow::Result<bool> {
    let Some(found) = layers.find("REDACT_BODIES") else { return Ok(false) };
    match found.text.to_ascii_lowercase().as_str() {
        "secrets" => Ok(true),
        "off" => Ok(false),
        _ => Err(unusable(
            "REDACT_BODIES",
            found,
            "is neither `secrets` nor `off`",
            "bodies are kept byte for byte with `off`",
        )),
    }
}

pub(super) fn limits(layers: &Layers<'_>) -> anyhow::Result<Limits> {
    let read = |name, parse: fn(&str) -> Option<u64>, hint| match layers.find(name) {
        None => Ok(None),
        Some(found) => match parse(found.text) {
            Some(value) => Ok(Some(value)),
            None => Err(unusable(name, found, "is no limit", hint)),
        },
    };
    Ok(Limits {
        age: read("RETAIN_AGE", age_seconds, "write 30d, 12h or 90m")?.map(Duration::from_secs),
        bytes: read("RETAIN_SIZE", size_bytes, "write 500mb or 5gb")?,
        count: read("RETAIN_COUNT", |text| text.parse().ok(), "write a number of exchanges, such as 1000")?,
    })
}

/// `90m`, `12h`, `30d`, `8w` as seconds.
pub(crate) fn age_seconds(text: &str) -> Option<u64> {
    with_unit(text, &[("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800)])
}

/// `500mb`, `5gb` as bytes; units are powers of 1000.
pub(crate) fn size_bytes(text: &str) -> Option<u64> {
    with_unit(
        text,
        &[("b", 1), ("kb", 1_000), ("mb", 1_000_000), ("gb", 1_000_000_000), ("tb", 1_000_000_000_000)],
    )
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let (number, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit())?);
    let (_, worth) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*worth)
}

pub(super) fn allowed_hosts(layers: &Layers<'_>) -> Vec<String> {
    let text = layers.find("ALLOWED_HOSTS").map_or("", |found| found.text);
    text.split(',').map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty()).collect()
}

/// A token that opens something of ours. It is not printed by chance.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    /// The token itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The shortest token that is taken: anybody who reaches the proxy may try some.
const SHORTEST: usize = 12;

/// What was given; else a new one if anybody but this machine can reach the proxy.
pub(super) fn monitor_token(layers: &Layers<'_>, listen: &[SocketAddr]) -> anyhow::Result<Option<Token>> {
    let given = given_token(layers, "MONITOR_TOKEN")?;
    Ok(given.or_else(|| is_exposed(listen).then(|| Token(Uuid::new_v4().simple().to_string()))))
}

/// What clients must have to forward. Where others can reach the proxy and need none, that is worth a notice.
pub(super) fn proxy_token(
    layers: &Layers<'_>,
    listen: &[SocketAddr],
    notices: &mut Vec<String>,
) -> anyhow::Result<Option<Token>> {
    let given = given_token(layers, "PROXY_TOKEN")?;
    if given.is_none() && is_exposed(listen) {
        let notice = "whoever reaches this proxy from elsewhere can forward requests through it; PROXY_TOKEN closes it to strangers";
        notices.push(notice.to_owned());
    }
    Ok(given)
}

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tls {
    /// PEM files of the user's.
    Files { certificate: PathBuf, key: PathBuf },
    /// Made here, once for each data folder.
    SelfSigned,
}

/// How other machines reach the proxy under TLS, if they do.
pub(super) fn tls(layers: &Layers<'_>) -> anyhow::Result<Option<Tls>> {
    let file = |name| layers.find(name).map(|found| PathBuf::from(found.text));
    let is_own = match layers.find("TLS") {
        None => false,
        Some(found) => match found.text.to_ascii_lowercase().as_str() {
            "off" | "false" | "0" | "no" => false,
            "self-signed" => true,
            _ => bail!(unusable(
                "TLS",
                found,
                "is not known",
                "use TLS=self-signed, or TLS_CERT and TLS_KEY for a certificate of your own",
            )),
        },
    };
    match (is_own, file("TLS_CERT"), file("TLS_KEY")) {
        (false, None, None) => Ok(None),
        (true, None, None) => Ok(Some(Tls::SelfSigned)),
        (false, Some(certificate), Some(key)) => Ok(Some(Tls::Files { certificate, key })),
        (true, _, _) => {
            bail!("TLS=self-signed and TLS_CERT or TLS_KEY are both set\nhint: leave one of them out")
        }
        (false, certificate, _) => {
            let (set, missing) =
                if certificate.is_some() { ("TLS_CERT", "TLS_KEY") } else { ("TLS_KEY", "TLS_CERT") };
            bail!("{set} is set and {missing} is not\nhint: name both PEM files, or use TLS=self-signed")
        }
    }
}

/// Whether other machines may reach us.
fn is_exposed(listen: &[SocketAddr]) -> bool {
    listen.iter().any(|address| !address.ip().is_loopback())
}

/// A token that was given, of signs that a header and a path can carry.
pub(super) fn given_token(layers: &Layers<'_>, name: &str) -> anyhow::Result<Option<Token>> {
    let Some(found) = layers.find(name) else { return Ok(None) };
    let is_plain = found.text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#%".contains(&byte));
    if found.text.len() < SHORTEST || !is_plain {
        bail!(
            "{name} (from {}) is too short or has signs that a header or an address cannot carry\nhint: use {SHORTEST} or more \
             letters and digits, such as the output of: openssl rand -hex 16",
            found.origin
        );
    }
    Ok(Some(Token(found.text.to_owned())))
}
