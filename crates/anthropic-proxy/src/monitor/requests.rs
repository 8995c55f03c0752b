//! The recorded exchanges: the list, one with everything, its events, its exact bytes; and deleting them.

use super::query::{Asked, Filters};
use super::types::{ApiProblem, EventPage, RequestDetail, RequestPage, RequestRow};
use super::view::{self, EVERYTHING, Extent};
use super::{Failure, Monitor, blocking};
use crate::analysis::cache::proof::{self, Proof};
use crate::reading::header;
use crate::recorded::{MAX_BODY, Recorded};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header as names};
use axum::response::{IntoResponse, Response};
use protocol::coding;
use protocol::outline::outline;
use protocol::secrets::Hider;
use serde::Deserialize;
use std::io;
use store::{CacheCause, Cursor, Exchange, Page, Side, Store};
use tokio::sync::mpsc;
use utoipa::IntoParams;
use uuid::Uuid;

/// Places that a list shows of each exchange where a text stands.
const EXCERPTS: usize = 3;

/// Rows of one page at the most.
const MAX_LIMIT: u64 = 1000;

/// Rows of one page at the most where each carries everything, and the bytes of bodies that such a page holds.
const MAX_WHOLE: u64 = 100;
const PAGE_BODIES: usize = 64 << 20;

/// Events of one page at the most.
const MAX_EVENTS: usize = 10_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    // Not flattened: serde would then hand every number over as text.
    /// The filter language: `status:error ttft:>2s -is:pinned`; `/api/monitor/filter` lists its keys. What else is given must hold too.
    q: Option<String>,
    /// `success`, `error` or `pending`.
    status: Option<String>,
    /// A model's exact id, asked for or served.
    model: Option<String>,
    /// `1h`, `24h` or `7d`.
    time_range: Option<String>,
    /// From 1; with `cursor`, counted from there.
    page: Option<u64>,
    /// The `nextCursor` of an earlier page.
    cursor: Option<String>,
    /// Rows of a page, 50 unless told, 1000 at the most.
    limit: Option<u64>,
    /// `bodies`: each row with everything, as `/requests/{id}` answers it; 100 rows at the most. Bodies beyond 64 MiB a page are omitted.
    include: Option<String>,
}

/// The exchanges that match, newest first. Rows carry no bodies unless `include=bodies`.
#[utoipa::path(get, path = "/api/monitor/requests", params(ListQuery), responses(
    (status = 200, body = RequestPage<RequestRow>), (status = 400, body = ApiProblem)))]
pub(super) async fn list(
    State(monitor): State<Monitor>,
    Asked(asked): Asked<ListQuery>,
) -> Result<Response, Failure> {
    let filters =
        Filters { q: asked.q, status: asked.status, model: asked.model, time_range: asked.time_range };
    let filter = filters.read()?;
    let page = asked.page.unwrap_or(1).max(1);
    let after = match asked.cursor.as_deref() {
        None | Some("") => None,
        Some(cursor) => Some(cursor.parse::<Cursor>().map_err(|why| {
            let message = format!("cursor={cursor} is not known: {why}; use the nextCursor of a list");
            Failure::new(StatusCode::BAD_REQUEST, message)
        })?),
    };
    let bodies = match asked.include.as_deref() {
        None | Some("") => false,
        Some("bodies") => true,
        Some(other) => {
            let why = format!("include={other} is not known; use bodies");
            return Err(Failure::new(StatusCode::BAD_REQUEST, why));
        }
    };
    let limit = asked.limit.unwrap_or(50).clamp(1, if bodies { MAX_WHOLE } else { MAX_LIMIT });
    blocking(move || {
        let listing = monitor.store.list(&filter, &Page { number: page, size: limit, after })?;
        let (total, total_exact) = (listing.total, listing.exact);
        let next_cursor = listing.next.map(|cursor| cursor.to_string());
        if bodies {
            let mut room = PAGE_BODIES;
            let data = listing
                .rows
                .into_iter()
                // A list has no headers; without them an answer cannot be read.
                .filter_map(|row| monitor.store.get(row.id).transpose())
                .map(|exchange| {
                    let recorded = Recorded::load(&monitor.store, exchange?)?;
                    let held = [&recorded.request, &recorded.response];
                    let held: usize = held.into_iter().flatten().map(|body| body.bytes.len()).sum();
                    let extent = if held <= room { EVERYTHING } else { Extent { body_bytes: 0, events: 0 } };
                    room = room.saturating_sub(held);
                    Ok(view::detail(recorded, extent))
                })
                .collect::<Result<Vec<_>, Failure>>()?;
            return Ok(
                Json(RequestPage { data, total, total_exact, page, limit, next_cursor }).into_response()
            );
        }
        let mut data = listing.rows.iter().map(view::row).collect::<Vec<_>>();
        let ids: Vec<Uuid> = listing.rows.iter().map(|row| row.id).collect();
        for text in filter.texts() {
            for (row, excerpts) in data.iter_mut().zip(monitor.store.excerpts(&ids, text, EXCERPTS)?) {
                row.excerpts.extend(excerpts.iter().map(view::excerpt).take(EXCERPTS - row.excerpts.len()));
            }
        }
        Ok(Json(RequestPage { data, total, total_exact, page, limit, next_cursor }).into_response())
    })
    .await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct DetailQuery {
    /// Bodies of more bytes are omitted. Without it only those above 64 MiB are.
    body_limit: Option<usize>,
    /// How many events to show. Without it all.
    event_limit: Option<usize>,
}

/// One exchange with everything that was recorded of it, also while it runs.
#[utoipa::path(get, path = "/api/monitor/requests/{id}", params(("id" = String, Path), DetailQuery), responses(
    (status = 200, body = RequestDetail), (status = 404, body = ApiProblem)))]
