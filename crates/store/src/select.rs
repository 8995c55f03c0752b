//! Questions over many rows.

use crate::error::Error;
use crate::exchange::{Exchange, Outcome, Status};
use crate::filter::{Filter, condition};
use crate::query::{Cursor, Facet, Facets, Listing, Page, Stats};
use crate::row;
use crate::search::{Phrase, Searcher};
use rusqlite::Connection;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension as _, Row, params_from_iter};
use std::collections::HashMap;

/// Rows that [`Select::next`] reads at a time, so that no read lasts long.
const STRIDE: i64 = 256;

/// Values of a facet.
const FACET: usize = 50;

/// An answered call that used tokens and has no price, as SQL on a row of `exchange`. Lists, counts and refusals by the API cost nothing.
pub(crate) const UNPRICED: &str =
    "(cost IS NULL AND status <> 0 AND http_status BETWEEN 200 AND 299 AND output IS NOT NULL)";

/// One question: what it needs, and the filter as SQL.
pub(crate) struct Select<'a> {
    searcher: Searcher<'a>,
    condition: String,
    values: Vec<Value>,
}

impl<'a> Select<'a> {
    /// Prepares a question about what the filter means.
    pub(crate) fn new(searcher: Searcher<'a>, filter: &Filter) -> Result<Select<'a>, Error> {
        let mut find = |text: &str| Ok(searcher.find(&Phrase::new(text))?.into_iter().collect());
        let (condition, values) = condition(filter, &mut find)?;
        Ok(Select { searcher, condition, values })
    }

    /// The same question once more, of a later state.
    pub(crate) fn again(searcher: Searcher<'a>, (condition, values): (String, Vec<Value>)) -> Select<'a> {
        Select { searcher, condition, values }
    }

    /// What it is asked of.
    pub(crate) fn connection(&self) -> &'a Connection {
        self.searcher.connection
    }

    /// The condition on rows of `exchange`, with its parameters.
    pub(crate) fn into_condition(self) -> (String, Vec<Value>) {
        (self.condition, self.values)
    }

    /// A page of exchanges, newest first, without headers.
    pub(crate) fn list(&self, page: &Page) -> Result<Listing, Error> {
        let Select { searcher, condition, values } = self;
        let total: i64 = searcher
            .connection
            .prepare_cached(&format!("SELECT count(*) FROM exchange WHERE {condition}"))?
            .query_row(params_from_iter(values), |row| row.get(0))?;
        let size = i64::try_from(page.size).unwrap_or(i64::MAX - 1);
        let skipped = i64::try_from(page.number.saturating_sub(1)).unwrap_or(i64::MAX).saturating_mul(size);
        let after = page.after.unwrap_or(Cursor::NEWEST);
        let mut bound = vec![Value::from(after.started_us), Value::from(after.seq)];
        bound.extend(values.iter().cloned());
        bound.extend([Value::from(size + 1), Value::from(skipped)]);
        // Only the page's own records are looked up, not those that are skipped.
        let mut statement = searcher.connection.prepare_cached(&format!(
            "SELECT seq, record, flags, started_us FROM exchange WHERE (started_us, seq) < (?, ?) AND {condition}
             ORDER BY started_us DESC, seq DESC LIMIT ? OFFSET ?"
        ))?;
        let mut rows = statement.query(params_from_iter(&bound))?;
        let mut listing = Listing { rows: Vec::new(), total: total.cast_unsigned(), exact: true, next: None };
        let mut last = None;
        while let Some(found) = rows.next()? {
            if listing.rows.len() as u64 == page.size {
                listing.next = last;
                break;
            }
            last = Some(Cursor { started_us: found.get("started_us")?, seq: found.get("seq")? });
            listing.rows.push(row::bare(searcher.connection, searcher.shelf, found)?);
        }
        Ok(listing)
    }

    /// Figures over all exchanges that match.
    pub(crate) fn stats(&self) -> Result<Stats, Error> {
        let Select { searcher, condition, values } = self;
        let sums = format!(
            "SELECT count(*), coalesce(sum(status = 1), 0), coalesce(sum(status = 2), 0), coalesce(sum(status = 0), 0),
                    avg(end_us), coalesce(sum(input), 0), coalesce(sum(output), 0), coalesce(sum(cache_read), 0),
                    coalesce(sum(cache_creation), 0), coalesce(sum(cost), 0),
                    coalesce(sum(request_bytes + response_bytes), 0),
                    coalesce(sum(min(cache_creation_1h, cache_creation)), 0), coalesce(sum(thinking), 0),
                    coalesce(sum({UNPRICED}), 0)
             FROM exchange WHERE {condition}"
        );
        let mut stats =
            searcher.connection.prepare_cached(&sums)?.query_row(params_from_iter(values), |row| {
                let count = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
                Ok(Stats {
                    total: count(0)?,
                    success: count(1)?,
                    error: count(2)?,
                    pending: count(3)?,
                    avg_duration_us: row.get(4)?,
                    input_tokens: count(5)?,
                    output_tokens: count(6)?,
                    cache_read: count(7)?,
                    cache_write: count(8)?,
                    cost_pico: row.get(9)?,
                    total_bytes: count(10)?,
                    cache_write_1h: count(11)?,
                    thinking_tokens: count(12)?,
                    unpriced: count(13)?,
                    ..Stats::default()
                })
            })?;
        self.spread(&mut stats)?;
        Ok(stats)
    }

    /// What needs each value and not only sums, in one look at each row.
    fn spread(&self, stats: &mut Stats) -> Result<(), Error> {
        let sql = format!("SELECT end_us, first_token_us, error FROM exchange WHERE {}", self.condition);
        let mut statement = self.connection().prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&self.values))?;
        let (mut ends, mut first_tokens) = (Vec::new(), Vec::new());
        let mut errors: HashMap<(&'static str, i64), u64> = HashMap::new();
        while let Some(row) = rows.next()? {
            ends.extend(row.get::<_, Option<i64>>(0)?.map(i64::cast_unsigned));
            first_tokens.extend(row.get::<_, Option<i64>>(1)?.map(i64::cast_unsigned));
            count(&mut errors, "error", row, 2)?;
        }
        [stats.p50_duration_us, stats.p95_duration_us] = percentiles(&mut ends);
        [stats.p50_first_token_us, stats.p95_first_token_us] = percentiles(&mut first_tokens);
        stats.error_kinds = self.facet("error", &errors)?;
        Ok(())
    }

