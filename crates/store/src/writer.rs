//! The one writer. What is written becomes readable with [`Writer::commit`]; one commit for many exchanges makes it cheap.
//!
//! A refused write (a full disk) leaves the writer usable. The open batch may be gone from the database then, but not from memory:
//! each later [`Writer::commit`] writes it again until the disk takes it. Only what was cut of bodies beyond 1 MiB is not kept for
//! that; an exchange that lost such, or that waits beyond the limits below, is recorded as incomplete.

use crate::checkpoint::Checkpointer;
use crate::error::Error;
use crate::exchange::{Capture, Exchange, Failure, Outcome};
use crate::filter::Filter;
use crate::gone::Removal;
use crate::home::Home;
use crate::packs::Packs;
use crate::prepare::Prepared;
use crate::query::{BodySummary, Frame, Side};
use crate::retain::{self, Retention};
use crate::row::Names;
use crate::search::Searcher;
use crate::select::Select;
use crate::shelf::Shelf;
use crate::store::{Shared, lock};
use crate::sweep::{self, Sweeper, roll_back};
use crate::underway::{Desk, Underway};
use crate::words::Words;
use rusqlite::Connection;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A crash loses no more than this of a running body.
const UNSAFE: Duration = Duration::from_secs(1);

/// Ended exchanges that wait for a disk that refuses; later ones are given up.
const WAITING: usize = 10_000;

/// Bytes of their bodies that wait; later ones are given up, their exchanges not.
const WAITING_BYTES: usize = 64 << 20;

/// How long a commit may take to give space back.
const ASIDE: Duration = Duration::from_millis(5);

/// How long it may take when there is nothing else to do.
const THOROUGH: Duration = Duration::from_secs(1);

/// The one writer of a store.
pub struct Writer {
    connection: Shared,
    shelf: Arc<Shelf>,
    held: Held,
    packs: Packs,
    names: Names,
    /// In memory readers use the writer's connection: they see a batch before its commit.
    shares: bool,
    /// Deleted exchanges may still take space.
    unswept: bool,
    /// Both `None` in memory.
    pub(crate) home: Option<Home>,
    checkpointer: Option<Checkpointer>,
}

/// What is in memory.
#[derive(Default)]
struct Held {
    running: HashMap<Uuid, Underway>,
    /// Ended, but not committed yet.
    ended: HashMap<Uuid, Underway>,
    /// Something of what runs is not in the database as it is: it is written with the batch, once for all that was saved of it.
    unsaved: bool,
    /// A batch was lost: all of this has to be written again.
    again: bool,
    /// Exchanges that had to be given up.
    given_up: u64,
}

impl Writer {
    pub(crate) fn new(connection: Shared, shelf: Arc<Shelf>, home: Option<Home>) -> Writer {
        Writer {
            connection,
            shelf,
            held: Held::default(),
            packs: Packs::default(),
            names: Names::default(),
            shares: home.is_none(),
            unswept: true,
            checkpointer: home.as_ref().map(|home| Checkpointer::start(home.database())),
            home,
        }
    }

    /// Writes an exchange, new or known, into the open batch: at its end while it runs, so that all that is saved of it in one batch
    /// costs one write. Once it has an outcome, what was appended to it is written too and its bodies are finished; it must not be
    /// saved without an outcome, or be appended to, after that.
    ///
    /// # Errors
    /// When the database refuses. It is kept in memory and tried again with each commit; until one succeeds nothing else is tried.
    pub fn save(&mut self, exchange: &Exchange) -> Result<(), Error> {
        self.keep(Arc::new(exchange.clone()))
    }

    /// As [`Writer::save`], of what is not changed any more and may be looked at by others.
    ///
    /// # Errors
    /// As there.
    pub fn keep(&mut self, exchange: Arc<Exchange>) -> Result<(), Error> {
        let id = exchange.id;
        let has_ended = exchange.outcome.is_some();
        let underway = match self.held.running.remove(&id).or_else(|| self.held.ended.remove(&id)) {
            Some(mut underway) => {
                underway.update(exchange);
                underway
            }
            None => Underway::new(exchange),
        };
        let place = if has_ended { &mut self.held.ended } else { &mut self.held.running };
        place.insert(id, underway);
        if !has_ended {
            return self.put_off(id);
        }
        if self.held.again {
            // All that waits is written with the next commit: to be refused for each would cost more with all that waits.
            return Ok(());
        }
        self.write(|held, desk| held.ended.get_mut(&id).map_or(Ok(()), |underway| underway.write(desk)))
    }

