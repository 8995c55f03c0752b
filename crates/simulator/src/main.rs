//! `anthropic-simulator`: the simulated API as a program.

use std::net::SocketAddr;

use anyhow::Context;
use clap::Parser;
use simulator::{Options, Simulator};

/// A fake Anthropic API for tests and demonstrations; see the crate's README for the directives it obeys.
#[derive(Parser)]
#[command(name = "anthropic-simulator", version)]
struct Arguments {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: std::net::IpAddr,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Pace answers as the real API does.
    #[arg(long)]
    realistic: bool,
    /// Varies the texts that are made up.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many of the newest requests `/_simulator/received` keeps.
    #[arg(long, default_value_t = Options::default().remember)]
    remember: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let addr = SocketAddr::new(arguments.host, arguments.port);
    let options = Options {
        addr: Some(addr),
        realistic: arguments.realistic,
        seed: arguments.seed,
        remember: arguments.remember,
        ..Options::default()
    };
    let simulator = Simulator::start(options).await.with_context(|| {
        format!("cannot listen on {addr}\n  hint: choose another --port, or 0 for a free one")
    })?;
    println!("simulated Anthropic API at {}", simulator.url());
    tokio::signal::ctrl_c().await.context("cannot wait for ctrl-c")?;
    simulator.stop().await;
    Ok(())
}
