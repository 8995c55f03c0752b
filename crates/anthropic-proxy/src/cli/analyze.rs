//! `analyze`: the report as a file, also while the proxy runs.

use super::export::{to_file, to_output};
use super::source::{Source, filter};
use crate::config::Flags;
use crate::export::Redactor;
use crate::monitor;
use crate::report::{self, Form, Options};
use anyhow::Context as _;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use uuid::Uuid;

/// Report what was spent on what, why the cache missed, what failed and what to do about it
#[derive(Debug, Args)]
pub(super) struct Analyze {
    /// Only what matches: `session:… since:7d`
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// html, markdown or json; unless told, what the file's name ends with, else markdown
    #[arg(long, short, value_parser = Form::from_name)]
    format: Option<Form>,
    /// How many requests to show one by one, the newest: a number or `all`; all count in the figures
    #[arg(long, default_value = "1000", value_name = "N")]
    requests: String,
    /// Take keys, e-mail addresses, home folders, device and account ids out
    #[arg(long)]
    redact: bool,
    /// Where to write; standard output unless told
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[arg(skip)]
    flags: Flags,
}

impl Analyze {
    pub(super) fn with(self, flags: Flags) -> Analyze {
        Analyze { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let filter = filter(&self.filter)?;
        let ending = self.output.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
        let options = Options {
            form: self.format.or_else(|| Form::from_name(ending?).ok()).unwrap_or(Form::Markdown),
            requests: report::count(&self.requests).map_err(anyhow::Error::msg)?,
            redactor: self.redact.then(|| Redactor::new(&[])).transpose().map_err(anyhow::Error::msg)?,
            filters: self.filter.join(" "),
            nonce: Uuid::new_v4().simple().to_string(),
        };
        let store = Source::find(&self.flags)?.read()?;
        let totals = monitor::stats_of_record(&store.stats(&filter)?);
        match &self.output {
            Some(path) => {
                to_file(path, |out| report::write(&store, &filter, totals, &options, out))
                    .with_context(|| format!("cannot write {}", path.display()))?;
                eprintln!("written to {}", path.display());
            }
            None => to_output(|out| report::write(&store, &filter, totals, &options, out))
                .context("cannot write the report")?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
