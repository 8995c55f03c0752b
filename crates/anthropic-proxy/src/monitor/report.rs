//! The analysis report as an answer, written as it is read.

use super::export::streamed;
use super::query::{Asked, Filters};
use super::types::ApiProblem;
use super::{Failure, Monitor, stats};
use crate::export::Redactor;
use crate::report::{self, Form, Options, Report};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct ReportQuery {
    /// The filter language: `session:… since:7d`; `/api/monitor/filter` lists its keys.
    q: Option<String>,
    /// `success`, `error` or `pending`.
    status: Option<String>,
    /// A model's exact id, asked for or served.
    model: Option<String>,
    /// `1h`, `24h` or `7d`.
    time_range: Option<String>,
    /// `html` (unless told), `markdown` or `json`.
    format: Option<String>,
    /// How many requests are shown one by one, the newest: a number or `all`; 1000 unless told. All count in the figures.
    requests: Option<String>,
    /// `1`: without keys, e-mail addresses, home folders, device and account ids.
    redact: Option<String>,
}

/// The analysis report over the exchanges that match.
#[utoipa::path(get, path = "/api/monitor/analyze", params(ReportQuery), responses(
    (status = 200, description = "a page, a text, or figures with `requests`", body = Report),
    (status = 400, body = ApiProblem)))]
pub(super) async fn analyze(
    State(monitor): State<Monitor>,
    Asked(asked): Asked<ReportQuery>,
) -> Result<Response, Failure> {
    let nonce = Uuid::new_v4().simple().to_string();
    let mut options = asked.options().map_err(|why| Failure::new(StatusCode::BAD_REQUEST, why))?;
    let filters =
        Filters { q: asked.q, status: asked.status, model: asked.model, time_range: asked.time_range };
    let filter = filters.read()?;
    options.filters = filters.describe();
    options.nonce.clone_from(&nonce);
    let totals = stats::compute(&monitor, filter.clone()).await?;
    let kind = HeaderValue::from_static(options.form.content_type());
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    );
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let place = monitor.writers.take()?;
    let store = monitor.store;
    let body = streamed(place, move |out| report::write(&store, &filter, totals, &options, out));
    Ok(([(header::CONTENT_SECURITY_POLICY, policy), (header::CONTENT_TYPE, kind)], body).into_response())
}

impl ReportQuery {
    fn options(&self) -> Result<Options, String> {
        let form = match self.format.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => Form::from_name(name)?,
            None => Form::default(),
        };
        let redact = super::export::switch("redact", self.redact.as_deref(), false)?;
        Ok(Options {
            form,
            requests: report::count(self.requests.as_deref().unwrap_or_default())?,
            redactor: redact.then(|| Redactor::new(&[])).transpose()?,
            ..Options::default()
        })
    }
}
