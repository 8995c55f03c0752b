//! How fast the proxy is: `cargo run --release -p bench`.
//!
//! A load client and a fake upstream in this process; nginx, a bare hyper proxy and ours as processes beside it, all on loopback.
//! Rounds go over all of them in turn and are compared in pairs, so that what else the machine does falls on each alike.

mod answer;
mod client;
mod floor;
mod http;
mod loads;
mod measure;
mod process;
mod recording;
mod report;
mod subject;
mod targets;
mod upstream;
mod words;

use anyhow::Context as _;
use clap::{Parser, ValueEnum as _};
use loads::{Kind, Load};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;
use subject::Subject;

/// Measures the proxy against nginx and against a proxy that records nothing.
#[derive(Parser)]
struct Arguments {
    /// About a minute: fewer requests and rounds
    #[arg(long)]
    quick: bool,
    /// Only these loads
    #[arg(long, value_enum, value_name = "LOAD")]
    only: Vec<Kind>,
    /// The proxy to measure; without it the release build of this folder is made
    #[arg(long, value_name = "FILE")]
    proxy: Option<PathBuf>,
    #[arg(long, hide = true, num_args = 2)]
    be_floor: Option<Vec<String>>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    if let Some([port, upstream]) = arguments.be_floor.as_deref() {
        return runtime.block_on(floor::serve(port.parse()?, upstream.parse()?));
    }
    let program = match arguments.proxy {
        Some(program) => program,
        None => build()?,
    };
    runtime.block_on(async {
        let epoch = Instant::now();
        let upstream = upstream::start(epoch).await?;
        let kinds = if arguments.only.is_empty() { Kind::value_variants() } else { &arguments.only };
        for kind in kinds {
            let load = Load::new(*kind, arguments.quick);
            let measured = measure::measure(load, subjects(upstream, &program)?, epoch).await?;
            report::print(load, &measured);
        }
        anyhow::Ok(())
    })
}

fn subjects(upstream: SocketAddr, program: &std::path::Path) -> anyhow::Result<Vec<Subject>> {
    let nginx = Subject::nginx(upstream)?;
    if nginx.is_none() {
        eprintln!("nginx is missing, so nothing is compared with it\nhint: apt-get install nginx-light");
    }
    let mut subjects = vec![Subject::direct(upstream)];
    subjects.extend(nginx);
    subjects.push(Subject::floor(upstream)?);
    subjects.push(Subject::ours(upstream, program)?);
    Ok(subjects)
}

/// Builds the proxy as it is released, beside this very program.
fn build() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo).args(["build", "--release", "-p", "anthropic-proxy"]).status()?;
    anyhow::ensure!(built.success(), "the proxy does not build\nhint: name a built one with --proxy");
    let own = std::env::current_exe()?;
    let program = own.with_file_name(format!("anthropic-proxy{}", std::env::consts::EXE_SUFFIX));
    let exists = program.exists();
    exists.then_some(program).context("the proxy was not built beside the bench\nhint: run it with --release")
}
