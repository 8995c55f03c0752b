//! `list`, `search`, `tail`: exchanges as lines.

use super::source::{Source, filter, print, print_on};
use super::table::{HEAD, Mark, Style, harmless, line};
use crate::config::Flags;
use crate::view;
use clap::Args;
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;
use store::{Cursor, Exchange, Filter, Listing, Page, Store};
use uuid::Uuid;

/// How often `tail` looks for what is new.
const LOOK: Duration = Duration::from_millis(250);

/// Places that `search` shows of each exchange.
const PLACES: usize = 3;

/// List recorded requests, the newest first
#[derive(Debug, Args)]
pub(super) struct List {
    /// The filter language: status:error model:claude-opus* since:2h
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// How many
    #[arg(long, short, default_value_t = 20)]
    number: u64,
    /// Go on where an earlier list has ended (it says how)
    #[arg(long)]
    cursor: Option<Cursor>,
    /// One JSON object a line, as the API answers it
    #[arg(long)]
    json: bool,
    #[arg(skip)]
    flags: Flags,
}

impl List {
    pub(super) fn with(self, flags: Flags) -> List {
        List { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let filter = filter(&self.filter)?;
        let store = Source::find(&self.flags)?.read()?;
        let page = Page { number: 1, size: self.number, after: self.cursor };
        let listing = store.list(&filter, &page)?;
        let style = Style::of_output();
        print(|out| {
            if self.json {
                return rows(&listing.rows, out);
            }
            if listing.total == 0 {
                writeln!(out, "nothing recorded that matches")?;
                return Ok(());
            }
            writeln!(out, "{}", style.mark(Mark::Bold, HEAD))?;
            for exchange in &listing.rows {
                writeln!(out, "{}", line(exchange, style))?;
            }
            if let Some(next) = listing.next {
                let more =
                    format!("{} of {}; go on with --cursor {next}", listing.rows.len(), total(&listing));
                writeln!(out, "{}", style.mark(Mark::Dim, &more))?;
            }
            Ok(())
        })
    }
}

/// How many match, as far as that was counted.
fn total(listing: &Listing) -> String {
    let at_least = if listing.exact { "" } else { "at least " };
    format!("{at_least}{}", listing.total)
}

fn rows(exchanges: &[Exchange], out: &mut dyn Write) -> anyhow::Result<()> {
    for exchange in exchanges {
        writeln!(out, "{}", serde_json::to_string(&view::row(exchange))?)?;
    }
    Ok(())
}

/// Find a text in prompts, answers, thinking, tool input and results
#[derive(Debug, Args)]
pub(super) struct Search {
    /// The words, one after the other; the last may end with *
    text: String,
    /// Only among these: the filter language
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// How many requests
    #[arg(long, short, default_value_t = 20)]
    number: u64,
    /// One JSON object a line: the request's row, and where the text stands
    #[arg(long)]
    json: bool,
    #[arg(skip)]
    flags: Flags,
}

impl Search {
    pub(super) fn with(self, flags: Flags) -> Search {
        Search { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let filter = filter(&self.filter)?.and(Filter::text(&self.text));
        let store = Source::find(&self.flags)?.read()?;
        let listing = store.list(&filter, &Page::numbered(1, self.number))?;
        let ids: Vec<Uuid> = listing.rows.iter().map(|row| row.id).collect();
        let places = store.excerpts(&ids, &self.text, PLACES)?;
        let style = Style::of_output();
        print(|out| {
            for (exchange, excerpts) in listing.rows.iter().zip(&places) {
                if self.json {
                    let excerpts: Vec<_> = excerpts.iter().map(view::excerpt).collect();
                    let found = serde_json::json!({"request": view::row(exchange), "excerpts": excerpts});
                    writeln!(out, "{found}")?;
                    continue;
                }
                writeln!(out, "{}", line(exchange, style))?;
                for excerpt in excerpts {
                    writeln!(out, "    {}: {}", excerpt.side.as_str(), highlighted(excerpt, style))?;
                }
            }
            if !self.json {
                let shown = listing.rows.len();
                writeln!(
                    out,
                    "{}",
                    style.mark(Mark::Dim, &format!("{shown} of {} requests", total(&listing)))
                )?;
            }
            Ok(())
        })
    }
}

fn highlighted(excerpt: &store::Excerpt, style: Style) -> String {
    let mut shown = String::new();
    let mut at = 0;
    for mark in &excerpt.marks {
        shown.push_str(&harmless(&excerpt.text[at..mark.start]));
        shown.push_str(&style.mark(Mark::Yellow, &harmless(&excerpt.text[mark.clone()])));
        at = mark.end;
    }
    shown.push_str(&harmless(&excerpt.text[at..]));
    shown
}

/// Show requests as they end, until Ctrl-C
#[derive(Debug, Args)]
pub(super) struct Tail {
    /// The filter language
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// Also when they start
    #[arg(long)]
    starts: bool,
    /// One JSON object a line, as the API answers it
    #[arg(long)]
    json: bool,
    #[arg(skip)]
    flags: Flags,
}

impl Tail {
    pub(super) fn with(self, flags: Flags) -> Tail {
        Tail { flags, ..self }
    }

