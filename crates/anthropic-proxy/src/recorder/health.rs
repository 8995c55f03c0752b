//! What could not be recorded, for the page and the log.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

/// Counts of what could not be recorded.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Exchanges whose record misses something, since the start.
    pub(crate) incomplete: AtomicU64,
    /// Exchanges that were recorded and had to be given up, since the start: the disk took nothing for too long.
    pub(crate) given_up: AtomicU64,
    /// Exchanges that have begun and not ended.
    pub(crate) running: AtomicU64,
    trouble: Mutex<Option<Trouble>>,
}

/// Why nothing reaches the disk at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Since when, microseconds since the Unix epoch.
    pub(crate) since_us: i64,
    /// What the store says.
    pub(crate) why: String,
}

impl Health {
    /// Why the last write was refused, if it was.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn report(&self, problem: Option<String>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match (problem, &mut *trouble) {
            (Some(why), Some(known)) => known.why = why,
            (Some(why), none) => {
                tracing::error!(problem = why, "cannot write the record; traffic flows on");
                *none = Some(Trouble { since_us: jiff::Timestamp::now().as_microsecond(), why });
            }
            (None, Some(_)) => {
                tracing::info!("the record is being written again");
                *trouble = None;
            }
            (None, None) => {}
        }
    }
}
