//! `stats`, `verify`, `reindex`, `prune`, `clear`: the record as a whole.

use super::source::{Keeper, Source, ask, filter, print};
use super::table::{dollars, duration, short, size};
use crate::config::{Flags, age_seconds, size_bytes};
use crate::monitor;
use crate::recorder::Limits;
use crate::recorder::reindex::{Progress, Run};
use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use protocol::pricing::Money;
use serde::Deserialize;
use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;
use store::Verified;

/// Figures over recorded requests
#[derive(Debug, Args)]
pub(super) struct Stats {
    /// The filter language
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// As JSON, as the API answers it
    #[arg(long)]
    json: bool,
    #[arg(skip)]
    flags: Flags,
}

impl Stats {
    pub(super) fn with(self, flags: Flags) -> Stats {
        Stats { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let filter = filter(&self.filter)?;
        let store = Source::find(&self.flags)?.read()?;
        let stats = store.stats(&filter)?;
        if self.json {
            return print(|out| {
                Ok(writeln!(out, "{}", serde_json::to_string_pretty(&monitor::stats_of_record(&stats))?)?)
            });
        }
        let on_disk = store.disk()?.bytes;
        print(|out| {
            writeln!(
                out,
                "requests     {} ({} well, {} failed, {} running)",
                stats.total, stats.success, stats.error, stats.pending
            )?;
            writeln!(
                out,
                "tokens       {} in, {} out, {} read from the cache, {} written to it",
                short(stats.input_tokens),
                short(stats.output_tokens),
                short(stats.cache_read),
                short(stats.cache_write)
            )?;
            writeln!(
                out,
                "cost         {} by list price",
                dollars(Money::from_pico(stats.cost_pico.into()))
            )?;
            writeln!(
                out,
                "first token  {} median, {} at the 95th percentile",
                or_none(duration(stats.p50_first_token_us)),
                or_none(duration(stats.p95_first_token_us))
            )?;
            writeln!(
                out,
                "duration     {} median, {} at the 95th percentile",
                or_none(duration(stats.p50_duration_us)),
                or_none(duration(stats.p95_duration_us))
            )?;
            writeln!(
                out,
                "moved        {}; the whole record takes {} on disk",
                size(stats.total_bytes),
                size(on_disk)
            )?;
            Ok(())
        })
    }
}

fn or_none(text: String) -> String {
    if text.is_empty() { "–".to_owned() } else { text }
}

/// Restore every body and compare it with the hash taken when it was recorded
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The result as JSON
    #[arg(long)]
    json: bool,
    #[arg(skip)]
    flags: Flags,
}