    /// The values that occur.
    pub(crate) fn facets(&self) -> Result<Facets, Error> {
        let connection = self.searcher.connection;
        // One look at each row for all of them.
        const NAMED: [(&str, &str); 9] = [
            ("model", "model"),
            ("model", "served_model"),
            ("session", "session"),
            ("agent", "agent"),
            ("agent", "agent_kind"),
            ("class", "class"),
            ("stop", "stop"),
            ("error", "error"),
            ("path", "path"),
        ];
        let columns = NAMED.map(|(_, column)| column).join(", ");
        let mut statement = connection.prepare_cached(&format!(
            "SELECT status, outcome, http_status, {columns} FROM exchange WHERE {}",
            self.condition
        ))?;
        let mut rows = statement.query(params_from_iter(&self.values))?;
        let mut counted: HashMap<(&'static str, i64), u64> = HashMap::new();
        while let Some(row) = rows.next()? {
            for (at, key) in ["status", "outcome", "http"].into_iter().enumerate() {
                count(&mut counted, key, row, at)?;
            }
            for (at, (key, column)) in NAMED.iter().enumerate() {
                // A model that answered is another value only if another was asked for.
                let same = *column == "served_model" && row.get_ref(at + 3)? == row.get_ref(at + 2)?;
                if !same {
                    count(&mut counted, key, row, at + 3)?;
                }
            }
        }
        let mut tools = connection.prepare_cached(&format!(
            "SELECT name, count(*) FROM tool WHERE exchange IN (SELECT seq FROM exchange WHERE {}) GROUP BY name",
            self.condition
        ))?;
        let mut rows = tools.query(params_from_iter(&self.values))?;
        while let Some(row) = rows.next()? {
            counted.insert(("tool", row.get(0)?), row.get::<_, i64>(1)?.cast_unsigned());
        }
        let keys = [
            "status", "outcome", "model", "session", "agent", "class", "tool", "stop", "error", "path",
            "http",
        ];
        keys.into_iter().map(|key| Ok((key, self.facet(key, &counted)?))).collect()
    }

    fn facet(
        &self,
        key: &'static str,
        counted: &HashMap<(&'static str, i64), u64>,
    ) -> Result<Vec<Facet>, Error> {
        let mut values: Vec<(u64, i64)> = counted
            .iter()
            .filter(|((of, _), _)| *of == key)
            .map(|((_, value), count)| (*count, *value))
            .collect();
        values.sort_unstable_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
        values.truncate(FACET);
        let mut facet = Vec::new();
        for (count, value) in values {
            let index = usize::try_from(value).unwrap_or(usize::MAX);
            let value = match key {
                "http" => Some(value.to_string()),
                "status" => Status::ALL.get(index).map(|status| status.as_str().to_owned()),
                "outcome" => Outcome::ALL.get(index).map(|outcome| outcome.as_str().to_owned()),
                _ => self
                    .searcher
                    .connection
                    .prepare_cached("SELECT text FROM name WHERE id = ?")?
                    .query_row([value], |row| row.get(0))
                    .optional()?,
            };
            facet.extend(value.map(|value| Facet { value, count }));
        }
        Ok(facet)
    }

    /// The next exchanges of a walk, with headers; none at its end.
    pub(crate) fn next(&self, cursor: &mut Cursor) -> Result<Vec<Exchange>, Error> {
        let Select { searcher, condition, values } = self;
        let mut statement = searcher.connection.prepare_cached(&format!(
            "SELECT seq, record, flags, started_us FROM exchange
             WHERE (started_us, seq) < (?, ?) AND {condition} ORDER BY started_us DESC, seq DESC LIMIT {STRIDE}"
        ))?;
        let mut bound = vec![Value::from(cursor.started_us), Value::from(cursor.seq)];
        bound.extend(values.iter().cloned());
        let mut rows = statement.query(params_from_iter(&bound))?;
        let mut batch = Vec::new();
        while let Some(found) = rows.next()? {
            *cursor = Cursor { started_us: found.get("started_us")?, seq: found.get("seq")? };
            batch.push(row::read(searcher.connection, searcher.shelf, found)?);
        }
        Ok(batch)
    }
}

/// Median and 95th percentile by nearest rank: the smallest value that at least so many of 100 do not exceed. Picking from a list takes
/// a third of the time of sorting in the database.
fn percentiles(all: &mut [u64]) -> [Option<u64>; 2] {
    let mut pick = |percent: usize| {
        let rank = (all.len() * percent).div_ceil(100).checked_sub(1)?;
        Some(*all.select_nth_unstable(rank).1)
    };
    [pick(50), pick(95)]
}

fn count(
    counted: &mut HashMap<(&'static str, i64), u64>,
    key: &'static str,
    row: &Row<'_>,
    at: usize,
) -> Result<(), Error> {
    if let Some(value) = row.get::<_, Option<i64>>(at)? {
        *counted.entry((key, value)).or_default() += 1;
    }
    Ok(())
}
