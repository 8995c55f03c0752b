//! Bodies and frames: in at any split, out byte for byte.

mod common;

use common::{complete, memory, noise, running};
use proptest::collection::vec;
use proptest::prelude::*;
use store::{Error, Frame, Side};
use uuid::Uuid;

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<u8>),
    Flush,
    Commit,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => vec(any::<u8>(), 0..2_000).prop_map(Step::Append),
        2 => vec(any::<u8>(), 1..8).prop_map(|seed| Step::Append(seed.repeat(120_000))),
        1 => Just(Step::Flush),
        1 => Just(Step::Commit),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_body_appended_in_any_split_comes_back(steps in vec(step(), 0..24), finished: bool) {
        let (store, mut writer) = memory();
        let exchange = running();
        let id = exchange.id;
        writer.save(&exchange).unwrap();
        let mut expected = Vec::new();
        for step in &steps {
            match step {
                Step::Append(bytes) => {
                    writer.append_body(id, Side::Response, bytes).unwrap();
                    expected.extend_from_slice(bytes);
                }
                Step::Flush => {
                    writer.flush(id).unwrap();
                    if !expected.is_empty() {
                        let body = store.body(id, Side::Response).unwrap().unwrap();
                        prop_assert!(body.bytes == expected && !body.complete);
                    }
                }
                Step::Commit => writer.commit().unwrap(),
            }
        }
        if finished {
            let summary = writer.finish_body(id, Side::Response).unwrap();
            prop_assert_eq!(summary.len, expected.len() as u64);
            prop_assert_eq!(summary.hash, *blake3::hash(&expected).as_bytes());
        }
        writer.save(&complete(&exchange)).unwrap();
        writer.commit().unwrap();
        match store.body(id, Side::Response).unwrap() {
            Some(body) => prop_assert!(body.complete && body.bytes == expected),
            None => prop_assert!(expected.is_empty() && !finished),
        }
        prop_assert_eq!(store.body(id, Side::Request).unwrap(), None);
    }

    #[test]
    fn frames_come_back_however_they_were_handed_over(
        batches in vec((vec((any::<u32>(), 0..5_000_000_u64), 0..40), any::<bool>()), 0..12),
    ) {
        let (store, mut writer) = memory();
        let exchange = running();
        writer.save(&exchange).unwrap();
        let mut expected = Vec::new();
        let mut at_us = 0;
        for (batch, flush) in &batches {
            let frames: Vec<Frame> = batch.iter().map(|&(len, delta)| { at_us += delta; Frame { len, at_us } }).collect();
            writer.append_frames(exchange.id, &frames).unwrap();
            expected.extend(frames);
            if *flush {
                writer.flush(exchange.id).unwrap();
                prop_assert_eq!(&store.frames(exchange.id).unwrap(), &expected);
            }
        }
        writer.save(&complete(&exchange)).unwrap();
        prop_assert_eq!(store.frames(exchange.id).unwrap(), expected);
    }
}

#[test]
fn a_long_stream_keeps_each_of_its_frames() {
    let (store, mut writer) = memory();
    let exchange = running();
    writer.save(&exchange).unwrap();
    let frames: Vec<Frame> =
        (0..100_000).map(|n| Frame { len: n % 9_000, at_us: u64::from(n) * 700 }).collect();
    for some in frames.chunks(977) {
        writer.append_frames(exchange.id, some).unwrap();
        writer.flush(exchange.id).unwrap();
    }
    writer.commit().unwrap();
    assert!(store.frames(exchange.id).unwrap() == frames);
}

#[test]
fn a_body_is_read_in_pieces_of_at_most_one_mebibyte() {
    let (store, mut writer) = memory();
    let exchange = running();
    writer.save(&exchange).unwrap();
    let body = noise(5_000_000, 3);
    writer.append_body(exchange.id, Side::Request, &body).unwrap();
    writer.finish_body(exchange.id, Side::Request).unwrap();
    let mut read = Vec::new();
    let info = store
        .read_body(exchange.id, Side::Request, &mut |piece| {
            assert!(piece.len() <= 1 << 20);
            read.extend_from_slice(piece);
            Ok(())
        })
        .unwrap()
        .unwrap();
    assert!(info.complete && info.len == 5_000_000 && read == body);
}

#[test]
fn a_sink_that_fails_ends_the_reading_with_its_error() {
    let (store, mut writer) = memory();
    let exchange = running();
    writer.save(&exchange).unwrap();
    writer.append_body(exchange.id, Side::Request, b"some").unwrap();
    writer.finish_body(exchange.id, Side::Request).unwrap();
    let gone = store.read_body(exchange.id, Side::Request, &mut |_| Err(std::io::Error::other("gone")));
    assert!(matches!(gone, Err(Error::Sink(error)) if error.to_string() == "gone"));
}

#[test]
fn a_sink_may_ask_the_store_again() {
    let (store, mut writer) = memory();
    let exchange = running();
    writer.save(&exchange).unwrap();
    writer.append_body(exchange.id, Side::Request, b"some").unwrap();
    writer.flush(exchange.id).unwrap();
    let mut seen = None;
    store
        .read_body(exchange.id, Side::Request, &mut |_| {
            seen = store.get(exchange.id).unwrap();
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, Some(exchange));
}

#[test]
fn an_empty_body_that_was_finished_differs_from_none() {
    let (store, mut writer) = memory();
    let exchange = running();
    writer.save(&exchange).unwrap();
    assert_eq!(store.body(exchange.id, Side::Request).unwrap(), None);
    writer.finish_body(exchange.id, Side::Request).unwrap();
    let body = store.body(exchange.id, Side::Request).unwrap().unwrap();
    assert!(body.bytes.is_empty() && body.complete);
    assert_eq!(store.body(Uuid::now_v7(), Side::Request).unwrap(), None);
}

#[test]
fn bytes_after_the_end_are_refused_and_change_nothing() {
    let (store, mut writer) = memory();
    let exchange = running();
    let id = exchange.id;
    assert!(matches!(writer.append_body(id, Side::Request, b"early"), Err(Error::Misuse(_))));
    writer.save(&exchange).unwrap();
    writer.append_body(id, Side::Request, b"right").unwrap();
    writer.finish_body(id, Side::Request).unwrap();
    assert!(matches!(writer.append_body(id, Side::Request, b"late"), Err(Error::Misuse(_))));
    writer.save(&complete(&exchange)).unwrap();
    writer.commit().unwrap();
    assert!(matches!(writer.append_body(id, Side::Response, b"late"), Err(Error::Misuse(_))));
    assert!(matches!(writer.append_frames(id, &[Frame { len: 1, at_us: 1 }]), Err(Error::Misuse(_))));
    writer.flush(id).unwrap();
    let body = store.body(id, Side::Request).unwrap().unwrap();
    assert!(body.complete && body.bytes == b"right");
}
