//! What of writing a body needs no database: its hash and its segments, for whoever has the time before the writer does.
//!
//! An agent sends its whole conversation with every turn: what a body has in common with an earlier one is not looked at again.

use crate::bodies::SPOOL;
use crate::cut::{self, Cutter, Form};
use crate::packs::Kind;
use crate::query::BodySummary;
use crate::words::Words;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

/// After so many bytes it can be gone on from.
const STEP: usize = 32 << 10;

/// Longer bodies are cut while they come, bytes.
pub const LONGEST_PREPARED: usize = SPOOL - 1;

/// Words are found here of so many bytes at the most that no earlier body had: of more, some may be known to the writer, who then need
/// not look.
const WORDED: usize = 64 << 10;

/// A whole body's hash and segments.
#[derive(Debug)]
pub struct Prepared {
    summary: BodySummary,
    segments: Vec<Segment>,
    steps: Vec<Step>,
    /// Of some segments by their number, until somebody takes them: what is remembered for later bodies need not hold them.
    words: Mutex<HashMap<usize, Words>>,
}

/// A segment, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Bytes.
    pub(crate) length: u32,
    pub(crate) form: Form,
    /// Of one that stands on its own.
    pub(crate) key: Option<[u8; 16]>,
}

/// All that is sure of the first bytes, whatever follows them.
#[derive(Debug)]
struct Step {
    /// How many bytes those are, and in how many segments how many of them are.
    bytes: usize,
    segments: usize,
    done: usize,
    cutter: Cutter,
    hasher: blake3::Hasher,
}

impl Prepared {
    /// Prepares a body; `earlier` is another with the number of bytes that both have in common at the beginning.
    pub fn new(body: &[u8], earlier: Option<(&Prepared, usize)>) -> Prepared {
        let known = earlier.and_then(|(earlier, common)| {
            let steps = earlier.steps.partition_point(|step| step.bytes <= common.min(body.len()));
            Some((earlier, steps, earlier.steps.get(steps.checked_sub(1)?)?))
        });
        let mut making = match known {
            Some((earlier, steps, last)) => Making {
                segments: earlier.segments[..last.segments].to_vec(),
                steps: earlier.steps[..steps].iter().map(Step::again).collect(),
                done: last.done,
                cutter: last.cutter.clone(),
                hasher: last.hasher.clone(),
                hashed: last.bytes,
            },
            None => Making::default(),
        };
        while making.hashed + STEP <= body.len() {
            making.take(&body[..making.hashed + STEP], false);
        }
        making.take(body, true);
        let summary = BodySummary { len: body.len() as u64, hash: *making.hasher.finalize().as_bytes() };
        let words = words(&making.segments, body, earlier.map_or(0, |(_, common)| common));
        Prepared { summary, segments: making.segments, steps: making.steps, words: Mutex::new(words) }
    }

