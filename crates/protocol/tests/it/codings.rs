//! Content-Encoding undone.

use crate::support::{assemble, cuts, events, fixture, split};
use proptest::prelude::*;
use protocol::coding::{CodingError, Decoder, decode};
use std::io::Write;

const PLENTY: u64 = 64 << 20;

const CODINGS: [&str; 5] = ["gzip", "deflate", "br", "zstd", "identity"];

fn encode(coding: &str, plain: &[u8]) -> Vec<u8> {
    encode_flushed(coding, &[plain]).concat()
}

/// What a server sends that flushes after each piece.
fn encode_flushed(coding: &str, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    match coding {
        "gzip" => {
            let writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            flushed(
                writer,
                pieces,
                |writer| std::mem::take(writer.get_mut()),
                |writer| writer.finish().unwrap(),
            )
        }
        "deflate" => {
            let writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            flushed(
                writer,
                pieces,
                |writer| std::mem::take(writer.get_mut()),
                |writer| writer.finish().unwrap(),
            )
        }
        "raw" => {
            let writer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            flushed(
                writer,
                pieces,
                |writer| std::mem::take(writer.get_mut()),
                |writer| writer.finish().unwrap(),
            )
        }
        "br" => {
            let writer = brotli::CompressorWriter::new(Vec::new(), 4096, 4, 20);
            flushed(
                writer,
                pieces,
                |writer| std::mem::take(writer.get_mut()),
                brotli::CompressorWriter::into_inner,
            )
        }
        "zstd" => {
            let writer = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            flushed(
                writer,
                pieces,
                |writer| std::mem::take(writer.get_mut()),
                |writer| writer.finish().unwrap(),
            )
        }
        _ => pieces.iter().map(|piece| piece.to_vec()).collect(),
    }
}

fn flushed<W: Write>(
    mut writer: W,
    pieces: &[&[u8]],
    take: impl Fn(&mut W) -> Vec<u8>,
    finish: impl Fn(W) -> Vec<u8>,
) -> Vec<Vec<u8>> {
    let mut coded = Vec::new();
    for piece in pieces {
        writer.write_all(piece).unwrap();
        writer.flush().unwrap();
        coded.push(take(&mut writer));
    }
    coded.push(finish(writer));
    coded
}

#[test]
fn undoes_each_coding_and_lists_of_them() {
    let plain = fixture("thinking_then_tools.sse");
    let twice = encode("br", &encode("gzip", &plain));
    let cases: &[(Option<&str>, Vec<u8>)] = &[
        (None, plain.clone()),
        (Some(""), plain.clone()),
        (Some("identity"), plain.clone()),
        (Some("gzip"), encode("gzip", &plain)),
        (Some("X-GZIP"), encode("gzip", &plain)),
        (Some("deflate"), encode("deflate", &plain)),
        (Some("deflate"), encode("raw", &plain)),
        (Some("br"), encode("br", &plain)),
        (Some("zstd"), encode("zstd", &plain)),
        (Some("gzip, br"), twice.clone()),
        (Some("identity,gzip ,, BR"), twice),
        (
            Some("gzip"),
            [encode("gzip", &plain[..100]), encode("gzip", b""), encode("gzip", &plain[100..])].concat(),
        ),
        (Some("gzip"), [encode("gzip", &plain), vec![0; 512]].concat()),
        (Some("zstd"), [encode("zstd", &plain[..100]), encode("zstd", &plain[100..])].concat()),
        // A frame to be skipped, as zstd's own tools write them.
        (Some("zstd"), [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9][..], &encode("zstd", &plain)].concat()),
    ];
    for (header, coded) in cases {
        assert_eq!(decode(*header, coded, PLENTY), (plain.clone(), None), "{header:?}");
        for size in [1, 3, 1000] {
            let (mut decoder, mut out) = (Decoder::new(*header, PLENTY), Vec::new());
            for piece in coded.chunks(size) {
                decoder.feed(piece, &mut out).unwrap();
            }
            assert_eq!(decoder.finish(&mut out), Ok(()), "{header:?} by {size}");
            assert_eq!(out, plain, "{header:?} by {size}");
        }
    }
}

#[test]
fn an_empty_body_is_whole_in_every_coding() {
    for coding in ["gzip", "deflate", "br", "zstd", "identity", "gzip, zstd"] {
        assert_eq!(decode(Some(coding), b"", PLENTY), (Vec::new(), None), "{coding}");
        assert_eq!(decode(Some(coding), &encode(coding, b""), PLENTY).0, b"", "{coding}");
    }
}

#[test]
fn gives_out_everything_that_was_flushed_as_soon_as_it_comes() {
    let pieces: Vec<Vec<u8>> =
        (0..40).map(|n| format!("data: {n} {}\n\n", "ab".repeat(n * 50)).into_bytes()).collect();
    let borrowed: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
    for coding in ["gzip", "deflate", "raw", "br", "zstd", "identity"] {
        let header = if coding == "raw" { "deflate" } else { coding };
        let mut decoder = Decoder::new(Some(header), PLENTY);
        for (coded, plain) in encode_flushed(coding, &borrowed).iter().zip(&pieces) {
            let mut out = Vec::new();
            decoder.feed(coded, &mut out).unwrap();
            assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(plain), "{coding}");
        }
    }
}

