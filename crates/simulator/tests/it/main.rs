//! The simulator's behaviour over raw sockets.

mod cache;
mod endpoints;
mod faults;
mod messages;
mod scripts;
mod support;
