//! The command line: one file a subcommand.

mod analyze;
mod config;
mod context;
mod demo;
mod docs;
mod doctor;
mod export;
mod health;
mod import;
mod keep;
mod limits;
mod list;
mod man;
mod pin;
mod run;
mod serve;
mod sessions;
mod show;
mod source;
mod table;
mod usage;

use crate::config::Flags;
use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// A transparent proxy for Anthropic's API: changes nothing, records everything, shows it live in a web page.
#[derive(Debug, Parser)]
#[command(name = "anthropic-proxy", version, about, after_help = AFTER_HELP, subcommand_negates_reqs = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

const AFTER_HELP: &str = "\
Start it, then point Claude Code at it:
  anthropic-proxy
  ANTHROPIC_BASE_URL=http://127.0.0.1:8082 claude
The page is http://127.0.0.1:8082/monitor.

Both in one, on a free port:
  anthropic-proxy run -- claude

Look around with simulated traffic; no key, no network:
  anthropic-proxy demo

Settings also come from the environment, a .env file and a configuration file: `anthropic-proxy config show`.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the proxy (what happens without a subcommand, too)
    Serve(serve::Serve),
    /// Run a command through the proxy: starts one on a free port, or joins the one already running
    Run(run::Run),
    /// Show the page with lively simulated traffic; needs no key and no network
    Demo(demo::Demo),
    /// Write what was recorded to a file: json, jsonl, csv, har, markdown, html, curl, or a bundle to import elsewhere
    Export(export::Export),
    /// Take a bundle or an HTTP Archive (HAR) back into the record
    Import(import::Import),
    Analyze(analyze::Analyze),
    Limits(limits::Limits),
    List(list::List),
    Sessions(sessions::Sessions),
    Show(show::Show),
    Search(list::Search),
    Tail(list::Tail),
    Stats(keep::Stats),
    Usage(usage::UsageOverTime),
    Context(context::Context),
    Verify(keep::Verify),
    Reindex(keep::Reindex),
    Pin(pin::Pin),
    /// Let `prune` and the limits delete them again
    Unpin(pin::Pin),
    Prune(keep::Prune),
    Clear(keep::Clear),
    Config(config::ConfigCommand),
    Doctor(doctor::Doctor),
    /// Whether the running proxy answers: exit code 0 if so; for containers and supervisors
    Health,
    Man(man::Man),
    /// Print a page of the reference, which is made from the code
    #[command(hide = true)]
    Docs {
        /// Which page
        page: docs::Page,
    },
    /// Print the completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the OpenAPI document of the monitoring API
    #[command(name = "openapi")]
    OpenApi,
}

/// Does what the command line says.
///
/// # Errors
/// Whatever ends the program: one message for people, with what to do about it.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    match cli.command {
        None => serve::Serve::new(cli.flags).run(),
        Some(Command::Serve(serve)) => serve.with(cli.flags).run(),
        Some(Command::Run(run)) => run.with(cli.flags).run(),
        Some(Command::Demo(demo)) => demo.with(cli.flags).run(),
        Some(Command::Export(export)) => export.with(cli.flags).run(),
        Some(Command::Import(import)) => import.with(cli.flags).run(),
        Some(Command::Analyze(analyze)) => analyze.with(cli.flags).run(),
        Some(Command::Limits(limits)) => limits.with(cli.flags).run(),
        Some(Command::List(list)) => list.with(cli.flags).run(),
        Some(Command::Sessions(sessions)) => sessions.with(cli.flags).run(),
        Some(Command::Show(show)) => show.with(cli.flags).run(),
        Some(Command::Search(search)) => search.with(cli.flags).run(),
        Some(Command::Tail(tail)) => tail.with(cli.flags).run(),
        Some(Command::Stats(stats)) => stats.with(cli.flags).run(),
        Some(Command::Context(context)) => context.with(cli.flags).run(),
        Some(Command::Usage(usage)) => usage.with(cli.flags).run(),
        Some(Command::Verify(verify)) => verify.with(cli.flags).run(),
        Some(Command::Reindex(reindex)) => reindex.with(cli.flags).run(),
        Some(Command::Pin(pin)) => pin.with(cli.flags).run(true),
        Some(Command::Unpin(pin)) => pin.with(cli.flags).run(false),
        Some(Command::Prune(prune)) => prune.with(cli.flags).run(),
        Some(Command::Clear(clear)) => clear.with(cli.flags).run(),
        Some(Command::Doctor(doctor)) => doctor.run(&cli.flags),
        Some(Command::Health) => health::run(&cli.flags),
        Some(Command::Man(man)) => man.run(Cli::command()),
        Some(Command::Docs { page }) => docs::run(page, Cli::command()),
        Some(Command::Config(config)) => config.run(&cli.flags),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "anthropic-proxy", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::OpenApi) => {
            println!("{}", crate::monitor::openapi_json()?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
