//! Bodies as compressed pieces, frame times as compact deltas.
//!
//! A body is appended to in any split and restored byte for byte. What has not filled a piece waits in memory, so memory stays flat
//! however long the body is.

use crate::error::Error;
use crate::query::{Body, BodyInfo, BodySummary, Frame, Side};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Bytes of a piece before compression.
const PIECE: usize = 1 << 20;

/// Fast, and good enough for what the next format will keep once anyway.
const LEVEL: i32 = 3;

/// No piece expands beyond this: what claims to is damaged.
const PIECE_LIMIT: usize = 2 * PIECE;

/// A body that is being appended to.
pub(crate) struct BodyWriter {
    seq: i64,
    side: Side,
    waiting: Vec<u8>,
    pieces: i64,
    length: u64,
    hasher: blake3::Hasher,
}

impl BodyWriter {
    pub(crate) fn new(seq: i64, side: Side) -> BodyWriter {
        BodyWriter { seq, side, waiting: Vec::new(), pieces: 0, length: 0, hasher: blake3::Hasher::new() }
    }

    pub(crate) fn append(&mut self, connection: &Connection, mut bytes: &[u8]) -> Result<(), Error> {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            bytes = later;
            if self.waiting.len() == PIECE {
                self.write(connection)?;
            }
        }
        Ok(())
    }

    /// Writes what waits as a piece of its own.
    pub(crate) fn write(&mut self, connection: &Connection) -> Result<(), Error> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        // The number is taken even if the write fails: the gap then shows that a piece is missing.
        let number = self.pieces;
        self.pieces += 1;
        let waiting = std::mem::take(&mut self.waiting);
        let compressed = zstd::bulk::compress(&waiting, LEVEL)?;
        connection
            .prepare_cached("INSERT INTO piece (exchange, side, number, bytes) VALUES (?, ?, ?, ?)")?
            .execute(params![self.seq, self.side.number(), number, compressed])?;
        Ok(())
    }

    pub(crate) fn finish(mut self, connection: &Connection) -> Result<BodySummary, Error> {
        let written = self.write(connection);
        let summary = BodySummary { len: self.length, hash: *self.hasher.finalize().as_bytes() };
        connection
            .prepare_cached("INSERT OR REPLACE INTO body (exchange, side, length, hash) VALUES (?, ?, ?, ?)")?
            .execute(params![self.seq, self.side.number(), self.length.cast_signed(), summary.hash])?;
        written.map(|()| summary)
    }
}

/// Frame times that are being appended to.
#[derive(Default)]
pub(crate) struct FrameWriter {
    waiting: Vec<u8>,
    last_us: u64,
    written: i64,
}

impl FrameWriter {
    pub(crate) fn append(&mut self, frames: &[Frame]) {
        for frame in frames {
            put_varint(&mut self.waiting, u64::from(frame.len));
            put_varint(&mut self.waiting, frame.at_us.saturating_sub(self.last_us));
            self.last_us = self.last_us.max(frame.at_us);
        }
    }

    pub(crate) fn write(&mut self, connection: &Connection, seq: i64) -> Result<(), Error> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let number = self.written;
        self.written += 1;
        let deltas = std::mem::take(&mut self.waiting);
        connection
            .prepare_cached("INSERT INTO frames (exchange, number, deltas) VALUES (?, ?, ?)")?
            .execute(params![seq, number, deltas])?;
        Ok(())
    }
}

pub(crate) fn read_frames(connection: &Connection, seq: i64) -> Result<Vec<Frame>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT deltas FROM frames WHERE exchange = ? ORDER BY number")?;
    let mut rows = statement.query([seq])?;
    let mut frames = Vec::new();
    let mut at_us = 0_u64;
    while let Some(row) = rows.next()? {
        let mut deltas = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        while !deltas.is_empty() {
            let pair = take_varint(&mut deltas).zip(take_varint(&mut deltas));
            let (len, delta) = pair.ok_or_else(|| Error::Damaged("frame times end early".to_owned()))?;
            at_us = at_us.saturating_add(delta);
            frames.push(Frame { len: u32::try_from(len).unwrap_or(u32::MAX), at_us });
        }
    }
    Ok(frames)
}

/// Reads a body piece by piece into `sink`; `None` if nothing of it is stored.
pub(crate) fn read(
    connection: &Connection,
    seq: i64,
    side: Side,
    sink: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
) -> Result<Option<BodyInfo>, Error> {
    let finished: Option<i64> = connection
        .prepare_cached("SELECT length FROM body WHERE exchange = ? AND side = ?")?
        .query_row(params![seq, side.number()], |row| row.get(0))
        .optional()?;
    let mut statement = connection
        .prepare_cached("SELECT number, bytes FROM piece WHERE exchange = ? AND side = ? ORDER BY number")?;
    let mut rows = statement.query(params![seq, side.number()])?;
    let mut info = BodyInfo { len: 0, complete: false };
    let mut expected = 0;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(0)? != expected {
            // A piece was lost: what follows is not what came next.
            return Ok(Some(info));
        }
        expected += 1;
        let stored = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let piece = zstd::bulk::decompress(stored, PIECE_LIMIT)
            .map_err(|error| Error::Damaged(format!("piece {} of a body: {error}", expected - 1)))?;
        info.len += piece.len() as u64;
        sink(&piece)?;
    }
    info.complete = finished.is_some_and(|length| length.cast_unsigned() == info.len);
    Ok((expected > 0 || finished.is_some()).then_some(info))
}

pub(crate) fn read_whole(connection: &Connection, seq: i64, side: Side) -> Result<Option<Body>, Error> {
    let mut bytes = Vec::new();
    let info = read(connection, seq, side, &mut |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(info.map(|info| Body { bytes, complete: info.complete }))
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
