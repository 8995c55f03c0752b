//! How far the server's end has come, seen by every connection.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use tokio::time::Instant;

/// What connections that wait for a request must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    /// No new requests.
    draining: bool,
    /// Every place is taken.
    full: bool,
}

/// Shared between the server and its connections.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    state: watch::Sender<State>,
    killed: AtomicBool,
}

impl Lifecycle {
    pub(crate) fn new() -> Self {
        Lifecycle { state: watch::Sender::new(State::default()), killed: AtomicBool::new(false) }
    }

    /// No new requests from now on.
    pub(crate) fn drain(&self) {
        self.state.send_modify(|state| state.draining = true);
    }

    /// The exchanges that are dropped from now on are dropped because the time is over.
    pub(crate) fn kill(&self) {
        self.killed.store(true, Ordering::Release);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.state.borrow().draining
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    /// Resolves once `drain` was called.
    pub(crate) async fn drained(&self) {
        // An error would mean that the sender is gone, but it lives in `self`.
        let _ = self.state.subscribe().wait_for(|state| state.draining).await;
    }

    /// Says whether every place is taken.
    pub(crate) fn set_full(&self, full: bool) {
        self.state.send_if_modified(|state| std::mem::replace(&mut state.full, full) != full);
    }

    /// Resolves once a connection that waits for a request should end: `drain` was called, or it has waited until `patience` and
    /// others have no place.
    pub(crate) async fn wants_idle_gone(&self, patience: Instant) {
        let mut state = self.state.subscribe();
        loop {
            let State { draining, full } = *state.borrow_and_update();
            if draining {
                return;
            }
            tokio::select! {
                // An error would mean that the sender is gone, but it lives in `self`.
                _ = state.changed() => {}
                () = tokio::time::sleep_until(patience), if full => return,
            }
        }
    }
}
