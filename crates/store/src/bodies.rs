//! Bodies: appended to in any split, cut into pieces at their end, restored byte for byte.
//!
//! A body waits whole in memory until it is finished and its batch is committed, so that a batch the disk refused can be written again.
//! Of a body beyond [`SPOOL`] only what could not be cut yet stays in memory, so memory is flat however long it is; what was cut in a
//! batch that was refused is then lost, and the record says so.

use crate::cut::Form;
use crate::cut::{self, Cutter};
use crate::error::Error;
use crate::list::{self, Entry, EntryRef, Tree};
use crate::packs::{Kind, NewPiece, Packs};
use crate::prepare::{Prepared, Segment};
use crate::query::{BodySummary, Side};
use crate::shelf::{Shelf, Walk};
use crate::words::Words;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::sync::Arc;

/// A body of more bytes is cut while it comes.
pub(crate) const SPOOL: usize = 1 << 20;

/// Fast: what waits is written again each second while it grows.
const TAIL_LEVEL: i32 = 1;

/// Where a body is written to.
pub(crate) struct Target<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) packs: &'a mut Packs,
    /// Bodies of one session are kept together.
    pub(crate) session: Option<&'a str>,
}

/// A body that is being appended to, or waits for its commit.
#[derive(Debug)]
pub(crate) struct BodyWriter {
    side: Side,
    /// What has not been cut, or might have to be again.
    tail: Vec<u8>,
    /// What was cut of a body that is too long to wait whole.
    long: Option<(Cutter, Tree)>,
    length: u64,
    hasher: blake3::Hasher,
    /// Bytes at the front of the tail that the hasher has taken. It takes much at once: that is many times as quick as little by little.
    hashed: usize,
    finished: Option<BodySummary>,
    /// Its hash and segments, where somebody found them already.
    prepared: Option<Arc<Prepared>>,
    /// What it says, for search, where its bytes do not show it.
    words: Option<Words>,
    /// The tail has bytes that the database has not.
    dirty: bool,
    /// The finished body is not in the database.
    unsigned: bool,
    /// The finished body is in the database, and committed.
    safe: bool,
    /// Something was cut in the open batch that memory no longer has.
    at_stake: bool,
    /// Such was lost: what follows is only counted.
    broken: bool,
    /// How much of it the tail in the database covers: with the open batch, and without.
    covered: u64,
    kept: u64,
}

impl BodyWriter {
    pub(crate) fn new(side: Side) -> BodyWriter {
        BodyWriter {
            side,
            tail: Vec::new(),
            long: None,
            length: 0,
            hasher: blake3::Hasher::new(),
            hashed: 0,
            finished: None,
            prepared: None,
            words: None,
            dirty: false,
            unsigned: false,
            safe: false,
            at_stake: false,
            broken: false,
            covered: 0,
            kept: 0,
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished.is_some()
    }

    /// Whether it is finished, and the database does not know it.
    pub(crate) fn is_unsigned(&self) -> bool {
        self.unsigned
    }

    /// Whether it has what the database has not.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Whether a part of it could not be kept.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken && self.kept < self.length
    }

    /// All of a body that is no JSON and of which nobody has said what it says.
    pub(crate) fn unread(&self) -> Option<&[u8]> {
        let is_json = || self.tail.trim_ascii_start().first().is_some_and(|first| b"{[".contains(first));
        let is_whole = self.long.is_none() && !self.broken && !self.safe && !self.tail.is_empty();
        (self.words.is_none() && is_whole && !is_json()).then_some(self.tail.as_slice())
    }

    /// Whether pieces are known only here.
    pub(crate) fn is_long(&self) -> bool {
        self.long.is_some() || self.broken && self.unsigned
    }

    pub(crate) fn waiting(&self) -> usize {
        self.tail.len()
    }

    /// What search finds it by, if its bytes are no JSON.
    pub(crate) fn set_words(&mut self, words: Words) {
        self.words = Some(words);
    }

    /// Takes over what was prepared of it, if it is of a body of this length that is still here whole.
    pub(crate) fn prepare(&mut self, prepared: Arc<Prepared>) {
        let is_whole = self.long.is_none() && !self.broken && self.length == self.tail.len() as u64;
        if is_whole && self.finished.is_none() && prepared.summary().len == self.length {
            self.prepared = Some(prepared);
        }
    }

