//! `export`: what was recorded as a file, also while the proxy runs.

use super::keep::requests_bar;
use crate::config::{Config, Flags};
use crate::export::{self, Kind, Opening, Options, Redactor, Which};
use crate::monitor;
use anyhow::Context as _;
use clap::Args;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use store::{Filter, Store};
use uuid::Uuid;

#[derive(Debug, Args)]
pub(super) struct Export {
    /// Only what matches: `status:error model:opus since:24h`
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// json, jsonl, csv, har, markdown, html, curl or bundle; unless told, what the file's name ends with, else json
    #[arg(long, short, value_parser = Kind::from_name)]
    format: Option<Kind>,
    /// Take keys, e-mail addresses, home folders, device and account ids out
    #[arg(long)]
    redact: bool,
    /// Take what this regular expression matches out, too; may be repeated
    #[arg(long, value_name = "REGEX")]
    pattern: Vec<String>,
    /// Leave bodies out; their sizes and hashes stay
    #[arg(long)]
    no_bodies: bool,
    /// Only this request
    #[arg(long)]
    id: Option<Uuid>,
    /// Where to write; standard output unless told
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[arg(skip)]
    flags: Flags,
}

impl Export {
    pub(super) fn with(self, flags: Flags) -> Export {
        Export { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let options = self.options().map_err(anyhow::Error::msg)?;
        let config = Config::load(&self.flags)?;
        let folder = config.folder().context(
            "a record in memory cannot be exported from outside\nhint: ask its proxy at /api/monitor/export",
        )?;
        let store = Store::open_read_only(folder)?;
        let words = self.filter.join(" ");
        let filter = Filter::parse(&words, &jiff::Zoned::now())
            .map_err(|error| anyhow::anyhow!("{}\nhint: {}", error.message, error.hint))?;
        let which = match self.id {
            Some(id) => {
                let exchange = store.get(id)?.with_context(|| {
                    format!("there is no request {id}\nhint: copy its id from the page or from `anthropic-proxy list`")
                })?;
                Which::One(Box::new(exchange))
            }
            None => Which::Matching(filter.clone()),
        };
        let stats = store.stats(&filter)?;
        let opening = Opening {
            total: if self.id.is_some() { 1 } else { stats.total },
            stats: serde_json::to_value(monitor::stats_of_record(&stats))?,
            made_us: jiff::Timestamp::now().as_microsecond(),
            filters: serde_json::json!({ "q": words }),
            ..Opening::default()
        };
        match &self.output {
            Some(path) => {
                let bar = requests_bar(opening.total);
                let mut progress = |written| bar.set_position(written);
                let written =
                    to_file(path, |out| export::write(&store, which, &options, opening, out, &mut progress));
                bar.finish_and_clear();
                let written = written.with_context(|| format!("cannot write {}", path.display()))?;
                eprintln!("{written} requests written to {}", path.display());
            }
            None => {
                to_output(|out| export::write(&store, which, &options, opening, out, &mut |_| {}).map(drop))
                    .context("cannot write the export")?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn options(&self) -> Result<Options, String> {
        let ending = self.output.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
        let kind = self.format.or_else(|| Kind::from_name(ending?).ok()).unwrap_or_default();
        let redact = self.redact || !self.pattern.is_empty();
        Ok(Options {
            kind,
            redactor: redact.then(|| Redactor::new(&self.pattern)).transpose()?,
            without_bodies: self.no_bodies,
        })
    }
}

/// Written beside it first, so that there is never half a file under that name. Readable by its owner only.
pub(super) fn to_file<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<T>,
) -> io::Result<T> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut out = io::BufWriter::new(tempfile::NamedTempFile::new_in(folder)?);
    let written = write(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.persist(path).map_err(|error| error.error)?;
    Ok(written)
}

/// Written to standard output; that whoever reads has seen enough is no error.
pub(super) fn to_output(write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
