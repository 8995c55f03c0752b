//! A body cut whole and in any parts: the same segments, which join to its bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| store::fuzzing::cut(data));
