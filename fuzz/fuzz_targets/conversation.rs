//! A request read with the help of the one before it: the same as without. A NUL parts the two.
#![no_main]

use protocol::conversation::Conversation;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some(at) = data.iter().position(|byte| *byte == 0) else { return };
    let (before, after) = (&data[..at], &data[at + 1..]);
    let earlier = Conversation::read(before.to_vec(), None);
    let read = Conversation::read(after.to_vec(), Some(&earlier));
    assert_eq!((read.request, read.problems), protocol::request::parse(after));
    assert_eq!(*read.outline, protocol::outline::outline(after));
});
