//! Gives back the space of deleted exchanges, a little at a time.
//!
//! Deleting hides an exchange at once and notes its number; what lies under that number is removed later, in short transactions, so
//! that recording never waits long however much was deleted. Numbers are never used again.

use crate::error::Error;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::time::{Duration, Instant};

/// Pages that are given back between two looks at the clock.
const PAGES: i64 = 256;

/// Hides every exchange that has ended. All or nothing.
pub(crate) fn hide_ended(connection: &Connection) -> Result<(), Error> {
    let hidden = connection.execute_batch(
        "BEGIN IMMEDIATE;
         INSERT INTO deleted SELECT seq FROM exchange WHERE status <> 0;
         DELETE FROM exchange WHERE status <> 0;
         DELETE FROM model;
         INSERT OR IGNORE INTO model SELECT model FROM exchange WHERE model IS NOT NULL;
         INSERT OR IGNORE INTO model SELECT served_model FROM exchange WHERE served_model IS NOT NULL;
         COMMIT;",
    );
    if hidden.is_err() {
        roll_back(connection);
    }
    Ok(hidden?)
}

/// Removes what was deleted, for about so long. Returns whether all is done.
pub(crate) fn sweep(connection: &Connection, budget: Duration) -> Result<bool, Error> {
    let begun = Instant::now();
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let swept = remove(connection, &|| begun.elapsed() >= budget).and_then(|done| {
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(done)
    });
    if swept.is_err() {
        roll_back(connection);
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

fn remove(connection: &Connection, is_over: &dyn Fn() -> bool) -> Result<bool, Error> {
    let mut next = connection.prepare_cached("SELECT exchange FROM deleted LIMIT 1")?;
    while let Some(seq) = next.query_row([], |row| row.get::<_, i64>(0)).optional()? {
        if is_over() {
            return Ok(false);
        }
        for table in ["piece", "frames", "body", "record", "deleted"] {
            connection
                .prepare_cached(&format!("DELETE FROM {table} WHERE exchange = ?"))?
                .execute(params![seq])?;
        }
    }
    Ok(true)
}
