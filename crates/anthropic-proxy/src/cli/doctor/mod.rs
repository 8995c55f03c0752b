//! `doctor`: what stands in the way of a proxy that works, each thing with what to do about it.

mod machine;
mod recorded;
mod upstream;

use super::source::print_on;
use crate::config::{Config, Flags};
use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::process::ExitCode;

/// Look for what would keep the proxy from working: settings, port, data folder, disk, upstream, TLS, the client's variables and its newest recorded call
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    /// It works, and somebody may wonder.
    Warn,
    /// It will not work.
    Fail,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "FAIL",
        })
    }
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    /// What, in one word.
    check: &'static str,
    state: State,
    /// What was found.
    found: String,
    /// What to do, unless all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Finding {
        Finding { check, state: State::Ok, found: found.into(), hint: None }
    }

    fn warn(check: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Finding {
        Finding { check, state: State::Warn, found: found.into(), hint: Some(hint.into()) }
    }

    fn fail(check: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Finding {
        Finding { check, state: State::Fail, found: found.into(), hint: Some(hint.into()) }
    }
}

/// What `doctor --json` says.
#[derive(Serialize)]
struct Report {
    /// Nothing failed.
    healthy: bool,
    findings: Vec<Finding>,
}

impl Doctor {
    pub(super) fn run(self, flags: &Flags) -> anyhow::Result<ExitCode> {
        let findings = examine(flags)?;
        let healthy = findings.iter().all(|finding| finding.state != State::Fail);
        let report = Report { healthy, findings };
        print_on(|out| {
            if self.json {
                serde_json::to_writer_pretty(&mut *out, &report)?;
                return Ok(writeln!(out)?);
            }
            for finding in &report.findings {
                writeln!(out, "{:<5} {:<9} {}", finding.state, finding.check, finding.found)?;
                if let Some(hint) = &finding.hint {
                    writeln!(out, "{:16}hint: {hint}", "")?;
                }
            }
            Ok(())
        })?;
        Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn examine(flags: &Flags) -> anyhow::Result<Vec<Finding>> {
    let version = format!(
        "anthropic-proxy {} on {} {}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    let mut findings = vec![Finding::ok("version", version)];
    let config = match Config::load(flags) {
        Ok(config) => config,
        Err(error) => {
            let text = format!("{error:#}");
            let (found, hint) =
                text.split_once("\nhint: ").unwrap_or((&text, "see `anthropic-proxy config show`"));
            findings.push(Finding::fail("settings", found, hint));
            return Ok(findings);
        }
    };
    findings.push(match config.notices.first() {
        None => Finding::ok("settings", "every setting can be used"),
        Some(notice) => Finding::warn("settings", notice, "unset it in the shell that starts the proxy"),
    });
    findings.push(machine::port(&config));
    findings.extend(machine::data(&config));
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    findings.extend(runtime.block_on(upstream::examine(&config)));
    findings.push(machine::client());
    findings.extend(recorded::client(&config));
    Ok(findings)
}
