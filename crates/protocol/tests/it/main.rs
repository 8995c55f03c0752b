//! What the crate promises, through its public API.

mod assembling;
mod codings;
mod errors;
mod events;
mod identities;
mod masking;
mod messages;
mod outlines;
mod prices;
mod requests;
mod support;
mod usages;
