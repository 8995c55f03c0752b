//! How long things took, by model or another value, and answers that stood still.

use crate::error::Error;
use crate::figures::Split;
use crate::histogram::Spread;
use crate::select::Select;
use crate::series::{GroupValue, named};
use rusqlite::{Row, params_from_iter};
use std::collections::HashMap;
use uuid::Uuid;

/// An answer without a byte for so long stood still, microseconds.
pub const STALL_US: u64 = 20_000_000;

/// Answers that stood still that are given, the newest.
const STALLS: i64 = 100;

/// Values that are told apart at the most; those with most exchanges.
const GROUPS: usize = 20;

/// How long things took.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    /// Of all that match.
    pub all: Spreads,
    /// By value, those with most exchanges first; the rest is one.
    pub groups: Vec<(GroupValue, Spreads)>,
    /// Answers that stood still for [`STALL_US`] or longer, the newest 100.
    pub stalls: Vec<Stall>,
    /// How many there are in all.
    pub stalled: u64,
}

/// What is measured of exchanges that have ended, microseconds each but for the rate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spreads {
    /// Exchanges.
    pub requests: u64,
    /// To the connection, where one was made.
    pub connect: Spread,
    /// To the first byte of the answer.
    pub first_byte: Spread,
    /// To the first token.
    pub first_token: Spread,
    /// The longest silence within the answer.
    pub gap: Spread,
    /// Thousandths of a token of output a second, from the first token to the end.
    pub rate: Spread,
    /// To the end.
    pub end: Spread,
}

impl Spreads {
    /// Counts all that others have counted, too.
    pub fn merge(&mut self, other: &Spreads) {
        self.requests += other.requests;
        self.connect.merge(&other.connect);
        self.first_byte.merge(&other.first_byte);
        self.first_token.merge(&other.first_token);
        self.gap.merge(&other.gap);
        self.rate.merge(&other.rate);
        self.end.merge(&other.end);
    }

    fn count(&mut self, times: &Times) {
        self.requests += 1;
        let each = [
            (&mut self.connect, times.connect),
            (&mut self.first_byte, times.first_byte),
            (&mut self.first_token, times.first_token),
            (&mut self.gap, times.gap),
            (&mut self.rate, times.rate()),
            (&mut self.end, times.end),
        ];
        for (spread, value) in each {
            if let Some(value) = value {
                spread.count(value);
            }
        }
    }
}

/// An answer that stood still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stall {
    /// Of the exchange.
    pub id: Uuid,
    /// When it began, microseconds since the Unix epoch.
    pub started_us: i64,
    /// The longest silence, microseconds.
    pub gap_us: u64,
    /// The model that answered; where none did, the one asked for.
    pub model: Option<String>,
}

struct Times {
    connect: Option<u64>,
    first_byte: Option<u64>,
    first_token: Option<u64>,
    gap: Option<u64>,
    end: Option<u64>,
    output: Option<u64>,
}

impl Times {
    fn of(row: &Row<'_>) -> rusqlite::Result<Times> {
        let time = |at| row.get::<_, Option<i64>>(at).map(|us| us.map(i64::cast_unsigned));
        Ok(Times {
            connect: time(0)?,
            first_byte: time(1)?,
            first_token: time(2)?,
            gap: time(3)?,
            end: time(4)?,
            output: time(5)?,
        })
    }

    fn rate(&self) -> Option<u64> {
        let lasted = self.end?.checked_sub(self.first_token?).filter(|us| *us > 0)?;
        Some(self.output?.saturating_mul(1_000_000_000) / lasted)
    }
}

/// How long what the question matches took, by a value that each exchange has one of.
pub(crate) fn latency(select: Select<'_>, by: Split) -> Result<Latency, Error> {
    let connection = select.connection();
    let (condition, values) = select.into_condition();
    let column = by.column();
    let kept: Vec<Option<i64>> = connection
        .prepare_cached(&format!(
            "SELECT {column} FROM exchange WHERE status <> 0 AND {condition} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {GROUPS}"
        ))?
        .query_map(params_from_iter(&values), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let places: HashMap<Option<i64>, usize> =
        kept.iter().enumerate().map(|(at, value)| (*value, at)).collect();
    let mut groups = vec![Spreads::default(); kept.len()];
    let (mut rest, mut others) = (Spreads::default(), HashMap::new());
    let mut statement = connection.prepare_cached(&format!(
        "SELECT connect_us, first_byte_us, first_token_us, gap_us, end_us, output, {column} FROM exchange
         WHERE status <> 0 AND {condition}"
    ))?;
    let mut rows = statement.query(params_from_iter(&values))?;
    while let Some(row) = rows.next()? {
        let times = Times::of(row)?;
        let value = row.get(6)?;
        match places.get(&value).and_then(|at| groups.get_mut(*at)) {
            Some(group) => group.count(&times),
            None => {
                rest.count(&times);
                others.insert(value, ());
            }
        }
    }
    let mut all = rest.clone();
    groups.iter().for_each(|group| all.merge(group));
    let mut answer = Latency { all, groups: Vec::new(), stalls: Vec::new(), stalled: 0 };
    for (value, spreads) in kept.iter().zip(groups) {
        let value = named(connection, *value)?.map_or(GroupValue::None, GroupValue::Named);
        answer.groups.push((value, spreads));
    }
    if !others.is_empty() {
        answer.groups.push((GroupValue::Other { values: others.len() as u64 }, rest));
    }
    let stalled = format!("gap_us >= {STALL_US} AND {condition}");
    let count: i64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM exchange WHERE {stalled}"))?
        .query_row(params_from_iter(&values), |row| row.get(0))?;
    answer.stalled = count.cast_unsigned();
    let mut newest = connection.prepare_cached(&format!(
        "SELECT id, started_us, gap_us, (SELECT text FROM name WHERE name.id = coalesce(served_model, model)) FROM exchange
         WHERE {stalled} ORDER BY started_us DESC, seq DESC LIMIT {STALLS}"
    ))?;
    let found = newest.query_map(params_from_iter(&values), |row| {
        Ok(Stall {
            id: Uuid::from_bytes(row.get(0)?),
            started_us: row.get(1)?,
            gap_us: row.get::<_, i64>(2)?.cast_unsigned(),
            model: row.get(3)?,
        })
    })?;
    answer.stalls = found.collect::<Result<_, _>>()?;
    Ok(answer)
}
