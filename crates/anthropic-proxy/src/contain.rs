//! Keeps a defect of the recording away from the traffic: a panic is caught where it happens, and the recording goes on.
//!
//! The panics themselves are told by [`tell`]: where, never what was being read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

static CAUGHT: AtomicU64 = AtomicU64::new(0);

/// Does a piece of work. `None`: it panicked, and what it changed may be half done.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    if done.is_none() {
        CAUGHT.fetch_add(1, Ordering::Relaxed);
    }
    done
}

/// How many panics were caught, since the start.
pub(crate) fn caught() -> u64 {
    CAUGHT.load(Ordering::Relaxed)
}

/// Makes panics show where they happened and not with what: a message may quote what came from outside, keys included.
pub(crate) fn tell() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        if tracing::dispatcher::has_been_set() {
            tracing::error!(place, thread, "a defect of anthropic-proxy; please report it with this line");
        } else {
            eprintln!(
                "error: a defect of anthropic-proxy in {thread} at {place}\nhint: please report it with this line"
            );
        }
    }));
}

/// Panics if a test asked for it: `ANTHROPIC_PROXY_DEFECTS` names places, parted by commas, each for one panic. In a release build
/// nothing can be asked for.
#[cfg(debug_assertions)]
pub(crate) fn rehearse(place: &str) {
    use std::sync::{LazyLock, Mutex, PoisonError};
    static ASKED: LazyLock<Mutex<Vec<String>>> = LazyLock::new(|| {
        let places = std::env::var("ANTHROPIC_PROXY_DEFECTS").unwrap_or_default();
        Mutex::new(places.split(',').filter(|place| !place.is_empty()).map(str::to_owned).collect())
    });
    let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(at) = asked.iter().position(|name| name == place) else { return };
    asked.remove(at);
    drop(asked);
    panic!("a test asked for this");
}

/// Nothing, in a release build.
#[cfg(not(debug_assertions))]
#[inline]
pub(crate) fn rehearse(_place: &str) {}
