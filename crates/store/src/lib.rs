//! Keeps every exchange on disk, and is the only crate that knows SQL.
//!
//! # Layout
//! - `exchange`: what is stored of one exchange
//! - `query`: which ones are asked for, and what comes back
//! - `error`: what can go wrong, with what to do
//! - `store`: the readers; cheap to clone, never blocked by the writer
//! - `writer`: the one writer, in batches
//! - `bodies`: bodies as pieces, frame times as deltas
//! - `schema`: tables and migrations
//!
//! Bodies lie in tables of their own, compressed; a list never touches them.

mod bodies;
mod error;
mod exchange;
mod location;
mod query;
mod row;
mod schema;
mod store;
mod writer;

pub use error::{Error, OpenError};
pub use exchange::{
    Agent, Capture, Class, Exchange, Failure, Headers, Outcome, Session, Source, Status, Timing, Usage,
};
pub use location::Location;
pub use query::{Body, BodyInfo, BodySummary, DiskUse, Filter, Frame, Listing, Page, Side, Stats};
pub use store::Store;
pub use writer::Writer;
