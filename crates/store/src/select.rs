//! Questions over many rows as SQL.

use crate::error::Error;
use crate::exchange::Exchange;
use crate::query::{Filter, Listing, Page, Stats};
use crate::row;
use crate::shelf::Shelf;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

/// Rows that [`next`] reads at a time, so that no read lasts long.
const STRIDE: i64 = 256;

/// A page of exchanges, newest first, without headers.
pub(crate) fn list(
    connection: &Connection,
    shelf: &Shelf,
    filter: &Filter,
    page: &Page,
) -> Result<Listing, Error> {
    let (condition, mut values) = condition(filter);
    let total: i64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM exchange WHERE {condition}"))?
        .query_row(params_from_iter(&values), |row| row.get(0))?;
    let size = i64::try_from(page.size).unwrap_or(i64::MAX);
    let skipped = i64::try_from(page.number.saturating_sub(1)).unwrap_or(i64::MAX).saturating_mul(size);
    values.extend([Value::from(size), Value::from(skipped)]);
    // Only the page's own rows are looked up, not those that are skipped.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT seq, record, flags FROM exchange WHERE {condition} ORDER BY started_us DESC, seq DESC LIMIT ? OFFSET ?"
    ))?;
    let mut rows = statement.query(params_from_iter(&values))?;
    let mut listed = Vec::new();
    while let Some(found) = rows.next()? {
        listed.push(row::bare(connection, shelf, found)?);
    }
    Ok(Listing { rows: listed, total: total.cast_unsigned() })
}

/// Figures over all exchanges that match.
pub(crate) fn stats(connection: &Connection, filter: &Filter) -> Result<Stats, Error> {
    let (condition, mut values) = condition(filter);
    let sums = format!(
        "SELECT count(*), coalesce(sum(status = 1), 0), coalesce(sum(status = 2), 0), coalesce(sum(status = 0), 0),
                avg(end_us), count(end_us), coalesce(sum(input), 0), coalesce(sum(output), 0),
                coalesce(sum(cache_read), 0), coalesce(sum(cache_creation), 0), coalesce(sum(request_bytes + response_bytes), 0)
         FROM exchange WHERE {condition}"
    );
    let (mut stats, ended) =
        connection.prepare_cached(&sums)?.query_row(params_from_iter(&values), |row| {
            let count = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
            let stats = Stats {
                total: count(0)?,
                success: count(1)?,
                error: count(2)?,
                pending: count(3)?,
                avg_duration_us: row.get(4)?,
                p95_duration_us: None,
                input_tokens: count(6)?,
                output_tokens: count(7)?,
                cache_read: count(8)?,
                cache_write: count(9)?,
                total_bytes: count(10)?,
            };
            Ok((stats, row.get::<_, i64>(5)?))
        })?;
    if ended > 0 {
        // Nearest rank: the smallest value that at least 95 of 100 do not exceed.
        values.push(Value::from((ended * 95 + 99) / 100 - 1));
        let percentile = format!(
            "SELECT end_us FROM exchange WHERE end_us IS NOT NULL AND {condition} ORDER BY end_us LIMIT 1 OFFSET ?"
        );
        stats.p95_duration_us = connection
            .prepare_cached(&percentile)?
            .query_row(params_from_iter(&values), |row| row.get::<_, i64>(0))
            .optional()?
            .map(i64::cast_unsigned);
    }
    Ok(stats)
}

/// How far a walk over all exchanges has come.
pub(crate) struct Cursor {
    started_us: i64,
    seq: i64,
}

impl Cursor {
    /// Before the newest.
    pub(crate) const NEWEST: Cursor = Cursor { started_us: i64::MAX, seq: i64::MAX };
}

/// The next exchanges of a walk, with headers; none at its end.
pub(crate) fn next(
    connection: &Connection,
    shelf: &Shelf,
    filter: &Filter,
    cursor: &mut Cursor,
) -> Result<Vec<Exchange>, Error> {
    let (condition, values) = condition(filter);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT seq, record, flags, started_us FROM exchange
         WHERE (started_us, seq) < (?, ?) AND {condition} ORDER BY started_us DESC, seq DESC LIMIT {STRIDE}"
    ))?;
    let mut bound = vec![Value::from(cursor.started_us), Value::from(cursor.seq)];
    bound.extend(values);
    let mut rows = statement.query(params_from_iter(&bound))?;
    let mut batch = Vec::new();
    while let Some(found) = rows.next()? {
        *cursor = Cursor { started_us: found.get("started_us")?, seq: found.get("seq")? };
        batch.push(row::read(connection, shelf, found)?);
    }
    Ok(batch)
}

/// A filter as SQL. Everything that comes from outside is a parameter.
fn condition(filter: &Filter) -> (String, Vec<Value>) {
    let mut parts = vec!["1"];
    let mut values = Vec::new();
    if let Some(status) = filter.status {
        parts.push("status = ?");
        values.push(Value::from(row::status_number(status)));
    }
    if let Some(model) = &filter.model {
        parts.push("(SELECT id FROM name WHERE text = ?) IN (model, served_model)");
        values.push(Value::from(model.clone()));
    }
    if let Some(since) = filter.since_us {
        parts.push("started_us >= ?");
        values.push(Value::from(since));
    }
    if let Some(until) = filter.until_us {
        parts.push("started_us < ?");
        values.push(Value::from(until));
    }
    (parts.join(" AND "), values)
}
