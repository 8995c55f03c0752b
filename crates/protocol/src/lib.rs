//! What Anthropic's API and Claude Code put on the wire, as pure functions over bytes.
//!
//! # Layout
//! - [`coding`]: compressed bytes to plain ones, incremental; [`sse`]: bytes to events, split-safe
//! - [`conversation`]: both of a request's readings, with what is known of the call before
//! - [`outline`]: the parts of a prompt in the order in which the cache sees them
//! - [`request`], [`message`], [`usage`], [`error`]: the shapes, with what is unknown kept
//! - [`assemble`]: events to a message
//! - [`pricing`]: what a call costs by list price
//! - [`identity`]: who sent a request, and how that is known
//! - [`window`]: how many tokens of context a model takes
//! - [`secrets`]: the one place that masks
//!
//! No I/O, no clock, no panic: any bytes may come in. Reading cannot fail; it returns what could be read and a list of
//! [`Problem`]s. What it returns is a reading copy: the recorded bytes stay the truth.

pub mod assemble;
pub mod coding;
pub mod conversation;
pub mod error;
pub mod identity;
mod json;
pub mod limits;
pub mod message;
pub mod outline;
pub mod pricing;
mod problem;
pub mod request;
pub mod secrets;
pub mod sse;
pub mod usage;
pub mod window;

pub use json::lenient;
pub use problem::Problem;