#[test]
fn a_cut_stream_keeps_its_prefix() {
    let plain = fixture("thinking_then_tools.sse");
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let coded = encode_flushed(coding, &[&plain[..500], &plain[500..]]);
        let cut = [&coded[0][..], &coded[1][..5]].concat();
        let (out, error) = decode(Some(coding), &cut, PLENTY);
        assert!(out.len() >= 500 && plain.starts_with(&out), "{coding}: {} bytes", out.len());
        assert_eq!(error, Some(CodingError::Cut(CODINGS.into_iter().find(|name| *name == coding).unwrap())));
    }
}

#[test]
fn damage_is_told_and_stays_told() {
    for coding in ["gzip", "br", "zstd"] {
        let mut decoder = Decoder::new(Some(coding), PLENTY);
        let mut out = Vec::new();
        let error =
            decoder.feed(b"{\"this\": \"is plain JSON, whatever the header says\"}", &mut out).unwrap_err();
        assert!(matches!(error, CodingError::Damaged { .. }), "{coding}: {error:?}");
        assert_eq!(decoder.feed(&encode(coding, b"x"), &mut out), Err(error.clone()));
        assert_eq!(decoder.finish(&mut out), Err(error));
        assert_eq!(out, b"");
    }
    let mut gzip = encode("gzip", b"the checksum is at the end");
    let last = gzip.len() - 6;
    gzip[last] ^= 1;
    let (out, error) = decode(Some("gzip"), &gzip, PLENTY);
    assert_eq!(out, b"the checksum is at the end");
    assert!(matches!(error, Some(CodingError::Damaged { .. })), "{error:?}");
}

#[test]
fn what_follows_the_end_is_told_and_left_out() {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let (out, error) =
            decode(Some(coding), &[encode(coding, b"plain"), b"tail".to_vec()].concat(), PLENTY);
        assert_eq!(out, b"plain", "{coding}");
        assert!(error.is_some(), "{coding}");
    }
}

#[test]
fn an_unknown_coding_is_named() {
    let (out, error) = decode(Some("gzip, aws-chunked"), b"x", PLENTY);
    assert_eq!(out, b"");
    let error = error.unwrap();
    assert_eq!(error, CodingError::Unknown("aws-chunked".to_owned()));
    assert!(error.to_string().contains("\"aws-chunked\""));
    let many = vec!["gzip"; 100].join(",");
    assert_eq!(decode(Some(&many), b"x", PLENTY).1, Some(CodingError::TooMany(100)));
}

#[test]
fn a_bomb_ends_at_the_limit() {
    let bomb = vec![0; 8 << 20];
    for coding in ["gzip", "deflate", "br", "zstd", "identity"] {
        let coded = encode(coding, &bomb);
        for limit in [0, 1, 100_000] {
            let (out, error) = decode(Some(coding), &coded, limit);
            assert_eq!((out.len() as u64, error), (limit, Some(CodingError::TooLong(limit))), "{coding}");
        }
        assert_eq!(decode(Some(coding), &coded, bomb.len() as u64).1, None, "{coding}: exactly the limit");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_of_a_compressed_stream_gives_the_same_message(
        coding in prop::sample::select(vec!["gzip", "deflate", "br", "zstd", "gzip, br", "identity"]),
        cuts in cuts(),
        name in prop::sample::select(vec!["thinking_then_tools.sse", "server_tools_correct_the_input.sse"]),
    ) {
        let plain = fixture(name);
        let coded = coding.split(", ").fold(plain.clone(), |bytes, coding| encode(coding, &bytes));
        let mut decoder = Decoder::new(Some(coding), PLENTY);
        let pieces: Vec<Vec<u8>> = split(&coded, &cuts).into_iter().map(|piece| {
            let mut out = Vec::new();
            decoder.feed(piece, &mut out).unwrap();
            out
        }).collect();
        prop_assert_eq!(decoder.finish(&mut Vec::new()), Ok(()));
        let read = events(pieces.iter().map(Vec::as_slice));
        prop_assert_eq!(assemble(&read), assemble(&events([&plain[..]])));
    }

    #[test]
    fn any_body_comes_back(plain in prop::collection::vec(any::<u8>(), 0..3000), coding in prop::sample::select(CODINGS.to_vec())) {
        prop_assert_eq!(decode(Some(coding), &encode(coding, &plain), PLENTY), (plain, None));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), cuts in cuts(), damage in 0usize..400) {
        for coding in ["gzip", "deflate", "br", "zstd", "deflate, gzip"] {
            let mut coded = encode(coding, &bytes);
            if let Some(byte) = coded.get_mut(damage) {
                *byte ^= 0x55;
            }
            for body in [&bytes, &coded] {
                let (whole, error) = decode(Some(coding), body, 10_000);
                let (mut decoder, mut out) = (Decoder::new(Some(coding), 10_000), Vec::new());
                for piece in split(body, &cuts) {
                    let _ = decoder.feed(piece, &mut out);
                }
                prop_assert_eq!(decoder.finish(&mut out).err().is_some(), error.is_some(), "{}", coding);
                // How much is rescued from damaged bytes may depend on the split, not what it says.
                prop_assert!(out.starts_with(&whole) || whole.starts_with(&out), "{}", coding);
                prop_assert!(error.is_some() || out == whole, "{}", coding);
            }
        }
    }
}
