//! Pure functions over exchanges: what a call was for.

pub(crate) mod request_type;
