//! A demonstration within a running proxy: a simulated API, a second proxy in memory on a free port, simulated clients.

use super::App;
use crate::config::Config;
use anyhow::Context as _;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use relay::connect::ProxySettings;
use simulator::{Options, Simulator, demo};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use store::Location;

/// Sessions that are shown; then the page stays, with what was recorded.
const SESSIONS: usize = 12;

/// How many times faster than life they run: whoever looks should see something soon.
const SPEED: f64 = 4.0;

/// Starts it and gives the address of its page. It ends with the program. It needs a proxy that only this machine reaches: whoever
/// opens the page must reach the new port too, and no token guards it.
pub(super) fn start(config: Arc<Config>) -> BoxFuture<'static, anyhow::Result<String>> {
    async move {
        let api = Simulator::start(Options { realistic: true, remember: 0, ..Options::default() })
            .await
            .context("cannot start the simulated API")?;
        let beside = Config {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            host: Ipv4Addr::LOCALHOST.to_string(),
            upstream: api.url().parse().context("the simulated API has no address")?,
            data: Location::Memory,
            limits: crate::recorder::Limits::default(),
            monitor_token: None,
            proxy_token: None,
            tls: None,
            proxies: ProxySettings::default(),
            notices: Vec::new(),
            ..(*config).clone()
        };
        let app = App::start_with(beside, None).await?;
        let url = app.url();
        let options = demo::DemoOptions {
            speed: SPEED,
            until_sessions: Some(SESSIONS),
            ..demo::DemoOptions::default()
        };
        tokio::spawn(app.serve(std::future::pending()));
        let base = url.clone();
        tokio::spawn(async move {
            // What goes wrong with a session is part of the show.
            let _ = demo::run(&base, options).await;
            // The API goes when nobody asks it any more.
            api.stop().await;
        });
        Ok(format!("{url}/monitor"))
    }
    .boxed()
}
