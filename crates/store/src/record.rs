//! What is stored of an exchange beside its row: all of it, headers included, as one text. While it runs in a table of its own, then in
//! its session's pack, where a record costs little more than what it does not share with the one before.

use crate::error::Error;
use crate::exchange::{Exchange, Headers};
use crate::packs::{Kind, Packs};
use crate::row::{self, Names};
use crate::shelf::Shelf;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Written<'a> {
    exchange: &'a Exchange,
    headers: [&'a Headers; 4],
}

#[derive(Deserialize)]
struct Read {
    exchange: Exchange,
    headers: [Headers; 4],
}

/// Writes an exchange's row and its record. Returns the number of the row.
pub(crate) fn put(
    connection: &Connection,
    packs: &mut Packs,
    names: &mut Names,
    exchange: &Exchange,
) -> Result<i64, Error> {
    let written = Written {
        exchange,
        headers: [
            &exchange.request_headers,
            &exchange.request_trailers,
            &exchange.response_headers,
            &exchange.response_trailers,
        ],
    };
    let record = serde_json::to_string(&written).map_err(|error| Error::Damaged(error.to_string()))?;
    if exchange.outcome.is_none() {
        let seq = row::upsert(connection, names, exchange, None)?;
        connection
            .prepare_cached("INSERT OR REPLACE INTO running (exchange, record) VALUES (?, ?)")?
            .execute(params![seq, record])?;
        return Ok(seq);
    }
    let known: Option<(i64, Option<i64>)> = connection
        .prepare_cached("SELECT seq, record FROM exchange WHERE id = ?")?
        .query_row([exchange.id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let session = exchange.session.as_ref().map(|session| session.id.as_str());
    let place = packs.add(connection, session, Kind::Record, record.as_bytes())?;
    packs.use_pack(place, 1);
    match known {
        Some((_, Some(before))) => packs.use_pack(before, -1),
        Some((seq, None)) => {
            connection.prepare_cached("DELETE FROM running WHERE exchange = ?")?.execute([seq])?;
        }
        None => {}
    }
    row::upsert(connection, names, exchange, Some(place))
}

/// Reads the record of the exchange in that row, which is at `place` if it has ended.
pub(crate) fn get(
    connection: &Connection,
    shelf: &Shelf,
    seq: i64,
    place: Option<i64>,
) -> Result<Exchange, Error> {
    if let Some(place) = place {
        return shelf.with(connection, place, |bytes, _| parse(bytes));
    }
    let running: Option<String> = connection
        .prepare_cached("SELECT record FROM running WHERE exchange = ?")?
        .query_row([seq], |row| row.get(0))
        .optional()?;
    parse(running.ok_or_else(|| Error::Damaged("an exchange has no record".to_owned()))?.as_bytes())
}

fn parse(record: &[u8]) -> Result<Exchange, Error> {
    let read: Read = serde_json::from_slice(record).map_err(|error| Error::Damaged(error.to_string()))?;
    let [request_headers, request_trailers, response_headers, response_trailers] = read.headers;
    Ok(Exchange { request_headers, request_trailers, response_headers, response_trailers, ..read.exchange })
}
