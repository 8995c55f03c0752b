//! Everything that matches as a file in the format that is asked for, written as it is read: any size in little memory.

use super::query::{Asked, Filters};
use super::types::ApiProblem;
use super::{Failure, Monitor, requests, stats};
use crate::export::{self, Kind, Opening, Options, Redactor, Which};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::io::{self, Write};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use utoipa::IntoParams;

/// Bytes that are sent at once.
const CHUNK: usize = 64 << 10;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    // Not flattened: serde would then hand every number over as text.
    /// The filter language: `status:error ttft:>2s`; `/api/monitor/filter` lists its keys.
    q: Option<String>,
    /// `success`, `error` or `pending`.
    status: Option<String>,
    /// A model's exact id, asked for or served.
    model: Option<String>,
    /// `1h`, `24h` or `7d`.
    time_range: Option<String>,
    /// Only this exchange, whatever the filters say.
    id: Option<String>,
    /// `json` (unless told), `jsonl`, `csv`, `har`, `markdown`, `html`, `curl` or `bundle`.
    format: Option<String>,
    /// `1`: without keys, e-mail addresses, home folders, device and account ids.
    redact: Option<String>,
    /// A regular expression for what is to be taken out too. It implies `redact=1`.
    pattern: Option<String>,
    /// `0`: bodies are left out, their sizes and hashes stay.
    bodies: Option<String>,
}

/// All exchanges that match, as a file. The default, `json`, has the original's shape: `{stats, filters, exportTime, total, requests}`.
#[utoipa::path(get, path = "/api/monitor/export", params(ExportQuery), responses(
    (status = 200, description = "a file to save", body = serde_json::Value), (status = 400, body = ApiProblem),
    (status = 404, body = ApiProblem)))]
pub(super) async fn export(
    State(monitor): State<Monitor>,
    Asked(asked): Asked<ExportQuery>,
) -> Result<Response, Failure> {
    let options = asked.options().map_err(|why| Failure::new(StatusCode::BAD_REQUEST, why))?;
    let filters =
        Filters { q: asked.q, status: asked.status, model: asked.model, time_range: asked.time_range };
    let filter = filters.read()?;
    let stats = stats::compute(&monitor, filter.clone()).await?;
    let one = asked.id.filter(|id| !id.is_empty());
    let marker = if filters.any() || one.is_some() { "-filtered" } else { "" };
    let (which, total) = match one {
        Some(id) => (Which::One(Box::new(requests::lookup(&monitor, &id).await?)), 1),
        None => (Which::Matching(filter), stats.total_requests),
    };
    let now = jiff::Timestamp::now();
    let opening = Opening {
        total,
        stats: serde_json::to_value(&stats).unwrap_or_default(),
        filters: serde_json::to_value(&filters).unwrap_or_default(),
        made_us: now.as_microsecond(),
        ..Opening::default()
    };
    let format = options.kind.format();
    let name = format!("proxy-monitor{marker}-{}.{}", now.as_millisecond(), format.extension());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(format.content_type())),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
                .unwrap_or(HeaderValue::from_static("attachment")),
        ),
    ];
    let place = monitor.writers.take()?;
    let store = monitor.store;
    let body = streamed(place, move |out| {
        let mut requests = 0;
        let written = export::write(&store, which, &options, opening, out, &mut |count| requests = count);
        if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            tracing::debug!(requests, "the reader of an export has left");
        }
        written.map(drop)
    });
    Ok((headers, body).into_response())
}

impl ExportQuery {
    fn options(&self) -> Result<Options, String> {
        let kind = match self.format.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => Kind::from_name(name)?,
            None => Kind::default(),
        };
        let patterns: Vec<String> =
            self.pattern.clone().into_iter().filter(|text| !text.is_empty()).collect();
        let redact = switch("redact", self.redact.as_deref(), false)? || !patterns.is_empty();
        Ok(Options {
            kind,
            redactor: redact.then(|| Redactor::new(&patterns)).transpose()?,
            without_bodies: !switch("bodies", self.bodies.as_deref(), true)?,
        })
    }
}

pub(super) fn switch(name: &str, value: Option<&str>, unless_told: bool) -> Result<bool, String> {
    match value {
        None | Some("") => Ok(unless_told),
        Some("1" | "true") => Ok(true),
        Some("0" | "false") => Ok(false),
        Some(other) => Err(format!("{name}={other} is not known; use 1 or 0")),
    }
}

/// Written where it holds nobody up. Whoever leaves ends the work; what fails cuts the file, so that nobody takes it for whole.
/// `place` is held until then.
pub(super) fn streamed(
    place: OwnedSemaphorePermit,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
) -> Body {
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(4);
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let mut out = io::BufWriter::with_capacity(CHUNK, Chunks(&sender));
        let written = write(&mut out).and_then(|()| out.flush());
        if let Err(error) = written {
            // A second try at what was refused would block for nobody.
            drop(out.into_parts());
            if error.kind() != io::ErrorKind::BrokenPipe {
                tracing::error!(%error, "a file ended early");
            }
            let _ = sender.blocking_send(Err(error));
        }
    });
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    Body::from_stream(stream)
}

struct Chunks<'a>(&'a mpsc::Sender<io::Result<Bytes>>);

impl Write for Chunks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the reader has left");
        for chunk in bytes.chunks(CHUNK) {
            self.0.blocking_send(Ok(Bytes::copy_from_slice(chunk))).map_err(gone)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
