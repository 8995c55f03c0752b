//! Lists of pieces: what a body is, as a tree whose unchanged parts are stored once like any piece.
//!
//! A list holds short literal bytes and places of pieces, which may be lists again. Lists end where the place of a piece says so, not
//! after a fixed number, so two bodies that begin alike share the lists of their beginning: what a turn adds costs the same in the
//! fiftieth turn as in the first.

use crate::error::Error;
use crate::varint::{put_varint, take_varint};

/// A list ends, on average, after so many places, as a power of two.
const FANOUT_BITS: u32 = 4;

/// A list ends at the latest after so many entries,
const MAX_ENTRIES: usize = 64;

/// or so many literal bytes.
const MAX_LITERAL: usize = 8 << 10;

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Bytes too short to be a piece.
    Literal(Vec<u8>),
    /// The place of a piece.
    Place(i64),
}

/// Writes entries as bytes; equal entries are equal bytes.
pub(crate) fn encode<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last = 0_i64;
    for entry in entries {
        match entry {
            Entry::Literal(bytes) => {
                put_varint(&mut out, (bytes.len() as u64) << 1);
                out.extend_from_slice(bytes);
            }
            Entry::Place(place) => {
                let step = place.wrapping_sub(last);
                put_varint(&mut out, ((step << 1) ^ (step >> 63)).cast_unsigned() << 1 | 1);
                last = *place;
            }
        }
    }
    out
}

/// One entry of an encoded list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryRef<'a> {
    Literal(&'a [u8]),
    Place(i64),
}

/// Reads entries one by one; damage ends with an error.
pub(crate) fn decode(mut bytes: &[u8]) -> impl Iterator<Item = Result<EntryRef<'_>, Error>> {
    let mut last = 0_i64;
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let entry = take_varint(&mut bytes).and_then(|tag| {
            let value = tag >> 1;
            if tag & 1 == 0 {
                let (literal, rest) = bytes.split_at_checked(usize::try_from(value).ok()?)?;
                bytes = rest;
                return Some(EntryRef::Literal(literal));
            }
            let step = (value >> 1).cast_signed() ^ -((value & 1).cast_signed());
            last = last.wrapping_add(step);
            Some(EntryRef::Place(last))
        });
        if entry.is_none() {
            bytes = &[];
        }
        Some(entry.ok_or_else(|| Error::Damaged("a list of pieces ends early".to_owned())))
    })
}

/// Stores a list that is complete, and returns its place.
pub(crate) type StoreList<'a> = dyn FnMut(Vec<Entry>) -> Result<i64, Error> + 'a;

/// Builds the tree of one body from its entries in order.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Entries that are not in a list yet; the first level is the body's own.
    levels: Vec<Level>,
}

#[derive(Debug, Default)]
struct Level {
    entries: Vec<Entry>,
    literal: usize,
}

impl Level {
    /// Whether the list ends here.
    fn is_full(&self) -> bool {
        let marked = match self.entries.last() {
            Some(Entry::Place(place)) => {
                // A multiplicative hash: neighbouring places must not end lists in step.
                place.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FANOUT_BITS) == 0
            }
            _ => false,
        };
        self.entries.len() > 1 && (marked || self.entries.len() >= MAX_ENTRIES || self.literal >= MAX_LITERAL)
    }
}

impl Tree {
    /// Adds an entry.
    pub(crate) fn push(&mut self, entry: Entry, store: &mut StoreList<'_>) -> Result<(), Error> {
        self.push_at(0, entry, store)
    }

    fn push_at(&mut self, level: usize, entry: Entry, store: &mut StoreList<'_>) -> Result<(), Error> {
        if self.levels.len() == level {
            self.levels.push(Level::default());
        }
        let at = &mut self.levels[level];
        if let Entry::Literal(bytes) = &entry {
            at.literal += bytes.len();
        }
        at.entries.push(entry);
        if !at.is_full() {
            return Ok(());
        }
        let list = std::mem::take(at).entries;
        let place = store(list)?;
        self.push_at(level + 1, Entry::Place(place), store)
    }

    /// The one entry that is the whole body; `None` if it is empty.
    pub(crate) fn finish(mut self, store: &mut StoreList<'_>) -> Result<Option<Entry>, Error> {
        let mut level = 0;
        while level < self.levels.len() {
            let mut entries = std::mem::take(&mut self.levels[level]).entries;
            let is_top = level + 1 == self.levels.len();
            if is_top && entries.len() <= 1 {
                return Ok(entries.pop());
            }
            match entries.len() {
                0 => {}
                1 => self.lift(level + 1, entries.remove(0)),
                _ => {
                    let place = store(entries)?;
                    self.lift(level + 1, Entry::Place(place));
                }
            }
            level += 1;
        }
        Ok(None)
    }

    /// Adds what is left of a level to the one above, which ends soon itself.
    fn lift(&mut self, level: usize, entry: Entry) {
        if self.levels.len() == level {
            self.levels.push(Level::default());
        }
        self.levels[level].entries.push(entry);
    }

    /// All entries so far as one list, in order.
    pub(crate) fn so_far(&self) -> Vec<u8> {
        encode(self.levels.iter().rev().flat_map(|level| &level.entries))
    }
}
