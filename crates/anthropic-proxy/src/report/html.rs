//! The report as one page: it loads nothing, escapes all that was recorded, and can be printed or kept as a file.

use super::Writer;
use super::request::Shown;
use super::types::{Filling, Line, Report};
use askama::Template;
use std::io::{self, Write};

/// A head with the figures, then one fold a request.
pub(super) struct Html {
    nonce: String,
}

impl Html {
    /// `nonce` is what its own style and script carry; whoever serves the page names it in the policy.
    pub(super) fn new(nonce: String) -> Html {
        Html { nonce }
    }
}

impl Writer for Html {
    fn begin(&mut self, out: &mut dyn Write, report: &Report) -> io::Result<()> {
        let fillings = [
            ("What fills the context", report.context.items.as_slice()),
            ("Tools that nothing called", report.context.unused.as_slice()),
        ];
        let lists = [
            ("Slowest", report.slowest.as_slice()),
            ("Dearest, $", report.dearest.as_slice()),
            ("Fell silent", report.stalls.as_slice()),
        ];
        put(out, &Head { nonce: &self.nonce, report, figures: report.figures(), fillings, lists })
    }

    fn request(&mut self, out: &mut dyn Write, shown: &Shown) -> io::Result<()> {
        put(out, &Row { shown, duration: duration(shown), tokens: tokens(shown), full: full(shown) })
    }

    fn end(&mut self, out: &mut dyn Write, _: &Report) -> io::Result<()> {
        put(out, &Tail { nonce: &self.nonce })
    }
}

fn put(out: &mut dyn Write, template: &impl Template) -> io::Result<()> {
    let text = template.render().map_err(io::Error::other)?;
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")
}

#[derive(Template)]
#[template(path = "report/head.html")]
struct Head<'a> {
    nonce: &'a str,
    report: &'a Report,
    figures: Vec<(&'static str, String)>,
    fillings: [(&'static str, &'a [Filling]); 2],
    lists: [(&'static str, &'a [Line]); 3],
}

#[derive(Template)]
#[template(path = "report/request.html")]
struct Row<'a> {
    shown: &'a Shown,
    duration: String,
    tokens: String,
    /// All of it, as JSON.
    full: String,
}

#[derive(Template)]
#[template(path = "report/tail.html")]
struct Tail<'a> {
    nonce: &'a str,
}

fn duration(shown: &Shown) -> String {
    shown.row.metrics.duration.map(|ms| format!("{ms:.0} ms")).unwrap_or_default()
}

fn tokens(shown: &Shown) -> String {
    let metrics = &shown.row.metrics;
    match (metrics.total_input_tokens, metrics.output_tokens) {
        (0, 0) => String::new(),
        (input, output) => format!("{input} / {output} tokens"),
    }
}

fn full(shown: &Shown) -> String {
    serde_json::to_string_pretty(shown).unwrap_or_default()
}
