//! What is remembered of deleted exchanges: that they were here, when they went, and why.

use crate::error::Error;
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

/// Deleted exchanges that are remembered, the newest: about 30 bytes each.
const REMEMBERED: i64 = 200_000;

/// Why exchanges go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Somebody asked for it.
    Asked,
    /// The limits of age, size or number.
    Retention,
}

/// An exchange that is no longer here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// When it was deleted, microseconds since the Unix epoch.
    pub at_us: i64,
    /// Why.
    pub why: Removal,
}

/// Remembers those that are noted in `deleted` and still stand in `exchange`, within the open transaction.
pub(crate) fn note(connection: &Connection, why: Removal) -> rusqlite::Result<()> {
    let at_us = jiff::Timestamp::now().as_microsecond();
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO gone SELECT id, ?, ? FROM exchange WHERE seq IN (SELECT exchange FROM deleted)",
        )?
        .execute(params![at_us, why as i64])?;
    connection
        .prepare_cached(
            "DELETE FROM gone WHERE id IN (SELECT id FROM gone ORDER BY id LIMIT max(0, (SELECT count(*) FROM gone) - ?))",
        )?
        .execute([REMEMBERED])?;
    Ok(())
}

/// What is remembered of an exchange.
pub(crate) fn find(connection: &Connection, id: Uuid) -> Result<Option<Gone>, Error> {
    let found = connection
        .prepare_cached("SELECT at_us, why FROM gone WHERE id = ?")?
        .query_row([id.as_bytes()], |row| {
            let why = if row.get::<_, i64>(1)? == 1 { Removal::Retention } else { Removal::Asked };
            Ok(Gone { at_us: row.get(0)?, why })
        })
        .optional()?;
    Ok(found)
}
