//! Figures over time: one pass over the rows that match, into periods and values.

use crate::error::Error;
use crate::figures::{Figures, One, Split, Tokens};
use crate::period::{Every, Period, block, calendar};
use crate::select::{Select, UNPRICED};
use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};
use std::collections::HashMap;
use uuid::Uuid;

/// Periods that are given at the most.
pub const MAX_PERIODS: usize = 10_000;

/// What is asked.
#[derive(Debug, Clone)]
pub struct SeriesQuery {
    /// How time is cut.
    pub every: Every,
    /// The zone of hours, days and weeks.
    pub zone: TimeZone,
    /// What is split by, if anything is.
    pub by: Option<Split>,
    /// How many values are told apart; the rest is one. Those that cost most come first, then those with most requests.
    pub top: usize,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// From the first to the last exchange that matches, in order; without a gap unless they are blocks.
    pub buckets: Vec<Bucket>,
    /// All that match, those outside of every period too.
    pub totals: Figures,
    /// Exchanges outside of every period: before the first block or between two.
    pub outside: u64,
    /// By value, in the order of [`Bucket::groups`].
    pub groups: Vec<Group>,
    /// Models of answered calls that have no price, those with most first.
    pub unpriced: Vec<Unpriced>,
}

/// A period and its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// When.
    pub period: Period,
    /// All that match.
    pub figures: Figures,
    /// By the values of [`Series::groups`]; of those that have none here, zeros.
    pub groups: Vec<Figures>,
}

/// A value and its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Which.
    pub value: GroupValue,
    /// Over all periods, and outside of them.
    pub figures: Figures,
}

/// What exchanges have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupValue {
    /// This value.
    Named(String),
    /// None.
    None,
    /// Values that are not told apart.
    Other {
        /// How many.
        values: u64,
    },
}

/// A model without a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpriced {
    /// As it was named; `None`: neither request nor answer names one.
    pub model: Option<String>,
    /// Calls.
    pub requests: u64,
    /// The newest of them.
    pub example: Uuid,
}

/// Why no series can be given.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// More periods than [`MAX_PERIODS`], or beyond the calendar.
    #[error("from the first to the last request there are more than {MAX_PERIODS} periods")]
    TooLong,
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<rusqlite::Error> for SeriesError {
    fn from(error: rusqlite::Error) -> SeriesError {
        SeriesError::Store(error.into())
    }
}

/// The figures of what the question matches.
pub(crate) fn series(select: Select<'_>, query: &SeriesQuery) -> Result<Series, SeriesError> {
    let connection = select.connection();
    let (condition, values) = select.into_condition();
    let ends: (Option<i64>, Option<i64>) = connection
        .prepare_cached(&format!("SELECT min(started_us), max(started_us) FROM exchange WHERE {condition}"))?
        .query_row(params_from_iter(&values), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let periods = match ends {
        (Some(first), Some(last)) if query.every == Every::Block => blocks(connection, first, last)?,
        (Some(first), Some(last)) => calendar(query.every, &query.zone, first, last, MAX_PERIODS),
        _ => Some(Vec::new()),
    };
    let mut pass = Pass::new(periods.ok_or(SeriesError::TooLong)?);
    let tools = match query.by {
        Some(Split::Tool) => Some(tools(connection)?),
        _ => None,
    };
    let by = query.by.map_or("NULL", Split::column);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT seq, started_us, status, input, cache_read, cache_creation, cache_creation_1h, output, thinking, cost, end_us,
                first_token_us, {by}, coalesce(served_model, model), {UNPRICED}
         FROM exchange WHERE {condition}"
    ))?;
    let mut rows = statement.query(params_from_iter(&values))?;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let one = one(row)?;
        let slot = pass.slot(row.get(1)?);
        pass.all.count(&one);
        pass.count_in(slot, &one);
        if one.unpriced {
            let (count, newest) = pass.unpriced.entry(row.get(13)?).or_default();
            *count += 1;
            *newest = seq.max(*newest);
        }
        match (&tools, query.by) {
            (Some(tools), _) => {
                let called = called(tools, seq);
                called.iter().for_each(|(_, tool)| pass.group(slot, Some(*tool), &one));
                if called.is_empty() {
                    pass.group(slot, None, &one);
                }
            }
            (None, Some(_)) => pass.group(slot, row.get(12)?, &one),
            (None, None) => {}
        }
    }
    pass.finish(connection, query.top)
}

fn one(row: &Row<'_>) -> rusqlite::Result<One> {
    let count = |at| row.get::<_, Option<i64>>(at).map(|it| it.map(i64::cast_unsigned));
    let status: i64 = row.get(2)?;
    let written = count(5)?.unwrap_or(0);
    let written_1h = count(6)?.unwrap_or(0).min(written);
    Ok(One {
        error: status == 2,
        cost_pico: row.get(9)?,
        unpriced: row.get::<_, Option<bool>>(14)?.unwrap_or(false),
        tokens: Tokens {
            fresh: count(3)?.unwrap_or(0),
            cache_read: count(4)?.unwrap_or(0),
            cache_write_5m: written - written_1h,
            cache_write_1h: written_1h,
            output: count(7)?.unwrap_or(0),
            thinking: count(8)?.unwrap_or(0),
        },
        duration_us: count(10)?,
        first_token_us: count(11)?,
    })
}

