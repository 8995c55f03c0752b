//! One page that shows everything offline: it loads nothing, runs nothing, and escapes all that was recorded.

use super::conversation::{self, Part, Turn};
use super::{Format, Item, Opening};
use crate::view;
use askama::Template;
use std::io::{self, Write};
use uuid::Uuid;

/// An article an exchange.
pub(super) struct Html;

impl Format for Html {
    fn content_type(&self) -> &'static str {
        "text/html; charset=utf-8"
    }

    fn extension(&self) -> &'static str {
        "html"
    }

    fn begin(&mut self, out: &mut dyn Write, opening: &Opening) -> io::Result<()> {
        let head = Head {
            nonce: Uuid::new_v4().simple().to_string(),
            made: view::iso(opening.made_us),
            redacted: opening.redacted,
        };
        put(out, &head)
    }

    fn exchange(&mut self, out: &mut dyn Write, item: &Item<'_>) -> io::Result<()> {
        put(out, &article(item))
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"</body>\n</html>\n")
    }
}

fn put(out: &mut dyn Write, template: &impl Template) -> io::Result<()> {
    let text = template.render().map_err(io::Error::other)?;
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")
}

#[derive(Template)]
#[template(path = "export/head.html")]
struct Head {
    nonce: String,
    made: String,
    redacted: bool,
}

#[derive(Template)]
#[template(path = "export/exchange.html")]
struct Article {
    title: String,
    timestamp: String,
    status: &'static str,
    facts: Vec<(&'static str, String)>,
    missing: Vec<String>,
    error: String,
    turns: Vec<ShownTurn>,
    headers: Vec<(&'static str, store::Headers)>,
    /// When and what, of a stream.
    events: Vec<(String, String)>,
}

struct ShownTurn {
    who: String,
    parts: Vec<ShownPart>,
}

struct ShownPart {
    /// Empty: the text stands for itself.
    label: String,
    open: bool,
    text: String,
}

fn article(item: &Item<'_>) -> Article {
    let recorded = &item.recorded;
    let exchange = &recorded.exchange;
    let conversation = conversation::read(item);
    let mut turns: Vec<_> = conversation.asked.into_iter().map(|turn| shown(turn, None)).collect();
    turns.extend(conversation.answered.map(|turn| shown(turn, Some("answer"))));
    let mut facts = conversation::facts(exchange);
    if !conversation.tools.is_empty() {
        facts.push(("tools offered", conversation.tools.join(", ")));
    }
    let events = match &recorded.response {
        Some(body) => view::read_answer(exchange, &body.bytes, &recorded.frames).0,
        None => Vec::new(),
    };
    let headers = [
        ("headers of the request", exchange.request_headers.clone()),
        ("trailers of the request", exchange.request_trailers.clone()),
        ("headers of the answer", exchange.response_headers.clone()),
        ("trailers of the answer", exchange.response_trailers.clone()),
    ];
    Article {
        title: exchange.model.clone().unwrap_or_else(|| format!("{} {}", exchange.method, exchange.url)),
        timestamp: view::iso(exchange.started_us),
        status: exchange.status().as_str(),
        facts,
        missing: conversation.missing,
        error: exchange
            .error
            .as_ref()
            .map(|error| format!("{}: {}", error.kind, error.message))
            .unwrap_or_default(),
        turns,
        headers: headers.into_iter().filter(|(_, headers)| !headers.is_empty()).collect(),
        events: events
            .into_iter()
            .map(|event| (format!("{}.{:03} ms", event.at_us / 1000, event.at_us % 1000), event.data))
            .collect(),
    }
}

fn shown(turn: Turn, title: Option<&str>) -> ShownTurn {
    let mut parts = Vec::new();
    for part in turn.parts {
        put_part(&mut parts, part);
    }
    ShownTurn { who: title.map_or(turn.who, str::to_owned), parts }
}

fn put_part(shown: &mut Vec<ShownPart>, part: Part) {
    let folded = |label: String, open, text| ShownPart { label, open, text };
    match part {
        Part::Text(text) => shown.push(folded(String::new(), true, text)),
        Part::Thinking(text) => shown.push(folded("thinking".to_owned(), false, text)),
        Part::Call { name, id, input } => shown.push(folded(format!("calls {name} ({id})"), true, input)),
        Part::Result { id, failed, parts } => {
            let what = if failed { "failed" } else { "result" };
            for part in parts {
                match part {
                    Part::Text(text) => shown.push(folded(format!("{what} ({id})"), false, text)),
                    other => put_part(shown, other),
                }
            }
        }
        Part::Other { kind, text } => shown.push(folded(kind, false, text)),
    }
}
