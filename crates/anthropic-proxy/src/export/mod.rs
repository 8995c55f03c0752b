//! Exchanges as files: one trait, one small file a format, written as they are read, in little memory whatever their number.

mod conversation;
mod csv;
mod curl;
mod har;
mod html;
mod item;
mod json;
pub(crate) mod markdown;
mod redact;

pub(crate) mod bundle;

pub(crate) use item::Item;
pub(crate) use redact::Redactor;

use std::io::{self, Write};
use std::ops::ControlFlow;
use store::{Exchange, Filter, Store};

/// A format that exchanges are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    /// One object: figures, then every exchange with everything.
    #[default]
    Json,
    /// One exchange a line.
    Jsonl,
    /// One row of figures an exchange.
    Csv,
    /// HTTP Archive 1.2, for browser tools.
    Har,
    /// Conversations to read.
    Markdown,
    /// One page that shows everything offline.
    Html,
    /// Shell commands that repeat the requests.
    Curl,
    /// The lossless compressed form that `import` takes back.
    Bundle,
}

impl Kind {
    /// All there are, by the name they are asked for.
    pub(crate) const ALL: [(&'static str, Kind); 8] = [
        ("json", Kind::Json),
        ("jsonl", Kind::Jsonl),
        ("csv", Kind::Csv),
        ("har", Kind::Har),
        ("markdown", Kind::Markdown),
        ("html", Kind::Html),
        ("curl", Kind::Curl),
        ("bundle", Kind::Bundle),
    ];

    /// The one with that name, or that file extension (`md`, `apx`, `sh`).
    ///
    /// # Errors
    /// A sentence for people that names the formats there are.
    pub(crate) fn from_name(name: &str) -> Result<Kind, String> {
        let known =
            Kind::ALL.iter().find(|(known, kind)| *known == name || kind.format().extension() == name);
        known.map(|(_, kind)| *kind).ok_or_else(|| {
            let names = Kind::ALL.map(|(name, _)| name).join(", ");
            format!("the format {name:?} is not known\nhint: use one of {names}")
        })
    }

    /// A writer of this format.
    pub(crate) fn format(self) -> Box<dyn Format> {
        match self {
            Kind::Json => Box::new(json::Json::default()),
            Kind::Jsonl => Box::new(json::Lines),
            Kind::Csv => Box::new(csv::Csv),
            Kind::Har => Box::new(har::Har::default()),
            Kind::Markdown => Box::new(markdown::Markdown),
            Kind::Html => Box::new(html::Html),
            Kind::Curl => Box::new(curl::Curl),
            Kind::Bundle => Box::new(bundle::Bundle::default()),
        }
    }
}

/// How exchanges are written one after the other. What `out` refuses ends the export.
pub(crate) trait Format {
    /// The media type of the file.
    fn content_type(&self) -> &'static str;

    /// The end of the file's name, without the dot.
    fn extension(&self) -> &'static str;

    /// Before the first exchange.
    fn begin(&mut self, out: &mut dyn Write, opening: &Opening) -> io::Result<()>;

    /// One exchange.
    fn exchange(&mut self, out: &mut dyn Write, item: &Item<'_>) -> io::Result<()>;

    /// After the last exchange. Without it the file is recognisably cut, where the format can tell.
    fn end(&mut self, out: &mut dyn Write) -> io::Result<()>;
}

/// What is to be written, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) kind: Kind,
    /// Takes personal things out.
    pub(crate) redactor: Option<Redactor>,
    /// Leaves bodies out; their sizes and hashes stay.
    pub(crate) without_bodies: bool,
}

/// What a file says about itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opening {
    /// Figures over what is written, as `/api/monitor/stats` answers them.
    pub(crate) stats: serde_json::Value,
    /// The filters, as they were asked for.
    pub(crate) filters: serde_json::Value,
    /// How many exchanges match.
    pub(crate) total: u64,
    /// When the file was made, microseconds since the Unix epoch.
    pub(crate) made_us: i64,
    /// Whether personal things were taken out. Set by [`write()`].
    pub(crate) redacted: bool,
    /// Whether bodies were left out. Set by [`write()`].
    pub(crate) without_bodies: bool,
}

/// Which exchanges are written.
#[derive(Debug, Clone)]
pub(crate) enum Which {
    /// All that match, newest first.
    Matching(Filter),
    /// This one.
    One(Box<Exchange>),
}

/// Writes a whole file; returns how many exchanges it has. `progress` is told how many, after each.
///
/// # Errors
/// When the store cannot be read, or `out` takes no more. What was written is no whole file then.
pub(crate) fn write(
    store: &Store,
    which: Which,
    options: &Options,
    mut opening: Opening,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> io::Result<u64> {
    opening.redacted = options.redactor.is_some();
    opening.without_bodies = options.without_bodies;
    let mut format = options.kind.format();
    format.begin(out, &opening)?;
    let mut written = 0;
    let mut one = |exchange: Exchange| -> io::Result<()> {
        let item = Item::prepare(store, exchange, options)?;
        format.exchange(out, &item)?;
        written += 1;
        progress(written);
        Ok(())
    };
    match which {
        Which::One(exchange) => one(*exchange)?,
        Which::Matching(filter) => {
            let mut result = Ok(());
            let visited = store.each(&filter, &mut |exchange| {
                result = one(exchange);
                if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            result.and(visited.map_err(io::Error::other))?;
        }
    }
    format.end(out)?;
    Ok(written)
}

/// What can go wrong inside `serde_json::to_writer`: mostly that `out` takes no more.
fn put_json(out: &mut dyn Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(out, value).map_err(io::Error::from)
}

#[cfg(test)]
mod tests;
