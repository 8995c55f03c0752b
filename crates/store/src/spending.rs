//! What each credential has spent of its plan, as the rows tell: no bodies, no headers.

use crate::error::Error;
use rusqlite::{Connection, params};
use uuid::Uuid;

/// One moment of a credential's windows, millionths; `None`: the answer did not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// When the request began, microseconds since the Unix epoch.
    pub at_us: i64,
    /// Of the 5-hour window.
    pub five_hours: Option<u32>,
    /// Of the 7-day window.
    pub seven_days: Option<u32>,
}

/// What a session took of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionShare {
    /// The session.
    pub session: String,
    /// Tokens in and out.
    pub tokens: u64,
}

/// Credentials that were ever used, and the newest exchanges of each that have ended, the newest first.
pub(crate) fn credentials(connection: &Connection, newest: usize) -> Result<Vec<(String, Vec<Uuid>)>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT id, text FROM name WHERE id IN (SELECT DISTINCT credential FROM exchange WHERE credential IS NOT NULL)
         ORDER BY text",
    )?;
    let names = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let names: Vec<(i64, String)> = names.collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    for (number, name) in names {
        let mut ids = connection.prepare_cached(
            "SELECT id FROM exchange WHERE credential = ? AND status <> 0 ORDER BY started_us DESC LIMIT ?",
        )?;
        let limit = i64::try_from(newest).unwrap_or(i64::MAX);
        let ids = ids.query_map(params![number, limit], |row| Ok(Uuid::from_bytes(row.get(0)?)))?;
        found.push((name, ids.collect::<Result<_, _>>()?));
    }
    Ok(found)
}

/// How a credential's windows filled since a time, oldest first.
pub(crate) fn spent(connection: &Connection, credential: &str, since_us: i64) -> Result<Vec<Spent>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT started_us, spent_5h, spent_7d FROM exchange
         WHERE credential = (SELECT id FROM name WHERE text = ?) AND started_us >= ?
           AND coalesce(spent_5h, spent_7d) IS NOT NULL ORDER BY started_us",
    )?;
    let rows = statement.query_map(params![credential, since_us], |row| {
        Ok(Spent { at_us: row.get(0)?, five_hours: row.get(1)?, seven_days: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The sessions that took most of a credential since a time, and what all took together.
pub(crate) fn shares(
    connection: &Connection,
    credential: &str,
    since_us: i64,
    limit: usize,
) -> Result<(Vec<SessionShare>, u64), Error> {
    const TOKENS: &str = "coalesce(total_input, 0) + coalesce(output, 0)";
    let of = "credential = (SELECT id FROM name WHERE text = ?1) AND started_us >= ?2 AND input IS NOT NULL";
    let all: i64 = connection
        .prepare_cached(&format!("SELECT coalesce(sum({TOKENS}), 0) FROM exchange WHERE {of}"))?
        .query_row(params![credential, since_us], |row| row.get(0))?;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT name.text, sum({TOKENS}) AS tokens FROM exchange JOIN name ON name.id = session WHERE {of}
         GROUP BY session ORDER BY tokens DESC LIMIT ?3"
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![credential, since_us, limit], |row| {
        Ok(SessionShare { session: row.get(0)?, tokens: row.get::<_, i64>(1)?.cast_unsigned() })
    })?;
    Ok((rows.collect::<Result<_, _>>()?, all.cast_unsigned()))
}
