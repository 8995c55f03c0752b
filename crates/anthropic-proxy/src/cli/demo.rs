//! `demo`: the page with lively traffic, out of nothing: a simulated API, the real proxy, simulated clients.

use crate::app::{App, asked_to_end};
use crate::config::{Config, Flags};
use crate::logging;
use anyhow::Context as _;
use clap::Args;
use simulator::{Options, Simulator, demo};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Do not open the page in the browser
    #[arg(long)]
    no_open: bool,
    /// How many times faster than life the sessions run
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR")]
    speed: f64,
    /// How many sessions run at once
    #[arg(long, default_value_t = 3, value_name = "COUNT")]
    sessions: usize,
    /// End after this many sessions, and leave the page up
    #[arg(long, value_name = "COUNT")]
    until: Option<usize>,
    #[arg(skip)]
    flags: Flags,
}

impl Demo {
    pub(super) fn with(self, flags: Flags) -> Demo {
        Demo { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
        runtime.block_on(self.show())?;
        runtime.shutdown_timeout(Duration::from_secs(1));
        Ok(ExitCode::SUCCESS)
    }

    async fn show(self) -> anyhow::Result<()> {
        let api = Simulator::start(Options { realistic: true, remember: 0, ..Options::default() })
            .await
            .context("cannot start the simulated API")?;
        let mut flags = self.flags.clone();
        // Nothing of a demo is kept, and it never touches the real record, unless a folder is named.
        if flags.get("DATA_DIR").is_none() {
            flags.set("DATA_DIR", ":memory:".to_owned());
        }
        flags.set("UPSTREAM_URL", api.url());
        // What plays the clients is on this machine.
        let config = Config { tls: None, ..Config::load(&flags)? };
        let _log = logging::start(config.log_level);
        let app = self.start(config).await?;
        let url = app.url();
        println!("demo: the page is {url}/monitor; Ctrl-C ends it");
        if !self.no_open
            && let Err(error) = open::that_detached(format!("{url}/monitor"))
        {
            println!("no browser could be opened ({error}): open the page by hand");
        }
        let load = demo::DemoOptions {
            speed: self.speed,
            sessions_at_once: self.sessions,
            until_sessions: self.until,
            ..demo::DemoOptions::default()
        };
        let clients = tokio::spawn(async move { demo::run(&url, load).await });
        app.serve(asked_to_end().context("cannot listen for signals")?).await;
        clients.abort();
        api.stop().await;
        Ok(())
    }

    /// On the usual port, or on a free one if that is taken and nobody asked for it.
    async fn start(&self, config: Config) -> anyhow::Result<App> {
        match App::start(config.clone()).await {
            Err(_) if self.flags.get("PORT").is_none() => {
                let listen = config.listen.iter().take(1).map(|address| (address.ip(), 0).into()).collect();
                App::start(Config { listen, ..config }).await
            }
            started => started,
        }
    }
}