    /// The words of some segments by their number, once.
    pub(crate) fn take_words(&self) -> HashMap<usize, Words> {
        std::mem::take(&mut *self.words.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Length and hash.
    pub(crate) fn summary(&self) -> BodySummary {
        self.summary
    }

    /// The segments of the body, joined the whole of it.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// What it takes of memory, in bytes.
    pub fn weight(&self) -> usize {
        self.segments.capacity() * size_of::<Segment>() + self.steps.capacity() * size_of::<Step>()
    }
}

/// The words of the segments that end after the first `common` bytes, unless that is too much.
fn words(segments: &[Segment], body: &[u8], common: usize) -> HashMap<usize, Words> {
    let mut found = HashMap::new();
    if body.len().saturating_sub(common) > WORDED {
        return found;
    }
    let mut end = body.len();
    for (at, segment) in segments.iter().enumerate().rev() {
        let begin = end.saturating_sub(segment.length as usize);
        if segment.key.is_some()
            && let Some(words) = Words::of_piece(Kind::of_form(segment.form), &body[begin..end])
        {
            found.insert(at, words);
        }
        end = begin;
        if end <= common {
            break;
        }
    }
    found
}

impl Step {
    fn again(&self) -> Step {
        Step { cutter: self.cutter.clone(), hasher: self.hasher.clone(), ..*self }
    }
}

/// A body as far as it was looked at.
#[derive(Default)]
struct Making {
    segments: Vec<Segment>,
    steps: Vec<Step>,
    done: usize,
    cutter: Cutter,
    hasher: blake3::Hasher,
    hashed: usize,
}

impl Making {
    /// Takes what is new of the `bytes` from the beginning on; with `last` all of them.
    fn take(&mut self, bytes: &[u8], last: bool) {
        self.hasher.update(&bytes[self.hashed..]);
        self.hashed = bytes.len();
        let Making { segments, cutter, .. } = self;
        let taken: Result<usize, Infallible> =
            cutter.scan(&bytes[self.done..], last, &mut |segment, form| {
                let key = (!cut::is_literal(segment)).then(|| cut::key(b'd', segment));
                segments.push(Segment { length: segment.len() as u32, form, key });
                Ok(())
            });
        self.done += taken.unwrap_or_default();
        if !last {
            self.steps.push(Step {
                bytes: self.hashed,
                segments: self.segments.len(),
                done: self.done,
                cutter: self.cutter.clone(),
                hasher: self.hasher.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As the writer does without.
    fn plainly(body: &[u8]) -> (Vec<Segment>, BodySummary) {
        let mut segments = Vec::new();
        let _: Result<usize, Infallible> = Cutter::default().scan(body, true, &mut |segment, form| {
            let key = (!cut::is_literal(segment)).then(|| cut::key(b'd', segment));
            segments.push(Segment { length: segment.len() as u32, form, key });
            Ok(())
        });
        (segments, BodySummary { len: body.len() as u64, hash: *blake3::hash(body).as_bytes() })
    }

    fn part() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            4 => Just(b"\"".to_vec()),
            1 => Just(b"\\".to_vec()),
            3 => Just(b"\"},{\"".to_vec()),
            3 => (1_usize..2_000, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
            2 => (1_usize..90_000, any::<u8>()).prop_map(|(length, byte)| {
                (0..length).map(|at| byte.wrapping_add((at * at % 251) as u8) | 0x80).collect()
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn with_an_earlier_body_as_without(
            json: bool,
            shared in prop::collection::vec(part(), 0..20),
            ends in (prop::collection::vec(part(), 0..4), prop::collection::vec(part(), 0..4)),
        ) {
            let begin = if json { b"{".to_vec() } else { Vec::new() };
            let body = |end: &Vec<Vec<u8>>| [begin.clone(), shared.concat(), end.concat()].concat();
            let (before, after) = (body(&ends.0), body(&ends.1));
            let common = before.iter().zip(&after).take_while(|(left, right)| left == right).count();
            let earlier = Prepared::new(&before, None);
            prop_assert_eq!((earlier.segments.clone(), earlier.summary), plainly(&before));
            for common in [common, common / 2] {
                let later = Prepared::new(&after, Some((&earlier, common)));
                prop_assert_eq!((later.segments.clone(), later.summary), plainly(&after));
                // And it can be gone on from itself.
                let again = Prepared::new(&after, Some((&later, after.len())));
                prop_assert_eq!((&again.segments, again.summary), (&later.segments, later.summary));
            }
        }
    }

    #[test]
    fn what_is_common_is_not_looked_at() {
        let body = format!("{{\"a\":\"{}\"}}", "words and words ".repeat(20_000));
        let earlier = Prepared::new(body.as_bytes(), None);
        assert_eq!(earlier.steps.len(), body.len() / STEP);
        // A body of other bytes that claims to be the same is taken at its word up to the last step.
        let other = vec![b'x'; body.len()];
        let later = Prepared::new(&other, Some((&earlier, body.len())));
        let count = earlier.steps.last().unwrap().segments;
        assert!(count > 0);
        assert_eq!(later.segments[..count], earlier.segments[..count]);
    }
}
