//! A fake Anthropic API: messages (streamed or whole), token counts, models, batches, files, every error, and faults
//! on demand. For tests, benches and `demo`; it knows nothing of the proxy it stands behind.
//!
//! What it answers is decided, in this order, by
//! 1. a queued [`Script`] that fits the request: exact bytes, waits and cuts;
//! 2. directives, `[sim:…]`, in the header `x-simulate` or in the newest user text: see the crate's README;
//! 3. itself: a lively answer that fits the request, the same for the same seed.
//!
//! `/_simulator/…` steers it over HTTP.

mod api;
mod clock;
mod directive;
mod encode;
mod options;
mod received;
mod reply;
mod script;
mod server;

pub use clock::Clock;
pub use options::Options;
pub use received::Received;
pub use script::{Script, Step};
pub use server::Simulator;
