//! An exchange as a row, and back.

use crate::error::Error;
use crate::exchange::{Exchange, Headers, Status};
use rusqlite::Row;

pub(crate) fn status_number(status: Status) -> i64 {
    match status {
        Status::Pending => 0,
        Status::Success => 1,
        Status::Error => 2,
    }
}

/// The exchange without its headers.
pub(crate) fn record_to_text(exchange: &Exchange) -> Result<String, Error> {
    serde_json::to_string(exchange).map_err(|error| Error::Damaged(error.to_string()))
}

pub(crate) fn record_from_text(text: &str) -> Result<Exchange, Error> {
    serde_json::from_str(text).map_err(|error| Error::Damaged(error.to_string()))
}

type Heads = (Headers, Headers, Headers, Headers);

pub(crate) fn headers_to_text(exchange: &Exchange) -> Result<String, Error> {
    let lists = (
        &exchange.request_headers,
        &exchange.request_trailers,
        &exchange.response_headers,
        &exchange.response_trailers,
    );
    serde_json::to_string(&lists).map_err(|error| Error::Damaged(error.to_string()))
}

/// Reads columns `record` and `headers`.
pub(crate) fn whole(row: &Row<'_>) -> Result<Exchange, Error> {
    let mut exchange = record_from_text(row.get_ref("record")?.as_str().map_err(rusqlite::Error::from)?)?;
    if let Some(text) = row.get_ref("headers")?.as_str_or_null().map_err(rusqlite::Error::from)? {
        let lists: Heads = serde_json::from_str(text).map_err(|error| Error::Damaged(error.to_string()))?;
        (
            exchange.request_headers,
            exchange.request_trailers,
            exchange.response_headers,
            exchange.response_trailers,
        ) = lists;
    }
    Ok(exchange)
}
