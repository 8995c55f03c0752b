//! The clock that cache lifetimes, rate-limit windows and `created_at` fields go by.
//! It can be moved forward, so that an hour passes in a test without waiting. It never paces bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// A shared clock: the system's time or a frozen one, plus whatever it was moved forward by.
#[derive(Clone, Debug)]
pub struct Clock {
    frozen: Option<SystemTime>,
    ahead_ms: Arc<AtomicU64>,
}

impl Clock {
    /// Follows the system's time.
    pub fn system() -> Self {
        Self { frozen: None, ahead_ms: Arc::default() }
    }

    /// Stands still at `at` until it is advanced.
    pub fn frozen(at: SystemTime) -> Self {
        Self { frozen: Some(at), ahead_ms: Arc::default() }
    }

    /// Moves the clock, and every clone of it, forward by `step` (milliseconds count, the rest is dropped).
    pub fn advance(&self, step: Duration) {
        let ms = u64::try_from(step.as_millis()).unwrap_or(u64::MAX);
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// The time it shows.
    pub fn now(&self) -> SystemTime {
        let base = self.frozen.unwrap_or_else(SystemTime::now);
        base.checked_add(Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst))).unwrap_or(base)
    }

    /// The time it shows, in whole seconds since 1970.
    pub(crate) fn epoch_seconds(&self) -> u64 {
        self.now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |age| age.as_secs())
    }

    /// The time it shows plus `ahead` seconds, as RFC 3339.
    pub(crate) fn rfc3339(&self, ahead: u64) -> String {
        let second = i64::try_from(self.epoch_seconds().saturating_add(ahead)).unwrap_or(0);
        jiff::Timestamp::from_second(second).unwrap_or_default().to_string()
    }

    /// The time it shows, as the `date` header has it.
    pub(crate) fn http_date(&self) -> String {
        let second = i64::try_from(self.epoch_seconds()).unwrap_or(0);
        jiff::Timestamp::from_second(second)
            .unwrap_or_default()
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}
