//! Import while traffic flows: the file goes to a temporary one, is checked whole, and is then written a little at a time.

use super::types::ApiProblem;
use super::{Failure, Monitor, blocking};
use crate::import::{self, Batch, ImportError, Imported, Sink, Step};
use crate::live::Change;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use utoipa::ToSchema;

/// What the import that runs is doing. One runs at a time.
#[derive(Clone, Default)]
pub(super) struct Importing {
    turn: Arc<tokio::sync::Mutex<()>>,
    state: Arc<Mutex<ImportState>>,
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportState {
    /// Whether the file is there and is being read.
    pub(crate) running: bool,
    /// Work done, of `total`; the first half is the check.
    pub(crate) done: u64,
    /// 0 until it is known.
    pub(crate) total: u64,
}

impl Importing {
    fn set(&self, state: ImportState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Takes a bundle or an HTTP Archive, which is the body, into the record. A damaged or foreign file changes nothing. What is there
/// already is skipped.
#[utoipa::path(post, path = "/api/monitor/import",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "the file"),
    responses((status = 200, body = Imported), (status = 400, body = ApiProblem), (status = 507, body = ApiProblem)))]
pub(super) async fn import(State(monitor): State<Monitor>, body: Body) -> Result<Json<Imported>, Failure> {
    let file = receive(&monitor, body).await?;
    let turn = Arc::clone(&monitor.importing.turn).lock_owned().await;
    let handle = Handle::current();
    // Goes on if whoever asked has left: what they sent is all here.
    let imported = tokio::spawn(blocking(move || {
        let imported = read(&monitor, file, handle);
        monitor.importing.set(ImportState::default());
        drop(turn);
        if imported.as_ref().map_or(true, |imported| imported.added > 0) {
            monitor.live.announce(Change::Cleared);
        }
        imported.map_err(failure)
    }));
    let imported = imported.await.map_err(|error| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the import did not end: {error}"))
    })??;
    Ok(Json(imported))
}

/// How far the import that runs has come.
#[utoipa::path(get, path = "/api/monitor/import", responses((status = 200, body = ImportState)))]
pub(super) async fn import_state(State(monitor): State<Monitor>) -> Json<ImportState> {
    Json(*monitor.importing.state.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Keeps the file where there is room for the record. It has no name: whatever happens to us, nothing is left of it.
async fn receive(monitor: &Monitor, body: Body) -> Result<File, Failure> {
    let folder = monitor.config.folder().cloned();
    let mut file =
        blocking(move || folder.map_or_else(tempfile::tempfile, tempfile::tempfile_in).map_err(no_room))
            .await?;
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| {
            Failure::new(
                StatusCode::BAD_REQUEST,
                format!("the file did not come whole: {error}; nothing was imported"),
            )
        })?;
        file = blocking(move || {
            file.write_all(&part).map_err(no_room)?;
            Ok(file)
        })
        .await?;
    }
    Ok(file)
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn no_room(error: io::Error) -> Failure {
    let why =
        format!("the file finds no room: {error}\nhint: nothing was imported; make room where the record is");
    Failure::new(StatusCode::INSUFFICIENT_STORAGE, why)
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn failure(error: ImportError) -> Failure {
    let status = match error {
        ImportError::File(_) => StatusCode::BAD_REQUEST,
        ImportError::Room(_) => StatusCode::INSUFFICIENT_STORAGE,
        ImportError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Failure::new(status, error.to_string())
}

fn read(monitor: &Monitor, mut file: File, handle: Handle) -> Result<Imported, ImportError> {
    let mut progress = |done, total| monitor.importing.set(ImportState { running: true, done, total });
    progress(0, 0);
    let folder = monitor.config.folder().map(std::path::PathBuf::as_path);
    let checked = import::check(&mut file, folder, &mut progress)?;
    let mut sink = Orders { monitor, handle };
    checked.write(&mut file, &monitor.store, &mut sink, &mut progress)
}

/// Hands every batch to the recorder, which writes what the traffic told in between.
struct Orders<'a> {
    monitor: &'a Monitor,
    handle: Handle,
}

impl Sink for Orders<'_> {
    /// Some milliseconds of work, which the traffic's notes wait for.
    const BATCH: Batch = Batch { exchanges: 32, bytes: 1 << 20 };

    fn take(&mut self, steps: Vec<Step>) -> Result<(), String> {
        let mut stopping = self.monitor.stopping.clone();
        self.handle.block_on(async {
            tokio::select! {
                written = self.monitor.recorder.write(move |writer| import::write(writer, &steps)) => written,
                // Whoever ends has no recorder any more that would answer.
                _ = stopping.wait_for(|stopping| *stopping) => Err("the proxy ends".to_owned()),
            }
        })
    }
}
