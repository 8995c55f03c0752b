//! Keeps every exchange on disk, and is the only crate that knows SQL.
//!
//! # Layout
//! - `exchange`: what is stored of one exchange
//! - `query`: which ones are asked for, and what comes back
//! - `error`: what can go wrong, with what to do
//! - `store`: the readers; cheap to clone, never blocked by the writer
//! - `writer`: the one writer, in batches
//! - `open`: the folder, its lock, the settings, and what stands in the way
//! - `home`: what is done when the database is deleted under the writer
//! - `filter`, `select`: the filter language; questions over many rows
//! - `series`, `period`, `figures`: figures over time, split by a value
//! - `latency`, `histogram`: how long things took
//! - `row`, `record`, `underway`: an exchange as columns, and as one text; what the writer still holds of it
//! - `cut`, `list`: where bodies are cut, and bodies as lists of pieces
//! - `packs`, `shelf`: where pieces go, compressed together; how they are read back
//! - `bodies`, `frames`: bodies appended to and restored; frame times as deltas
//! - `words`, `search`: what of the bytes is text; finding it
//! - `retain`, `sweep`, `gone`: what is kept; gives back the space of what was deleted; what is remembered of it
//! - `reindex`: derives again what was derived from the bytes
//! - `verify`: proves that all comes back as it was
//! - `schema`, `convert`: tables and migrations
//!
//! # Invariants
//! - Readers never wait for the writer, nor the writer for readers: no read transaction lives longer than one call into SQLite.
//! - A piece is stored once, whatever bodies it occurs in; a body is restored byte for byte, whatever it was.
//! - What a full disk refused is kept in memory and written later, or the record says what is missing.

mod bodies;
mod browse;
mod cached;
mod checkpoint;
mod convert;
mod cut;
mod error;
mod exchange;
mod figures;
mod filter;
mod frames;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gone;
mod histogram;
mod home;
mod latency;
mod list;
mod location;
mod open;
mod packs;
mod period;
mod prepare;
mod query;
mod reach;
mod record;
mod reindex;
mod retain;
mod row;
mod schema;
mod search;
mod select;
mod series;
mod sessions;
mod shelf;
mod spending;
mod store;
mod sweep;
mod underway;
mod varint;
mod verify;
mod words;
mod writer;

pub use cached::{CacheStats, CauseStats};
pub use cut::{Cut, cut};
pub use error::{Error, OpenError};
pub use exchange::{
    Agent, CacheCause, CacheVerdict, Capture, Credential, Exchange, Failure, Headers, Known, Link, Outcome,
    Program, Session, Source, Status, Timing, ToolTime, Usage, VerdictSource,
};
pub use figures::{Figures, Split, Times, Tokens};
pub use filter::{Filter, FilterError, KEYS, Key};
pub use gone::{Gone, Removal};
pub use histogram::{Bar, Spread};
pub use latency::{Latency, STALL_US, Spreads, Stall};
pub use location::Location;
pub use period::{BLOCK_US, Every, Period};
pub use prepare::{LONGEST_PREPARED, Prepared};
pub use query::{
    Body, BodyInfo, BodySummary, Cursor, DiskUse, Facet, Facets, Frame, Listing, Page, Side, Stats,
};
pub use reindex::Stretch;
pub use retain::Retention;
pub use search::Excerpt;
pub use series::{Bucket, Group, GroupValue, MAX_PERIODS, Series, SeriesError, SeriesQuery, Unpriced};
pub use sessions::{SessionOrder, SessionSum};
pub use spending::{SessionShare, Spent};
pub use store::Store;
pub use verify::{Damage, Verified};
pub use words::Words;
pub use writer::Writer;
