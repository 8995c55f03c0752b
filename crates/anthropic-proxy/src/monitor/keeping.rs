//! What changes the record: deleting, pinning, pruning, reading it anew. The recorder does it, between two batches.

use super::query::{Asked, Filters};
use super::types::ApiProblem;
use super::{Failure, Monitor, blocking};
use crate::config::{age_seconds, size_bytes};
use crate::live::Change;
use crate::recorder::Limits;
use crate::recorder::reindex::{Progress, Run};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// How many exchanges something was done to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Changed {
    success: bool,
    /// Exchanges.
    count: u64,
}

impl Changed {
    fn of(count: usize) -> Json<Changed> {
        Json(Changed { success: true, count: count as u64 })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn refused(why: String) -> Failure {
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the record could not be changed: {why}"))
}

/// Deletes every exchange that has ended and matches; without filters all of them.
#[utoipa::path(post, path = "/api/monitor/clear", params(Filters), responses(
    (status = 200, body = Changed), (status = 400, body = ApiProblem)))]
pub(super) async fn clear(
    State(monitor): State<Monitor>,
    Asked(filters): Asked<Filters>,
) -> Result<Json<Changed>, Failure> {
    let deleted = monitor.recorder.delete(filters.read()?).await.map_err(refused)?;
    Ok(Changed::of(deleted))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct PruneQuery {
    /// Exchanges older than this go: `30d`, `12h`.
    age: Option<String>,
    /// The oldest go while the record is larger: `5gb`.
    size: Option<String>,
    /// The oldest beyond so many go.
    count: Option<u64>,
}

/// Deletes the oldest exchanges beyond these limits, pinned ones excepted.
#[utoipa::path(post, path = "/api/monitor/prune", params(PruneQuery), responses(
    (status = 200, body = Changed), (status = 400, body = ApiProblem)))]
pub(super) async fn prune(
    State(monitor): State<Monitor>,
    Asked(asked): Asked<PruneQuery>,
) -> Result<Json<Changed>, Failure> {
    let wrong = |name: &str, value: &str, hint: &str| {
        Failure::new(StatusCode::BAD_REQUEST, format!("{name}={value} is no limit; {hint}"))
    };
    let age = asked
        .age
        .as_deref()
        .map(|text| age_seconds(text).ok_or_else(|| wrong("age", text, "write 30d or 12h")));
    let size = asked
        .size
        .as_deref()
        .map(|text| size_bytes(text).ok_or_else(|| wrong("size", text, "write 500mb or 5gb")));
    let limits = Limits {
        age: age.transpose()?.map(Duration::from_secs),
        bytes: size.transpose()?,
        count: asked.count,
    };
    let limits = limits.now();
    let mut deleted = 0;
    loop {
        let step = monitor.recorder.write(move |writer| writer.prune(&limits)).await.map_err(refused)?;
        deleted += step;
        if step == 0 {
            break;
        }
    }
    if deleted > 0 {
        monitor.live.announce(Change::Cleared);
    }
    Ok(Changed::of(deleted))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PinQuery {
    /// `0`: no longer.
    pinned: Option<u8>,
}

impl PinQuery {
    fn on(&self) -> bool {
        self.pinned != Some(0)
    }
}

/// Keeps an exchange whatever the retention says, or no longer.
#[utoipa::path(post, path = "/api/monitor/requests/{id}/pin", params(("id" = String, Path), PinQuery), responses(
    (status = 200, body = Changed), (status = 404, body = ApiProblem)))]
pub(super) async fn pin(
    State(monitor): State<Monitor>,
    Path(id): Path<String>,
    Asked(asked): Asked<PinQuery>,
) -> Result<Json<Changed>, Failure> {
    let none = || Failure::new(StatusCode::NOT_FOUND, "Request not found");
    let id: Uuid = id.parse().map_err(|_| none())?;
    if !monitor.recorder.pin(id, asked.on()).await.map_err(refused)? {
        return Err(none());
    }
    let store = monitor.store.clone();
    if let Some(exchange) = blocking(move || Ok(store.get(id)?)).await?.filter(|row| row.outcome.is_some()) {
        monitor.live.announce(Change::Exchange(Arc::new(exchange)));
    }
    Ok(Changed::of(1))
}

/// Keeps all exchanges of a session, those to come too, or no longer.
#[utoipa::path(post, path = "/api/monitor/sessions/{id}/pin", params(("id" = String, Path), PinQuery), responses(
    (status = 200, body = Changed)))]
pub(super) async fn pin_session(
    State(monitor): State<Monitor>,
    Path(id): Path<String>,
    Asked(asked): Asked<PinQuery>,
) -> Result<Json<Changed>, Failure> {
    let work = move |writer: &mut store::Writer| writer.pin_session(&id, asked.on());
    let count = monitor.recorder.write(work).await.map_err(refused)?;
    if count > 0 {
        // Whatever is shown of them is to be fetched anew.
        monitor.live.announce(Change::Cleared);
    }
    Ok(Changed::of(count))
}

/// A run of reindex that somebody asks for, stretch by stretch.
pub(super) type Reindexing = Arc<Mutex<Option<Run>>>;

/// Derives a stretch of the record anew from its bytes. To be asked again until it is finished; an interrupted run goes on.
#[utoipa::path(post, path = "/api/monitor/reindex", responses((status = 200, body = Progress)))]
pub(super) async fn reindex(State(monitor): State<Monitor>) -> Result<Json<Progress>, Failure> {
    let mut running = monitor.reindexing.lock().await;
    let mut run = running.take().unwrap_or_default();
    let store = monitor.store.clone();
    let (mut run, reread) = blocking(move || {
        let reread = run.read(&store)?;
        Ok((run, reread))
    })
    .await?;
    let (run, progress) = monitor
        .recorder
        .write(move |writer| {
            let progress = run.write(writer, &reread)?;
            Ok((run, progress))
        })
        .await
        .map_err(refused)?;
    *running = Some(run).filter(|_| !progress.finished);
    Ok(Json(progress))
}
