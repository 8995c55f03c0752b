//! Connections to one upstream that have carried a request and can carry another. The one used last goes out
//! first; one that was closed meanwhile is never handed out; none stays longer than its time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::stream::Connection;

/// How many connections are kept, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    /// Connections without a request that are kept; 0 keeps none.
    pub max_idle: usize,
    /// How long each is kept. Should be shorter than what servers grant.
    pub idle_for: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        PoolSettings { max_idle: 32, idle_for: Duration::from_secs(50) }
    }
}

#[derive(Debug)]
pub(crate) struct Pool {
    settings: PoolSettings,
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// Oldest first.
    idle: VecDeque<Idle>,
    /// A task is there that removes what is too old.
    swept: bool,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    until: Instant,
}

impl Pool {
    pub(crate) fn new(settings: PoolSettings) -> Arc<Self> {
        Arc::new(Pool { settings, shelf: Mutex::default() })
    }

    /// A connection that was open a moment ago.
    pub(crate) fn take(&self) -> Option<Connection> {
        let now = Instant::now();
        loop {
            let mut idle = self.shelf().idle.pop_back()?;
            if idle.until > now && idle.connection.is_idle_and_open() {
                return Some(idle.connection);
            }
        }
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(crate) fn put(self: &Arc<Self>, connection: Connection) {
        if self.settings.max_idle == 0 {
            return;
        }
        let mut shelf = self.shelf();
        if shelf.idle.len() >= self.settings.max_idle {
            shelf.idle.pop_front();
        }
        shelf.idle.push_back(Idle { connection, until: Instant::now() + self.settings.idle_for });
        if !shelf.swept {
            shelf.swept = true;
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Drops what is too old; answers when to look again, if anything is left.
    fn remove_expired(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut shelf = self.shelf();
        while shelf.idle.front().is_some_and(|idle| idle.until <= now) {
            shelf.idle.pop_front();
        }
        let next = shelf.idle.front().map(|idle| idle.until);
        shelf.swept = next.is_some();
        next
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // A panic elsewhere leaves nothing half done in here.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sweep(pool: Weak<Pool>) {
    while let Some(next) = pool.upgrade().and_then(|pool| pool.remove_expired()) {
        tokio::time::sleep_until(next).await;
    }
}
