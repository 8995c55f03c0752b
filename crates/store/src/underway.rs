//! An exchange the writer still holds something of: it runs, or it ended in a batch that is not committed.
//!
//! What is held is enough to write it again when a batch was refused, except for full pieces of its bodies: those are lost, and the
//! record then says so.

use crate::bodies::{self, BodyWriter, Target};
use crate::error::Error;
use crate::exchange::{Capture, Exchange};
use crate::frames::FrameWriter;
use crate::packs::Packs;
use crate::query::Side;
use crate::record;
use crate::row::Names;
use crate::shelf::Shelf;
use crate::words::Words;
use rusqlite::Connection;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where an exchange is written to.
pub(crate) struct Desk<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) packs: &'a mut Packs,
    pub(crate) shelf: &'a Shelf,
    pub(crate) names: &'a mut Names,
}

/// What the writer holds of one exchange.
#[derive(Debug)]
pub(crate) struct Underway {
    exchange: Arc<Exchange>,
    /// Its row in the database; none if it has to be written first.
    seq: Option<i64>,
    bodies: [Option<BodyWriter>; 2],
    pub(crate) frames: FrameWriter,
    /// When all of it was last handed to the database.
    flushed: Instant,
}

impl Underway {
    pub(crate) fn new(exchange: Arc<Exchange>) -> Underway {
        Underway {
            exchange,
            seq: None,
            bodies: [None, None],
            frames: FrameWriter::default(),
            flushed: Instant::now(),
        }
    }

    /// Takes the newer state; [`Underway::row`] writes it.
    pub(crate) fn update(&mut self, exchange: Arc<Exchange>) {
        self.exchange = exchange;
        self.seq = None;
    }

    pub(crate) fn body(&mut self, side: Side) -> &mut BodyWriter {
        self.bodies[side.number() as usize].get_or_insert_with(|| BodyWriter::new(side))
    }

    /// Its row, written first if the database has not the newest state.
    pub(crate) fn row(&mut self, desk: &mut Desk<'_>) -> Result<i64, Error> {
        if let Some(seq) = self.seq {
            return Ok(seq);
        }
        let lost = self.frames.is_broken() || self.bodies.iter().flatten().any(BodyWriter::is_broken);
        if lost && self.exchange.outcome.is_some() && self.exchange.capture.complete {
            let reason = "a part of the body could not be written to disk".to_owned();
            Arc::make_mut(&mut self.exchange).capture = Capture { complete: false, reason: Some(reason) };
        }
        let seq = record::put(desk.connection, desk.packs, desk.names, &self.exchange)?;
        self.seq = Some(seq);
        Ok(seq)
    }

    /// Whether its row, or a body that is finished, is not in the database as it is.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.seq.is_none() || self.bodies.iter().flatten().any(BodyWriter::is_unsigned)
    }

    /// Hands its row to the database, and its bodies that are finished.
    pub(crate) fn write_sure(&mut self, desk: &mut Desk<'_>) -> Result<(), Error> {
        self.row(desk)?;
        for side in [Side::Request, Side::Response] {
            if self.bodies[side.number() as usize].as_ref().is_some_and(BodyWriter::is_unsigned) {
                self.write_body(desk, side, true)?;
            }
        }
        Ok(())
    }

    /// When it began, to write what is new in that order.
    pub(crate) fn started_us(&self) -> i64 {
        self.exchange.started_us
    }

    /// Hands everything to the database; of an exchange that ended, as the end.
    pub(crate) fn write(&mut self, desk: &mut Desk<'_>) -> Result<(), Error> {
        let seq = self.row(desk)?;
        self.frames.write(desk.connection, seq)?;
        let has_ended = self.exchange.outcome.is_some();
        for side in [Side::Request, Side::Response] {
            self.write_body(desk, side, has_ended)?;
        }
        self.flushed = Instant::now();
        Ok(())
    }

    /// Hands a body to the database, if it has one; of a finished one all of it.
    pub(crate) fn write_body(&mut self, desk: &mut Desk<'_>, side: Side, finish: bool) -> Result<(), Error> {
        let seq = self.row(desk)?;
        let session = self.exchange.session.as_ref().map(|session| session.id.as_str());
        let Some(body) = &mut self.bodies[side.number() as usize] else { return Ok(()) };
        if finish {
            body.finish();
            if side == Side::Response
                && let Some(text) =
                    body.unread().and_then(|bytes| desk.shelf.answer_text(&self.exchange, bytes))
            {
                body.set_words(Words::of(&text));
            }
        }
        let target = Target { connection: desk.connection, packs: desk.packs, session };
        body.write(target, seq)
    }

    /// Cuts what came of a body that is too long to wait.
    pub(crate) fn cut_body(&mut self, desk: &mut Desk<'_>, side: Side) -> Result<(), Error> {
        let row = self.row(desk);
        let session = self.exchange.session.as_ref().map(|session| session.id.as_str());
        let Some(body) = &mut self.bodies[side.number() as usize] else { return Ok(()) };
        let target = row.map(|_| Target { connection: desk.connection, packs: desk.packs, session });
        body.write_full(target)
    }

    /// Whether it has bytes that the database has not, and the last were handed over so long ago.
    pub(crate) fn is_due(&self, age: Duration) -> bool {
        let dirty = self.frames.is_dirty() || self.bodies.iter().flatten().any(BodyWriter::is_dirty);
        dirty && self.flushed.elapsed() >= age
    }

    /// Whether it has pieces that only memory knows to be needed.
    pub(crate) fn is_cutting(&self) -> bool {
        self.bodies.iter().flatten().any(BodyWriter::is_long)
    }

    /// Ends it with what an earlier process left in the database.
    pub(crate) fn seal(&mut self, desk: &mut Desk<'_>) -> Result<(), Error> {
        let seq = self.row(desk)?;
        if self.exchange.outcome.is_none() {
            return Ok(());
        }
        let session = self.exchange.session.as_ref().map(|session| session.id.as_str());
        for side in [Side::Request, Side::Response] {
            let target = Target { connection: desk.connection, packs: desk.packs, session };
            bodies::seal(target, seq, side)?;
        }
        Ok(())
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

    /// The database is gone, and another takes its place.
    pub(crate) fn moved(&mut self) {
        self.seq = None;
        self.frames.moved();
        self.bodies.iter_mut().flatten().for_each(BodyWriter::moved);
    }

    /// Gives up what is in memory of its bodies; the row stays to be written.
    pub(crate) fn give_up_bodies(&mut self) {
        self.bodies.iter_mut().flatten().for_each(BodyWriter::give_up);
    }
}
