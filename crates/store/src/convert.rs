//! Brings what format 1 recorded into today's tables, an exchange at a time. What was not brought over when the process ended is
//! brought over at the next start.

use crate::error::Error;
use crate::exchange::{Exchange, Headers};
use crate::query::Side;
use crate::store::lock;
use crate::writer::Writer;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Exchanges of one commit.
const BATCH: usize = 100;

/// Bytes of a piece of format 1.
const PIECE: usize = 1 << 20;

/// An exchange of format 1.
struct Old {
    seq: i64,
    exchange: Exchange,
}

/// Converts all there is, and removes the old tables.
pub(crate) fn convert(writer: &mut Writer) -> Result<(), Error> {
    let shared = writer.connection();
    let waiting = |sql: &str| lock(&shared).query_row(sql, [], |row| row.get::<_, i64>(0));
    if waiting("SELECT count(*) FROM sqlite_schema WHERE name = 'v1_exchange'")? == 0 {
        return Ok(());
    }
    let total = waiting("SELECT count(*) FROM v1_exchange")?;
    if total > 0 {
        tracing::info!(exchanges = total, "bringing the record into the new format");
    }
    let mut done = 0;
    loop {
        let old = oldest(&lock(&shared))?;
        let Some(old) = old else { break };
        convert_one(writer, &old)?;
        done += 1;
        if done % BATCH == 0 {
            writer.commit()?;
            tracing::info!(done, total, "bringing the record into the new format");
        }
    }
    writer.commit()?;
    lock(&shared).execute_batch(
        "BEGIN IMMEDIATE;
         DROP TABLE v1_exchange; DROP TABLE v1_record; DROP TABLE v1_body; DROP TABLE v1_piece; DROP TABLE v1_frames;
         COMMIT;",
    )?;
    Ok(())
}

fn oldest(connection: &Connection) -> Result<Option<Old>, Error> {
    let found = connection
        .prepare_cached(
            "SELECT seq, record, headers FROM v1_exchange LEFT JOIN v1_record ON exchange = seq ORDER BY seq LIMIT 1",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))
        .optional()?;
    let Some((seq, record, headers)) = found else { return Ok(None) };
    let unreadable = |error: serde_json::Error| Error::Damaged(error.to_string());
    let exchange: Exchange = serde_json::from_str(&record).map_err(unreadable)?;
    let lists: [Headers; 4] = serde_json::from_str(&headers).map_err(unreadable)?;
    let [request_headers, request_trailers, response_headers, response_trailers] = lists;
    let exchange =
        Exchange { request_headers, request_trailers, response_headers, response_trailers, ..exchange };
    Ok(Some(Old { seq, exchange }))
}

fn convert_one(writer: &mut Writer, old: &Old) -> Result<(), Error> {
    let shared = writer.connection();
    let id = old.exchange.id;
    writer.save(&Exchange { outcome: None, ..old.exchange.clone() })?;
    for side in [Side::Request, Side::Response] {
        let mut number = 0;
        loop {
            let piece = piece(&lock(&shared), old.seq, side, number)?;
            let Some(piece) = piece else { break };
            writer.append_body(id, side, &piece)?;
            number += 1;
        }
        let was_finished = lock(&shared)
            .prepare_cached("SELECT 1 FROM v1_body WHERE exchange = ? AND side = ?")?
            .exists(params![old.seq, side.number()])?;
        if was_finished {
            writer.finish_body(id, side)?;
        }
    }
    writer.flush(id)?;
    writer.adopt(&old.exchange)?;
    let connection = lock(&shared);
    let seq: i64 =
        connection.query_row("SELECT seq FROM exchange WHERE id = ?", [id.as_bytes()], |row| row.get(0))?;
    connection
        .prepare_cached("INSERT INTO frames SELECT ?, number, deltas FROM v1_frames WHERE exchange = ?")?
        .execute([seq, old.seq])?;
    for sql in [
        "DELETE FROM v1_piece WHERE exchange = ?",
        "DELETE FROM v1_frames WHERE exchange = ?",
        "DELETE FROM v1_body WHERE exchange = ?",
        "DELETE FROM v1_record WHERE exchange = ?",
        "DELETE FROM v1_exchange WHERE seq = ?",
    ] {
        connection.prepare_cached(sql)?.execute([old.seq])?;
    }
    Ok(())
}

