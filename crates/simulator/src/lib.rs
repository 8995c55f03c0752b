//! A fake Anthropic API: messages (streamed or whole), token counts, models, batches, files, every error, and faults
//! on demand. For tests, benches and `demo`; it knows nothing of the proxy it stands behind.
//!
//! What it answers is decided, in this order, by
//! 1. a queued [`Script`] that fits the request: exact bytes, waits and cuts;
//! 2. directives, `[sim:…]`, in the header `x-simulate` or in the newest user text: see the crate's README;
//! 3. itself: a lively answer that fits the request, the same for the same seed.
//!
//! `/_simulator/…` steers it over HTTP. [`demo`] is a client: a realistic load against any base URL.

mod api;
mod clock;
pub mod demo;
mod directive;
mod encode;
mod options;
mod received;
mod reply;
mod script;
mod server;
mod stories;

pub use clock::Clock;
pub use options::Options;
pub use received::Received;
pub use script::{Script, Step};
pub use server::Simulator;

/// One step of a small deterministic random generator (`splitmix64`).
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
