//! What the tests share: fixtures, splits, and a stream put together.

use proptest::prelude::*;
use protocol::assemble::{Assembled, Assembler, Update};
use protocol::sse;
use std::path::Path;

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The events of a stream that comes in these pieces, the incomplete last one included.
pub(crate) fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<sse::Event> {
    let mut decoder = sse::Decoder::new();
    let mut events = Vec::new();
    for piece in pieces {
        decoder.feed(piece, &mut events);
    }
    events.extend(decoder.finish());
    events
}

pub(crate) fn assemble(events: &[sse::Event]) -> (Vec<Update>, Assembled) {
    let mut assembler = Assembler::new();
    let updates = events.iter().map(|event| assembler.push(event)).collect();
    (updates, assembler.finish())
}

/// Cuts bytes at these fractions of their length.
pub(crate) fn split<'a>(bytes: &'a [u8], cuts: &[f64]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| (bytes.len() as f64 * cut) as usize).collect();
    at.push(bytes.len());
    at.sort_unstable();
    let mut begin = 0;
    at.into_iter().map(|end| &bytes[std::mem::replace(&mut begin, end)..end]).collect()
}

pub(crate) fn cuts() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.0..1.0, 0..12)
}
