//! An exchange the writer still holds something of: it runs, or it ended in a batch that is not committed.
//!
//! What is held is enough to write it again when a batch was refused, except for full pieces of its bodies: those are lost, and the
//! record then says so.

use crate::bodies::BodyWriter;
use crate::error::Error;
use crate::exchange::{Capture, Exchange};
use crate::frames::FrameWriter;
use crate::query::Side;
use crate::row;
use rusqlite::Connection;
use std::time::{Duration, Instant};

/// What the writer holds of one exchange.
#[derive(Debug)]
pub(crate) struct Underway {
    exchange: Exchange,
    /// Its row in the database; none if it has to be written first.
    seq: Option<i64>,
    bodies: [Option<BodyWriter>; 2],
    pub(crate) frames: FrameWriter,
    /// When all of it was last handed to the database.
    flushed: Instant,
}

impl Underway {
    pub(crate) fn new(exchange: Exchange) -> Underway {
        Underway {
            exchange,
            seq: None,
            bodies: [None, None],
            frames: FrameWriter::default(),
            flushed: Instant::now(),
        }
    }

    /// Takes the newer state; [`Underway::row`] writes it.
    pub(crate) fn update(&mut self, exchange: &Exchange) {
        self.exchange.clone_from(exchange);
        self.seq = None;
    }

    pub(crate) fn body(&mut self, side: Side) -> &mut BodyWriter {
        let slot = match side {
            Side::Request => &mut self.bodies[0],
            Side::Response => &mut self.bodies[1],
        };
        slot.get_or_insert_with(|| BodyWriter::new(side))
    }

    /// Its row, written first if the database has not the newest state.
    pub(crate) fn row(&mut self, connection: &Connection) -> Result<i64, Error> {
        if let Some(seq) = self.seq {
            return Ok(seq);
        }
        let lost = self.frames.is_broken() || self.bodies.iter().flatten().any(BodyWriter::is_broken);
        if lost && self.exchange.outcome.is_some() && self.exchange.capture.complete {
            let reason = "a part of the body could not be written to disk".to_owned();
            self.exchange.capture = Capture { complete: false, reason: Some(reason) };
        }
        let seq = row::upsert(connection, &self.exchange)?;
        self.seq = Some(seq);
        Ok(seq)
    }

    /// Hands everything to the database; of an exchange that ended, as the end.
    pub(crate) fn write(&mut self, connection: &Connection) -> Result<(), Error> {
        let seq = self.row(connection)?;
        self.frames.write(connection, seq)?;
        for body in self.bodies.iter_mut().flatten() {
            if self.exchange.outcome.is_some() {
                body.finish();
            }
            body.write(connection, seq)?;
        }
        self.flushed = Instant::now();
        Ok(())
    }

    /// Whether it has bytes that the database has not, and the last were handed over so long ago.
    pub(crate) fn is_due(&self, age: Duration) -> bool {
        let dirty = self.frames.is_dirty() || self.bodies.iter().flatten().any(BodyWriter::is_dirty);
        dirty && self.flushed.elapsed() >= age
    }

    /// Bytes in memory that a refused batch would need again.
    pub(crate) fn waiting(&self) -> usize {
        self.bodies.iter().flatten().map(BodyWriter::waiting).sum()
    }

    /// The open batch is safe.
    pub(crate) fn committed(&mut self) {
        self.frames.committed();
        self.bodies.iter_mut().flatten().for_each(BodyWriter::committed);
    }

    /// The open batch is gone.
    pub(crate) fn rolled_back(&mut self) {
        self.seq = None;
        self.frames.rolled_back();
        self.bodies.iter_mut().flatten().for_each(BodyWriter::rolled_back);
    }

    /// Gives up what is in memory of its bodies; the row stays to be written.
    pub(crate) fn give_up_bodies(&mut self) {
        self.bodies.iter_mut().flatten().for_each(BodyWriter::give_up);
    }
}
