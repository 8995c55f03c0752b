//! An exchange as a row: what is filtered, sorted and summed. Everything else is its record.

use crate::error::Error;
use crate::exchange::{CacheCause, Exchange, Outcome, Status};
use crate::record;
use crate::shelf::Shelf;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The most a summed column takes from what an upstream claims: sums over millions of rows then stay within 64 bits.
const SUM_LIMIT: u64 = 1 << 40;

/// The most the column `cost` takes, picodollars, about a thousand dollars: an upstream that claims absurd usage must not make every
/// later sum overflow.
const COST_LIMIT: i64 = 1 << 50;

/// Names that are remembered at the most.
const NAMES: usize = 10_000;

/// Bits of the column `flags`.
pub(crate) mod flag {
    pub(crate) const STREAM: i64 = 1;
    pub(crate) const THINKING: i64 = 2;
    pub(crate) const INCOMPLETE: i64 = 4;
    /// Set by pinning only.
    pub(crate) const PINNED: i64 = 8;
    pub(crate) const TOOLS: i64 = 16;
    pub(crate) const ERROR: i64 = 32;
    /// It tries a failed call again.
    pub(crate) const RETRY: i64 = 64;
    /// It compacts the context, or comes first after that.
    pub(crate) const COMPACTION: i64 = 128;
}

pub(crate) fn status_number(status: Status) -> i64 {
    match status {
        Status::Pending => 0,
        Status::Success => 1,
        Status::Error => 2,
    }
}

pub(crate) fn outcome_number(outcome: Outcome) -> i64 {
    Outcome::ALL.iter().position(|known| *known == outcome).unwrap_or(0) as i64
}

pub(crate) fn cause_number(cause: CacheCause) -> i64 {
    CacheCause::ALL.iter().position(|known| *known == cause).unwrap_or(0) as i64
}

/// Texts that many rows share, and their numbers. Forgotten when a batch is lost, because new ones were in it.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<String, i64>);

impl Names {
    /// The number of a text, new or known.
    pub(crate) fn number(&mut self, connection: &Connection, text: &str) -> Result<i64, Error> {
        if let Some(number) = self.0.get(text) {
            return Ok(*number);
        }
        let mut find = connection.prepare_cached("SELECT id FROM name WHERE text = ?")?;
        let found = find.query_row([text], |row| row.get(0)).optional()?;
        let number = match found {
            Some(number) => number,
            None => {
                connection.prepare_cached("INSERT INTO name (text) VALUES (?)")?.execute([text])?;
                connection.last_insert_rowid()
            }
        };
        if self.0.len() >= NAMES {
            self.0.clear();
        }
        self.0.insert(text.to_owned(), number);
        Ok(number)
    }

    fn of(&mut self, connection: &Connection, text: Option<&str>) -> Result<Option<i64>, Error> {
        text.map(|text| self.number(connection, text)).transpose()
    }
}

/// What [`upsert`] writes, in the order of its values.
const COLUMNS: [&str; 42] = [
    "id",
    "started_us",
    "status",
    "outcome",
    "http_status",
    "flags",
    "path",
    "model",
    "served_model",
    "session",
    "agent",
    "agent_kind",
    "class",
    "stop",
    "error",
    "prompt",
    "project",
    "program",
    "version",
    "credential",
    "spent_5h",
    "spent_7d",
    "connect_us",
    "first_byte_us",
    "first_token_us",
    "gap_us",
    "end_us",
    "input",
    "output",
    "cache_read",
    "cache_creation",
    "cache_creation_1h",
    "thinking",
    "total_input",
    "request_bytes",
    "response_bytes",
    "cost",
    "cache_saving",
    "cache_cause",
    "lost_tokens",
    "lost_cost",
    "record",
];

/// One statement for a new row and a known one. A session that is pinned pins what joins it.
static UPSERT: LazyLock<String> = LazyLock::new(|| {
    let place = |name: &str| COLUMNS.iter().position(|column| *column == name).map_or(0, |at| at + 1);
    let values = COLUMNS.iter().enumerate().map(|(at, name)| match *name {
        "flags" => format!(
            "?{} | coalesce((?{} IN (SELECT name FROM pinned_session)) * {}, 0)",
            at + 1,
            place("session"),
            flag::PINNED
        ),
        _ => format!("?{}", at + 1),
    });
    let updates = COLUMNS.iter().filter(|name| **name != "id").map(|name| match *name {
        "flags" => format!("flags = (flags & {}) | excluded.flags", flag::PINNED),
        _ => format!("{name} = excluded.{name}"),
    });
    format!(
        "INSERT INTO exchange ({}) VALUES ({}) ON CONFLICT (id) DO UPDATE SET {} RETURNING seq",
        COLUMNS.join(", "),
        values.collect::<Vec<_>>().join(", "),
        updates.collect::<Vec<_>>().join(", ")
    )
});

