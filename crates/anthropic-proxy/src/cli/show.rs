//! `show`: one exchange, readable in a terminal.

use super::source::{Source, print};
use super::table::harmless;
use crate::config::Flags;
use crate::export::{self, Kind, Opening, Options, Which};
use crate::recorded::Recorded;
use crate::view;
use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use jiff::Zoned;
use std::process::ExitCode;
use store::{Exchange, Filter, Page, Side, Store};

/// Show one request: what was asked, what was answered, what it cost
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its id, the beginning of it, or `last`
    id: String,
    /// Everything as JSON, as the API answers it
    #[arg(long)]
    json: bool,
    /// Only the exact bytes of a body
    #[arg(long, value_enum, conflicts_with = "json")]
    body: Option<WhichBody>,
    #[arg(skip)]
    flags: Flags,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WhichBody {
    Request,
    Response,
}

impl Show {
    pub(super) fn with(self, flags: Flags) -> Show {
        Show { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let store = Source::find(&self.flags)?.read()?;
        let exchange = find(&store, &self.id)?;
        if let Some(which) = self.body {
            let side = match which {
                WhichBody::Request => Side::Request,
                WhichBody::Response => Side::Response,
            };
            return print(|out| {
                store.read_body(exchange.id, side, &mut |bytes| out.write_all(bytes)).map_err(|error| {
                    match error {
                        store::Error::Sink(error) => anyhow::Error::from(error),
                        other => other.into(),
                    }
                })?;
                Ok(())
            });
        }
        if self.json {
            let recorded = Recorded::load(&store, exchange)?;
            let detail = view::detail(recorded, view::EVERYTHING);
            return print(|out| Ok(writeln!(out, "{}", serde_json::to_string_pretty(&detail)?)?));
        }
        let mut text = Vec::new();
        let options = Options { kind: Kind::Markdown, redactor: None, without_bodies: false };
        let opening = Opening { total: 1, made_us: exchange.started_us, ..Opening::default() };
        export::write(&store, Which::One(Box::new(exchange)), &options, opening, &mut text, &mut |_| {})?;
        print(|out| Ok(out.write_all(harmless(&String::from_utf8_lossy(&text)).as_bytes())?))
    }
}

/// The one exchange that is meant.
///
/// # Errors
/// When there is none, or several.
pub(super) fn find(store: &Store, id: &str) -> anyhow::Result<Exchange> {
    let filter = match id {
        "last" => Filter::default(),
        _ => Filter::parse(&format!("id:\"{}\"", id.replace('"', "")), &Zoned::now())?,
    };
    let listing = store.list(&filter, &Page::numbered(1, 1))?;
    let found = listing.rows.first().with_context(|| {
        format!("there is no request {id}\nhint: `anthropic-proxy list` shows ids; their beginning is enough")
    })?;
    if id != "last" && listing.total > 1 {
        bail!("{} requests begin with {id}\nhint: write more of the id", listing.total);
    }
    store.get(found.id)?.context("the request was deleted this very moment")
}