fn piece(connection: &Connection, seq: i64, side: Side, number: i64) -> Result<Option<Vec<u8>>, Error> {
    let stored: Option<Vec<u8>> = connection
        .prepare_cached("SELECT bytes FROM v1_piece WHERE exchange = ? AND side = ? AND number = ?")?
        .query_row(params![seq, side.number(), number], |row| row.get(0))
        .optional()?;
    let Some(stored) = stored else { return Ok(None) };
    let bytes = zstd::bulk::decompress(&stored, PIECE)
        .map_err(|error| Error::Damaged(format!("piece {number} of the {} body: {error}", side.as_str())))?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use crate::exchange::{Capture, Outcome};
    use crate::schema;
    use crate::{Exchange, Frame, Location, Side, Store};
    use rusqlite::{Connection, params};
    use uuid::Uuid;

    /// Writes as format 1 did.
    fn write(connection: &Connection, number: i64, exchange: &Exchange, body: &[u8], finished: bool) {
        let headers = serde_json::to_string(&(&exchange.request_headers, (), (), ())).unwrap();
        let headers = headers.replace("null", "[]");
        connection
            .execute(
                "INSERT INTO exchange (seq, id, started_us, status, bytes) VALUES (?, ?, 7, ?, 0)",
                params![number, exchange.id.as_bytes(), i64::from(exchange.outcome.is_some())],
            )
            .unwrap();
        let record = serde_json::to_string(exchange).unwrap();
        connection.execute("INSERT INTO record VALUES (?, ?, ?)", params![number, record, headers]).unwrap();
        for (piece, bytes) in body.chunks(1 << 20).enumerate() {
            let bytes = zstd::bulk::compress(bytes, 3).unwrap();
            connection
                .execute("INSERT INTO piece VALUES (?, 0, ?, ?)", params![number, piece as i64, bytes])
                .unwrap();
        }
        if finished {
            let hash = blake3::hash(body);
            connection
                .execute(
                    "INSERT INTO body VALUES (?, 0, ?, ?)",
                    params![number, body.len() as i64, hash.as_bytes()],
                )
                .unwrap();
        }
        connection.execute("INSERT INTO frames VALUES (?, 0, x'0709')", [number]).unwrap();
    }

    #[test]
    fn what_format_1_recorded_is_all_there_and_a_copy_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("exchanges.db")).unwrap();
        connection.execute_batch(schema::FORMAT_1).unwrap();
        connection.execute_batch("PRAGMA user_version = 1").unwrap();
        let ended = Exchange {
            id: Uuid::from_u128(1),
            started_us: 7,
            request_headers: vec![("Name".to_owned(), "value".to_owned())],
            outcome: Some(Outcome::Complete),
            capture: Capture { complete: true, reason: None },
            ..Exchange::default()
        };
        let cut = Exchange { id: Uuid::from_u128(2), outcome: Some(Outcome::Interrupted), ..ended.clone() };
        let ran = Exchange { id: Uuid::from_u128(3), outcome: None, ..ended.clone() };
        let body: Vec<u8> = (0..2_500_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
        write(&connection, 1, &ended, &body, true);
        write(&connection, 2, &cut, b"a part", false);
        write(&connection, 3, &ran, b"some", false);
        drop(connection);

        let (store, writer) = Store::open(&Location::Folder(folder.path().to_owned())).unwrap();
        assert_eq!(store.get(ended.id).unwrap(), Some(ended.clone()));
        let found = store.body(ended.id, Side::Request).unwrap().unwrap();
        assert!(found.complete && found.bytes == body);
        assert_eq!(store.frames(ended.id).unwrap(), [Frame { len: 7, at_us: 9 }]);
        let found = store.body(cut.id, Side::Request).unwrap().unwrap();
        assert!(!found.complete && found.bytes == b"a part");
        let found = store.get(ran.id).unwrap().unwrap();
        assert_eq!(found.outcome, Some(Outcome::Interrupted));
        assert_eq!(store.body(ran.id, Side::Request).unwrap().unwrap().bytes, b"some");
        drop(writer);

        let copy = Connection::open(folder.path().join("exchanges.format-1.db")).unwrap();
        let kept: i64 = copy.query_row("SELECT count(*) FROM exchange", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 3);
        let (store, _writer) = Store::open(&Location::Folder(folder.path().to_owned())).unwrap();
        assert_eq!(store.get(ended.id).unwrap(), Some(ended));
    }
}
