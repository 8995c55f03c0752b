//! Everything that matches as one JSON file, written as it is read: any size in little memory.

use super::query::{Asked, Filters};
use super::requests::for_each;
use super::types::ApiProblem;
use super::{Failure, Monitor, stats, view};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::io;
use std::ops::ControlFlow;
use store::{Filter, Store};
use tokio::sync::mpsc;

/// All exchanges that match, with everything: `{stats, filters, exportTime, total, requests}`.
#[utoipa::path(get, path = "/api/monitor/export", params(Filters), responses(
    (status = 200, description = "a file to save", body = serde_json::Value), (status = 400, body = ApiProblem)))]
pub(super) async fn export(
    State(monitor): State<Monitor>,
    Asked(filters): Asked<Filters>,
) -> Result<Response, Failure> {
    let filter = filters.read()?;
    let stats = stats::compute(&monitor, filter.clone()).await?;
    let now = jiff::Timestamp::now();
    let marker = if filters.any() { "-filtered" } else { "" };
    let name = format!("proxy-monitor{marker}-{}.json", now.as_millisecond());
    let opening = format!(
        "{{\"stats\":{},\"filters\":{},\"exportTime\":{},\"total\":{},\"requests\":[",
        json(&stats),
        json(&filters),
        json(&view::iso(now.as_microsecond())),
        stats.total_requests,
    );
    let (pieces, receiver) = mpsc::channel::<io::Result<Bytes>>(4);
    let store = monitor.store.clone();
    tokio::task::spawn_blocking(move || write(&store, &filter, opening, &pieces));
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment")),
        ),
    ];
    Ok((headers, Body::from_stream(stream)).into_response())
}

fn write(store: &Store, filter: &Filter, opening: String, pieces: &mpsc::Sender<io::Result<Bytes>>) {
    let mut separator = opening;
    let written = for_each(store, filter, &mut |request| {
        let mut piece = std::mem::replace(&mut separator, ",\n".to_owned());
        piece.push_str(&json(&request));
        match pieces.blocking_send(Ok(Bytes::from(piece))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    });
    let ending = match written {
        Ok(()) if separator == ",\n" => Ok(Bytes::from_static(b"]}\n")),
        Ok(()) => Ok(Bytes::from(separator + "]}\n")),
        // A cut file, so that nobody takes it for whole.
        Err(failure) => Err(io::Error::other(failure.message)),
    };
    // Whoever has left needs no ending.
    let _ = pieces.blocking_send(ending);
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