    /// Takes what fits from `bytes`. Returns whether it is too much to wait: then [`BodyWriter::write_full`] comes next.
    pub(crate) fn fill(&mut self, bytes: &mut &[u8]) -> bool {
        let room = SPOOL.saturating_sub(self.tail.len());
        let (now, later) = bytes.split_at(bytes.len().min(room));
        self.length += now.len() as u64;
        *bytes = later;
        if self.broken {
            self.hasher.update(now);
            return false;
        }
        self.tail.extend_from_slice(now);
        self.dirty |= !now.is_empty();
        self.tail.len() >= SPOOL
    }

    /// Cuts what is sure. If that fails, the body ends here: what follows is only counted.
    pub(crate) fn write_full(&mut self, target: Result<Target<'_>, Error>) -> Result<(), Error> {
        self.hash();
        let (mut cutter, mut tree) = self.long.take().unwrap_or_default();
        let written = target.and_then(|mut target| {
            let taken = put(&mut target, &mut cutter, &mut tree, &self.tail, false, self.words.is_none())?;
            self.tail.drain(..taken);
            self.hashed -= taken;
            Ok(())
        });
        self.long = Some((cutter, tree));
        self.at_stake = true;
        if written.is_err() {
            self.lose();
        }
        written
    }

    /// Writes what the database has not: of a finished body all of it, of a growing one what waits.
    pub(crate) fn write(&mut self, mut target: Target<'_>, seq: i64) -> Result<(), Error> {
        match self.finished {
            Some(summary) if self.unsigned => {
                let root = match self.broken {
                    false => self.root(&mut target)?,
                    true => root_of_tail(&mut target, seq, self.side)?,
                };
                sign(&mut target, seq, self.side, summary.len, Some(summary.hash), root)?;
                if self.covered > 0 || self.kept > 0 {
                    forget_tail(target.connection, seq, self.side)?;
                }
                self.unsigned = false;
                self.dirty = false;
            }
            None if self.dirty && !self.broken => {
                let list = self.long.as_ref().map(|(_, tree)| tree.so_far()).unwrap_or_default();
                let bytes = zstd::bulk::compress(&self.tail, TAIL_LEVEL)?;
                target
                    .connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO tail (exchange, side, list, bytes) VALUES (?, ?, ?, ?)",
                    )?
                    .execute(params![seq, self.side.number(), list, bytes])?;
                self.covered = self.length;
                self.dirty = false;
            }
            _ => {}
        }
        Ok(())
    }

    /// The place of the whole body; `None` if it is empty.
    fn root(&mut self, target: &mut Target<'_>) -> Result<Option<i64>, Error> {
        let from_bytes = self.words.is_none();
        let mut tree = Tree::default();
        match (self.long.take(), &self.prepared) {
            (Some((mut cutter, begun)), _) => {
                tree = begun;
                self.at_stake = true;
                put(target, &mut cutter, &mut tree, &self.tail, true, from_bytes)?;
            }
            (None, Some(prepared)) => put_prepared(target, prepared, &mut tree, &self.tail, from_bytes)?,
            (None, None) => {
                put(target, &mut Cutter::default(), &mut tree, &self.tail, true, from_bytes)?;
            }
        }
        let root = whole(target, tree, from_bytes)?;
        if let (Some(root), Some(words)) = (root, &self.words) {
            target.packs.say(root, words.clone());
        }
        Ok(root)
    }

    /// No more will come.
    pub(crate) fn finish(&mut self) -> BodySummary {
        let prepared = self.prepared.as_ref().map(|prepared| prepared.summary());
        if prepared.is_none() {
            self.hash();
        }
        let summary = self
            .finished
            .or(prepared)
            .unwrap_or_else(|| BodySummary { len: self.length, hash: *self.hasher.finalize().as_bytes() });
        self.unsigned |= self.finished.replace(summary).is_none();
        summary
    }

    /// The open batch is safe.
    pub(crate) fn committed(&mut self) {
        self.at_stake = false;
        self.kept = self.covered;
        if self.finished.is_some() && !self.unsigned {
            self.safe = true;
            self.drop_tail();
        }
    }

    /// The open batch is gone; what is still in memory is to be written again.
    pub(crate) fn rolled_back(&mut self) {
        if self.safe {
            return;
        }
        self.covered = self.kept;
        // It may wait for long, and can be prepared again.
        self.prepared = None;
        if std::mem::take(&mut self.at_stake) {
            self.lose();
        }
        self.dirty = !self.tail.is_empty();
        self.unsigned = self.finished.is_some();
    }

    /// The database is gone, and another takes its place: what is in memory is to be written there.
    pub(crate) fn moved(&mut self) {
        self.kept = 0;
        // Of a body that was safe, memory has nothing but its length and hash.
        let was_safe = std::mem::take(&mut self.safe);
        self.at_stake |= self.long.is_some() || was_safe && self.length > 0;
        self.rolled_back();
    }

    /// Gives up what is still in memory.
    pub(crate) fn give_up(&mut self) {
        if self.dirty || self.unsigned && !self.tail.is_empty() {
            self.lose();
        }
    }

    fn lose(&mut self) {
        self.hash();
        self.broken = true;
        self.dirty = false;
        self.long = None;
        self.drop_tail();
    }

    /// Hashes what of the tail was not yet.
    fn hash(&mut self) {
        self.hasher.update(&self.tail[self.hashed..]);
        self.hashed = self.tail.len();
    }

    /// Gives the tail up. All of it was hashed.
    fn drop_tail(&mut self) {
        self.tail = Vec::new();
        self.prepared = None;
        self.hashed = 0;
    }
}

