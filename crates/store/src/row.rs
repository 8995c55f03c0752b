//! An exchange as rows, and back.

use crate::error::Error;
use crate::exchange::{Exchange, Headers, Status};
use rusqlite::{Connection, Row, params};

/// The most a summed column takes from what an upstream claims: sums over millions of rows then stay within 64 bits.
const SUM_LIMIT: u64 = 1 << 40;

pub(crate) fn status_number(status: Status) -> i64 {
    match status {
        Status::Pending => 0,
        Status::Success => 1,
        Status::Error => 2,
    }
}

type Heads = (Headers, Headers, Headers, Headers);

/// Writes an exchange, new or known. Returns the number of its row.
pub(crate) fn upsert(connection: &Connection, exchange: &Exchange) -> Result<i64, Error> {
    let unreadable = |error: serde_json::Error| Error::Damaged(error.to_string());
    let record = serde_json::to_string(exchange).map_err(unreadable)?;
    let headers = serde_json::to_string(&(
        &exchange.request_headers,
        &exchange.request_trailers,
        &exchange.response_headers,
        &exchange.response_trailers,
    ))
    .map_err(unreadable)?;
    let summed = |number: u64| number.min(SUM_LIMIT).cast_signed();
    let usage = &exchange.usage;
    let seq = connection
        .prepare_cached(
            "INSERT INTO exchange (id, started_us, status, model, served_model, end_us, input, output, cache_read,
                                   cache_creation, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (id) DO UPDATE SET
                 started_us = ?2, status = ?3, model = ?4, served_model = ?5, end_us = ?6, input = ?7, output = ?8,
                 cache_read = ?9, cache_creation = ?10, bytes = ?11
             RETURNING seq",
        )?
        .query_row(
            params![
                exchange.id.as_bytes(),
                exchange.started_us,
                status_number(exchange.status()),
                exchange.model,
                exchange.served_model,
                exchange.timing.end_us.map(|end| i64::try_from(end).unwrap_or(i64::MAX)),
                usage.input.map(summed),
                usage.output.map(summed),
                usage.cache_read.map(summed),
                usage.cache_creation.map(summed),
                summed(exchange.request_bytes.saturating_add(exchange.response_bytes)),
            ],
            |row| row.get(0),
        )?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO record (exchange, record, headers) VALUES (?, ?, ?)")?
        .execute(params![seq, record, headers])?;
    for model in [&exchange.model, &exchange.served_model].into_iter().flatten() {
        connection.prepare_cached("INSERT OR IGNORE INTO model (name) VALUES (?)")?.execute([model])?;
    }
    Ok(seq)
}

/// Reads column `record`: the exchange without its headers.
pub(crate) fn bare(row: &Row<'_>) -> Result<Exchange, Error> {
    let text = row.get_ref("record")?.as_str().map_err(rusqlite::Error::from)?;
    serde_json::from_str(text).map_err(|error| Error::Damaged(error.to_string()))
}

/// Reads columns `record` and `headers`.
pub(crate) fn whole(row: &Row<'_>) -> Result<Exchange, Error> {
    let mut exchange = bare(row)?;
    let text = row.get_ref("headers")?.as_str().map_err(rusqlite::Error::from)?;
    let lists: Heads = serde_json::from_str(text).map_err(|error| Error::Damaged(error.to_string()))?;
    (
        exchange.request_headers,
        exchange.request_trailers,
        exchange.response_headers,
        exchange.response_trailers,
    ) = lists;
    Ok(exchange)
}

/// All that run.
pub(crate) fn pending(connection: &Connection) -> Result<Vec<Exchange>, Error> {
    let mut statement = connection.prepare(
        "SELECT record, headers FROM exchange JOIN record ON exchange = seq WHERE status = 0 ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(whole(row)?);
    }
    Ok(found)
}
