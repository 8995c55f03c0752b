//! Moves HTTP/1.1 between two connections: heads are parsed only as far as is needed to know where a message
//! ends, bodies are passed on as they were read, and a tap sees what went through, after it went through.
//! It knows nothing of Anthropic and keeps nothing.
//!
//! # Layout
//! - `server`: accepts connections and ends them in order
//! - `client`: one client connection: its requests, one after another
//! - `exchange`: one request and its response: two pumps, a clock, a verdict
//! - `head`, `body`: what the bytes mean; pure
//! - `upstream`, `pool`, `connect`: the connections to the other side
//! - `handler`, `problem`: what the program plugs in and is told

mod body;
mod client;
pub mod connect;
#[cfg(test)]
mod differential;
mod exchange;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod handler;
mod head;
mod incoming;
mod lifecycle;
mod pool;
mod problem;
mod reply;
mod scratch;
mod server;
mod stream;
mod upstream;

pub use body::ChunkError;
pub use connect::{Connect, ConnectError};
pub use handler::{Connected, End, FailureKind, Handler, OnClientDisconnect, Phase, Reply, Route, Tap};
pub use head::{HeadError, Header, RequestHead, ResponseHead, Version};
pub use incoming::TlsIdentity;
pub use pool::PoolSettings;
pub use problem::{Problem, Refusal};
pub use server::{Listeners, ServeReport, Settings, serve};
pub use stream::{Connection, Stream};
pub use upstream::{Upstream, UpstreamSettings};
