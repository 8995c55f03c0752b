//! Tables, and how an older file becomes one of today's.

use rusqlite::Connection;

/// Marks a file as ours, so that no other program's database is written into ("aprx").
pub(crate) const APPLICATION: i64 = 0x6170_7278;

/// Each step brings a database from its index to the next; `user_version` says how many were taken. Never change a step that was
/// released: add one.
///
/// `exchange` holds only what is filtered, sorted and summed, a hundred bytes a row, so that figures over all rows read little.
/// Whatever else an exchange is lies in `record`.
const STEPS: [&str; 3] = [FORMAT_1, FORMAT_2, FORMAT_3];

/// Format 1: bodies as plain pieces of a mebibyte.
pub(crate) const FORMAT_1: &str = "
    PRAGMA application_id = 0x61707278;
    CREATE TABLE exchange (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: see `deleted`
        id BLOB NOT NULL UNIQUE,
        started_us INTEGER NOT NULL,
        status INTEGER NOT NULL,            -- 0 pending, 1 success, 2 error
        model TEXT,
        served_model TEXT,
        end_us INTEGER,
        input INTEGER, output INTEGER, cache_read INTEGER, cache_creation INTEGER,
        bytes INTEGER NOT NULL
    );
    CREATE INDEX exchange_by_time ON exchange (started_us);
    CREATE INDEX exchange_pending ON exchange (seq) WHERE status = 0;
    CREATE TABLE record (
        exchange INTEGER PRIMARY KEY,
        record TEXT NOT NULL,               -- the exchange without its headers, as JSON
        headers TEXT NOT NULL               -- the four header lists, as JSON
    );
    CREATE TABLE body (
        exchange INTEGER NOT NULL,
        side INTEGER NOT NULL,              -- 0 request, 1 response
        length INTEGER NOT NULL,
        hash BLOB NOT NULL,                 -- BLAKE3, taken as the bytes were appended
        PRIMARY KEY (exchange, side)
    ) WITHOUT ROWID;
    CREATE TABLE piece (
        exchange INTEGER NOT NULL,
        side INTEGER NOT NULL,
        number INTEGER NOT NULL,            -- from 0, without a gap
        bytes BLOB NOT NULL,                -- zstd
        UNIQUE (exchange, side, number)
    );
    CREATE TABLE frames (
        exchange INTEGER NOT NULL,
        number INTEGER NOT NULL,            -- from 0, without a gap
        deltas BLOB NOT NULL,               -- varints: length, microseconds since the frame before
        UNIQUE (exchange, number)
    );
    CREATE TABLE deleted (exchange INTEGER PRIMARY KEY); -- what lies under it in other tables is to be removed
    CREATE TABLE model (name TEXT PRIMARY KEY) WITHOUT ROWID;
";

