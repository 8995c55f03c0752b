//! What is kept: pins, and what goes when the record is too old, too long or too large.

use crate::error::Error;
use crate::row::{Names, flag};
use rusqlite::{Connection, params};
use uuid::Uuid;

/// Exchanges that are deleted at a time, so that recording never waits for many.
const STEP: i64 = 500;

/// What is kept at the most. What is pinned is kept in any case, and counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Exchanges that began before this time go; microseconds since the Unix epoch.
    pub before_us: Option<i64>,
    /// So many exchanges stay, the newest.
    pub count: Option<u64>,
    /// So many bytes of the database stay, of the newest.
    pub bytes: Option<u64>,
}

impl Retention {
    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Retention::default()
    }
}

/// Which exchanges go next: at most [`STEP`], the oldest; none if all is well.
pub(crate) fn next(connection: &Connection, retention: &Retention) -> Result<Vec<i64>, Error> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let before = retention.before_us.unwrap_or(i64::MIN);
    let mut going = oldest(connection, before, STEP)?;
    if let Some(count) = retention.count {
        let total = number("SELECT count(*) FROM exchange WHERE status <> 0")?;
        let beyond = total - i64::try_from(count).unwrap_or(i64::MAX);
        if beyond > going.len() as i64 {
            going = oldest(connection, i64::MAX, beyond.min(STEP))?;
        }
    }
    if let Some(bytes) = retention.bytes.filter(|_| going.is_empty()) {
        let pages = number("PRAGMA page_count")? - number("PRAGMA freelist_count")?;
        let used = (pages * number("PRAGMA page_size")?).cast_unsigned();
        if used > bytes {
            // As many as are likely to be too many, but never more than a tenth: what they free is seen only afterwards.
            let total = number("SELECT count(*) FROM exchange")?;
            let share = (used - bytes) as f64 / used as f64;
            let likely = ((total as f64 * share) as i64).min(total / 10).clamp(1, STEP);
            going = oldest(connection, i64::MAX, likely)?;
        }
    }
    Ok(going)
}

fn oldest(connection: &Connection, before_us: i64, limit: i64) -> Result<Vec<i64>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT seq FROM exchange WHERE started_us < ? AND status <> 0 AND flags & ? = 0 ORDER BY started_us, seq LIMIT ?",
    )?;
    let found = statement.query_map(params![before_us, flag::PINNED, limit], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Pins an exchange, or unpins it. Returns whether there is one.
pub(crate) fn pin(connection: &Connection, id: Uuid, pinned: bool) -> Result<bool, Error> {
    let changed = connection
        .prepare_cached("UPDATE exchange SET flags = (flags & ~?1) | ?2 WHERE id = ?3")?
        .execute(params![flag::PINNED, if pinned { flag::PINNED } else { 0 }, id.as_bytes()])?;
    Ok(changed > 0)
}

/// Pins all exchanges of a session, those to come too; or unpins them. Returns how many there are now.
pub(crate) fn pin_session(
    connection: &Connection,
    names: &mut Names,
    session: &str,
    pinned: bool,
) -> Result<usize, Error> {
    let name = names.number(connection, session)?;
    let sql = if pinned {
        "INSERT OR IGNORE INTO pinned_session (name) VALUES (?)"
    } else {
        "DELETE FROM pinned_session WHERE name = ?"
    };
    connection.prepare_cached(sql)?.execute([name])?;
    Ok(connection
        .prepare_cached("UPDATE exchange SET flags = (flags & ~?1) | ?2 WHERE session = ?3")?
        .execute(params![flag::PINNED, if pinned { flag::PINNED } else { 0 }, name])?)
}
