//! Any text is a filter that prints as one that means the same, or an error that points into it.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| store::fuzzing::filter(text));
