//! How far the server's end has come, seen by every connection.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// Shared between the server and its connections.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    draining: watch::Sender<bool>,
    killed: AtomicBool,
}

impl Lifecycle {
    pub(crate) fn new() -> Self {
        Lifecycle { draining: watch::Sender::new(false), killed: AtomicBool::new(false) }
    }

    /// No new requests from now on.
    pub(crate) fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// The exchanges that are dropped from now on are dropped because the time is over.
    pub(crate) fn kill(&self) {
        self.killed.store(true, Ordering::Release);
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    /// Resolves once `drain` was called.
    pub(crate) async fn drained(&self) {
        // An error would mean that the sender is gone, but it lives in `self`.
        let _ = self.draining.subscribe().wait_for(|draining| *draining).await;
    }
}
