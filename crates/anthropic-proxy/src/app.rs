//! Wires the parts; the only file that knows them all.

mod certificate;
mod demonstration;
mod instance;
mod signals;

use crate::capture::note::Note;
use crate::capture::{Capture, Hasher, queue};
use crate::config::{Config, Token};
use crate::live::Live;
use crate::monitor::{self, Monitor, MonitorServer, StartDemo};
use crate::proxy::{Gate, LoopGuard, Proxy};
use crate::reading::streamed_text;
use crate::recorder::Recorder;
use anyhow::{Context as _, anyhow};
use certificate::Certificate;
pub(crate) use instance::{Instance, Running, address as instance_address, is_healthy};
use relay::connect::TlsSettings;
use relay::{Connect, Listeners, PoolSettings, Settings, Upstream, UpstreamSettings};
pub(crate) use signals::asked_to_end;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long a connection to the upstream may take to come about.
const CONNECT_TIME: Duration = Duration::from_secs(30);

/// A proxy that listens and is ready to serve.
pub(crate) struct App {
    config: Arc<Config>,
    listeners: Vec<TcpListener>,
    proxy: Arc<Proxy>,
    recorder: Recorder,
    recorder_thread: JoinHandle<()>,
    instance: Option<Instance>,
    certificate: Option<Certificate>,
    /// How many commands keep it in use.
    leases: watch::Receiver<usize>,
    /// Tells answers without end that the program ends.
    stopping: watch::Sender<bool>,
}

impl App {
    /// Opens the store, binds the listeners, starts the recorder. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// What stands in the way, and what to do about it: a port in use, a folder that cannot be written, a damaged database.
    pub(crate) async fn start(config: Config) -> anyhow::Result<App> {
        let is_local = config.listen.iter().all(|address| address.ip().is_loopback());
        let beside = Arc::new(config.clone());
        let start_demo: StartDemo = Arc::new(move || demonstration::start(Arc::clone(&beside)));
        App::start_with(config, is_local.then_some(start_demo)).await
    }

    /// `demo` is what the page's button starts, where it has one.
    async fn start_with(mut config: Config, demo: Option<StartDemo>) -> anyhow::Result<App> {
        let listeners = bind(&config).await?;
        let listening = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
        config.listen.clone_from(&listening);
        let config = Arc::new(config);

        let (store, writer) = Store::open(&config.data)?;
        // After the store: the folder is there then.
        let certificate = Certificate::of(&config)?;
        store.read_answers_with(streamed_text);
        let (sender, receiver) = queue::bounded::<Note>(config.queue_bytes);
        let capture = Capture::new(sender.clone(), Hasher::open(config.folder().map(PathBuf::as_path))?);
        let live = Live::new(run_number());
        let (recorder, recorder_thread) = Recorder::start(
            (store.clone(), writer),
            (sender, receiver),
            live.clone(),
            (config.limits, config.redact_bodies),
        )?;

        let (leases, leases_seen) = watch::channel(0);
        let (stopping, stopping_seen) = watch::channel(false);
        let monitor = Monitor::new(
            store,
            live,
            recorder.clone(),
            capture.clone(),
            Arc::clone(&config),
            leases,
            stopping_seen,
        );
        let monitor = match demo {
            Some(start) => monitor.with_demo(start),
            None => monitor,
        };
        let proxy = Proxy {
            upstream: upstream(&config, listening)?,
            upstream_name: config.upstream.to_string(),
            gate: config.proxy_token.as_ref().map(|token| Gate::new(token.reveal())),
            monitor: monitor_upstream(monitor),
            capture,
            on_client_disconnect: config.on_client_disconnect,
        };
        let instance = config
            .folder()
            .map(|folder| {
                let reveal = |token: &Option<Token>| token.as_ref().map(|token| token.reveal().to_owned());
                let running = Running {
                    url: url(&config, "http"),
                    token: reveal(&config.monitor_token),
                    proxy_token: reveal(&config.proxy_token),
                };
                Instance::announce(folder, running)
            })
            .transpose()?;
        Ok(App {
            config,
            listeners,
            proxy: Arc::new(proxy),
            recorder,
            recorder_thread,
            instance,
            certificate,
            leases: leases_seen,
            stopping,
        })
    }