    /// Appends to a body of an exchange that was saved and has not ended. It waits in memory, up to 1 MiB a body.
    ///
    /// # Errors
    /// When the exchange is not known, or the database refuses a full piece: the body then ends where it was, and what is appended
    /// later is only counted.
    pub fn append_body(&mut self, id: Uuid, side: Side, mut bytes: &[u8]) -> Result<(), Error> {
        if self.held.running(id)?.body(side).is_finished() {
            return Err(Error::Misuse("bytes for a body that was finished"));
        }
        let mut result = Ok(());
        while !bytes.is_empty() {
            if self.held.running(id)?.body(side).fill(&mut bytes) {
                let written = self.write(|held, desk| held.running(id)?.cut_body(desk, side));
                result = result.and(written);
            }
        }
        result
    }

    /// Appends frame times of the answer. They wait in memory, up to 64 KiB an exchange.
    ///
    /// # Errors
    /// When the exchange is not known, or the database refuses: the frames then end where they were.
    pub fn append_frames(&mut self, id: Uuid, mut frames: &[Frame]) -> Result<(), Error> {
        while self.held.running(id)?.frames.fill(&mut frames) {
            self.write(|held, desk| {
                let underway = held.running(id)?;
                let seq = underway.row(desk);
                underway.frames.write_full(desk.connection, seq)
            })?;
        }
        Ok(())
    }

    /// Ends a body: at the end of the batch what waits is written, its length and hash are noted. A body that nothing was appended to
    /// is empty.
    ///
    /// # Errors
    /// When the exchange is not known.
    pub fn finish_body(&mut self, id: Uuid, side: Side) -> Result<BodySummary, Error> {
        let summary = self.held.running(id)?.body(side).finish();
        self.put_off(id)?;
        Ok(summary)
    }

    /// As [`Writer::finish_body`], of a body whose hash and segments somebody found already. They must be those of what was appended.
    ///
    /// # Errors
    /// As there.
    pub fn finish_prepared(
        &mut self,
        id: Uuid,
        side: Side,
        prepared: Arc<Prepared>,
    ) -> Result<BodySummary, Error> {
        self.held.running(id)?.body(side).prepare(prepared);
        self.finish_body(id, side)
    }

    /// How many exchanges were given up since the start, because the disk took nothing for too long.
    pub fn given_up(&self) -> u64 {
        self.held.given_up
    }

    /// Says what a body says, for search, where that cannot be read from its bytes: a stream's text is scattered over events. Texts that
    /// do not belong together are parted by NUL. Comes before the body is finished. Where nobody says it, what [`crate::Store::read_answers_with`]
    /// was given is asked.
    ///
    /// # Errors
    /// When the exchange is not known.
    pub fn set_words(&mut self, id: Uuid, side: Side, words: Words) -> Result<(), Error> {
        self.held.running(id)?.body(side).set_words(words);
        Ok(())
    }

    /// Makes what was appended so far readable after the next commit.
    ///
    /// # Errors
    /// When the database refuses. An exchange that is not known, or has ended, is none.
    pub fn flush(&mut self, id: Uuid) -> Result<(), Error> {
        if !self.held.running.contains_key(&id) {
            return Ok(());
        }
        self.write(|held, desk| held.running(id)?.write(desk))
    }

    /// Ends the batch: all of it becomes readable, and survives the process. What runs is handed over at least once a second. Takes
    /// some milliseconds more while the space of deleted exchanges is being given back.
    ///
    /// # Errors
    /// When the database refuses. The batch is kept in memory and tried again with the next commit.
    pub fn commit(&mut self) -> Result<(), Error> {
        self.stay_at_home()?;
        let pending = self.held.again
            || self.held.unsaved
            || !lock(&self.connection).is_autocommit()
            || self.held.running.values().any(|underway| underway.is_due(UNSAFE));
        if !pending {
            return Ok(());
        }
        self.end_batch(UNSAFE)?;
        if self.unswept {
            // Nobody waits for this: what cannot be done now is done in `idle`, and told there.
            self.unswept = !self.sweep(ASIDE).unwrap_or(false);
        }
        Ok(())
    }

