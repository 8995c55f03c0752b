//! Frame times of an answer as compact deltas, two small numbers a frame.
//!
//! They are kept in chunks, so that a long stream is not written anew each time somebody looks at it.

use crate::error::Error;
use crate::query::Frame;
use crate::varint::{put_varint, take_varint};
use rusqlite::{Connection, params};

/// Bytes after which a chunk is left as it is and the next begins.
const CHUNK: usize = 64 << 10;

/// Frame times that are being appended to.
#[derive(Debug, Default)]
pub(crate) struct FrameWriter {
    chunk: Vec<u8>,
    number: i64,
    last_us: u64,
    /// The chunk has frames that the database has not.
    dirty: bool,
    /// A full chunk is in the open batch only.
    at_stake: bool,
    /// A full chunk was lost: what follows would be told at the wrong bytes.
    broken: bool,
}

impl FrameWriter {
    /// Takes frames up to the end of the chunk from `frames`. Returns whether it is full: then [`FrameWriter::write_full`] comes next.
    pub(crate) fn fill(&mut self, frames: &mut &[Frame]) -> bool {
        while let Some((frame, rest)) = frames.split_first() {
            *frames = rest;
            if self.broken {
                continue;
            }
            put_varint(&mut self.chunk, u64::from(frame.len));
            put_varint(&mut self.chunk, frame.at_us.saturating_sub(self.last_us));
            self.last_us = self.last_us.max(frame.at_us);
            self.dirty = true;
            if self.chunk.len() >= CHUNK {
                return true;
            }
        }
        false
    }

    /// Writes the full chunk and begins the next. If that fails, the frames end here.
    pub(crate) fn write_full(
        &mut self,
        connection: &Connection,
        seq: Result<i64, Error>,
    ) -> Result<(), Error> {
        let written = seq.and_then(|seq| self.write(connection, seq));
        self.chunk.clear();
        self.dirty = false;
        self.number += 1;
        self.at_stake = true;
        self.broken |= written.is_err();
        written
    }

    /// Writes the chunk that is not full, over its shorter self.
    pub(crate) fn write(&mut self, connection: &Connection, seq: i64) -> Result<(), Error> {
        if !self.dirty || self.broken {
            return Ok(());
        }
        connection
            .prepare_cached(
                "INSERT INTO frames (exchange, number, deltas) VALUES (?, ?, ?)
                 ON CONFLICT DO UPDATE SET deltas = excluded.deltas",
            )?
            .execute(params![seq, self.number, self.chunk])?;
        self.dirty = false;
        Ok(())
    }

    /// Whether it has what the database has not.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Whether a part of them could not be kept.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// The open batch is safe.
    pub(crate) fn committed(&mut self) {
        self.at_stake = false;
    }

    /// The open batch is gone.
    pub(crate) fn rolled_back(&mut self) {
        self.broken |= std::mem::take(&mut self.at_stake);
        self.dirty = !self.chunk.is_empty();
    }

    /// The database is gone, and another takes its place: full chunks were only there.
    pub(crate) fn moved(&mut self) {
        self.at_stake |= self.number > 0;
        self.rolled_back();
    }
}

/// All frames up to the first that is missing.
pub(crate) fn read(connection: &Connection, seq: i64) -> Result<Vec<Frame>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT number, deltas FROM frames WHERE exchange = ? ORDER BY number")?;
    let mut rows = statement.query([seq])?;
    let mut frames = Vec::new();
    let mut at_us = 0_u64;
    let mut expected = 0_i64;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(0)? != expected {
            break;
        }
        expected += 1;
        let mut deltas = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        while !deltas.is_empty() {
            let pair = take_varint(&mut deltas).zip(take_varint(&mut deltas));
            let (len, delta) = pair.ok_or_else(|| Error::Damaged("frame times end early".to_owned()))?;
            let len = u32::try_from(len).map_err(|_| Error::Damaged(format!("a frame of {len} bytes")))?;
            at_us = at_us.saturating_add(delta);
            frames.push(Frame { len, at_us });
        }
    }
    Ok(frames)
}
