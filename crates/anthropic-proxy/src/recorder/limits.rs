//! What is kept at the most.

use std::time::Duration;
use store::Retention;

/// What is kept at the most, as it was configured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// No exchange older than this.
    pub(crate) age: Option<Duration>,
    /// No more bytes on disk.
    pub(crate) bytes: Option<u64>,
    /// No more exchanges.
    pub(crate) count: Option<u64>,
}

impl Limits {
    /// As of now.
    pub(crate) fn now(self) -> Retention {
        let now = jiff::Timestamp::now().as_microsecond();
        let age = self.age.map(|age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
        Retention { before_us: age.map(|age| now.saturating_sub(age)), count: self.count, bytes: self.bytes }
    }
}