pub(super) async fn detail(
    State(monitor): State<Monitor>,
    Path(id): Path<String>,
    Asked(asked): Asked<DetailQuery>,
) -> Result<Json<RequestDetail>, Failure> {
    let extent = Extent {
        body_bytes: asked.body_limit.unwrap_or(MAX_BODY).min(MAX_BODY),
        events: asked.event_limit.unwrap_or(usize::MAX),
    };
    let recorded = find(&monitor, &id).await?;
    blocking(move || {
        let proof = proof_of_miss(&monitor, &recorded)?;
        let mut detail = view::detail(recorded, extent);
        if let Some(cache) = &mut detail.row.cache {
            cache.proof = proof.map(view::cache::proof);
        }
        Ok(Json(detail))
    })
    .await
}

/// Where the prompt parts from that of the call before, if the cache was missed.
fn proof_of_miss(monitor: &Monitor, recorded: &Recorded) -> Result<Option<Proof>, Failure> {
    let exchange = &recorded.exchange;
    let missed = exchange.cache.filter(|verdict| verdict.cause != CacheCause::Hit);
    let (Some(_), Some(link), Some(this)) = (missed, exchange.previous, &recorded.request) else {
        return Ok(None);
    };
    let Some(previous) = monitor.store.get(link.id)? else { return Ok(None) };
    let Some(before) = monitor.store.body(link.id, Side::Request)? else { return Ok(None) };
    let (before, this) = (decoded(&previous, &before.bytes), decoded(exchange, &this.bytes));
    Ok(proof::find((&outline(&before), &before), (&outline(&this), &this)))
}

/// A body of the request with its content coding undone.
pub(super) fn decoded(exchange: &Exchange, body: &[u8]) -> Vec<u8> {
    coding::decode(header(&exchange.request_headers, "content-encoding"), body, MAX_BODY as u64).0
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// Index of the first, 0 unless told.
    from: Option<usize>,
    /// How many, 1000 unless told, 10000 at the most.
    limit: Option<usize>,
}

/// A page of a stream's events.
#[utoipa::path(get, path = "/api/monitor/requests/{id}/events", params(("id" = String, Path), EventsQuery), responses(
    (status = 200, body = EventPage), (status = 404, body = ApiProblem)))]
pub(super) async fn events(
    State(monitor): State<Monitor>,
    Path(id): Path<String>,
    Asked(asked): Asked<EventsQuery>,
) -> Result<Json<EventPage>, Failure> {
    let recorded = find(&monitor, &id).await?;
    blocking(move || {
        let Recorded { exchange, response, frames, .. } = recorded;
        let bytes = response.map(|body| body.bytes).unwrap_or_default();
        let (events, _reading) = view::read_answer(&exchange, &bytes, &frames);
        let data = events
            .iter()
            .skip(asked.from.unwrap_or(0))
            .take(asked.limit.unwrap_or(1000).min(MAX_EVENTS))
            .map(|event| view::chunk(exchange.started_us, event))
            .collect();
        Ok(Json(EventPage { data, total: events.len() as u64 }))
    })
    .await
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BodyQuery {
    /// `1`: with its content coding (gzip, br, …) undone.
    decoded: Option<String>,
    /// `1`: to be shown: what looks like a key has asterisks in its place, as many.
    masked: Option<String>,
}

/// The exact bytes of a body, as they were transferred (without chunk framing).
#[utoipa::path(get, path = "/api/monitor/requests/{id}/body/{side}",
    params(("id" = String, Path), ("side" = String, Path, description = "`request` or `response`"), BodyQuery),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), (status = 404, body = ApiProblem)))]
