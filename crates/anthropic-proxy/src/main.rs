//! `anthropic-proxy`: stands between Claude Code (or any client of Anthropic's API) and the API, changes nothing, records
//! everything, and shows it live in a web page.
//!
//! # Layout
//! - [`cli`] reads the command line; one file a subcommand.
//! - [`config`] finds every setting: flag, environment, `.env`, default.
//! - [`app`] wires the parts; the only file that knows them all.
//! - [`proxy`] decides where a request goes and lends the relay its tap.
//! - [`capture`] is that tap: masks secrets, feeds a bounded queue.
//! - [`recorder`] takes the queue, reads the bytes with [`reading`], and writes the store.
//! - [`live`] tells whoever watches what changed.
//! - [`metrics`] adds up figures for Prometheus.
//! - [`analysis`] holds pure functions over exchanges.
//! - [`usage`] asks the store for figures over time, and says what is spent an hour now.
//! - [`recorded`] is what the store holds of one exchange; [`view`] turns it into what the API answers and exports carry.
//! - [`export`] writes exchanges as files in nine formats; [`import`] takes bundles and HAR files back.
//! - [`monitor`] is the HTTP API and the page.

mod analysis;
mod app;
mod bills;
mod capture;
mod cli;
mod clients;
mod config;
mod contain;
mod export;
mod import;
mod live;
mod logging;
mod metrics;
mod monitor;
mod proxy;
mod reading;
mod recorded;
mod recorder;
mod report;
mod secrecy;
mod sessions;
mod usage;
mod view;

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// What the traffic and the recorder's threads allocate others free. The system's allocator makes them wait for each other then.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    contain::tell();
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