    /// Tidies up while nothing is to be done: commits, gives the space of deleted exchanges back to the disk (for at most a second),
    /// and brings the log into the database.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn idle(&mut self) -> Result<(), Error> {
        self.stay_at_home()?;
        self.end_batch(Duration::ZERO)?;
        self.tidy()
    }

    /// Deletes every exchange that has ended. What runs is kept. The space of much data is given back little by little, by the commits
    /// that follow and [`Writer::idle`].
    ///
    /// # Errors
    /// When the database refuses; then all is as before.
    pub fn clear(&mut self) -> Result<(), Error> {
        self.delete(&Filter::default()).map(|_| ())
    }

    /// As [`Writer::clear`], for those that the filter means, pinned ones too. Returns how many.
    ///
    /// # Errors
    /// When the database refuses; then all is as before.
    pub fn delete(&mut self, filter: &Filter) -> Result<usize, Error> {
        // On a full disk this is the way to get room: what waits to be written is about to be deleted.
        match self.commit() {
            Err(error) if !error.is_full() => return Err(error),
            _ if filter.is_all() => self.held.ended.clear(),
            _ => {}
        }
        let shared = self.connection();
        let connection = lock(&shared);
        let searcher = Searcher { connection: &connection, shelf: &self.shelf };
        let (condition, values) = Select::new(searcher, filter)?.into_condition();
        let deleted = sweep::hide(&connection, &condition, &values, Removal::Asked)?;
        let is_empty: bool =
            connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM exchange)", [], |row| row.get(0))?;
        if is_empty && self.held.running.is_empty() {
            sweep::wipe(&connection, &mut self.packs)?;
            self.names = Names::default();
            self.shelf.clear();
        }
        drop(connection);
        self.tidy()?;
        Ok(deleted)
    }

    /// Deletes some of what the retention does not keep, the oldest first. Returns how many exchanges: with none, all is well. The
    /// space is given back by the commits that follow; by size, nothing more is deleted until it is.
    ///
    /// # Errors
    /// When the database refuses; then all is as before.
    pub fn prune(&mut self, retention: &Retention) -> Result<usize, Error> {
        self.commit()?;
        if retention.bytes.is_some() && self.unswept {
            self.tidy()?;
        }
        let connection = self.connection();
        let connection = lock(&connection);
        let limits = Retention { bytes: retention.bytes.filter(|_| !self.unswept), ..*retention };
        let going = retain::next(&connection, &limits)?;
        if going.is_empty() {
            return Ok(0);
        }
        self.unswept = true;
        let list = going.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        sweep::hide(&connection, &format!("seq IN ({list})"), &[], Removal::Retention)
    }

    /// Keeps an exchange whatever the retention says, or no longer. Returns whether there is one.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn pin(&mut self, id: Uuid, pinned: bool) -> Result<bool, Error> {
        self.commit()?;
        retain::pin(&lock(&self.connection), id, pinned)
    }

    /// As [`Writer::pin`], for all exchanges of a session, those to come too. Returns how many there are now.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn pin_session(&mut self, session: &str, pinned: bool) -> Result<usize, Error> {
        self.commit()?;
        retain::pin_session(&lock(&self.connection), &mut self.names, session, pinned)
    }

    fn sweep(&mut self, budget: Duration) -> Result<bool, Error> {
        let keep_packs = self.held.running.values().chain(self.held.ended.values()).any(Underway::is_cutting);
        let connection = lock(&self.connection);
        let sweeper =
            Sweeper { connection: &connection, shelf: &self.shelf, packs: &mut self.packs, keep_packs };
        sweep::sweep(sweeper, budget)
    }

    /// Never waits for a reader: what it holds up is done the next time.
    fn tidy(&mut self) -> Result<(), Error> {
        self.unswept = true;
        self.unswept = !self.sweep(THOROUGH)?;
        let connection = lock(&self.connection);
        connection.busy_timeout(Duration::ZERO)?;
        let checkpoint = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        connection.busy_timeout(crate::open::PATIENCE)?;
        Ok(checkpoint?)
    }

    /// What ran when an earlier process died will never end by itself.
    pub(crate) fn mark_interrupted(&mut self) -> Result<(), Error> {
        let left = self.left_running()?;
        for mut exchange in left {
            let why = "the proxy ended before this exchange did";
            exchange.outcome = Some(Outcome::Interrupted);
            exchange.capture = Capture { complete: false, reason: Some(why.to_owned()) };
            let kind = Outcome::Interrupted.as_str().to_owned();
            exchange.error = Some(Failure { kind, message: why.to_owned() });
            self.adopt(&exchange)?;
        }
        self.end_batch(UNSAFE)
    }

    /// Whether it has to write of this exchange.
    pub(crate) fn holds(&self, id: Uuid) -> bool {
        self.held.running.contains_key(&id) || self.held.ended.contains_key(&id)
    }

    /// Nothing that was written is there any more.
    pub(crate) fn forget_database(&mut self) {
        self.held.moved();
        self.packs.forget();
        self.names = Names::default();
        self.unswept = true;
    }

    /// The connection, for what is done beside the batches.
    pub(crate) fn connection(&self) -> Shared {
        Arc::clone(&self.connection)
    }

    /// Packs that were read, and how answers are read.
    pub(crate) fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf)
    }

    /// Does work on the database within the open batch.
    pub(crate) fn with_connection<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.write(|_, desk| {
            // What search is to be told waits there.
            desk.packs.flush(desk.connection)?;
            work(desk.connection)
        })
    }

    /// Ends an exchange with what the database has of it: one of another process, or of another format.
    pub(crate) fn adopt(&mut self, exchange: &Exchange) -> Result<(), Error> {
        self.held.running.remove(&exchange.id);
        let mut underway = Underway::new(Arc::new(exchange.clone()));
        self.write(|_, desk| underway.seal(desk))
    }

    /// Leaves what was saved of a running exchange to the end of the batch, unless readers see the batch as it grows.
    fn put_off(&mut self, id: Uuid) -> Result<(), Error> {
        self.held.unsaved = true;
        if self.shares {
            self.write(|held, desk| held.running(id)?.write_sure(desk))?;
        }
        Ok(())
    }

    /// Does work within the open batch, and notices when the database has taken the batch back.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Held, &mut Desk<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.connection);
        let connection = lock(&shared);
        let mut desk = Desk {
            connection: &connection,
            packs: &mut self.packs,
            shelf: &self.shelf,
            names: &mut self.names,
        };
        // While another program holds the database, only the first waits for it: what is refused is written with a later batch.
        let patience = if self.held.again { Duration::ZERO } else { crate::open::PATIENCE };
        let result = begin(&connection, patience).and_then(|()| {
            let done = work(&mut self.held, &mut desk)?;
            if self.shares {
                desk.packs.flush(&connection)?;
            }
            Ok(done)
        });
        // Half a write would be written a second time; a call against the contract wrote nothing.
        if matches!(result, Err(ref error) if !matches!(error, Error::Misuse(_))) {
            roll_back(&connection);
            self.rolled_back();
        }
        result
    }

    /// Writes what a lost batch left and what has waited for `age`, and commits.
    fn end_batch(&mut self, age: Duration) -> Result<(), Error> {
        let written = self.write(|held, desk| {
            held.catch_up(desk, age)?;
            desk.packs.flush(desk.connection)?;
            desk.connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(())
        });
        if written.is_ok() {
            self.held.committed();
            self.checkpointer.iter_mut().for_each(Checkpointer::committed);
        }
        written
    }

    fn rolled_back(&mut self) {
        self.held.rolled_back();
        self.packs.forget();
        self.names = Names::default();
    }
}

