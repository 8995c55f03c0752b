//! One row of figures an exchange, as RFC 4180 has it. No cell is read as a formula by a spreadsheet.

use super::{Format, Item, Opening};
use crate::view;
use std::borrow::Cow;
use std::io::{self, Write};

const COLUMNS: [&str; 34] = [
    "id",
    "timestamp",
    "method",
    "url",
    "status",
    "outcome",
    "http_status",
    "model",
    "served_model",
    "stream",
    "stop_reason",
    "request_id",
    "session",
    "session_source",
    "agent",
    "agent_type",
    "class",
    "duration_ms",
    "first_byte_ms",
    "first_token_ms",
    "events",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_creation_5m_tokens",
    "cache_creation_1h_tokens",
    "thinking_tokens",
    "total_input_tokens",
    "request_bytes",
    "response_bytes",
    "tools",
    "capture_complete",
    "error_type",
    "error",
];

/// A head line, then a row an exchange. Lines end with CR LF.
pub(super) struct Csv;

impl Format for Csv {
    fn content_type(&self) -> &'static str {
        "text/csv; charset=utf-8; header=present"
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn begin(&mut self, out: &mut dyn Write, _: &Opening) -> io::Result<()> {
        row(out, &COLUMNS.map(str::to_owned))
    }

    fn exchange(&mut self, out: &mut dyn Write, item: &Item<'_>) -> io::Result<()> {
        let exchange = &item.recorded.exchange;
        let shown = view::row(exchange);
        let agent = exchange.agent.clone().unwrap_or_default();
        let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
        let time = |value: Option<f64>| value.map(|value| format!("{value:.3}")).unwrap_or_default();
        let usage = &exchange.usage;
        let session = exchange.session.as_ref();
        let error = exchange.error.as_ref();
        let cells: [String; COLUMNS.len()] = [
            shown.id,
            shown.timestamp,
            shown.method,
            shown.url,
            exchange.status().as_str().to_owned(),
            shown.outcome.unwrap_or_default().to_owned(),
            shown.http_status.map(|status| status.to_string()).unwrap_or_default(),
            shown.model.unwrap_or_default(),
            shown.served_model.unwrap_or_default(),
            shown.stream.to_string(),
            shown.stop_reason.unwrap_or_default(),
            shown.request_id.unwrap_or_default(),
            session.map(|session| session.id.clone()).unwrap_or_default(),
            session.map(|session| session.source.as_str().to_owned()).unwrap_or_default(),
            agent.id.unwrap_or_default(),
            agent.kind.unwrap_or_default(),
            exchange.request_class.as_ref().map(|class| class.value.clone()).unwrap_or_default(),
            time(shown.metrics.duration),
            time(shown.metrics.first_chunk_time),
            time(shown.metrics.first_token_time),
            exchange.event_count.to_string(),
            number(usage.input),
            number(usage.output),
            number(usage.cache_read),
            number(usage.cache_creation_5m),
            number(usage.cache_creation_1h),
            number(usage.thinking),
            number(usage.total_input),
            exchange.request_bytes.to_string(),
            exchange.response_bytes.to_string(),
            exchange.tools.join(" "),
            exchange.capture.complete.to_string(),
            error.map(|error| error.kind.clone()).unwrap_or_default(),
            error.map(|error| error.message.clone()).unwrap_or_default(),
        ];
        row(out, &cells)
    }

    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

fn row(out: &mut dyn Write, cells: &[String]) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(cells.iter().map(|cell| harmless(cell).into_owned()))?;
    writer.flush()
}

/// A cell that begins like a formula gets an apostrophe before it, which spreadsheets show as text.
fn harmless(cell: &str) -> Cow<'_, str> {
    let first = cell.trim_start_matches(' ').chars().next();
    match first {
        Some(
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}',
        ) => Cow::Owned(format!("'{cell}")),
        _ => Cow::Borrowed(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::Recorded;
    use store::{Exchange, Failure};

    #[test]
    fn cells_come_back_and_none_is_a_formula() {
        let cases = [
            ("plain", "plain"),
            ("a,b \"c\"\r\nd", "a,b \"c\"\r\nd"),
            ("=1+1", "'=1+1"),
            (" @SUM(A1)", "' @SUM(A1)"),
            ("-2", "'-2"),
            ("\tx", "'\tx"),
            ("", ""),
        ];
        for (message, expected) in cases {
            let error = Some(Failure { kind: "k".into(), message: message.into() });
            let exchange = Exchange { error, ..Exchange::default() };
            let item = Item::made(Recorded { exchange, ..Recorded::default() });
            let mut out = Vec::new();
            Csv.begin(&mut out, &Opening::default()).unwrap();
            Csv.exchange(&mut out, &item).unwrap();
            Csv.end(&mut out).unwrap();
            let mut reader = csv::Reader::from_reader(out.as_slice());
            assert_eq!(reader.headers().unwrap().len(), COLUMNS.len());
            let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
            assert_eq!(rows.len(), 1);
            assert_eq!(&rows[0][COLUMNS.len() - 1], expected);
            assert!(out.ends_with(b"\r\n"));
        }
    }
}
