//! Every setting with its origin: flag, then environment, then `.env`, then default.
//!
//! One table ([`SETTINGS`]) names them; nothing else in the program reads the environment for a setting of ours.

mod layers;
mod upstream;
mod values;

pub(crate) use values::{age_seconds, size_bytes};

use crate::analysis::cost;
use crate::recorder::Limits;
use anyhow::Context as _;
use clap::Args;
pub(crate) use layers::Layers;
use relay::connect::{ProxySettings, UpstreamUrl};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use store::Location;
pub(crate) use upstream::reaches;
pub(crate) use values::{LogLevel, Token};

/// The settings as flags. Each is text here; [`Config::load`] reads them all in one way, whatever their origin.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Flags {
    /// Address to listen on [env: HOST] [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", global = true)]
    pub(crate) host: Option<String>,
    /// Port to listen on; 0 takes a free one [env: PORT] [default: 8082]
    #[arg(long, short, value_name = "PORT", global = true)]
    pub(crate) port: Option<String>,
    /// Where requests are forwarded; a base path is kept [env: UPSTREAM_URL, or ANTHROPIC_BASE_URL] [default: Anthropic's API]
    #[arg(long, short, value_name = "URL", global = true)]
    pub(crate) upstream_url: Option<String>,
    /// How long the upstream may stay silent, in milliseconds [env: REQUEST_TIMEOUT] [default: 600000]
    #[arg(long, value_name = "MS", global = true)]
    pub(crate) request_timeout: Option<String>,
    /// DEBUG, INFO, WARN or ERROR [env: LOG_LEVEL] [default: INFO]
    #[arg(long, value_name = "LEVEL", global = true)]
    pub(crate) log_level: Option<String>,
    /// Folder of the record, or :memory: [env: DATA_DIR] [default: the user's data folder]
    #[arg(long, value_name = "FOLDER", global = true)]
    pub(crate) data_dir: Option<String>,
    /// More certificate authorities to trust: PEM files, separated like PATH [env: EXTRA_CA_CERTS, also NODE_EXTRA_CA_CERTS]
    #[arg(long, value_name = "FILES", global = true)]
    pub(crate) extra_ca_certs: Option<String>,
    /// When the client leaves: `cancel` the upstream request, or `drain` it to learn its usage [env: ON_CLIENT_DISCONNECT] [default: cancel]
    #[arg(long, value_name = "WHAT", global = true)]
    pub(crate) on_client_disconnect: Option<String>,
    /// Megabytes that may wait for the recorder; what does not fit is not recorded [env: CAPTURE_QUEUE_MB] [default: 64]
    #[arg(long, value_name = "MB", global = true)]
    pub(crate) capture_queue_mb: Option<String>,
    /// Exchanges older than this are deleted, pinned ones excepted: 30d, 12h [env: RETAIN_AGE] [default: kept]
    #[arg(long, value_name = "AGE", global = true)]
    pub(crate) retain_age: Option<String>,
    /// The oldest exchanges are deleted while the record is larger: 5gb, 500mb [env: RETAIN_SIZE] [default: kept]
    #[arg(long, value_name = "SIZE", global = true)]
    pub(crate) retain_size: Option<String>,
    /// The oldest exchanges beyond so many are deleted [env: RETAIN_COUNT] [default: kept]
    #[arg(long, value_name = "NUMBER", global = true)]
    pub(crate) retain_count: Option<String>,
    /// How long streams in flight may go on after SIGTERM, in milliseconds [env: SHUTDOWN_GRACE] [default: 30000]
    #[arg(long, value_name = "MS", global = true)]
    pub(crate) shutdown_grace: Option<String>,
    /// What opens the page and its API; made anew at each start if others can reach the proxy and none is given [env: MONITOR_TOKEN]
    #[arg(long, value_name = "TOKEN", global = true, hide_env_values = true)]
    pub(crate) monitor_token: Option<String>,
    /// Host names, besides localhost and IP addresses, under which the page may be opened [env: ALLOWED_HOSTS]
    #[arg(long, value_name = "NAMES", global = true)]
    pub(crate) allowed_hosts: Option<String>,
    /// A file with prices of your own, laid over the list prices: TOML like the built-in prices.toml [env: PRICES]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) prices: Option<String>,
}

impl Flags {
    /// The flag for a setting, by the setting's name.
    fn get(&self, name: &str) -> Option<&str> {
        let flag = match name {
            "HOST" => &self.host,
            "PORT" => &self.port,
            "UPSTREAM_URL" => &self.upstream_url,
            "REQUEST_TIMEOUT" => &self.request_timeout,
            "LOG_LEVEL" => &self.log_level,
            "DATA_DIR" => &self.data_dir,
            "EXTRA_CA_CERTS" => &self.extra_ca_certs,
            "ON_CLIENT_DISCONNECT" => &self.on_client_disconnect,
            "CAPTURE_QUEUE_MB" => &self.capture_queue_mb,
            "RETAIN_AGE" => &self.retain_age,
            "RETAIN_SIZE" => &self.retain_size,
            "RETAIN_COUNT" => &self.retain_count,
            "SHUTDOWN_GRACE" => &self.shutdown_grace,
            "MONITOR_TOKEN" => &self.monitor_token,
            "ALLOWED_HOSTS" => &self.allowed_hosts,
            "PRICES" => &self.prices,
            _ => return None,
        };
        flag.as_deref()
    }
}

/// The names of our settings: the only ones that are read from a `.env` file.
pub(crate) const SETTINGS: [&str; 18] = [
    "HOST",
    "PORT",
    "UPSTREAM_URL",
    "ANTHROPIC_BASE_URL",
    "REQUEST_TIMEOUT",
    "LOG_LEVEL",
    "DATA_DIR",
    "EXTRA_CA_CERTS",
    "NODE_EXTRA_CA_CERTS",
    "ON_CLIENT_DISCONNECT",
    "CAPTURE_QUEUE_MB",
    "RETAIN_AGE",
    "RETAIN_SIZE",
    "RETAIN_COUNT",
    "SHUTDOWN_GRACE",
    "MONITOR_TOKEN",
    "ALLOWED_HOSTS",
    "PRICES",
];

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
    /// What is kept of the record at the most.
    pub(crate) limits: Limits,
    /// How long streams in flight may go on when the program is asked to end.
    pub(crate) shutdown_grace: Duration,
    /// What opens the page and its API; `None`: they are open to this machine, which is all that reaches them.
    pub(crate) monitor_token: Option<Token>,
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

    fn from_layers(layers: &Layers<'_>) -> anyhow::Result<Config> {
        let mut notices = Vec::new();
        let (host, listen) = values::listen(layers)?;
        let upstream = upstream::choose(layers, &listen, &mut notices)?;
        Ok(Config {
            monitor_token: values::monitor_token(layers, &listen)?,
            listen,
            host,
            upstream,
            request_timeout: values::milliseconds(layers, "REQUEST_TIMEOUT", 600_000)?,
            log_level: values::log_level(layers)?,
            data: values::data(layers)?,
            extra_ca_files: values::extra_ca_files(layers)?,
            on_client_disconnect: values::on_client_disconnect(layers)?,
            queue_bytes: values::queue_bytes(layers)?,
            limits: values::limits(layers)?,
            shutdown_grace: values::milliseconds(layers, "SHUTDOWN_GRACE", 30_000)?,
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
