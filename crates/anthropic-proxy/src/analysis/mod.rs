//! Pure functions over exchanges: what a call cost, what it was for.

pub(crate) mod context;
pub(crate) mod cost;
pub(crate) mod request_type;
