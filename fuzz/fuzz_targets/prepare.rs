//! A body hashed and cut with the help of another that begins alike: the same as without.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| store::fuzzing::prepare(data));