/// Writes an exchange's row, new or known; `record` is the place of its record, if it has ended. Returns the number of the row.
pub(crate) fn upsert(
    connection: &Connection,
    names: &mut Names,
    exchange: &Exchange,
    record: Option<i64>,
) -> Result<i64, Error> {
    let summed = |number: u64| number.min(SUM_LIMIT).cast_signed();
    let time = |us: Option<u64>| us.map(|us| i64::try_from(us).unwrap_or(i64::MAX));
    let usage = &exchange.usage;
    let agent = exchange.agent.as_ref();
    let path = exchange.url.split('?').next().unwrap_or_default();
    let mut named = |text: Option<&str>| names.of(connection, text);
    let verdict = exchange.cache.as_ref();
    let program = exchange.program.as_ref();
    let money = |pico: i64| pico.clamp(-COST_LIMIT, COST_LIMIT);
    let values = params![
        exchange.id.as_bytes(),
        exchange.started_us,
        status_number(exchange.status()),
        exchange.outcome.map(outcome_number),
        exchange.status,
        flags(exchange),
        named(Some(path))?,
        named(exchange.model.as_deref())?,
        named(exchange.served_model.as_deref())?,
        named(exchange.session.as_ref().map(|session| session.id.as_str()))?,
        named(agent.and_then(|agent| agent.id.as_deref()))?,
        named(agent.and_then(|agent| agent.kind.as_deref()))?,
        named(exchange.request_class.as_ref().map(|class| class.value.as_str()))?,
        named(exchange.stop_reason.as_deref())?,
        named(exchange.error.as_ref().map(|error| error.kind.as_str()))?,
        named(exchange.prompt_id.as_deref())?,
        named(exchange.project.as_ref().map(|project| project.value.as_str()))?,
        named(program.map(|program| program.name.as_str()))?,
        named(program.and_then(|program| program.version.as_deref()))?,
        named(exchange.credential.as_ref().map(|credential| credential.hash.as_str()))?,
        exchange.spent_5h,
        exchange.spent_7d,
        time(exchange.timing.connect_us),
        time(exchange.timing.first_byte_us),
        time(exchange.timing.first_token_us),
        time(exchange.timing.longest_gap_us),
        time(exchange.timing.end_us),
        usage.input.map(summed),
        usage.output.map(summed),
        usage.cache_read.map(summed),
        usage.cache_creation.map(summed),
        usage.cache_creation_1h.map(summed),
        usage.thinking.map(summed),
        usage.total_input.map(summed),
        summed(exchange.request_bytes),
        summed(exchange.response_bytes),
        exchange.cost_pico.map(|cost| cost.clamp(0, COST_LIMIT)),
        exchange.cache_saving_pico.map(money),
        verdict.map(|verdict| cause_number(verdict.cause)),
        verdict.map(|verdict| summed(verdict.lost_tokens)),
        verdict.and_then(|verdict| verdict.lost_pico).map(money),
        record,
    ];
    let seq = connection.prepare_cached(&UPSERT)?.query_row(values, |row| row.get(0))?;
    for tool in &exchange.tools {
        let tool = names.number(connection, tool)?;
        connection
            .prepare_cached("INSERT OR IGNORE INTO tool (exchange, name) VALUES (?, ?)")?
            .execute(params![seq, tool])?;
    }
    Ok(seq)
}

fn flags(exchange: &Exchange) -> i64 {
    [
        (exchange.stream, flag::STREAM),
        (exchange.has_thinking, flag::THINKING),
        (!exchange.capture.complete && exchange.outcome.is_some(), flag::INCOMPLETE),
        (!exchange.tools.is_empty(), flag::TOOLS),
        (exchange.error.is_some(), flag::ERROR),
        (exchange.retry_of.is_some(), flag::RETRY),
        (compacts(exchange), flag::COMPACTION),
    ]
    .into_iter()
    .fold(0, |flags, (is_so, bit)| if is_so { flags | bit } else { flags })
}

fn compacts(exchange: &Exchange) -> bool {
    let is_class = exchange.request_class.as_ref().is_some_and(|class| class.value == "compaction");
    is_class || exchange.compaction.is_some() || exchange.context_compacted.is_some()
}

/// Reads columns `seq`, `record` and `flags`.
pub(crate) fn read(connection: &Connection, shelf: &Shelf, row: &Row<'_>) -> Result<Exchange, Error> {
    let mut exchange = record::get(connection, shelf, row.get("seq")?, row.get("record")?)?;
    exchange.pinned = row.get::<_, i64>("flags")? & flag::PINNED != 0;
    Ok(exchange)
}

/// As [`read`], without headers.
pub(crate) fn bare(connection: &Connection, shelf: &Shelf, row: &Row<'_>) -> Result<Exchange, Error> {
    let exchange = read(connection, shelf, row)?;
    Ok(Exchange {
        request_headers: Vec::new(),
        request_trailers: Vec::new(),
        response_headers: Vec::new(),
        response_trailers: Vec::new(),
        ..exchange
    })
}

/// All that run.
pub(crate) fn pending(connection: &Connection, shelf: &Shelf) -> Result<Vec<Exchange>, Error> {
    let mut statement =
        connection.prepare("SELECT seq, record, flags FROM exchange WHERE status = 0 ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(connection, shelf, row)?);
    }
    Ok(found)
}