/// Ends the body of an exchange whose process died, with what the database has of it.
pub(crate) fn seal(mut target: Target<'_>, seq: i64, side: Side) -> Result<(), Error> {
    let has_tail = target
        .connection
        .prepare_cached("SELECT 1 FROM tail WHERE exchange = ? AND side = ?")?
        .exists(params![seq, side.number()])?;
    if !has_tail {
        return Ok(());
    }
    let root = root_of_tail(&mut target, seq, side)?;
    sign(&mut target, seq, side, 0, None, root)?;
    forget_tail(target.connection, seq, side)
}

/// What the database has of a body that was being appended to, as one piece or list.
fn root_of_tail(target: &mut Target<'_>, seq: i64, side: Side) -> Result<Option<i64>, Error> {
    let Some((list, bytes)) = tail(target.connection, seq, side)? else { return Ok(None) };
    let mut tree = Tree::default();
    for entry in list::decode(&list) {
        let entry = match entry? {
            EntryRef::Literal(bytes) => Entry::Literal(bytes.to_vec()),
            EntryRef::Place(place) => Entry::Place(place),
        };
        let Target { connection, packs, session } = target;
        tree.push(entry, &mut |list| packs.place_list(connection, *session, &list, true))?;
    }
    put(target, &mut Cutter::default(), &mut tree, &bytes, true, true)?;
    whole(target, tree, true)
}

/// The place of a body whose parts are all in the tree; `None` if it is empty.
fn whole(target: &mut Target<'_>, tree: Tree, indexed: bool) -> Result<Option<i64>, Error> {
    let Target { connection, packs, session } = target;
    let entry = tree.finish(&mut |list| packs.place_list(connection, *session, &list, indexed))?;
    match entry {
        None => Ok(None),
        Some(Entry::Place(place)) => Ok(Some(place)),
        Some(Entry::Literal(bytes)) => {
            let is_json = bytes.trim_ascii_start().first().is_some_and(|first| b"{[".contains(first));
            let kind = if is_json { Kind::Glue } else { Kind::Plain };
            let mut words = || indexed.then(|| Words::of_piece(kind, &bytes)).flatten();
            let piece = NewPiece { kind, bytes: &bytes, key: None, words: &mut words };
            Ok(Some(packs.place(connection, *session, piece)?.0))
        }
    }
}

/// Once the body is whole.
fn forget_tail(connection: &Connection, seq: i64, side: Side) -> Result<(), Error> {
    connection
        .prepare_cached("DELETE FROM tail WHERE exchange = ? AND side = ?")?
        .execute(params![seq, side.number()])?;
    Ok(())
}

