//! Pure functions over exchanges: what a call cost, what it was for, what it follows from, why the cache missed, what fills the context.

pub(crate) mod cache;
pub(crate) mod client_changes;
pub(crate) mod compare;
pub(crate) mod context;
pub(crate) mod cost;
pub(crate) mod limits;
pub(crate) mod request_type;
pub(crate) mod sessions;
pub(crate) mod threads;
