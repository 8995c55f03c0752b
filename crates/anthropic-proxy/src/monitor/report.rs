//! The analysis report: totals, types of request, then every request, as one page that can be printed.

use super::query::{Asked, Filters};
use super::types::{ApiProblem, StatsAnswer};
use super::view;
use super::{Failure, Monitor, blocking, stats};
use crate::analysis::request_type;
use crate::reading::header;
use crate::recorded::Recorded;
use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header as names};
use axum::response::{Html, IntoResponse, Response};
use protocol::coding;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use store::{Exchange, Filter, Store};
use uuid::Uuid;

/// Requests that are shown; older ones count in the totals only.
const SHOWN: usize = 1000;

/// Characters of a text that are shown; the rest is a click away.
const EXCERPT: usize = 4000;

/// Request bodies are read up to this size for their first user text.
const READ_LIMIT: u64 = 64 << 20;

/// The analysis report over the exchanges that match.
#[utoipa::path(get, path = "/api/monitor/analyze", params(Filters), responses(
    (status = 200, content_type = "text/html", body = String), (status = 400, body = ApiProblem)))]
pub(super) async fn analyze(
    State(monitor): State<Monitor>,
    Asked(filters): Asked<Filters>,
) -> Result<Response, Failure> {
    let filter = filters.read()?;
    let totals = stats::compute(&monitor, filter.clone()).await?;
    let nonce = Uuid::new_v4().simple().to_string();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    );
    let page = blocking(move || {
        let report = Report::over(&monitor.store, &filter, &filters, &totals, nonce)?;
        report.render().map_err(|error| {
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the report could not be made: {error}"))
        })
    })
    .await?;
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    Ok(([(names::CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response())
}

#[derive(Template)]
#[template(path = "report.html")]
struct Report {
    title: String,
    nonce: String,
    made: String,
    filters: String,
    totals: Vec<(&'static str, String)>,
    types: Vec<Kind>,
    rows: Vec<Row>,
    left_out: u64,
}

struct Kind {
    name: &'static str,
    count: u64,
    share: String,
    fraction: f64,
}

struct Row {
    number: usize,
    id: String,
    kind: &'static str,
    first_words: String,
    model: String,
    tokens: String,
    status: &'static str,
    duration: String,
    timestamp: String,
    method_and_url: String,
    tools: String,
    user_text: String,
    answer: String,
    error: String,
}

impl Report {
    fn over(
        store: &Store,
        filter: &Filter,
        filters: &Filters,
        totals: &StatsAnswer,
        nonce: String,
    ) -> Result<Report, Failure> {
        let mut sums = Sums::default();
        let mut rows = Vec::new();
        let mut failure = None;
        store.each(filter, &mut |exchange| {
            if rows.len() == SHOWN {
                return ControlFlow::Break(());
            }
            match Recorded::load(store, exchange) {
                Ok(recorded) => {
                    rows.push(sums.take(rows.len() + 1, &recorded));
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        let named = filters.describe();
        Ok(Report {
            title: if named.is_empty() {
                "Analysis report".to_owned()
            } else {
                format!("Analysis report: {named}")
            },
            nonce,
            made: view::iso(jiff::Timestamp::now().as_microsecond()),
            filters: named,
            totals: sums.totals(totals),
            types: sums.types(),
            left_out: totals.total_requests.saturating_sub(rows.len() as u64),
            rows,
        })
    }
}

/// What is added up while the rows are read.
#[derive(Default)]
struct Sums {
    characters_in: u64,
    characters_out: u64,
    types: BTreeMap<&'static str, u64>,
}

impl Sums {
    fn take(&mut self, number: usize, recorded: &Recorded) -> Row {
        let exchange = &recorded.exchange;
        let user_text = first_user_text(recorded);
        let answer = recorded
            .response
            .as_ref()
            .map(|body| view::read_answer(exchange, &body.bytes, &recorded.frames).1);
        let message = answer.and_then(|reading| reading.message);
        let answer = message.as_ref().map(view::text_of).unwrap_or_default();
        let tools: Vec<String> = message
            .iter()
            .flat_map(|message| &message.content)
            .filter_map(|block| block.tool_use().map(|tool| tool.name.to_owned()))
            .collect();
        self.characters_in += user_text.chars().count() as u64;
        self.characters_out += answer.chars().count() as u64;
        let kind = if exchange.model.is_some() { request_type::of(&user_text, &tools) } else { "" };
        if !kind.is_empty() {
            *self.types.entry(kind).or_default() += 1;
        }
        let shown = view::row(exchange);
        Row {
            number,
            id: shown.id,
            kind,
            first_words: excerpt(
                user_text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default(),
                120,
            ),
            model: exchange.model.clone().unwrap_or_default(),
            tokens: tokens(exchange),
            status: exchange.status().as_str(),
            duration: shown.metrics.duration.map(|ms| format!("{ms:.0}ms")).unwrap_or_default(),
            timestamp: shown.timestamp,
            method_and_url: format!("{} {}", exchange.method, exchange.url),
            tools: tools.join("\n"),
            user_text: excerpt(&user_text, EXCERPT),
            answer: excerpt(&answer, EXCERPT),
            error: exchange
                .error
                .as_ref()
                .map(|error| format!("{}: {}", error.kind, error.message))
                .unwrap_or_default(),
        }
    }

    fn totals(&self, stats: &StatsAnswer) -> Vec<(&'static str, String)> {
        let average = |sum: u64| match stats.success_count {
            0 => "–".to_owned(),
            count => (sum / count).to_string(),
        };
        vec![
            ("Requests", stats.total_requests.to_string()),
            ("Successes", stats.success_count.to_string()),
            ("Errors", stats.error_count.to_string()),
            ("Success rate", stats.success_rate.clone()),
            ("Average duration", stats.avg_duration.clone()),
            ("Characters in", self.characters_in.to_string()),
            ("Characters out", self.characters_out.to_string()),
            ("Tokens in", stats.total_input_tokens.to_string()),
            ("Tokens out", stats.total_output_tokens.to_string()),
            ("Average tokens in", average(stats.total_input_tokens)),
            ("Average tokens out", average(stats.total_output_tokens)),
            ("Tokens read from cache", stats.cache_read_tokens.to_string()),
        ]
    }

    #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
    fn types(&self) -> Vec<Kind> {
        let all: u64 = self.types.values().sum();
        let mut types: Vec<Kind> = self
            .types
            .iter()
            .map(|(name, count)| {
                let fraction = *count as f64 / all.max(1) as f64;
                Kind { name, count: *count, share: format!("{:.1}%", fraction * 100.0), fraction }
            })
            .collect();
        types.sort_by(|a, b| b.count.cmp(&a.count).then(a.name.cmp(b.name)));
        types
    }
}

fn first_user_text(recorded: &Recorded) -> String {
    let Some(body) = recorded.request.as_ref().filter(|_| recorded.exchange.model.is_some()) else {
        return String::new();
    };
    let encoding = header(&recorded.exchange.request_headers, "content-encoding");
    let (decoded, _cut) = coding::decode(encoding, &body.bytes, READ_LIMIT);
    protocol::request::parse(&decoded).0.first_user_text.unwrap_or_default()
}

fn tokens(exchange: &Exchange) -> String {
    match (exchange.usage.total_input, exchange.usage.output) {
        (None, None) => String::new(),
        (input, output) => format!("{} / {} tokens", input.unwrap_or(0), output.unwrap_or(0)),
    }
}

/// The first characters of a text, with a sign that it goes on.
fn excerpt(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
