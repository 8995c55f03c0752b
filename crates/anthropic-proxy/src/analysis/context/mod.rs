//! The context bill: what fills the context of a request, and of many, and what each part of it costs.
//!
//! Only the whole of a prompt is measured, so that the tokens of its parts are an estimate; they and their money add up exactly to
//! what was measured and paid.

mod bill;
mod digest;
mod image;
mod item;
mod share;
mod sum;
mod texts;

#[cfg(test)]
mod tests;

pub(crate) use bill::{Bill, Line, Tokens, bill};
pub(crate) use digest::Digests;
pub(crate) use item::Item;
pub(crate) use sum::{Asked, Carried, Server, Sum, Total};
