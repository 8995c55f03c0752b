//! Any stream: the message grows and never fails; what a stream says in pieces it says as a whole.
#![no_main]

use protocol::assemble::Assembler;
use protocol::sse::Decoder;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    decoder.feed(data, &mut events);
    events.extend(decoder.finish());
    let mut assembler = Assembler::new();
    for event in &events {
        assembler.push(event);
    }
    let begun = assembler.message().is_some();
    let assembled = assembler.finish();
    assert!(assembled.message.is_some() || !begun);
    if let Some(message) = assembled.message {
        // What the page and the exports get of it can be written, and read again.
        let text = serde_json::to_vec(&message).expect("a message is JSON");
        assert!(protocol::lenient(&text).is_object());
    }
});