impl Held {
    fn running(&mut self, id: Uuid) -> Result<&mut Underway, Error> {
        self.running.get_mut(&id).ok_or(Error::Misuse("bytes for an exchange that is not running"))
    }

    fn catch_up(&mut self, desk: &mut Desk<'_>, age: Duration) -> Result<(), Error> {
        if self.again {
            for underway in self.ended.values_mut() {
                underway.write(desk)?;
            }
        }
        let mut waiting: Vec<&mut Underway> = self.running.values_mut().collect();
        waiting.retain(|underway| {
            self.again || underway.is_unsaved() || underway.is_due(age) || underway.is_cutting()
        });
        waiting.sort_unstable_by_key(|underway| underway.started_us());
        for underway in waiting {
            if self.again || underway.is_due(age) || underway.is_cutting() {
                underway.write(desk)?;
            } else {
                underway.write_sure(desk)?;
            }
        }
        Ok(())
    }

    fn committed(&mut self) {
        self.again = false;
        self.unsaved = false;
        self.ended.clear();
        self.running.values_mut().for_each(Underway::committed);
    }

    fn moved(&mut self) {
        self.running.values_mut().chain(self.ended.values_mut()).for_each(Underway::moved);
        self.rolled_back();
    }

    fn rolled_back(&mut self) {
        self.again = true;
        self.running.values_mut().chain(self.ended.values_mut()).for_each(Underway::rolled_back);
        let mut bytes = 0;
        let mut number = 0;
        let before = self.ended.len();
        self.ended.retain(|_, underway| {
            number += 1;
            bytes += underway.waiting();
            if bytes > WAITING_BYTES {
                bytes -= underway.waiting();
                underway.give_up_bodies();
            }
            number <= WAITING
        });
        if self.ended.len() < before {
            self.given_up += (before - self.ended.len()) as u64;
            tracing::error!(exchanges = before - self.ended.len(), "given up: the disk takes nothing");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Whoever needs to know has committed before.
        let _ = self.end_batch(Duration::ZERO);
    }
}

fn begin(connection: &Connection, patience: Duration) -> Result<(), Error> {
    if connection.is_autocommit() {
        connection.busy_timeout(patience)?;
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    }
    Ok(())
}

#[cfg(test)]
mod story_tests;
#[cfg(test)]
mod tests;