fn sign(
    target: &mut Target<'_>,
    seq: i64,
    side: Side,
    length: u64,
    hash: Option<[u8; 32]>,
    root: Option<i64>,
) -> Result<(), Error> {
    let Target { connection, packs, .. } = target;
    connection
        .prepare_cached("INSERT INTO body (exchange, side, length, hash, root) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![seq, side.number(), length.cast_signed(), hash, root])?;
    if let Some(root) = root {
        packs.use_pack(root, 1);
    }
    Ok(())
}

type Tail = (Vec<u8>, Vec<u8>);

/// What waits of a growing body: a list of what was cut, and the bytes that were not.
fn tail(connection: &Connection, seq: i64, side: Side) -> Result<Option<Tail>, Error> {
    let found = connection
        .prepare_cached("SELECT list, bytes FROM tail WHERE exchange = ? AND side = ?")?
        .query_row(params![seq, side.number()], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .optional()?;
    let Some((list, bytes)) = found else { return Ok(None) };
    let bytes = zstd::bulk::decompress(&bytes, SPOOL)
        .map_err(|error| Error::Damaged(format!("the end of the {} body: {error}", side.as_str())))?;
    Ok(Some((list, bytes)))
}

/// Cuts `bytes` and stores the pieces. Returns how many bytes that were.
fn put(
    target: &mut Target<'_>,
    cutter: &mut Cutter,
    tree: &mut Tree,
    bytes: &[u8],
    last: bool,
    indexed: bool,
) -> Result<usize, Error> {
    cutter.scan(bytes, last, &mut |segment, form| {
        put_segment(target, tree, (segment, form, None), indexed.then_some(None))
    })
}

/// As [`put`], of a whole body whose segments are known.
fn put_prepared(
    target: &mut Target<'_>,
    prepared: &Prepared,
    tree: &mut Tree,
    bytes: &[u8],
    indexed: bool,
) -> Result<(), Error> {
    let mut rest = bytes;
    let mut words = prepared.take_words();
    for (Segment { length, form, key }, at) in prepared.segments().iter().zip(0..) {
        let (segment, after) = rest.split_at((*length as usize).min(rest.len()));
        put_segment(target, tree, (segment, *form, *key), indexed.then(|| words.remove(&at)))?;
        rest = after;
    }
    Ok(())
}

/// Stores a segment, with its key if it is known. `words`: `None` if it is not for search, else those of it if they are known.
fn put_segment(
    target: &mut Target<'_>,
    tree: &mut Tree,
    (segment, form, key): (&[u8], Form, Option<[u8; 16]>),
    words: Option<Option<Words>>,
) -> Result<(), Error> {
    let indexed = words.is_some();
    let Target { connection, packs, session } = target;
    let entry = if cut::is_literal(segment) {
        Entry::Literal(segment.to_vec())
    } else {
        let kind = Kind::of_form(form);
        let mut known = words.flatten();
        let mut words = || known.take().or_else(|| indexed.then(|| Words::of_piece(kind, segment))?);
        let piece = NewPiece { kind, bytes: segment, key, words: &mut words };
        Entry::Place(packs.place(connection, *session, piece)?.0)
    };
    tree.push(entry, &mut |list| packs.place_list(connection, *session, &list, indexed))
}

/// A body that is being read.
pub(crate) struct Reading {
    walk: Walk,
    /// What follows the walk: the tail of a body that is not finished.
    tail: Option<Vec<u8>>,
    /// Length and hash of the finished body.
    pub(crate) summary: Option<BodySummary>,
}

impl Reading {
    /// Begins; `None` if nothing of the body is stored.
    pub(crate) fn begin(connection: &Connection, seq: i64, side: Side) -> Result<Option<Reading>, Error> {
        let body = connection
            .prepare_cached("SELECT length, hash, root FROM body WHERE exchange = ? AND side = ?")?
            .query_row(params![seq, side.number()], |row| {
                let len = row.get::<_, i64>(0)?.cast_unsigned();
                let hash = row.get::<_, Option<[u8; 32]>>(1)?;
                Ok((hash.map(|hash| BodySummary { len, hash }), row.get::<_, Option<i64>>(2)?))
            })
            .optional()?;
        if let Some((summary, root)) = body {
            let walk = root.map(Walk::of_place).unwrap_or_default();
            return Ok(Some(Reading { walk, tail: None, summary }));
        }
        let Some((list, bytes)) = tail(connection, seq, side)? else { return Ok(None) };
        Ok(Some(Reading { walk: Walk::of_list(&list)?, tail: Some(bytes), summary: None }))
    }

    /// The next bytes; `None` at the end.
    pub(crate) fn next(&mut self, connection: &Connection, shelf: &Shelf) -> Result<Option<Vec<u8>>, Error> {
        match self.walk.next(connection, shelf)? {
            Some(bytes) => Ok(Some(bytes)),
            None => Ok(self.tail.take()),
        }
    }
}
