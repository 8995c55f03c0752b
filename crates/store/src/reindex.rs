//! Derives again what was derived from the bytes: whoever reads them hands back what they say, oldest first, a few at a time.

use crate::error::Error;
use crate::exchange::Exchange;
use crate::list::{self, EntryRef};
use crate::packs::Kind;
use crate::query::Side;
use crate::row;
use crate::shelf::Shelf;
use crate::store::{Store, sequence};
use crate::words;
use crate::writer::Writer;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::HashSet;
use uuid::Uuid;

/// Where a walk over all exchanges, the oldest first, has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Some exchanges that have ended, with headers.
    pub exchanges: Vec<Exchange>,
    /// What to go on after; `None` at the end.
    pub next: Option<i64>,
    /// Exchanges before and after this stretch together with it.
    pub total: u64,
    /// Exchanges up to the end of this stretch.
    pub done: u64,
}

impl Store {
    /// The next exchanges after a place in the order in which they were recorded; 0 is its beginning.
    ///
    /// # Errors
    /// When the database cannot be read. An exchange whose record is damaged is left out.
    pub fn stretch(&self, after: i64, limit: usize) -> Result<Stretch, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, record, flags FROM exchange WHERE seq > ? AND status <> 0 ORDER BY seq LIMIT ?",
            )?;
            let mut rows = statement.query(params![after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
            let (mut exchanges, mut next) = (Vec::new(), None);
            while let Some(found) = rows.next()? {
                next = Some(found.get("seq")?);
                match row::read(connection, self.shelf(), found) {
                    Ok(exchange) => exchanges.push(exchange),
                    Err(Error::Damaged(why)) => tracing::warn!(why, "an exchange is left out"),
                    Err(error) => return Err(error),
                }
            }
            let count = |sql: &str, after: i64| {
                connection
                    .prepare_cached(sql)?
                    .query_row([after], |row| row.get::<_, i64>(0))
                    .map(i64::cast_unsigned)
            };
            let total = count("SELECT count(*) FROM exchange WHERE status <> 0 AND seq > ?", 0)?;
            let done = match next {
                Some(next) => count("SELECT count(*) FROM exchange WHERE status <> 0 AND seq <= ?", next)?,
                None => total,
            };
            Ok(Stretch { exchanges, next, total, done })
        })
    }

    /// Where work of that name was interrupted; `None` if it was not.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn progress(&self, task: &str) -> Result<Option<i64>, Error> {
        self.read(|connection| {
            let found = connection
                .prepare_cached("SELECT at FROM progress WHERE task = ?")?
                .query_row([task], |row| row.get(0))
                .optional()?;
            Ok(found)
        })
    }
}

impl Writer {
    /// Notes where work of that name has come; `None` when it is done.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn set_progress(&mut self, task: &str, at: Option<i64>) -> Result<(), Error> {
        let task = task.to_owned();
        self.with_connection(|connection| {
            match at {
                Some(at) => connection
                    .prepare_cached("INSERT OR REPLACE INTO progress (task, at) VALUES (?, ?)")?
                    .execute(params![task, at])?,
                None => connection.prepare_cached("DELETE FROM progress WHERE task = ?")?.execute([task])?,
            };
            Ok(())
        })
    }

    /// Indexes a body for search again: by `text`, or by what its bytes show. `seen` holds the pieces that were indexed before; it is
    /// to be kept from one body to the next.
    ///
    /// # Errors
    /// When the database refuses, or what it holds is damaged.
    pub fn index_again(
        &mut self,
        id: Uuid,
        side: Side,
        text: Option<&str>,
        seen: &mut HashSet<i64>,
    ) -> Result<(), Error> {
        let shelf = self.shelf();
        self.with_connection(|connection| {
            let Some(seq) = sequence(connection, id)? else { return Ok(()) };
            let root: Option<Option<i64>> = connection
                .prepare_cached("SELECT root FROM body WHERE exchange = ? AND side = ?")?
                .query_row(params![seq, side.number()], |row| row.get(0))
                .optional()?;
            let Some(root) = root.flatten() else { return Ok(()) };
            match text {
                Some(text) if seen.insert(root) => words::say_anew(connection, root, text),
                Some(_) => Ok(()),
                None => index_below(connection, &shelf, root, seen),
            }
        })
    }
}

fn index_below(
    connection: &Connection,
    shelf: &Shelf,
    root: i64,
    seen: &mut HashSet<i64>,
) -> Result<(), Error> {
    let mut stack = vec![root];
    while let Some(place) = stack.pop() {
        if !seen.insert(place) {
            continue;
        }
        let text = shelf.with(connection, place, |bytes, kind| {
            if kind == Kind::List {
                for entry in list::decode(bytes) {
                    if let EntryRef::Place(place) = entry? {
                        stack.push(place);
                    }
                }
            }
            Ok(words::of_piece(kind, bytes))
        })?;
        words::say_anew(connection, place, &text.unwrap_or_default())?;
    }
    Ok(())
}