/// Which tools each exchange calls, by exchange.
fn tools(connection: &Connection) -> Result<Vec<(i64, i64)>, Error> {
    let mut statement = connection.prepare_cached("SELECT exchange, name FROM tool ORDER BY exchange")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn called(tools: &[(i64, i64)], seq: i64) -> &[(i64, i64)] {
    let from = tools.partition_point(|(exchange, _)| *exchange < seq);
    let rest = tools.get(from..).unwrap_or_default();
    let count = rest.iter().take_while(|(exchange, _)| *exchange == seq).count();
    rest.get(..count).unwrap_or_default()
}

/// The blocks of all that was recorded, as far as they reach into that time: which calls are asked for does not move them. `None`
/// where they are too many.
pub(crate) fn blocks(
    connection: &Connection,
    first_us: i64,
    last_us: i64,
) -> Result<Option<Vec<Period>>, Error> {
    let mut next = connection.prepare_cached(
        "SELECT started_us FROM exchange WHERE started_us >= ? AND output IS NOT NULL ORDER BY started_us LIMIT 1",
    )?;
    let mut blocks = Vec::new();
    let mut from = i64::MIN;
    while let Some(call) = next.query_row([from], |row| row.get::<_, i64>(0)).optional()? {
        let period = block(call);
        if period.start_us > last_us || period.end_us <= from {
            break;
        }
        if period.end_us > first_us {
            blocks.push(period);
        }
        if blocks.len() > MAX_PERIODS {
            return Ok(None);
        }
        from = period.end_us;
    }
    Ok(Some(blocks))
}

struct Pass {
    all: Figures,
    outside: u64,
    periods: Vec<Period>,
    figures: Vec<Figures>,
    /// Of each value, by period; `periods.len()` is outside of all.
    groups: HashMap<Option<i64>, HashMap<usize, Figures>>,
    /// By model: how many, and the newest.
    unpriced: HashMap<Option<i64>, (u64, i64)>,
    /// The period of the row before: rows come nearly in order.
    last: usize,
}

impl Pass {
    fn new(periods: Vec<Period>) -> Pass {
        Pass {
            all: Figures::default(),
            outside: 0,
            figures: vec![Figures::default(); periods.len()],
            periods,
            groups: HashMap::new(),
            unpriced: HashMap::new(),
            last: 0,
        }
    }

    fn slot(&mut self, started_us: i64) -> usize {
        let is_in = |at: usize| self.periods.get(at).is_some_and(|period| period.has(started_us));
        if !is_in(self.last) {
            let at = self.periods.partition_point(|period| period.end_us <= started_us);
            if !is_in(at) {
                return self.periods.len();
            }
            self.last = at;
        }
        self.last
    }

    fn count_in(&mut self, slot: usize, one: &One) {
        match self.figures.get_mut(slot) {
            Some(figures) => figures.count(one),
            None => self.outside += 1,
        }
    }

    fn group(&mut self, slot: usize, value: Option<i64>, one: &One) {
        self.groups.entry(value).or_default().entry(slot).or_default().count(one);
    }

    fn finish(self, connection: &Connection, top: usize) -> Result<Series, SeriesError> {
        let mut ranked: Vec<(i128, u64, Option<i64>)> = self
            .groups
            .iter()
            .map(|(value, cells)| {
                let cost = cells.values().map(|cell| cell.cost_pico).sum();
                (cost, cells.values().map(|cell| cell.requests).sum(), *value)
            })
            .collect();
        ranked.sort_unstable_by(|one, other| (other.0, other.1, one.2).cmp(&(one.0, one.1, other.2)));
        let others = ranked.split_off(top.min(ranked.len()));
        let mut kept = Vec::new();
        for (_, _, value) in &ranked {
            kept.push((vec![*value], named(connection, *value)?.map_or(GroupValue::None, GroupValue::Named)));
        }
        if !others.is_empty() {
            let values = others.iter().map(|(_, _, value)| *value).collect();
            kept.push((values, GroupValue::Other { values: others.len() as u64 }));
        }
        let mut cells = self.groups;
        let mut groups = Vec::new();
        let mut by_period = vec![Vec::new(); self.periods.len()];
        for (values, value) in kept {
            let mut merged: HashMap<usize, Figures> = HashMap::new();
            let mut figures = Figures::default();
            for (slot, cell) in values.iter().filter_map(|value| cells.remove(value)).flatten() {
                figures.add(cell.clone());
                merged.entry(slot).or_default().add(cell);
            }
            for (slot, of_period) in by_period.iter_mut().enumerate() {
                of_period.push(merged.remove(&slot).unwrap_or_default());
            }
            groups.push(Group { value, figures });
        }
        let parts = self.periods.into_iter().zip(self.figures).zip(by_period);
        let buckets = parts.map(|((period, figures), groups)| Bucket { period, figures, groups });
        Ok(Series {
            buckets: buckets.collect(),
            totals: self.all,
            outside: self.outside,
            groups,
            unpriced: unpriced(connection, self.unpriced)?,
        })
    }
}

fn unpriced(
    connection: &Connection,
    counted: HashMap<Option<i64>, (u64, i64)>,
) -> Result<Vec<Unpriced>, Error> {
    let mut find = connection.prepare_cached("SELECT id FROM exchange WHERE seq = ?")?;
    let mut models = Vec::new();
    for (model, (requests, newest)) in counted {
        let example = find.query_row([newest], |row| row.get::<_, [u8; 16]>(0))?;
        models.push(Unpriced {
            model: named(connection, model)?,
            requests,
            example: Uuid::from_bytes(example),
        });
    }
    models.sort_unstable_by(|one, other| (other.requests, &one.model).cmp(&(one.requests, &other.model)));
    Ok(models)
}

/// The text of a name.
pub(crate) fn named(connection: &Connection, name: Option<i64>) -> Result<Option<String>, Error> {
    let mut find = connection.prepare_cached("SELECT text FROM name WHERE id = ?")?;
    Ok(find.query_row([name], |row| row.get(0)).optional()?)
}
