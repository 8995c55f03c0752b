//! So many at a time: what a reader can ask for again and again must not grow without bound.

use super::Failure;
use axum::http::StatusCode;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| {
            let why = format!("{} {} already; close one, or try again later", self.count, self.what);
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, why)
        })
    }
}
