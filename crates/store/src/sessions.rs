//! Sessions as the rows tell: sums by session, in several orders.

use crate::error::Error;
use crate::row::flag;
use crate::select::Select;
use rusqlite::params_from_iter;
use rusqlite::types::Value;

/// What a session amounts to, as far as its exchanges match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSum {
    /// As the client names it.
    pub id: String,
    /// When its first exchange began, microseconds since the Unix epoch.
    pub begun_us: i64,
    /// When its last exchange began.
    pub last_us: i64,
    /// When the last of them ended, or began if it runs.
    pub ended_us: i64,
    /// Exchanges.
    pub requests: u64,
    /// Of these, those that failed.
    pub errors: u64,
    /// Of these, those that run.
    pub running: u64,
    /// Agents with an id, the main one not among them.
    pub agents: u64,
    /// Sum of the estimates, picodollars.
    pub cost_pico: i64,
    /// Exchanges with usage and without a price.
    pub unpriced: u64,
    /// Input that was neither read from the cache nor written to it.
    pub input: u64,
    /// Input read from the cache.
    pub cache_read: u64,
    /// Input written to it.
    pub cache_write: u64,
    /// Output.
    pub output: u64,
    /// Whether one of them is pinned.
    pub pinned: bool,
}

/// By what sessions are listed, the largest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SessionOrder {
    /// When the last exchange began.
    #[default]
    Last,
    /// What it cost.
    Cost,
    /// Exchanges that failed.
    Errors,
    /// From the first exchange's begin to the last one's end.
    Duration,
    /// Exchanges.
    Requests,
}

impl SessionOrder {
    /// All, by their names.
    pub const ALL: [(SessionOrder, &'static str); 5] = [
        (SessionOrder::Last, "last"),
        (SessionOrder::Cost, "cost"),
        (SessionOrder::Errors, "errors"),
        (SessionOrder::Duration, "duration"),
        (SessionOrder::Requests, "requests"),
    ];

    /// Where a session stands in this order: what the next page begins after, with its id.
    pub fn key(self, sum: &SessionSum) -> i64 {
        match self {
            SessionOrder::Last => sum.last_us,
            SessionOrder::Cost => sum.cost_pico,
            SessionOrder::Errors => sum.errors.cast_signed(),
            SessionOrder::Duration => sum.ended_us - sum.begun_us,
            SessionOrder::Requests => sum.requests.cast_signed(),
        }
    }

    fn sql(self) -> &'static str {
        match self {
            SessionOrder::Last => "max(started_us)",
            SessionOrder::Cost => "coalesce(sum(cost), 0)",
            SessionOrder::Errors => "coalesce(sum(status = 2), 0)",
            SessionOrder::Duration => "max(started_us + coalesce(end_us, 0)) - min(started_us)",
            SessionOrder::Requests => "count(*)",
        }
    }
}

impl Select<'_> {
    /// A page of sessions after a place in the list: the key and the id of the last one of the page before.
    pub(crate) fn sessions(
        self,
        order: SessionOrder,
        after: Option<(i64, String)>,
        limit: usize,
    ) -> Result<Vec<SessionSum>, Error> {
        let connection = self.connection();
        let (condition, mut values) = self.into_condition();
        let (key, id) = after.unwrap_or((i64::MAX, String::new()));
        let sql = format!(
            "SELECT name.text, min(started_us), max(started_us), max(started_us + coalesce(end_us, 0)), count(*),
                    coalesce(sum(status = 2), 0), coalesce(sum(status = 0), 0), count(DISTINCT agent), coalesce(sum(cost), 0),
                    coalesce(sum(input IS NOT NULL AND cost IS NULL), 0), coalesce(sum(input), 0),
                    coalesce(sum(CASE WHEN input IS NOT NULL THEN cache_read END), 0),
                    coalesce(sum(CASE WHEN input IS NOT NULL THEN cache_creation END), 0), coalesce(sum(output), 0),
                    max(flags & {}), {} AS key
             FROM exchange JOIN name ON name.id = session WHERE {condition} GROUP BY session
             HAVING (key, name.text) < (?, ?) OR (key = ? AND ? = '') ORDER BY key DESC, name.text DESC LIMIT ?",
            flag::PINNED,
            order.sql()
        );
        values.extend([
            Value::from(key),
            Value::from(id.clone()),
            Value::from(key),
            Value::from(id),
            Value::from(i64::try_from(limit).unwrap_or(i64::MAX)),
        ]);
        let mut statement = connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params_from_iter(&values), |row| {
            let count = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
            Ok(SessionSum {
                id: row.get(0)?,
                begun_us: row.get(1)?,
                last_us: row.get(2)?,
                ended_us: row.get(3)?,
                requests: count(4)?,
                errors: count(5)?,
                running: count(6)?,
                agents: count(7)?,
                cost_pico: row.get(8)?,
                unpriced: count(9)?,
                input: count(10)?,
                cache_read: count(11)?,
                cache_write: count(12)?,
                output: count(13)?,
                pinned: count(14)? != 0,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