impl Verify {
    pub(super) fn with(self, flags: Flags) -> Verify {
        Verify { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let store = Source::find(&self.flags)?.read()?;
        let bar = requests_bar(0);
        let mut damages = Vec::new();
        let verified = store.verify(&mut |so_far, damage| {
            bar.set_length(so_far.total);
            bar.set_position(so_far.exchanges);
            if let Some(damage) = damage {
                let what =
                    damage.exchange.map_or_else(|| "the database".to_owned(), |id| format!("request {id}"));
                if !self.json {
                    bar.suspend(|| eprintln!("damaged: {what}, {}: {}", damage.part, damage.why));
                }
                damages
                    .push(serde_json::json!({"id": damage.exchange, "part": damage.part, "why": damage.why}));
            }
            ControlFlow::Continue(())
        })?;
        bar.finish_and_clear();
        let Verified { exchanges, bodies, bytes, unfinished, damaged, .. } = verified;
        print(|out| {
            if self.json {
                let result = serde_json::json!({"requests": exchanges, "bodies": bodies, "bytes": bytes,
                    "unfinished": unfinished, "damaged": damages});
                return Ok(writeln!(out, "{result}")?);
            }
            let verdict = if damaged == 0 {
                "nothing is damaged".to_owned()
            } else {
                format!("{damaged} parts are damaged")
            };
            writeln!(
                out,
                "{exchanges} requests: {bodies} bodies of {} restored byte for byte, {unfinished} are not whole, as their requests say; {verdict}",
                size(bytes)
            )?;
            Ok(())
        })?;
        Ok(if damaged == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Derive every column and the search index anew from the recorded bytes; goes on where it was interrupted
#[derive(Debug, Args)]
pub(super) struct Reindex {
    #[arg(skip)]
    flags: Flags,
}

impl Reindex {
    pub(super) fn with(self, flags: Flags) -> Reindex {
        Reindex { flags }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut keeper = Source::find(&self.flags)?.keeper()?;
        let bar = requests_bar(0);
        let mut run = Run::default();
        let progress: Progress = loop {
            let progress = match &mut keeper {
                Keeper::Server(proxy) => ask(proxy, "/api/monitor/reindex", &[])?,
                Keeper::Own(store, writer) => {
                    let reread = run.read(store)?;
                    run.write(writer, &reread)?
                }
            };
            bar.set_length(progress.total);
            bar.set_position(progress.done);
            if progress.finished {
                break progress;
            }
        };
        bar.finish_and_clear();
        print(|out| {
            Ok(writeln!(out, "{} requests read anew, {} corrected", progress.total, progress.changed)?)
        })
    }
}

#[derive(Deserialize)]
struct Changed {
    count: u64,
}

/// Delete the oldest requests beyond a limit; pinned ones are kept
#[derive(Debug, Args)]
pub(super) struct Prune {
    /// Older than this: 30d, 12h
    #[arg(long, value_name = "AGE")]
    older_than: Option<String>,
    /// Until the record is no larger than this: 5gb
    #[arg(long, value_name = "SIZE")]
    max_size: Option<String>,
    /// Beyond so many
    #[arg(long, value_name = "NUMBER")]
    keep: Option<u64>,
    #[arg(skip)]
    flags: Flags,
}

impl Prune {
    pub(super) fn with(self, flags: Flags) -> Prune {
        Prune { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let read = |text: &Option<String>, parse: fn(&str) -> Option<u64>, hint: &'static str| {
            text.as_deref()
                .map(|text| parse(text).with_context(|| format!("{text} is no limit\nhint: {hint}")))
                .transpose()
        };
        let limits = Limits {
            age: read(&self.older_than, age_seconds, "write 30d, 12h or 90m")?.map(Duration::from_secs),
            bytes: read(&self.max_size, size_bytes, "write 500mb or 5gb")?,
            count: self.keep,
        };
        if limits == Limits::default() {
            bail!(
                "no limit is given\nhint: anthropic-proxy prune --older-than 30d, --max-size 5gb or --keep 1000"
            );
        }
        let deleted = match Source::find(&self.flags)?.keeper()? {
            Keeper::Server(proxy) => {
                let mut query = Vec::new();
                query.extend(self.older_than.map(|age| ("age", age)));
                query.extend(self.max_size.map(|size| ("size", size)));
                query.extend(self.keep.map(|count| ("count", count.to_string())));
                ask::<Changed>(&proxy, "/api/monitor/prune", &query)?.count
            }
            Keeper::Own(_, mut writer) => {
                let mut deleted = 0;
                loop {
                    match writer.prune(&limits.now())? {
                        0 => break,
                        some => deleted += some as u64,
                    }
                }
                writer.idle()?;
                deleted
            }
        };
        print(|out| Ok(writeln!(out, "{deleted} requests deleted")?))
    }
}

/// Delete recorded requests: all that have ended, or those that a filter means
#[derive(Debug, Args)]
pub(super) struct Clear {
    /// The filter language
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[arg(skip)]
    flags: Flags,
}

impl Clear {
    pub(super) fn with(self, flags: Flags) -> Clear {
        Clear { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let filter = filter(&self.filter)?;
        let source = Source::find(&self.flags)?;
        let count = source.read()?.stats(&filter)?.total;
        if !self.yes && count > 0 && !confirmed(count)? {
            return print(|out| Ok(writeln!(out, "nothing deleted")?));
        }
        let deleted = match source.keeper()? {
            Keeper::Server(proxy) => {
                ask::<Changed>(&proxy, "/api/monitor/clear", &[("q", filter.to_string())])?.count
            }
            Keeper::Own(_, mut writer) => writer.delete(&filter)? as u64,
        };
        print(|out| Ok(writeln!(out, "{deleted} requests deleted")?))
    }
}

fn confirmed(count: u64) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("{count} requests would be deleted for good\nhint: add --yes if that is meant");
    }
    eprint!("Delete {count} requests for good? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A bar on a terminal; nothing elsewhere. `total` may become known later.
pub(super) fn requests_bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} requests, {eta} left") {
        bar.set_style(style);
    }
    bar
}
