//! `serve`: the proxy itself, until it is asked to end.

use crate::app::{App, asked_to_end};
use crate::config::{Config, Flags};
use crate::logging;
use crate::secrecy;
use anyhow::Context as _;
use clap::Args;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::watch;

/// How long a proxy that was started by `run` stays after the last command that used it.
const UNUSED: Duration = Duration::from_secs(3);

/// How long it waits for the first one.
const NEVER_USED: Duration = Duration::from_secs(30);

#[derive(Debug, Default, Args)]
pub(super) struct Serve {
    /// End when no `run` uses it any more
    #[arg(long, hide = true)]
    until_unused: bool,
    #[arg(skip)]
    flags: Flags,
}

impl Serve {
    pub(super) fn new(flags: Flags) -> Serve {
        Serve { until_unused: false, flags }
    }

    pub(super) fn with(self, flags: Flags) -> Serve {
        Serve { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load(&self.flags)?;
        let kept_in = secrecy::leave_no_dumps();
        let _log = logging::start(config.log_level);
        if let Err(error) = kept_in {
            tracing::warn!(%error, "a crash may write this program's memory, with what it holds of keys, to a core dump");
        }
        for notice in &config.notices {
            tracing::warn!("{notice}");
        }
        let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
        runtime.block_on(async {
            let ended = asked_to_end().context("cannot listen for signals")?;
            let app = App::start(config).await?;
            welcome(&app);
            let mut leases = app.leases();
            let shutdown = async {
                tokio::select! {
                    () = ended => {}
                    () = unused(&mut leases), if self.until_unused => {}
                }
            };
            app.serve(shutdown).await;
            anyhow::Ok(())
        })?;
        // Whatever still runs (a blocked read of the store) must not hold the exit up.
        runtime.shutdown_timeout(Duration::from_secs(1));
        Ok(ExitCode::SUCCESS)
    }
}

/// The first line is for programs too: `run` and the tests read the URL from it.
fn welcome(app: &App) {
    let (url, config) = (app.url(), app.config());
    let place = config.folder().map_or("memory only".to_owned(), |folder| folder.display().to_string());
    let page = match &config.monitor_token {
        Some(token) => format!("{url}/monitor?token={}", token.reveal()),
        None => format!("{url}/monitor"),
    };
    let base = match &config.proxy_token {
        Some(token) => format!("{url}/t/{}", token.reveal()),
        None => url.clone(),
    };
    let text = format!(
        "anthropic-proxy {} listens on {url} and forwards to {}\n\
         page     {page}\n\
         record   {place}\n\
         client   ANTHROPIC_BASE_URL={base} claude\n",
        env!("CARGO_PKG_VERSION"),
        config.upstream,
    );
    let tls = app.certificate().map_or_else(String::new, |certificate| {
        let trust = certificate
            .to_trust
            .as_ref()
            .map_or_else(String::new, |file| format!("trust    NODE_EXTRA_CA_CERTS={}\n", file.display()));
        format!("{trust}sha-256  {}\n", certificate.fingerprint)
    });
    let text = text + &tls;
    let mut out = std::io::stdout().lock();
    // Nobody reading is no reason to end.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Resolves when nobody has used the proxy for a while.
async fn unused(leases: &mut watch::Receiver<usize>) {
    let mut patience = NEVER_USED;
    loop {
        if *leases.borrow_and_update() == 0 {
            if tokio::time::timeout(patience, leases.changed()).await.is_err() {
                return;
            }
        } else {
            patience = UNUSED;
            if leases.changed().await.is_err() {
                return;
            }
        }
    }
}