/// Format 2: bodies as lists of pieces that are stored once, compressed together in packs; what is filtered is a column; search.
///
/// A *place* names a piece: `pack << 16 | index in the pack`. A *name* is a text that many rows share.
const FORMAT_2: &str = "
    DROP INDEX exchange_by_time;
    DROP INDEX exchange_pending;
    ALTER TABLE exchange RENAME TO v1_exchange;
    ALTER TABLE record RENAME TO v1_record;
    ALTER TABLE body RENAME TO v1_body;
    ALTER TABLE piece RENAME TO v1_piece;
    ALTER TABLE frames RENAME TO v1_frames;
    DROP TABLE model;
    DROP TABLE deleted;
    CREATE TABLE deleted (exchange INTEGER PRIMARY KEY, record INTEGER); -- what lies under it in other tables is to be removed
    CREATE TABLE exchange (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: see `deleted`
        id BLOB NOT NULL UNIQUE,
        started_us INTEGER NOT NULL,
        status INTEGER NOT NULL,            -- 0 pending, 1 success, 2 error
        outcome INTEGER,                    -- its index in Outcome::ALL; NULL runs
        http_status INTEGER,
        flags INTEGER NOT NULL,             -- see row.rs
        path INTEGER, model INTEGER, served_model INTEGER, session INTEGER, agent INTEGER, agent_kind INTEGER,
        class INTEGER, stop INTEGER, error INTEGER, prompt INTEGER, project INTEGER, program INTEGER,
        version INTEGER, credential INTEGER, -- each a name
        spent_5h INTEGER, spent_7d INTEGER, -- millionths of the plan's windows
        connect_us INTEGER, first_byte_us INTEGER, first_token_us INTEGER, gap_us INTEGER, end_us INTEGER,
        input INTEGER, output INTEGER, cache_read INTEGER, cache_creation INTEGER, cache_creation_1h INTEGER,
        thinking INTEGER, total_input INTEGER,
        request_bytes INTEGER NOT NULL, response_bytes INTEGER NOT NULL,
        cost INTEGER,                       -- picodollars, as all money
        cache_saving INTEGER,
        cache_cause INTEGER,                -- its index in CacheCause::ALL
        lost_tokens INTEGER, lost_cost INTEGER,
        record INTEGER                      -- the place of everything else; NULL runs: see `running`
    );
    CREATE INDEX exchange_by_time ON exchange (started_us);
    CREATE INDEX exchange_pending ON exchange (seq) WHERE status = 0;
    CREATE INDEX exchange_by_session ON exchange (session, started_us) WHERE session IS NOT NULL;
    CREATE INDEX exchange_by_credential ON exchange (credential, started_us) WHERE credential IS NOT NULL;
    CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
    CREATE TABLE tool (exchange INTEGER, name INTEGER, PRIMARY KEY (exchange, name)) WITHOUT ROWID; -- called in the answer
    CREATE TABLE running (exchange INTEGER PRIMARY KEY, record TEXT NOT NULL);
    CREATE TABLE body (
        exchange INTEGER NOT NULL,
        side INTEGER NOT NULL,              -- 0 request, 1 response
        length INTEGER NOT NULL,
        hash BLOB,                          -- BLAKE3, taken as the bytes were appended; NULL: it was never finished
        root INTEGER,                       -- the place of its piece or list of pieces; NULL is empty
        PRIMARY KEY (exchange, side)
    ) WITHOUT ROWID;
    CREATE INDEX body_by_root ON body (root);
    CREATE TABLE tail (                     -- of a body that is still being appended to
        exchange INTEGER NOT NULL,
        side INTEGER NOT NULL,
        list BLOB NOT NULL,                 -- what was cut already, as a list of pieces
        bytes BLOB NOT NULL,                -- what was not, zstd
        PRIMARY KEY (exchange, side)
    ) WITHOUT ROWID;
    CREATE TABLE frames (
        exchange INTEGER NOT NULL,
        number INTEGER NOT NULL,            -- from 0, without a gap
        deltas BLOB NOT NULL,               -- varints: length, microseconds since the frame before
        UNIQUE (exchange, number)
    );
    CREATE TABLE pack (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        users INTEGER NOT NULL DEFAULT 0    -- records, bodies and links of other packs that need it
    );
    CREATE INDEX pack_unused ON pack (id) WHERE users <= 0;
    CREATE TABLE layer (                    -- a pack grows by layers, each compressed after those before it
        pack INTEGER NOT NULL,
        number INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (pack, number)
    );
    CREATE TABLE piece (key BLOB PRIMARY KEY, place INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE link (piece INTEGER, pack INTEGER, PRIMARY KEY (piece, pack)) WITHOUT ROWID; -- lists in that other pack have it
    CREATE VIRTUAL TABLE text USING fts5(words, content='', contentless_delete=1, detail=none, tokenize=ascii);
    CREATE TABLE pinned_session (name INTEGER PRIMARY KEY);
    CREATE TABLE progress (task TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID; -- of long work that was not done yet
";

/// Format 3: what was deleted is known to have been here.
const FORMAT_3: &str = "
    CREATE TABLE gone (
        id BLOB PRIMARY KEY,
        at_us INTEGER NOT NULL,
        why INTEGER NOT NULL                -- 0 somebody asked for it, 1 the retention
    ) WITHOUT ROWID;
";

/// The format this program writes.
pub(crate) const VERSION: i64 = STEPS.len() as i64;

/// What a file says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Nothing is in it yet.
    New,
    /// Ours, after so many steps.
    Ours(i64),
    /// Another program's.
    Foreign,
}

/// Whose database it is.
pub(crate) fn format(connection: &Connection) -> rusqlite::Result<Format> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let version = number("PRAGMA user_version")?;
    let application = number("PRAGMA application_id")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    Ok(match (application, version, tables) {
        (APPLICATION, _, _) => Format::Ours(version),
        (0, 0, 0) => Format::New,
        _ => Format::Foreign,
    })
}

/// Takes the steps that are missing. A step that fails leaves the file as it was before that step.
pub(crate) fn migrate(connection: &mut Connection, taken: i64) -> rusqlite::Result<()> {
    let taken = usize::try_from(taken).unwrap_or(0);
    for (number, step) in STEPS.iter().enumerate().skip(taken) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
