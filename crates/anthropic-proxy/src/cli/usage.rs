//! `usage`: cost, tokens and requests over time.

use super::source::{Source, filter, print};
use super::table::{Mark, Style, dollars, duration, harmless, short};
use crate::config::Flags;
use crate::usage::{self, Asked, TOP, Usage, UsageError};
use crate::view::usage as view;
use clap::Args;
use jiff::Timestamp;
use protocol::pricing::Money;
use std::io::Write;
use std::process::ExitCode;
use store::{Every, Figures, GroupValue, Series, SeriesError};

/// Show cost, tokens and requests over time, split by model, project, tool and more
#[derive(Debug, Args)]
pub(super) struct UsageOverTime {
    /// The filter language: project:*/website since:30d
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// Split by model, session, project, agentType, class, tool, client, version or credential
    #[arg(long)]
    by: Option<String>,
    /// hour, day, week or 5h (a subscription's blocks of five hours)
    #[arg(long, default_value = "day")]
    every: String,
    /// The time zone by its name, like Asia/Shanghai; this machine's unless given
    #[arg(long)]
    zone: Option<String>,
    /// How many values are told apart, the dearest
    #[arg(long, default_value_t = TOP)]
    top: u64,
    /// As JSON, as the API answers it
    #[arg(long)]
    json: bool,
    #[arg(skip)]
    flags: Flags,
}

impl UsageOverTime {
    pub(super) fn with(self, flags: Flags) -> UsageOverTime {
        UsageOverTime { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let asked = Asked { by: self.by, every: Some(self.every), zone: self.zone, top: Some(self.top) };
        let meant = filter(&self.filter)?;
        let store = Source::find(&self.flags)?.read()?;
        let found = usage::over_time(&store, &meant, &asked, Timestamp::now()).map_err(for_people)?;
        if self.json {
            let text = serde_json::to_string_pretty(&view::answer(found))?;
            return print(|out| Ok(writeln!(out, "{text}")?));
        }
        print(|out| table(found, out))
    }
}

fn for_people(error: UsageError) -> anyhow::Error {
    match error {
        UsageError::Wrong(wrong) => anyhow::anyhow!("--{wrong}\nhint: {}", wrong.hint),
        UsageError::Series(SeriesError::TooLong) => anyhow::anyhow!(
            "{}\nhint: use --every week, or filter for fewer with since:30d",
            SeriesError::TooLong
        ),
        other => other.into(),
    }
}

const HEAD: &str = "requests errors       cost  tokens in   cached  written      out      p95  first p95";

fn table(usage: Usage, out: &mut dyn Write) -> anyhow::Result<()> {
    let style = Style::of_output();
    let Usage { query, series, reasons, burn } = usage;
    let Series { buckets, totals, outside, groups, unpriced } = series;
    if totals.requests == 0 {
        return Ok(writeln!(out, "nothing recorded that matches")?);
    }
    let names: Vec<String> = groups.iter().map(|group| name(&group.value)).collect();
    writeln!(out, "{}", style.mark(Mark::Bold, &format!("{:<24}  {HEAD}", period_head(query.every))))?;
    for bucket in buckets {
        let start = view::local(bucket.period.start_us, &query.zone);
        let start = if matches!(query.every, Every::Day | Every::Week) {
            &start[..start.len().min(10)]
        } else {
            &start
        };
        writeln!(out, "{start:<24}  {}", amounts(bucket.figures))?;
        for (name, figures) in names.iter().zip(bucket.groups) {
            if figures.requests > 0 {
                writeln!(out, "{}", style.mark(Mark::Dim, &format!("  {name:<22}  {}", amounts(figures))))?;
            }
        }
    }
    writeln!(out, "{}", style.mark(Mark::Bold, &format!("{:<24}  {}", "all", amounts(totals))))?;
    for (name, group) in names.iter().zip(groups) {
        writeln!(out, "  {name:<22}  {}", amounts(group.figures))?;
    }
    if query.every == Every::Block && outside > 0 {
        writeln!(out, "{outside} of them lie in no block")?;
    }
    for (model, reason) in unpriced.iter().zip(reasons) {
        let name = harmless(model.model.as_deref().unwrap_or("no model"));
        let why = reason.map(|reason| format!(": {}", harmless(&reason))).unwrap_or_default();
        let line = format!("without a price: {} of {name}{why}", model.requests);
        writeln!(out, "{}", style.mark(Mark::Yellow, &line))?;
    }
    let mut now = format!("last hour: {}", money(burn.last_hour.cost_pico));
    if let Some((period, spent)) = &burn.block {
        now += &format!(
            "; block since {}: {}",
            view::local(period.start_us, &query.zone),
            money(spent.cost_pico)
        );
        if let Some(projected) = burn.projected(*period, spent.cost_pico) {
            now += &format!(", {} at its end if it goes on like that", money(projected));
        }
    }
    writeln!(out, "{now}")?;
    Ok(writeln!(out, "{}", style.mark(Mark::Dim, "costs are estimates by list price"))?)
}

fn period_head(every: Every) -> &'static str {
    match every {
        Every::Hour => "hour from",
        Every::Day => "day",
        Every::Week => "week from",
        Every::Block => "block from",
    }
}

fn name(value: &GroupValue) -> String {
    match value {
        GroupValue::Named(name) => harmless(name).replace(['\n', '\t'], " "),
        GroupValue::None => "none".to_owned(),
        GroupValue::Other { values } => format!("{values} others"),
    }
}

fn amounts(mut figures: Figures) -> String {
    let tokens = figures.tokens;
    let written = tokens.cache_write_5m + tokens.cache_write_1h;
    format!(
        "{:>8} {:>6} {:>10} {:>10} {:>8} {:>8} {:>8} {:>8} {:>10}",
        figures.requests,
        figures.errors,
        money(figures.cost_pico),
        short(tokens.fresh),
        short(tokens.cache_read),
        short(written),
        short(tokens.output),
        duration(figures.durations.percentile(95)),
        duration(figures.first_tokens.percentile(95)),
    )
}

fn money(pico: i128) -> String {
    dollars(Money::from_pico(pico))
}
