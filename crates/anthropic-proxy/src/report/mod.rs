//! The analysis report: what was spent on what, why the cache missed, what failed, what was slow, what to do about it; then every
//! request. One file, written as it is read: sums first, then one request after the other.

mod advice;
mod filling;
mod html;
mod markdown;
mod request;
mod sums;
mod types;

use crate::bills;
use crate::export::Redactor;
use crate::recorded::Recorded;
use crate::view::types::StatsAnswer;
use request::Shown;
use std::io::{self, Write};
use std::ops::ControlFlow;
use store::{Exchange, Filter, Store};
use sums::Sums;
pub(crate) use types::Report;

/// Requests that are shown one by one unless more are asked for; all count in the figures.
const SHOWN: u64 = 1_000;

/// Requests whose prompts are taken apart for what fills the context, the newest.
const LOOKED_INTO: u64 = 500;

/// What the report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Form {
    /// One page that needs nothing else and can be printed.
    #[default]
    Html,
    /// Text to read or to paste.
    Markdown,
    /// For programs.
    Json,
}

impl Form {
    /// The one with that name or file extension.
    ///
    /// # Errors
    /// A sentence for people that names what there is.
    pub(crate) fn from_name(name: &str) -> Result<Form, String> {
        match name {
            "html" => Ok(Form::Html),
            "markdown" | "md" => Ok(Form::Markdown),
            "json" => Ok(Form::Json),
            _ => Err(format!("a report as {name:?} is not known\nhint: use one of html, markdown, json")),
        }
    }

    /// The media type of the file.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Form::Html => "text/html; charset=utf-8",
            Form::Markdown => "text/markdown; charset=utf-8",
            Form::Json => "application/json",
        }
    }
}

/// What is to be reported, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) form: Form,
    /// How many requests are shown one by one, the newest; `None`: as many as usual.
    pub(crate) requests: Option<u64>,
    /// Takes personal things out.
    pub(crate) redactor: Option<Redactor>,
    /// The filter in the reader's words; empty: everything.
    pub(crate) filters: String,
    /// Of an HTML page, what its own style and script carry.
    pub(crate) nonce: String,
}

/// Reads how many requests are asked for: a number, or `all`; nothing is as many as usual.
///
/// # Errors
/// A sentence for people.
pub(crate) fn count(text: &str) -> Result<Option<u64>, String> {
    match text {
        "" => Ok(None),
        "all" => Ok(Some(u64::MAX)),
        number => number
            .parse()
            .map(Some)
            .map_err(|_| format!("{number:?} is no number of requests\nhint: write a number, or all")),
    }
}

/// How one form is written.
trait Writer {
    fn begin(&mut self, out: &mut dyn Write, report: &Report) -> io::Result<()>;
    fn request(&mut self, out: &mut dyn Write, shown: &Shown) -> io::Result<()>;
    fn end(&mut self, out: &mut dyn Write, report: &Report) -> io::Result<()>;
}

/// Writes the report over what matches; `totals` are the figures of exactly that.
///
/// # Errors
/// When the store cannot be read, or `out` takes no more.
pub(crate) fn write(
    store: &Store,
    filter: &Filter,
    totals: StatsAnswer,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut sums = Sums::default();
    each(store, filter, &mut |exchange| {
        match &options.redactor {
            Some(redactor) => {
                let mut bare = Recorded { exchange, ..Recorded::default() };
                redactor.exchange(&mut bare);
                sums.take(&bare.exchange);
            }
            None => sums.take(&exchange),
        }
        Ok(true)
    })?;
    let shown = options.requests.unwrap_or(SHOWN);
    let bills = bills::of_many(store, filter, LOOKED_INTO).map_err(io::Error::other)?;
    let context = filling::of(&bills, options.redactor.as_ref());
    let report = sums.into_report(totals, context, options, shown);
    let mut writer: Box<dyn Writer> = match options.form {
        Form::Html => Box::new(html::Html::new(options.nonce.clone())),
        Form::Markdown => Box::new(markdown::Markdown),
        Form::Json => Box::new(types::Json::default()),
    };
    writer.begin(out, &report)?;
    let mut number = 0;
    if shown > 0 {
        each(store, filter, &mut |exchange| {
            number += 1;
            let mut recorded = Recorded::load(store, exchange).map_err(io::Error::other)?;
            if let Some(redactor) = &options.redactor {
                redactor.exchange(&mut recorded);
            }
            writer.request(out, &request::shown(number, &recorded))?;
            Ok(number < shown)
        })?;
    }
    writer.end(out, &report)
}

/// Visits what matches, newest first, until `visit` fails or has seen enough.
fn each(
    store: &Store,
    filter: &Filter,
    visit: &mut dyn FnMut(Exchange) -> io::Result<bool>,
) -> io::Result<()> {
    let mut result = Ok(true);
    let visited = store.each(filter, &mut |exchange| {
        result = visit(exchange);
        if matches!(result, Ok(true)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    result.and(visited.map_err(io::Error::other))
}
