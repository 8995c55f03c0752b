//! The one writer. What is written becomes readable with [`Writer::commit`]; one commit for many exchanges makes it cheap.
//!
//! A refused write (a full disk) leaves the writer usable: what the database took back is gone, bodies show the gap, and the next
//! write is tried like the first.

use crate::bodies::{BodyWriter, FrameWriter};
use crate::error::Error;
use crate::exchange::{Capture, Exchange, Failure, Outcome};
use crate::query::{BodySummary, Frame, Side};
use crate::row;
use crate::store::{Shared, lock, pending};
use rusqlite::{Connection, params};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use uuid::Uuid;

/// The one writer of a store.
pub struct Writer {
    connection: Shared,
    open: HashMap<Uuid, Open>,
    models: HashSet<String>,
    /// Held as long as we write: one process a folder.
    _lock: Option<File>,
}

/// An exchange that has not ended.
struct Open {
    seq: i64,
    bodies: [Option<BodyWriter>; 2],
    frames: FrameWriter,
}

impl Open {
    fn body(&mut self, side: Side) -> &mut Option<BodyWriter> {
        match side {
            Side::Request => &mut self.bodies[0],
            Side::Response => &mut self.bodies[1],
        }
    }
}

impl Writer {
    pub(crate) fn new(connection: Shared, lock: Option<File>) -> Writer {
        Writer { connection, open: HashMap::new(), models: HashSet::new(), _lock: lock }
    }

    /// Writes an exchange, new or known, into the open batch. Its bodies are untouched. Once it has an outcome, what was appended
    /// to it is written too, and nothing more may be appended.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn save(&mut self, exchange: &Exchange) -> Result<(), Error> {
        let shared = self.connection.clone();
        let connection = lock(&shared);
        begin(&connection)?;
        let seq = upsert(&connection, exchange)?;
        for model in [&exchange.model, &exchange.served_model].into_iter().flatten() {
            if !self.models.contains(model) {
                connection
                    .prepare_cached("INSERT OR IGNORE INTO model (name) VALUES (?)")?
                    .execute([model])?;
                self.models.insert(model.clone());
            }
        }
        if exchange.outcome.is_none() {
            let open = self.open.entry(exchange.id).or_insert_with(|| Open {
                seq,
                bodies: [None, None],
                frames: FrameWriter::default(),
            });
            open.seq = seq;
        } else if let Some(mut open) = self.open.remove(&exchange.id) {
            open.frames.write(&connection, seq)?;
            for body in open.bodies.into_iter().flatten() {
                body.finish(&connection)?;
            }
        }
        Ok(())
    }

    /// Appends to a body of an exchange that was saved and has not ended.
    ///
    /// # Errors
    /// When the exchange is not known, or the database refuses; the body then ends where it was.
    pub fn append_body(&mut self, id: Uuid, side: Side, bytes: &[u8]) -> Result<(), Error> {
        let shared = self.connection.clone();
        let connection = lock(&shared);
        begin(&connection)?;
        let open = self.open.get_mut(&id).ok_or_else(unknown)?;
        let seq = open.seq;
        open.body(side).get_or_insert_with(|| BodyWriter::new(seq, side)).append(&connection, bytes)
    }

    /// Appends frame times of the answer.
    ///
    /// # Errors
    /// When the exchange is not known.
    pub fn append_frames(&mut self, id: Uuid, frames: &[Frame]) -> Result<(), Error> {
        self.open.get_mut(&id).ok_or_else(unknown)?.frames.append(frames);
        Ok(())
    }

    /// Ends a body: what waits is written, its length and hash are noted. A body that nothing was appended to is empty.
    ///
    /// # Errors
    /// When the exchange is not known, or the database refuses.
    pub fn finish_body(&mut self, id: Uuid, side: Side) -> Result<BodySummary, Error> {
        let shared = self.connection.clone();
        let connection = lock(&shared);
        begin(&connection)?;
        let open = self.open.get_mut(&id).ok_or_else(unknown)?;
        let body = open.body(side).take().unwrap_or_else(|| BodyWriter::new(open.seq, side));
        body.finish(&connection)
    }

    /// Makes what was appended so far readable after the next commit.
    ///
    /// # Errors
    /// When the database refuses. An exchange that is not known is none.
    pub fn flush(&mut self, id: Uuid) -> Result<(), Error> {
        let shared = self.connection.clone();
        let connection = lock(&shared);
        let Some(open) = self.open.get_mut(&id) else { return Ok(()) };
        begin(&connection)?;
        open.frames.write(&connection, open.seq)?;
        for body in open.bodies.iter_mut().flatten() {
            body.write(&connection)?;
        }
        Ok(())
    }

    /// Ends the batch: all of it becomes readable, and survives the process.
    ///
    /// # Errors
    /// When the database refuses; then the whole batch is gone.
    pub fn commit(&mut self) -> Result<(), Error> {
        let connection = lock(&self.connection);
        if connection.is_autocommit() {
            return Ok(());
        }
        if let Err(error) = connection.execute_batch("COMMIT") {
            if !connection.is_autocommit() {
                connection.execute_batch("ROLLBACK")?;
            }
            self.models.clear();
            return Err(error.into());
        }
        Ok(())
    }

    /// Tidies up while nothing is to be done: the log goes into the database, and free pages back to the disk.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn idle(&mut self) -> Result<(), Error> {
        let connection = lock(&self.connection);
        tidy(&connection)
    }

    /// Deletes every exchange that has ended, and gives the space back.
    ///
    /// # Errors
    /// When the database refuses; then all is as before.
    pub fn clear(&mut self) -> Result<(), Error> {
        self.commit()?;
        self.models.clear();
        let connection = lock(&self.connection);
        connection
            .execute_batch(
                "BEGIN IMMEDIATE;
             DELETE FROM exchange WHERE status <> 0;
             DELETE FROM model;
             INSERT OR IGNORE INTO model SELECT model FROM exchange WHERE model IS NOT NULL;
             COMMIT;",
            )
            .inspect_err(|_| {
                if !connection.is_autocommit() {
                    // The first error is the one to tell.
                    let _ = connection.execute_batch("ROLLBACK");
                }
            })?;
        tidy(&connection)
    }

    /// What ran when an earlier process died will never end by itself.
    pub(crate) fn mark_interrupted(&mut self) -> Result<(), Error> {
        let left = pending(&lock(&self.connection))?;
        for mut exchange in left {
            let why = "the proxy ended before this exchange did";
            exchange.outcome = Some(Outcome::Interrupted);
            exchange.capture = Capture { complete: false, reason: Some(why.to_owned()) };
            exchange.error =
                Some(Failure { kind: Outcome::Interrupted.as_str().to_owned(), message: why.to_owned() });
            self.save(&exchange)?;
        }
        self.commit()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Whoever needed to know has called it before.
        let _ = self.commit();
    }
}

