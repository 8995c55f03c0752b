//! Every setting with its origin: flag, then environment, then `.env`, then the configuration file, then default.
//!
//! One table ([`SETTINGS`]) names them; nothing else in the program reads the environment for a setting of ours.

mod file;
mod flags;
mod layers;
mod table;
mod upstream;
mod values;

pub(crate) use values::{age_seconds, size_bytes};

use crate::analysis::cost;
use crate::recorder::Limits;
use anyhow::Context as _;
pub(crate) use file::{default_path, is_open_to_others, template};
pub(crate) use flags::Flags;
pub(crate) use layers::{Layers, Origin};
use relay::connect::{ProxySettings, UpstreamUrl};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use store::Location;
pub(crate) use table::{Kind, SETTINGS};
pub(crate) use upstream::reaches;
pub(crate) use values::{LogLevel, Tls, Token};

/// What the program runs with.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where to listen: every address that the host name stands for.
    pub(crate) listen: Vec<SocketAddr>,
    /// The host as it was given.
    pub(crate) host: String,
    /// Where requests go.
    pub(crate) upstream: UpstreamUrl,
    /// How long the upstream may stay silent.
    pub(crate) request_timeout: Duration,
    /// How long a client may take to send a request's head.
    pub(crate) head_timeout: Duration,
    /// What is logged.
    pub(crate) log_level: LogLevel,
    /// Where the record is kept.
    pub(crate) data: Location,
    /// PEM files with further certificate authorities.
    pub(crate) extra_ca_files: Vec<PathBuf>,
    /// What happens upstream when the client leaves.
    pub(crate) on_client_disconnect: relay::OnClientDisconnect,
    /// Bound of the queue to the recorder, in bytes.
    pub(crate) queue_bytes: usize,
    /// Connections of clients at a time.
    pub(crate) max_connections: usize,
    /// What looks like a key is taken out of bodies before they are recorded.
    pub(crate) redact_bodies: bool,
    /// What is kept of the record at the most.
    pub(crate) limits: Limits,
    /// How long streams in flight may go on when the program is asked to end.
    pub(crate) shutdown_grace: Duration,
    /// What opens the page and its API; `None`: they are open to this machine, which is all that reaches them.
    pub(crate) monitor_token: Option<Token>,
    /// What clients must have to forward; `None`: everybody who reaches the proxy may.
    pub(crate) proxy_token: Option<Token>,
    /// How other machines reach the proxy under TLS; `None`: nobody does.
    pub(crate) tls: Option<Tls>,
    /// Host names under which the page may be opened.
    pub(crate) allowed_hosts: Vec<String>,
    /// Proxies on the way to the upstream, from the usual variables.
    pub(crate) proxies: ProxySettings,
    /// What was found odd and mended; to be said once.
    pub(crate) notices: Vec<String>,
}

impl Config {
    /// Finds every setting. The user's prices hold for the whole process from then on.
    ///
    /// # Errors
    /// The first value that cannot be used: its name, where it came from, and what to write instead.
    pub(crate) fn load(flags: &Flags) -> anyhow::Result<Config> {
        let layers = Layers::read(flags)?;
        let config = Config::from_layers(&layers)?;
        if let Some(prices) = values::prices(&layers)? {
            cost::price_with(prices);
        }
        Ok(config)
    }

    /// All that cannot be used, each as [`Config::load`] would say it.
    pub(crate) fn problems(layers: &Layers<'_>) -> Vec<anyhow::Error> {
        let listen = values::listen(layers);
        let addresses = listen.as_ref().map_or(&[][..], |(_, addresses)| addresses);
        let others = [
            upstream::choose(layers, addresses, &mut Vec::new()).err(),
            values::monitor_token(layers, addresses).err(),
            values::given_token(layers, "PROXY_TOKEN").err(),
            values::milliseconds(layers, "REQUEST_TIMEOUT", 600_000).err(),
            values::milliseconds(layers, "HEAD_TIMEOUT", 30_000).err(),
            values::log_level(layers).err(),
            values::data(layers).err(),
            values::extra_ca_files(layers).err(),
            values::on_client_disconnect(layers).err(),
            values::queue_bytes(layers).err(),
            values::max_connections(layers).err(),
            values::redact_bodies(layers).err(),
            values::limits(layers).err(),
            values::milliseconds(layers, "SHUTDOWN_GRACE", 30_000).err(),
            values::tls(layers).err(),
            values::prices(layers).err(),
        ];
        listen.err().into_iter().chain(others.into_iter().flatten()).collect()
    }

    fn from_layers(layers: &Layers<'_>) -> anyhow::Result<Config> {
        let mut notices = Vec::new();
        let (host, listen) = values::listen(layers)?;
        let upstream = upstream::choose(layers, &listen, &mut notices)?;
        Ok(Config {
            monitor_token: values::monitor_token(layers, &listen)?,
            proxy_token: values::proxy_token(layers, &listen, &mut notices)?,
            listen,
            host,
            upstream,
            request_timeout: values::milliseconds(layers, "REQUEST_TIMEOUT", 600_000)?,
            head_timeout: values::milliseconds(layers, "HEAD_TIMEOUT", 30_000)?,
            log_level: values::log_level(layers)?,
            data: values::data(layers)?,
            extra_ca_files: values::extra_ca_files(layers)?,
            on_client_disconnect: values::on_client_disconnect(layers)?,
            queue_bytes: values::queue_bytes(layers)?,
            max_connections: values::max_connections(layers)?,
            redact_bodies: values::redact_bodies(layers)?,
            limits: values::limits(layers)?,
            shutdown_grace: values::milliseconds(layers, "SHUTDOWN_GRACE", 30_000)?,
            tls: values::tls(layers)?,
            allowed_hosts: values::allowed_hosts(layers),
            proxies: ProxySettings::from_env(),
            notices,
        })
    }

    /// The folder of the record, if it is on disk.
    pub(crate) fn folder(&self) -> Option<&PathBuf> {
        match &self.data {
            Location::Folder(folder) => Some(folder),
            Location::Memory => None,
        }
    }
}

/// The user's own folder for our data.
///
/// # Errors
/// When the home folder is unknown.
pub(crate) fn default_data_folder() -> anyhow::Result<PathBuf> {
    use etcetera::BaseStrategy as _;
    let base = etcetera::choose_base_strategy()
        .context("cannot tell where your data folder is\nhint: set DATA_DIR to a folder, or to :memory:")?;
    Ok(base.data_dir().join("anthropic-proxy"))
}
