//! A client side that looks like a team at work: several Claude-Code-like sessions against any base URL, over real
//! sockets, telling the crate's stories with tools, sub-agents, titles, counts, searches, retries and mishaps.

mod answer;
mod headers;
mod http;
mod prompt;
mod session;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::session::Session;

/// How lively a demonstration is.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Divides every pause of the clients: 1.0 is a human's pace, 10.0 ten times that. At least 0.01.
    pub speed: f64,
    /// Sessions that run at the same time.
    pub sessions_at_once: usize,
    /// Ends after so many sessions; `None` goes on until the future is dropped.
    pub until_sessions: Option<usize>,
    /// Another seed, another order of events.
    pub seed: u64,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self { speed: 1.0, sessions_at_once: 3, until_sessions: None, seed: 0 }
    }
}

/// Runs sessions against `base_url` (`http://host:port`, with or without a path).
///
/// # Errors
/// When the address is no `http://` URL or nobody answers there at the start. What goes wrong later is part of
/// the show: that session ends, the next begins.
pub async fn run(base_url: &str, options: DemoOptions) -> io::Result<()> {
    let base = http::Base::parse(base_url)?;
    http::Connection::new(base.clone()).send("HEAD", "/", &session::probe_headers(), "", None).await?;

    let places = Arc::new(Semaphore::new(options.sessions_at_once.max(1)));
    let mut running = JoinSet::new();
    for number in 0..options.until_sessions.unwrap_or(usize::MAX) {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        while running.try_join_next().is_some() {}
        let mut session = Session::new(base.clone(), number, &options);
        let stagger = pause(options.speed, 900 * (number % options.sessions_at_once.max(1)) as u64);
        running.spawn(async move {
            tokio::time::sleep(stagger).await;
            // A session that failed is over; the next one shows whether the server is back.
            let _ = session.run().await;
            drop(place);
        });
    }
    while running.join_next().await.is_some() {}
    Ok(())
}

/// `ms` at a human's pace, at this speed.
fn pause(speed: f64, ms: u64) -> Duration {
    Duration::from_millis(ms).div_f64(speed.max(0.01))
}
