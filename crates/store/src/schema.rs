//! Tables, and how an older file becomes one of today's.

use rusqlite::Connection;

/// Each step brings a database from its index to the next; `user_version` says how many were taken. Never change a step that was
/// released: add one.
const STEPS: [&str; 1] = ["
    CREATE TABLE exchange (
        seq INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        started_us INTEGER NOT NULL,
        status INTEGER NOT NULL,            -- 0 pending, 1 success, 2 error
        model TEXT,
        served_model TEXT,
        end_us INTEGER,
        input INTEGER, output INTEGER, cache_read INTEGER, cache_creation INTEGER,
        bytes INTEGER NOT NULL,
        record TEXT NOT NULL                -- the exchange without its headers, as JSON
    );
    CREATE INDEX exchange_by_time ON exchange (started_us, seq);
    CREATE INDEX exchange_by_status ON exchange (status, started_us);
    CREATE INDEX exchange_by_model ON exchange (model, started_us);
    CREATE TABLE head (
        exchange INTEGER PRIMARY KEY REFERENCES exchange ON DELETE CASCADE,
        headers TEXT NOT NULL               -- the four header lists, as JSON
    );
    CREATE TABLE body (
        exchange INTEGER NOT NULL REFERENCES exchange ON DELETE CASCADE,
        side INTEGER NOT NULL,              -- 0 request, 1 response
        length INTEGER NOT NULL,
        hash BLOB NOT NULL,                 -- BLAKE3, taken as the bytes were appended
        PRIMARY KEY (exchange, side)
    ) WITHOUT ROWID;
    CREATE TABLE piece (
        exchange INTEGER NOT NULL REFERENCES exchange ON DELETE CASCADE,
        side INTEGER NOT NULL,
        number INTEGER NOT NULL,            -- from 0, without a gap
        bytes BLOB NOT NULL                 -- zstd
    );
    CREATE UNIQUE INDEX piece_in_order ON piece (exchange, side, number);
    CREATE TABLE frames (
        exchange INTEGER NOT NULL REFERENCES exchange ON DELETE CASCADE,
        number INTEGER NOT NULL,
        deltas BLOB NOT NULL,               -- varints: length, microseconds since the one before
        PRIMARY KEY (exchange, number)
    ) WITHOUT ROWID;
    CREATE TABLE model (name TEXT PRIMARY KEY) WITHOUT ROWID;
"];

/// The format this program writes.
pub(crate) const VERSION: i64 = STEPS.len() as i64;

/// The format of a database; 0 for a new one.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Takes the steps that are missing.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let found = usize::try_from(version(connection)?).unwrap_or(0);
    for (number, step) in STEPS.iter().enumerate().skip(found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
