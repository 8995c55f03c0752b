//! How a simulator is started.

use std::net::SocketAddr;

use crate::Clock;

/// What can be chosen at the start; `Options::default()` is right for tests.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; `None` takes a free port of 127.0.0.1.
    pub addr: Option<SocketAddr>,
    /// Paces streams as the real API does (a first-byte wait, tokens trickling) instead of answering at once.
    pub realistic: bool,
    /// Varies the texts that are made up; the same seed and request give the same answer.
    pub seed: u64,
    /// The clock of cache lifetimes and limits.
    pub clock: Clock,
    /// How many of the newest requests `received` keeps; 0 keeps none (benches).
    pub remember: usize,
    /// How many bytes of bodies `received` keeps at most; older requests are dropped first, the newest never.
    pub remember_bytes: usize,
    /// The unified limit's tokens in five hours: what makes the utilization headers rise.
    pub five_hour_tokens: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            addr: None,
            realistic: false,
            seed: 0,
            clock: Clock::system(),
            remember: 10_000,
            remember_bytes: 256 << 20,
            five_hour_tokens: 20_000_000,
        }
    }
}