    /// Looks at the record itself, so it goes on whatever becomes of the proxy.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let filter = filter(&self.filter)?;
        let store = Source::find(&self.flags)?.read()?;
        let style = Style::of_output();
        let mut watch = Watch::begin(&store)?;
        loop {
            let news = watch.news(&store, &filter)?;
            let shown = news.iter().filter(|exchange| self.starts || exchange.outcome.is_some());
            let somebody_reads = print_on(|out| {
                for exchange in shown {
                    match self.json {
                        true => rows(std::slice::from_ref(exchange), out)?,
                        false => writeln!(out, "{}", line(exchange, style))?,
                    }
                }
                Ok(())
            })?;
            if !somebody_reads {
                return Ok(ExitCode::SUCCESS);
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// What `tail` has seen.
struct Watch {
    /// What was there at the beginning.
    since_us: i64,
    seen: HashSet<Uuid>,
    running: HashMap<Uuid, ()>,
}

impl Watch {
    fn begin(store: &Store) -> anyhow::Result<Watch> {
        let since_us = jiff::Timestamp::now().as_microsecond();
        let pending = Filter::status(store::Status::Pending);
        let running = store.list(&pending, &Page::numbered(1, 10_000))?.rows;
        Ok(Watch {
            since_us,
            seen: HashSet::new(),
            running: running.iter().map(|row| (row.id, ())).collect(),
        })
    }

    /// What has begun or ended since the last look, the oldest first.
    fn news(&mut self, store: &Store, filter: &Filter) -> anyhow::Result<Vec<Exchange>> {
        let mut news = Vec::new();
        for id in self.running.keys().copied().collect::<Vec<_>>() {
            match store.get(id)? {
                Some(exchange) if exchange.outcome.is_none() => {}
                ended => {
                    self.running.remove(&id);
                    news.extend(ended);
                }
            }
        }
        let since = Filter::since_us(self.since_us);
        for exchange in store.list(&since, &Page::numbered(1, 10_000))?.rows {
            if self.seen.insert(exchange.id) {
                if exchange.outcome.is_none() {
                    self.running.insert(exchange.id, ());
                }
                news.push(exchange);
            }
        }
        // Whether it matches is asked of the store, as everywhere.
        let matching = |exchange: &Exchange| {
            let one = Filter::since_us(exchange.started_us).and(Filter::until_us(exchange.started_us + 1));
            let found = store.list(&one.and(filter.clone()), &Page::numbered(1, 100))?;
            anyhow::Ok(found.rows.iter().any(|row| row.id == exchange.id))
        };
        let mut told = Vec::new();
        for exchange in news {
            if filter.is_all() || matching(&exchange)? {
                told.push(exchange);
            }
        }
        told.sort_by_key(|exchange| exchange.started_us);
        // What began a minute ago was seen; what is older than that cannot come anew.
        let horizon = jiff::Timestamp::now().as_microsecond() - 60_000_000;
        if horizon > self.since_us {
            self.since_us = horizon;
            self.seen.clear();
            self.seen.extend(
                store
                    .list(&Filter::since_us(horizon), &Page::numbered(1, 10_000))?
                    .rows
                    .iter()
                    .map(|row| row.id),
            );
        }
        Ok(told)
    }
}
