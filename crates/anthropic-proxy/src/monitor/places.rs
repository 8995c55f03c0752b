//! So many at a time: what a reader can ask for again and again must not grow without bound.

use super::{Failure, Monitor};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a read waits for its turn.
const TURN: Duration = Duration::from_secs(10);

/// Lets so many calls of the API be worked on at a time; the others wait a while for their turn. What an answer streams afterwards
/// counts no more: those kinds have places of their own.
pub(super) async fn in_turn(State(monitor): State<Monitor>, request: Request, next: Next) -> Response {
    let readers = &monitor.readers;
    match tokio::time::timeout(TURN, Arc::clone(&readers.free).acquire_owned()).await {
        Ok(Ok(_place)) => next.run(request).await,
        _ => readers.refusal().into_response(),
    }
}

/// A number of places. Cheap to clone.
#[derive(Clone)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    /// What is said when all are taken, after the number.
    what: &'static str,
    count: usize,
}

impl Places {
    pub(super) fn new(count: usize, what: &'static str) -> Places {
        Places { free: Arc::new(Semaphore::new(count)), what, count }
    }

    /// Takes a place until the answer is dropped.
    ///
    /// # Errors
    /// When all are taken: 503, with what to do.
    pub(super) fn take(&self) -> Result<OwnedSemaphorePermit, Failure> {
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| self.refusal())
    }

    fn refusal(&self) -> Failure {
        let why = format!("{} {} already; close one, or try again later", self.count, self.what);
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, why)
    }
}
