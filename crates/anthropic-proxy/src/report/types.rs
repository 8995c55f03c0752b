//! What a report says, as programs read it.

use super::Writer;
use super::request::Shown;
use crate::view::types::StatsAnswer;
use serde::Serialize;
use std::io::{self, Write};
use utoipa::ToSchema;

/// Everything but the requests themselves. Money is exact decimals in US dollars, a list-price estimate.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) title: String,
    /// When it was made, ISO 8601 in UTC.
    pub(crate) made: String,
    /// The filter in the reader's words; empty: everything.
    pub(crate) filters: String,
    /// Begin of the first and of the last request, ISO 8601 in UTC; null if there are none.
    pub(crate) period: Option<Period>,
    pub(crate) totals: StatsAnswer,
    /// Characters that users wrote, and of the answers' texts; repeats of earlier turns do not count.
    pub(crate) characters: Characters,
    /// A guess from the first words and the tools.
    pub(crate) types: Vec<Share>,
    pub(crate) tools: Vec<Share>,
    pub(crate) models: Vec<Model>,
    /// Models without a price; their requests are in no sum of money.
    pub(crate) unpriced: Vec<Unpriced>,
    /// The dearest.
    pub(crate) sessions: Vec<Session>,
    pub(crate) cache: Cache,
    /// What fills the context.
    pub(crate) context: Context,
    pub(crate) errors: Vec<ReportError>,
    /// The slowest to their end.
    pub(crate) slowest: Vec<Line>,
    pub(crate) dearest: Vec<Line>,
    /// Answers that fell silent for 20 seconds or longer.
    pub(crate) stalls: Vec<Line>,
    /// What could be done, by what it would save.
    pub(crate) advice: Vec<Advice>,
    /// Requests that follow one by one; all count in the figures.
    pub(crate) shown: u64,
}

impl Report {
    /// The figures on top, by name.
    pub(super) fn figures(&self) -> Vec<(&'static str, String)> {
        let totals = &self.totals;
        let average = |sum: u64| match totals.success_count {
            0 => "–".to_owned(),
            count => (sum / count).to_string(),
        };
        let milliseconds = |ms: Option<f64>| ms.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.0} ms"));
        vec![
            ("Requests", totals.total_requests.to_string()),
            ("Successes", totals.success_count.to_string()),
            ("Errors", totals.error_count.to_string()),
            ("Success rate", totals.success_rate.clone()),
            ("Cost, estimated", format!("${}", totals.total_cost)),
            ("Average duration", totals.avg_duration.clone()),
            ("95th percentile", milliseconds(totals.p95_duration_ms)),
            ("First token, median", milliseconds(totals.p50_first_token_ms)),
            ("Characters in", self.characters.written.to_string()),
            ("Characters out", self.characters.answered.to_string()),
            ("Tokens in, fresh", totals.total_input_tokens.to_string()),
            ("Read from cache", totals.cache_read_tokens.to_string()),
            ("Written to cache", totals.cache_write_tokens.to_string()),
            ("Tokens out", totals.total_output_tokens.to_string()),
            ("Average tokens in", average(totals.total_input_tokens)),
            ("Average tokens out", average(totals.total_output_tokens)),
        ]
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Period {
    pub(crate) from: String,
    pub(crate) to: String,
}

#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Characters {
    #[serde(rename = "in")]
    pub(crate) written: u64,
    #[serde(rename = "out")]
    pub(crate) answered: u64,
}

/// How many requests there are of something.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Share {
    pub(crate) name: String,
    pub(crate) count: u64,
    /// Of all that were counted, 0 to 1.
    pub(crate) share: f64,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) requests: u64,
    /// Fresh, written and read input together.
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cost: String,
    /// Requests of it that are not in `cost`.
    pub(crate) unpriced: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Unpriced {
    pub(crate) model: String,
    pub(crate) requests: u64,
    pub(crate) reason: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    pub(crate) id: String,
    /// Its first words.
    pub(crate) title: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) requests: u64,
    pub(crate) cost: String,
}

#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cache {
    /// Read of all input, 0 to 1; null if there was none.
    pub(crate) rate: Option<f64>,
    /// What reads saved less what writes cost beyond plain input.
    pub(crate) net_saving: String,
    pub(crate) lost_tokens: u64,
    pub(crate) lost_cost: String,
    /// Why it was missed, the dearest cause first.
    pub(crate) causes: Vec<Cause>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cause {
    pub(crate) cause: &'static str,
    pub(crate) count: u64,
    pub(crate) lost_tokens: u64,
    pub(crate) lost_cost: String,
    /// Ids of requests, the dearest first.
    pub(crate) examples: Vec<String>,
}

/// What the prompts were made of, an estimate: measured tokens shared out by the bytes of each part.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Context {
    /// Requests that were looked into, the newest.
    pub(crate) read: u64,
    /// Whether there were more.
    pub(crate) more: bool,
    /// The dearest parts.
    pub(crate) items: Vec<Filling>,
    /// Tools that were defined and that nothing called.
    pub(crate) unused: Vec<Filling>,
    /// What all of those cost.
    pub(crate) unused_cost: String,
}

/// One thing in the context.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Filling {
    /// `tool`, `system`, `instructions`, `tool_result`, …
    pub(crate) category: &'static str,
    pub(crate) name: String,
    /// Requests that had it.
    pub(crate) requests: u64,
    /// In all of them.
    pub(crate) tokens: u64,
    pub(crate) cost: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportError {
    pub(crate) kind: String,
    pub(crate) count: u64,
    /// Of the newest.
    pub(crate) message: String,
    /// Ids of requests, the newest first.
    pub(crate) examples: Vec<String>,
}

/// One request in a list of the report.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) model: String,
    /// What was asked, its beginning.
    pub(crate) words: String,
    /// Why it is in the list: a time, an amount.
    pub(crate) value: String,
}

/// What could be done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Advice {
    /// Which rule says it, for pages in other languages: a cause of cache misses, `unused_tools`, `throttled`, `stalled`, `cut_short`,
    /// `retries`.
    pub(crate) kind: &'static str,
    /// Requests that it is seen from; of `unused_tools` the tools.
    pub(crate) count: u64,
    /// What it took; null where tokens do not say it.
    pub(crate) tokens: Option<u64>,
    /// Of `unused_tools`: some.
    pub(crate) names: Vec<String>,
    pub(crate) what: String,
    /// What was seen that says so.
    pub(crate) evidence: String,
    /// Ids of requests that show it.
    pub(crate) examples: Vec<String>,
    /// What it cost in what was looked at; null where money does not say it.
    pub(crate) cost: Option<String>,
}

/// One object: the figures, then `requests`.
#[derive(Default)]
pub(super) struct Json {
    begun: bool,
}

impl Writer for Json {
    fn begin(&mut self, out: &mut dyn Write, report: &Report) -> io::Result<()> {
        let figures = serde_json::to_string(report)?;
        // The object stays open for the requests.
        out.write_all(figures.strip_suffix('}').unwrap_or(&figures).as_bytes())?;
        out.write_all(b",\"requests\":[")
    }

    fn request(&mut self, out: &mut dyn Write, shown: &Shown) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            out.write_all(b",")?;
        }
        out.write_all(b"\n")?;
        serde_json::to_writer(out, shown).map_err(io::Error::from)
    }

    fn end(&mut self, out: &mut dyn Write, _: &Report) -> io::Result<()> {
        out.write_all(b"]}\n")
    }
}