fn unknown() -> Error {
    Error::Damaged("the exchange was not saved before its bodies".to_owned())
}

fn begin(connection: &Connection) -> Result<(), Error> {
    if connection.is_autocommit() {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    }
    Ok(())
}

fn upsert(connection: &Connection, exchange: &Exchange) -> Result<i64, Error> {
    let usage = &exchange.usage;
    let signed = |number: Option<u64>| number.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    let seq = connection
        .prepare_cached(
            "INSERT INTO exchange (id, started_us, status, model, served_model, end_us, input, output, cache_read,
                                   cache_creation, bytes, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (id) DO UPDATE SET
                 status = ?3, model = ?4, served_model = ?5, end_us = ?6, input = ?7, output = ?8, cache_read = ?9,
                 cache_creation = ?10, bytes = ?11, record = ?12
             RETURNING seq",
        )?
        .query_row(
            params![
                exchange.id.as_bytes(),
                exchange.started_us,
                row::status_number(exchange.status()),
                exchange.model,
                exchange.served_model,
                signed(exchange.timing.end_us),
                signed(usage.input),
                signed(usage.output),
                signed(usage.cache_read),
                signed(usage.cache_creation),
                signed(Some(exchange.request_bytes + exchange.response_bytes)),
                row::record_to_text(exchange)?,
            ],
            |row| row.get(0),
        )?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO head (exchange, headers) VALUES (?, ?)")?
        .execute(params![seq, row::headers_to_text(exchange)?])?;
    Ok(seq)
}

fn tidy(connection: &Connection) -> Result<(), Error> {
    let mut vacuum = connection.prepare("PRAGMA incremental_vacuum")?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    // Readers may hold it up; the next time will do.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}
