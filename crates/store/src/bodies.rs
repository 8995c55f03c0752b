//! Bodies as compressed pieces, numbered from 0.
//!
//! A body is appended to in any split and restored byte for byte. Only the piece that is not full stays in memory, so memory is flat
//! however long the body is; it stays there until its batch is committed, so that a batch the disk refused can be written again.

use crate::error::Error;
use crate::query::{BodySummary, Side};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Bytes of a piece before compression.
pub(crate) const PIECE: usize = 1 << 20;

/// Fast, and good enough for what the next format will keep once anyway.
const LEVEL: i32 = 3;

/// A body that is being appended to, or waits for its commit.
#[derive(Debug)]
pub(crate) struct BodyWriter {
    side: Side,
    tail: Vec<u8>,
    number: i64,
    length: u64,
    hasher: blake3::Hasher,
    finished: Option<BodySummary>,
    /// The tail has bytes that the database has not.
    dirty: bool,
    /// The summary is not in the database.
    unsigned: bool,
    /// A full piece is in the open batch only.
    at_stake: bool,
    /// A full piece was lost: what follows is only counted.
    broken: bool,
}

impl BodyWriter {
    pub(crate) fn new(side: Side) -> BodyWriter {
        BodyWriter {
            side,
            tail: Vec::new(),
            number: 0,
            length: 0,
            hasher: blake3::Hasher::new(),
            finished: None,
            dirty: false,
            unsigned: false,
            at_stake: false,
            broken: false,
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished.is_some()
    }

    /// Whether it has what the database has not.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Whether a part of it could not be kept.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    pub(crate) fn waiting(&self) -> usize {
        self.tail.len()
    }

    /// Takes what fits into the piece from `bytes`. Returns whether it is full: then [`BodyWriter::write_full`] comes next.
    pub(crate) fn fill(&mut self, bytes: &mut &[u8]) -> bool {
        let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.tail.len()));
        self.hasher.update(now);
        self.length += now.len() as u64;
        *bytes = later;
        if self.broken {
            return false;
        }
        self.tail.extend_from_slice(now);
        self.dirty |= !now.is_empty();
        self.tail.len() == PIECE
    }

    /// Writes the full piece and begins the next. If that fails, the body ends here: what follows is only counted.
    pub(crate) fn write_full(
        &mut self,
        connection: &Connection,
        seq: Result<i64, Error>,
    ) -> Result<(), Error> {
        let written = seq.and_then(|seq| self.write(connection, seq));
        self.tail.clear();
        self.dirty = false;
        self.number += 1;
        self.at_stake = true;
        self.broken |= written.is_err();
        written
    }

    /// Writes what the database has not: the piece that is not full, over its shorter self, and of a finished body the summary.
    pub(crate) fn write(&mut self, connection: &Connection, seq: i64) -> Result<(), Error> {
        if self.dirty && !self.broken {
            let compressed = zstd::bulk::compress(&self.tail, LEVEL)?;
            connection
                .prepare_cached(
                    "INSERT INTO piece (exchange, side, number, bytes) VALUES (?, ?, ?, ?)
                     ON CONFLICT DO UPDATE SET bytes = excluded.bytes",
                )?
                .execute(params![seq, self.side.number(), self.number, compressed])?;
            self.dirty = false;
        }
        if let (true, Some(summary)) = (self.unsigned, self.finished) {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO body (exchange, side, length, hash) VALUES (?, ?, ?, ?)",
                )?
                .execute(params![seq, self.side.number(), summary.len.cast_signed(), summary.hash])?;
            self.unsigned = false;
        }
        Ok(())
    }

    /// No more will come.
    pub(crate) fn finish(&mut self) -> BodySummary {
        let summary = self
            .finished
            .unwrap_or_else(|| BodySummary { len: self.length, hash: *self.hasher.finalize().as_bytes() });
        self.unsigned |= self.finished.replace(summary).is_none();
        summary
    }

    /// The open batch is safe.
    pub(crate) fn committed(&mut self) {
        self.at_stake = false;
        if self.finished.is_some() && !self.dirty && !self.unsigned {
            self.tail = Vec::new();
        }
    }

    /// The open batch is gone; what is still in memory is to be written again.
    pub(crate) fn rolled_back(&mut self) {
        self.broken |= std::mem::take(&mut self.at_stake);
        self.dirty = !self.tail.is_empty();
        self.unsigned = self.finished.is_some();
    }

    /// Gives up what is still in memory.
    pub(crate) fn give_up(&mut self) {
        self.broken |= self.dirty;
        self.dirty = false;
        self.tail = Vec::new();
    }
}

/// The length of a finished body.
pub(crate) fn length(connection: &Connection, seq: i64, side: Side) -> Result<Option<u64>, Error> {
    let length = connection
        .prepare_cached("SELECT length FROM body WHERE exchange = ? AND side = ?")?
        .query_row(params![seq, side.number()], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(length.map(i64::cast_unsigned))
}

/// The bytes of one piece.
pub(crate) fn piece(
    connection: &Connection,
    seq: i64,
    side: Side,
    number: i64,
) -> Result<Option<Vec<u8>>, Error> {
    let mut statement = connection
        .prepare_cached("SELECT bytes FROM piece WHERE exchange = ? AND side = ? AND number = ?")?;
    let mut rows = statement.query(params![seq, side.number(), number])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let stored = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
    // No piece is longer: what claims to be is damaged.
    let bytes = zstd::bulk::decompress(stored, PIECE)
        .map_err(|error| Error::Damaged(format!("piece {number} of the {} body: {error}", side.as_str())))?;
    Ok(Some(bytes))
}