    /// Where clients reach it.
    pub(crate) fn url(&self) -> String {
        url(&self.config, if self.certificate.is_some() { "https" } else { "http" })
    }

    /// What it serves under to other machines.
    pub(crate) fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// What it runs with.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The number of commands that keep it in use, as it changes.
    pub(crate) fn leases(&self) -> watch::Receiver<usize> {
        self.leases.clone()
    }

    /// Serves until `shutdown` resolves; then lets what is in flight finish within the grace, and writes the record to its end.
    pub(crate) async fn serve(self, shutdown: impl Future<Output = ()>) {
        let stopping = self.stopping;
        let shutdown = async {
            shutdown.await;
            tracing::info!("asked to end: no new connections, streams in flight go on");
            stopping.send_replace(true);
        };
        let grace = self.config.shutdown_grace;
        let settings = Settings {
            connections: self.config.max_connections,
            head_time: self.config.head_timeout,
            ..Settings::default()
        };
        let listeners =
            Listeners { tcp: self.listeners, tls: self.certificate.map(|certificate| certificate.identity) };
        relay::serve(listeners, self.proxy, settings, shutdown, grace).await;
        self.recorder.close();
        let thread = self.recorder_thread;
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the recorder ended early; the last exchanges may be missing");
        }
        drop(self.instance);
    }
}

/// Programs of this machine may always say `http`.
fn url(config: &Config, scheme: &str) -> String {
    let port = config.listen.first().map_or(0, SocketAddr::port);
    let host = match config.host.as_str() {
        // Whoever listens on all addresses is reached by this one too.
        "0.0.0.0" | "::" | "" => "127.0.0.1".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    format!("{scheme}://{host}:{port}")
}

/// Listens on every address of the host; one of them is enough (`localhost` may name an IPv6 that is switched off).
async fn bind(config: &Config) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    let mut failure = None;
    for address in &config.listen {
        match TcpListener::bind(address).await {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(cannot_listen(*address, &error));
            }
            Err(error) => failure = Some((*address, error)),
        }
    }
    match failure {
        Some((address, error)) if listeners.is_empty() => Err(cannot_listen(address, &error)),
        _ => Ok(listeners),
    }
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!(
            "port {port} on {} is in use\nhint: if that is a proxy of yours, open http://127.0.0.1:{port}/monitor; else choose \
             another port: --port {}",
            address.ip(),
            port.checked_add(1).unwrap_or(8082),
        ),
        io::ErrorKind::PermissionDenied => {
            anyhow!(
                "cannot listen on {address}: {error}\nhint: ports below 1024 need rights; try --port 8082"
            )
        }
        _ => anyhow!(
            "cannot listen on {address}: {error}\nhint: --host 127.0.0.1 is an address every machine has"
        ),
    }
}

fn upstream(config: &Config, listening: Vec<SocketAddr>) -> anyhow::Result<Arc<Upstream>> {
    let tls = TlsSettings { extra_ca_files: config.extra_ca_files.clone() };
    let inner = relay::connect::connector(&config.upstream, &tls, &config.proxies)
        .with_context(|| format!("cannot prepare connections to {}", config.upstream))?;
    let guard: Arc<dyn Connect> = Arc::new(LoopGuard { inner, listening });
    let settings = UpstreamSettings {
        host: Some(config.upstream.authority().into_bytes()),
        base_path: config.upstream.base_path().to_owned(),
        silence: config.request_timeout,
        connect_timeout: CONNECT_TIME,
        pool: PoolSettings::default(),
    };
    Ok(Arc::new(Upstream::new(settings, guard)))
}

/// The monitor, reached like any upstream. Its live stream may be silent for long; it is never cut for that.
fn monitor_upstream(monitor: Monitor) -> Arc<Upstream> {
    let settings = UpstreamSettings {
        host: None,
        base_path: String::new(),
        silence: Duration::from_secs(24 * 3600),
        connect_timeout: CONNECT_TIME,
        pool: PoolSettings::default(),
    };
    Arc::new(Upstream::new(settings, Arc::new(MonitorServer(monitor::router(monitor)))))
}

/// Tells this run from any earlier one.
fn run_number() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(0)
}
