//! Any story of exchanges on a disk that fills and empties: each is recorded whole, or says that it is not.

use super::tests::{Disk, ended, exchange, noise};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Begin(usize),
    Append(usize, Side, usize),
    Frames(usize),
    Flush(usize),
    Finish(usize),
    End(usize),
    Commit,
    Idle,
    Room(Option<i64>),
}

fn step() -> impl Strategy<Value = Step> {
    let one = || 0..5_usize;
    let side = prop_oneof![Just(Side::Request), Just(Side::Response)];
    prop_oneof![
        4 => one().prop_map(Step::Begin),
        6 => (one(), side, 1..700_000_usize).prop_map(|(one, side, len)| Step::Append(one, side, len)),
        2 => one().prop_map(Step::Frames),
        2 => one().prop_map(Step::Flush),
        2 => one().prop_map(Step::Finish),
        3 => one().prop_map(Step::End),
        4 => Just(Step::Commit),
        1 => Just(Step::Idle),
        3 => proptest::option::weighted(0.7, 0..200_i64).prop_map(Step::Room),
    ]
}

/// What an exchange should hold.
#[derive(Default)]
struct Told {
    begun: bool,
    ended: bool,
    finished: bool,
    bodies: [Vec<u8>; 2],
    frames: Vec<Frame>,
}

/// Only a full disk is a reason to refuse.
fn allow<T>(result: Result<T, Error>) {
    if let Err(error) = result {
        assert!(error.is_full(), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_exchange_is_recorded_whole_or_says_that_it_is_not(steps in vec(step(), 1..60)) {
        let mut disk = Disk::new();
        let mut told: [Told; 5] = Default::default();
        let bytes = noise(700_000);
        let row = |index: usize| exchange(index as u128 + 1);
        for step in steps {
            match step {
                Step::Begin(index) => {
                    if !told[index].ended {
                        told[index].begun = true;
                        allow(disk.writer.save(&row(index)));
                    }
                }
                Step::Append(index, side, len) => {
                    let one = &mut told[index];
                    if one.begun && !one.ended && !(side == Side::Request && one.finished) {
                        one.bodies[side.number() as usize].extend_from_slice(&bytes[..len]);
                        allow(disk.writer.append_body(row(index).id, side, &bytes[..len]));
                    }
                }
                Step::Frames(index) => {
                    let one = &mut told[index];
                    if one.begun && !one.ended {
                        let frames = [Frame { len: 5, at_us: one.frames.len() as u64 * 10 }; 3];
                        one.frames.extend(frames);
                        allow(disk.writer.append_frames(row(index).id, &frames));
                    }
                }
                Step::Flush(index) => allow(disk.writer.flush(row(index).id)),
                Step::Finish(index) => {
                    let one = &mut told[index];
                    if one.begun && !one.ended {
                        one.finished = true;
                        allow(disk.writer.finish_body(row(index).id, Side::Request));
                    }
                }
                Step::End(index) => {
                    let one = &mut told[index];
                    if one.begun && !one.ended {
                        one.ended = true;
                        allow(disk.writer.save(&ended(&row(index))));
                    }
                }
                Step::Commit => allow(disk.writer.commit()),
                Step::Idle => allow(disk.writer.idle()),
                Step::Room(pages) => disk.room(pages),
            }
        }
        disk.room(None);
        for (index, one) in told.iter().enumerate() {
            if one.begun && !one.ended {
                disk.writer.save(&ended(&row(index))).unwrap();
            }
        }
        disk.writer.commit().unwrap();
        for (index, one) in told.iter().enumerate() {
            let id = row(index).id;
            let found = disk.store.get(id).unwrap();
            prop_assert_eq!(found.is_some(), one.begun);
            let Some(found) = found else { continue };
            prop_assert_eq!(found.status(), crate::Status::Success);
            prop_assert_eq!(&disk.store.frames(id).unwrap(), &one.frames);
            // However much was lost, what passed was counted.
            let passed: usize = one.bodies.iter().map(Vec::len).sum();
            let counted: i64 = lock(&disk.writer.connection)
                .query_row(
                    "SELECT coalesce(sum(length), 0) FROM body JOIN exchange ON exchange = seq WHERE id = ?",
                    [id.as_bytes()],
                    |row| row.get(0),
                )
                .unwrap();
            prop_assert_eq!(counted, passed as i64);
            let mut whole = true;
            for side in [Side::Request, Side::Response] {
                let expected = &one.bodies[side.number() as usize];
                match disk.store.body(id, side).unwrap() {
                    Some(body) => {
                        prop_assert!(expected.starts_with(&body.bytes));
                        prop_assert_eq!(body.complete, body.bytes.len() == expected.len());
                        whole &= body.complete;
                    }
                    None => prop_assert!(expected.is_empty()),
                }
            }
            prop_assert_eq!(found.capture.complete, whole);
        }
    }
}
