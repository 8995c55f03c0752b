//! Bytes to server-sent events.

use crate::support::{cuts, events, fixture, split};
use proptest::prelude::*;
use protocol::sse::{Decoder, Event};

fn brief(events: &[Event]) -> Vec<(Option<&str>, &[u8])> {
    events.iter().map(|event| (event.name.as_deref(), event.data.as_slice())).collect()
}

#[test]
fn reads_every_form_of_line_and_field() {
    type Expected<'a> = &'a [(Option<&'a str>, &'a [u8])];
    let cases: &[(&str, &[u8], Expected<'_>)] = &[
        ("LF", b"event: a\ndata: 1\n\n", &[(Some("a"), b"1")]),
        ("CRLF", b"event: a\r\ndata: 1\r\n\r\n", &[(Some("a"), b"1")]),
        ("CR", b"event: a\rdata: 1\r\rdata: 2\r\r", &[(Some("a"), b"1"), (None, b"2")]),
        ("mixed", b"event: a\r\ndata: 1\n\rdata: 2\r\n\n", &[(Some("a"), b"1"), (None, b"2")]),
        ("no space", b"data:1\n\n", &[(None, b"1")]),
        ("one space only is dropped", b"data:  1\n\n", &[(None, b" 1")]),
        ("several data lines", b"data: 1\ndata:\ndata: 3\n\n", &[(None, b"1\n\n3")]),
        ("field without colon", b"data\n\n", &[(None, b"")]),
        ("byte order mark", b"\xef\xbb\xbfdata: 1\n\n", &[(None, b"1")]),
        ("byte order mark within", b"data: 1\n\n\xef\xbb\xbfdata: 2\n\n", &[(None, b"1")]),
        ("comments", b": hello\n\n:\ndata: 1\n: x\n\n", &[(None, b"1")]),
        ("unknown fields", b"id: 7\nretry: 5\nfoo: x\ndata: 1\n\n", &[(None, b"1")]),
        ("name without data", b"event: ping\n\n", &[(Some("ping"), b"")]),
        ("empty name", b"event:\ndata: 1\n\n", &[(None, b"1")]),
        ("last name counts", b"event: a\nevent: b\ndata: 1\n\n", &[(Some("b"), b"1")]),
        ("a name does not outlive its event", b"event: a\n\ndata: 1\n\n", &[(Some("a"), b""), (None, b"1")]),
        ("invalid UTF-8 stays", b"data: \xff\xf0\n\n", &[(None, b"\xff\xf0")]),
        (
            "line separators of Unicode are data",
            "data: \u{2028}\n\n".as_bytes(),
            &[(None, "\u{2028}".as_bytes())],
        ),
        ("cut after a line", b"data: 1\n\ndata: 2\n", &[(None, b"1"), (None, b"2")]),
        ("cut in a line", b"data: 1\n\nevent: b\ndata: 2", &[(None, b"1"), (Some("b"), b"2")]),
        ("cut in a field's name", b"data: 1\n\nda", &[(None, b"1")]),
        ("nothing", b"", &[]),
        ("blank lines", b"\n\r\n\r\n\n", &[]),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(brief(&events([*bytes])), *expected, "{name}");
        let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(brief(&events(bytewise)), *expected, "{name}, byte by byte");
    }
}

#[test]
fn hands_an_event_out_with_its_blank_line() {
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    decoder.feed(b"data: 1\n", &mut events);
    assert_eq!(events, []);
    decoder.feed(b"\n", &mut events);
    assert_eq!(brief(&events), [(None, &b"1"[..])]);
    assert_eq!(decoder.finish(), None);
}

#[test]
fn marks_the_event_that_a_cut_left_unfinished() {
    for (bytes, truncated) in [
        (&b"data: 1"[..], true),
        (b"data: 1\n", true),
        (b"data: 1\r", true),
        (b"data: 1\r\r", false),
        (b"data: 1\n\r", false),
    ] {
        let mut decoder = Decoder::new();
        let mut events = Vec::new();
        decoder.feed(bytes, &mut events);
        assert_eq!(events, []);
        assert_eq!(decoder.finish().map(|event| event.truncated), Some(truncated), "{bytes:?}");
    }
}

#[test]
fn says_where_each_event_ends() {
    let bytes = b": c\n\ndata: 1\n\nevent: b\r\ndata: 2\r\n\r\ndata: 3";
    let ends: Vec<u64> = events([&bytes[..]]).iter().map(|event| event.end).collect();
    assert_eq!(ends, [14, 35, bytes.len() as u64]);
}

#[test]
fn keeps_sync_behind_an_event_beyond_the_limit() {
    let long = "x".repeat(1000);
    for stream in [
        format!("data: {long}\n\ndata: short\n\n"),
        format!("data: a\ndata: {long}\ndata: b\n\ndata: short\n\n"),
        format!(": {long}\ndata: a\n\ndata: short\n\n"),
        format!("{}\ndata: short\n\n", "data: 123456789\n".repeat(50)),
    ] {
        for size in [1, 7, 5000] {
            let mut decoder = Decoder::with_limit(100);
            let mut events = Vec::new();
            for piece in stream.as_bytes().chunks(size) {
                decoder.feed(piece, &mut events);
            }
            assert_eq!(events.len(), 2, "{stream}");
            assert!(events[0].data.len() <= 100);
            assert_eq!(events[0].truncated, !stream.starts_with(':'), "{stream}");
            assert_eq!((&events[1].data[..], events[1].truncated), (&b"short"[..], false));
        }
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events(cuts in cuts(), name in prop::sample::select(vec![
        "thinking_then_tools.sse", "crlf_without_spaces.sse", "cut_inside_an_event.sse", "text_with_citations.sse",
    ])) {
        let stream = fixture(name);
        prop_assert_eq!(events(split(&stream, &cuts)), events([&stream[..]]));
    }

    #[test]
    fn any_bytes_split_anyhow_give_the_same_events(
        bytes in prop::collection::vec(prop::sample::select(b"\r\n\n\r: adtevn\xef\xbb\xbf\xff".to_vec()), 0..200),
        cuts in cuts(),
    ) {
        prop_assert_eq!(events(split(&bytes, &cuts)), events([&bytes[..]]));
    }

    #[test]
    fn what_was_written_is_read(written in prop::collection::vec(("[a-z_]{1,20}", "[^\r\n]{0,80}"), 0..20), cuts in cuts()) {
        let stream: String = written.iter().map(|(name, data)| format!("event: {name}\ndata: {data}\n\n")).collect();
        let read = events(split(stream.as_bytes(), &cuts));
        prop_assert_eq!(read.len(), written.len());
        for (event, (name, data)) in read.iter().zip(&written) {
            prop_assert_eq!(event.name.as_deref(), Some(name.as_str()));
            prop_assert_eq!(&event.data, data.as_bytes());
        }
    }
}
