//! Requests, one after another, in any pieces: same messages, same ends; what is forwarded is sound.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| relay::fuzzing::requests(data));
