//! Any bytes, cut anywhere: the events are those of the bytes in one piece.
#![no_main]

use protocol::sse::{Decoder, Event};

fn events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Option<Event>) {
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    for piece in pieces {
        decoder.feed(piece, &mut events);
    }
    (events, decoder.finish())
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // The first byte says how it is cut.
    let Some((cut, bytes)) = data.split_first() else { return };
    let whole = events(std::iter::once(bytes));
    assert_eq!(events(bytes.chunks(usize::from(*cut).max(1))), whole);
    assert_eq!(events(bytes.chunks(1)), whole);
});