pub(super) async fn body(
    State(monitor): State<Monitor>,
    Path((id, side)): Path<(String, String)>,
    Asked(asked): Asked<BodyQuery>,
) -> Result<Response, Failure> {
    let side = match side.as_str() {
        "request" => Side::Request,
        "response" => Side::Response,
        _ => {
            return Err(Failure::new(
                StatusCode::NOT_FOUND,
                "a body is of the `request` or of the `response`",
            ));
        }
    };
    let exchange = lookup(&monitor, &id).await?;
    let sent = match side {
        Side::Request => &exchange.request_headers,
        Side::Response => &exchange.response_headers,
    };
    let encoding = header(sent, "content-encoding").map(str::to_owned);
    let headers = download_headers(&exchange, side, encoding.as_deref());
    let is_set = |value: Option<String>| value.is_some_and(|value| value == "1" || value == "true");
    let (decode, mask) = (is_set(asked.decoded), is_set(asked.masked));
    let store = monitor.store.clone();
    let (pieces, receiver) = mpsc::channel::<io::Result<Bytes>>(4);
    let id = exchange.id;
    tokio::task::spawn_blocking(move || {
        send_body(&store, id, side, (decode.then_some(encoding).flatten(), mask), &pieces);
    });
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// Piece by piece, so that a body of any size passes in little memory.
fn send_body(
    store: &Store,
    id: Uuid,
    side: Side,
    (encoding, mask): (Option<String>, bool),
    pieces: &mpsc::Sender<io::Result<Bytes>>,
) {
    let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "the reader has left");
    let mut coding = encoding
        .map(|encoding| protocol::coding::Decoder::new(Some(&encoding), crate::reading::DECODED_LIMIT));
    let mut hider = mask.then(Hider::default);
    let result = store.read_body(id, side, &mut |piece| {
        let piece = match &mut coding {
            None => Bytes::copy_from_slice(piece),
            Some(coding) => {
                let mut decoded = Vec::new();
                coding.feed(piece, &mut decoded).map_err(io::Error::other)?;
                Bytes::from(decoded)
            }
        };
        let piece = hider.as_mut().map_or(piece.clone(), |hider| Bytes::from(hider.feed(&piece)));
        pieces.blocking_send(Ok(piece)).map_err(|_| gone())
    });
    if let Some(hider) = &mut hider {
        // Whoever has left sees nothing.
        let _ = pieces.blocking_send(Ok(Bytes::from(hider.finish())));
    }
    if let Err(error) = result {
        // The reader sees a cut; whoever has left sees nothing.
        let _ = pieces.blocking_send(Err(io::Error::other(error.to_string())));
    }
}

/// Never shown in the browser: recorded bytes are a stranger's.
fn download_headers(exchange: &Exchange, side: Side, encoding: Option<&str>) -> HeaderMap {
    let (name, length) = match side {
        Side::Request => ("request", exchange.request_bytes),
        Side::Response => ("response", exchange.response_bytes),
    };
    let text = |value: String| HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static(""));
    let mut headers = HeaderMap::new();
    headers.insert(names::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(
        names::CONTENT_DISPOSITION,
        text(format!("attachment; filename=\"{}-{name}.bin\"", exchange.id)),
    );
    headers.insert(HeaderName::from_static("x-stored-length"), HeaderValue::from(length));
    if let Some(encoding) = encoding {
        headers.insert(HeaderName::from_static("x-stored-content-encoding"), text(encoding.to_owned()));
    }
    headers
}

/// An exchange with all that has come of it.
pub(super) async fn find(monitor: &Monitor, id: &str) -> Result<Recorded, Failure> {
    let exchange = lookup(monitor, id).await?;
    let store = monitor.store.clone();
    blocking(move || Ok(Recorded::load(&store, exchange)?)).await
}

pub(super) async fn lookup(monitor: &Monitor, text: &str) -> Result<Exchange, Failure> {
    let none = || Failure::new(StatusCode::NOT_FOUND, "Request not found");
    let id = text.parse::<Uuid>().map_err(|_| none())?;
    let store = monitor.store.clone();
    let read = move || Ok(store.get(id)?);
    let exchange = blocking(read.clone()).await?;
    let exchange = match exchange {
        Some(exchange) if exchange.outcome.is_some() => Some(exchange),
        // What runs (or has not reached the disk yet) is with the recorder.
        _ => {
            monitor.recorder.flush(id).await;
            blocking(read).await?
        }
    };
    if let Some(exchange) = exchange {
        return Ok(exchange);
    }
    let store = monitor.store.clone();
    let gone = blocking(move || Ok(store.gone(id)?)).await?;
    Err(Failure { deleted: gone.map(Into::into), ..none() })
}
