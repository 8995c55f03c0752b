//! Gives back the space of deleted exchanges, a little at a time.
//!
//! Deleting hides an exchange at once and notes its number; what lies under that number is removed later, in short transactions, so
//! that recording never waits long however much was deleted. Numbers are never used again. A pack goes when nothing needs it any more:
//! no record, no body, and no list in another pack.

use crate::error::Error;
use crate::gone::{self, Removal};
use crate::list::{self, EntryRef};
use crate::packs::{Kind, Packs, pack_of, places_of};
use crate::shelf::Shelf;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use std::time::{Duration, Instant};

/// Pages that are given back between two looks at the clock.
const PAGES: i64 = 256;

/// Hides exchanges that have ended, all that this SQL condition selects. All or nothing. Returns how many.
pub(crate) fn hide(
    connection: &Connection,
    condition: &str,
    values: &[Value],
    why: Removal,
) -> Result<usize, Error> {
    let hide = || {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let ended = format!("status <> 0 AND ({condition})");
        connection.execute(
            &format!("INSERT INTO deleted SELECT seq, record FROM exchange WHERE {ended}"),
            params_from_iter(values),
        )?;
        gone::note(connection, why)?;
        let hidden =
            connection.execute("DELETE FROM exchange WHERE seq IN (SELECT exchange FROM deleted)", [])?;
        connection.execute_batch("COMMIT")?;
        Ok(hidden)
    };
    let hidden: rusqlite::Result<usize> = hide();
    if hidden.is_err() {
        roll_back(connection);
    }
    Ok(hidden?)
}

/// What removing needs.
pub(crate) struct Sweeper<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) shelf: &'a Shelf,
    pub(crate) packs: &'a mut Packs,
    /// Bodies are being cut whose pieces only memory knows: packs must stay.
    pub(crate) keep_packs: bool,
}

/// Removes what was deleted, for about so long. Returns whether all is done.
pub(crate) fn sweep(mut sweeper: Sweeper<'_>, budget: Duration) -> Result<bool, Error> {
    let begun = Instant::now();
    let connection = sweeper.connection;
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let is_over = || begun.elapsed() >= budget;
    let swept = sweeper.exchanges(&is_over).and_then(|done| {
        // What they needed is known to the database before its packs are looked at.
        sweeper.packs.flush(connection)?;
        let done = done && sweeper.unused_packs(&is_over)?;
        sweeper.packs.flush(connection)?;
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(done)
    });
    if swept.is_err() {
        roll_back(connection);
        sweeper.packs.forget();
    }
    if !swept? {
        return Ok(false);
    }
    while begun.elapsed() < budget {
        let free: i64 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
        if free == 0 {
            return Ok(true);
        }
        let mut vacuum = connection.prepare_cached(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
    }
    Ok(false)
}

/// Undoes what is open, if anything is.
pub(crate) fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // The error that led here is the one to tell.
        let _ = connection.execute_batch("ROLLBACK");
    }
}

impl Sweeper<'_> {
    fn exchanges(&mut self, is_over: &dyn Fn() -> bool) -> Result<bool, Error> {
        let connection = self.connection;
        let mut next = connection.prepare_cached("SELECT exchange, record FROM deleted LIMIT 1")?;
        let mut roots =
            connection.prepare_cached("SELECT root FROM body WHERE exchange = ? AND root IS NOT NULL")?;
        while let Some((seq, record)) =
            next.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?))).optional()?
        {
            if is_over() {
                return Ok(false);
            }
            let roots = roots.query_map([seq], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
            for place in roots.into_iter().chain(record) {
                self.packs.use_pack(place, -1);
            }
            for table in ["body", "tail", "running", "frames", "tool", "deleted"] {
                connection
                    .prepare_cached(&format!("DELETE FROM {table} WHERE exchange = ?"))?
                    .execute(params![seq])?;
            }
        }
        Ok(true)
    }

    fn unused_packs(&mut self, is_over: &dyn Fn() -> bool) -> Result<bool, Error> {
        let connection = self.connection;
        if self.keep_packs {
            return Ok(true);
        }
        let mut unused =
            connection.prepare_cached("SELECT id FROM pack WHERE users <= 0 AND id > ? LIMIT 1")?;
        let mut last = 0_i64;
        let mut removed = false;
        loop {
            let pack = unused.query_row([last], |row| row.get::<_, i64>(0)).optional()?;
            if is_over() {
                return Ok(false);
            }
            match pack {
                Some(pack) => {
                    last = pack;
                    self.packs.close(pack);
                    self.pack(pack)?;
                    removed = true;
                }
                // What those needed may be unused now.
                None if removed => {
                    self.packs.flush(connection)?;
                    (last, removed) = (0, false);
                }
                None => return Ok(true),
            }
        }
    }

    /// Removes a pack that nothing needs. What it needed of others may be removed then too.
    fn pack(&mut self, id: i64) -> Result<(), Error> {
        let connection = self.connection;
        match self.shelf.pack(connection, id, 0) {
            Ok(pack) => {
                for index in 0..pack.len() {
                    let Some((bytes, kind)) = pack.piece(index) else { continue };
                    let key = kind.key(bytes);
                    connection
                        .prepare_cached("DELETE FROM piece WHERE key = ? AND place BETWEEN ? AND ?")?
                        .execute(params![key, places_of(id).start(), places_of(id).end()])?;
                    if kind == Kind::List {
                        self.unlink(id, bytes)?;
                    }
                }
            }
            // What cannot be read is found the slow way.
            Err(Error::Damaged(_)) => {
                connection.execute(
                    "DELETE FROM piece WHERE place BETWEEN ? AND ?",
                    params![places_of(id).start(), places_of(id).end()],
                )?;
                connection.execute("DELETE FROM link WHERE pack = ?", [id])?;
            }
            Err(error) => return Err(error),
        }
        connection
            .prepare_cached("DELETE FROM text WHERE rowid BETWEEN ? AND ?")?
            .execute(params![places_of(id).start(), places_of(id).end()])?;
        for sql in ["DELETE FROM layer WHERE pack = ?", "DELETE FROM pack WHERE id = ?"] {
            connection.prepare_cached(sql)?.execute([id])?;
        }
        self.packs.forget_known(id);
        Ok(())
    }

    fn unlink(&mut self, id: i64, list: &[u8]) -> Result<(), Error> {
        for entry in list::decode(list) {
            let Ok(EntryRef::Place(piece)) = entry else { continue };
            if pack_of(piece) != id {
                let gone = self
                    .connection
                    .prepare_cached("DELETE FROM link WHERE piece = ? AND pack = ?")?
                    .execute(params![piece, id])?;
                self.packs.use_pack(piece, -(gone as i64));
            }
        }
        Ok(())
    }
}

/// Removes every piece at once, when no exchange is left that could need one.
pub(crate) fn wipe(connection: &Connection, packs: &mut Packs) -> Result<(), Error> {
    let wiped = connection.execute_batch(
        "BEGIN IMMEDIATE;
         DELETE FROM deleted; DELETE FROM body; DELETE FROM tail; DELETE FROM running; DELETE FROM frames; DELETE FROM tool;
         DELETE FROM piece; DELETE FROM link; DELETE FROM layer; DELETE FROM pack; DELETE FROM name; DELETE FROM pinned_session;
         INSERT INTO text(text) VALUES ('delete-all');
         COMMIT;",
    );
    packs.forget();
    if wiped.is_err() {
        roll_back(connection);
    }
    Ok(wiped?)
}
