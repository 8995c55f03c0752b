//! The readers. A store is cheap to clone; its readers never wait for the writer, nor the writer for them.

use crate::bodies;
use crate::error::{Error, OpenError};
use crate::exchange::Exchange;
use crate::location::Location;
use crate::query::{Body, BodyInfo, DiskUse, Filter, Frame, Listing, Page, Side, Stats};
use crate::row;
use crate::schema;
use crate::writer::Writer;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params, params_from_iter};
use std::fs::{self, File, TryLockError};
use std::ops::{ControlFlow, Deref};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

const FILE: &str = "exchanges.db";
const LOCK: &str = "lock";

/// Idle readers that are kept.
const READERS: usize = 4;

/// Rows that [`Store::each`] reads at a time, so that no read lasts long.
const STRIDE: i64 = 256;

/// A handle for readers.
#[derive(Clone)]
pub struct Store(Arc<Source>);

enum Source {
    File {
        path: PathBuf,
        idle: Mutex<Vec<Connection>>,
    },
    /// Readers and the writer share the one connection that there is.
    Memory(Arc<Mutex<Connection>>),
}

/// The writer's connection: its own for a file, the shared one in memory.
pub(crate) type Shared = Arc<Mutex<Connection>>;

pub(crate) fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A panic while reading leaves the connection as it was.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Opens a store and its only writer; makes what is missing. Exchanges that a crash left running are marked `interrupted`.
    ///
    /// # Errors
    /// What stands in the way and what to do about it: a folder that cannot be written, another process that records into it, a
    /// damaged or newer database.
    pub fn open(location: &Location) -> Result<(Store, Writer), OpenError> {
        match location {
            Location::Folder(folder) => open_folder(folder),
            Location::Memory => {
                let file = PathBuf::from(":memory:");
                let damaged = |error: rusqlite::Error| OpenError::Damaged {
                    file: file.clone(),
                    why: error.to_string(),
                };
                let mut connection = Connection::open_in_memory().map_err(damaged)?;
                prepare(&connection).and_then(|()| schema::migrate(&mut connection)).map_err(damaged)?;
                let shared: Shared = Arc::new(Mutex::new(connection));
                let store = Store(Arc::new(Source::Memory(Arc::clone(&shared))));
                Ok((store, Writer::new(shared, None)))
            }
        }
    }

    /// Opens what another process may be recording into, only to read.
    ///
    /// # Errors
    /// When there is no database of ours in the folder.
    pub fn open_read_only(folder: &Path) -> Result<Store, OpenError> {
        let path = folder.join(FILE);
        let damaged =
            |error: rusqlite::Error| OpenError::Damaged { file: path.clone(), why: error.to_string() };
        let connection = reader(&path).map_err(damaged)?;
        let found = schema::version(&connection).map_err(damaged)?;
        if found > schema::VERSION {
            return Err(OpenError::Newer { file: path, found, known: schema::VERSION });
        }
        Ok(Store(Arc::new(Source::File { path, idle: Mutex::new(vec![connection]) })))
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        match &*self.0 {
            Source::Memory(shared) => work(lock(shared).deref()),
            Source::File { path, idle } => {
                let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let connection = match kept {
                    Some(connection) => connection,
                    None => reader(path)?,
                };
                let result = work(&connection);
                let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
                if idle.len() < READERS {
                    idle.push(connection);
                }
                result
            }
        }
    }

    /// One exchange with its headers.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn get(&self, id: Uuid) -> Result<Option<Exchange>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT record, headers FROM exchange LEFT JOIN head ON head.exchange = seq WHERE id = ?",
            )?;
            let mut rows = statement.query([id.as_bytes()])?;
            rows.next()?.map(row::whole).transpose()
        })
    }

    /// A page of exchanges, newest first, without headers.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn list(&self, filter: &Filter, page: &Page) -> Result<Listing, Error> {
        let (condition, mut values) = condition(filter);
        self.read(|connection| {
            let total: i64 = connection
                .prepare_cached(&format!("SELECT count(*) FROM exchange WHERE {condition}"))?
                .query_row(params_from_iter(&values), |row| row.get(0))?;
            let size = i64::try_from(page.size).unwrap_or(i64::MAX);
            let skipped = i64::try_from(page.number.saturating_sub(1)).unwrap_or(i64::MAX).saturating_mul(size);
            values.extend([Value::from(size), Value::from(skipped)]);
            let mut statement = connection.prepare_cached(&format!(
                "SELECT record FROM exchange WHERE {condition} ORDER BY started_us DESC, seq DESC LIMIT ? OFFSET ?"
            ))?;
            let mut rows = statement.query(params_from_iter(&values))?;
            let mut listed = Vec::new();
            while let Some(found) = rows.next()? {
                listed.push(row::record_from_text(found.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?);
            }
            Ok(Listing { rows: listed, total: total.cast_unsigned() })
        })
    }

    /// Figures over all exchanges that match.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn stats(&self, filter: &Filter) -> Result<Stats, Error> {
        let (condition, mut values) = condition(filter);
        self.read(|connection| {
            let sums = format!(
                "SELECT count(*), coalesce(sum(status = 1), 0), coalesce(sum(status = 2), 0), coalesce(sum(status = 0), 0),
                        avg(end_us), count(end_us), coalesce(sum(input), 0), coalesce(sum(output), 0),
                        coalesce(sum(cache_read), 0), coalesce(sum(cache_creation), 0), coalesce(sum(bytes), 0)
                 FROM exchange WHERE {condition}"
            );
            let (mut stats, ended) = connection.prepare_cached(&sums)?.query_row(params_from_iter(&values), |row| {
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
        })
    }

    /// All models ever asked for or served, sorted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn models(&self) -> Result<Vec<String>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT name FROM model ORDER BY name")?;
            let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(names)
        })
    }

    /// A body whole; `None` if nothing of it is stored.
    ///
    /// # Errors
    /// When the database cannot be read, or what it holds is damaged.
    pub fn body(&self, id: Uuid, side: Side) -> Result<Option<Body>, Error> {
        self.read(|connection| match sequence(connection, id)? {
            Some(seq) => bodies::read_whole(connection, seq, side),
            None => Ok(None),
        })
    }

    /// A body piece by piece, in little memory; `None` if nothing of it is stored.
    ///
    /// # Errors
    /// As [`Store::body`], and when `sink` fails: then with its error.
    pub fn read_body(
        &self,
        id: Uuid,
        side: Side,
        sink: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<Option<BodyInfo>, Error> {
        self.read(|connection| match sequence(connection, id)? {
            Some(seq) => bodies::read(connection, seq, side, sink),
            None => Ok(None),
        })
    }

    /// What each read of the answer brought, and when.
    ///
    /// # Errors
    /// As [`Store::body`].
    pub fn frames(&self, id: Uuid) -> Result<Vec<Frame>, Error> {
        self.read(|connection| match sequence(connection, id)? {
            Some(seq) => bodies::read_frames(connection, seq),
            None => Ok(Vec::new()),
        })
    }

    /// Each exchange that matches, with headers, newest first, until `visit` breaks. What is recorded meanwhile is not visited.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn each(
        &self,
        filter: &Filter,
        visit: &mut dyn FnMut(Exchange) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let (condition, values) = condition(filter);
        let text = format!(
            "SELECT record, headers, started_us, seq FROM exchange LEFT JOIN head ON head.exchange = seq
             WHERE (started_us, seq) < (?, ?) AND {condition} ORDER BY started_us DESC, seq DESC LIMIT {STRIDE}"
        );
        let mut cursor = (i64::MAX, i64::MAX);
        loop {
            let mut bound = vec![Value::from(cursor.0), Value::from(cursor.1)];
            bound.extend(values.iter().cloned());
            let batch = self.read(|connection| {
                let mut statement = connection.prepare_cached(&text)?;
                let mut rows = statement.query(params_from_iter(&bound))?;
                let mut batch = Vec::new();
                while let Some(found) = rows.next()? {
                    cursor = (found.get(2)?, found.get(3)?);
                    batch.push(row::whole(found)?);
                }
                Ok(batch)
            })?;
            if batch.is_empty() {
                return Ok(());
            }
            for exchange in batch {
                if visit(exchange).is_break() {
                    return Ok(());
                }
            }
        }
    }

    /// What the store takes on disk; in memory, what its pages take.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn disk(&self) -> Result<DiskUse, Error> {
        match &*self.0 {
            Source::File { path, .. } => {
                let size = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
                let log = path.with_extension("db-wal");
                Ok(DiskUse { bytes: size(path) + size(&log) })
            }
            Source::Memory(shared) => {
                let connection = lock(shared);
                let pragma = |name: &str| {
                    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
                };
                Ok(DiskUse { bytes: (pragma("page_count")? * pragma("page_size")?).cast_unsigned() })
            }
        }
    }
}

fn sequence(connection: &Connection, id: Uuid) -> Result<Option<i64>, Error> {
    let found = connection
        .prepare_cached("SELECT seq FROM exchange WHERE id = ?")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(found)
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
        parts.push("(model = ? OR served_model = ?)");
        values.extend([Value::from(model.clone()), Value::from(model.clone())]);
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

fn open_folder(folder: &Path) -> Result<(Store, Writer), OpenError> {
    let not_writable =
        |error: std::io::Error| OpenError::NotWritable { folder: folder.to_owned(), why: error.to_string() };
    make_private(folder).map_err(not_writable)?;
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(LOCK))
        .map_err(not_writable)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { folder: folder.to_owned() }),
        Err(TryLockError::Error(error)) => return Err(not_writable(error)),
    }
    let path = folder.join(FILE);
    let damaged = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(
            rusqlite::ErrorCode::CannotOpen
            | rusqlite::ErrorCode::ReadOnly
            | rusqlite::ErrorCode::PermissionDenied,
        ) => OpenError::NotWritable { folder: folder.to_owned(), why: error.to_string() },
        _ => OpenError::Damaged { file: path.clone(), why: error.to_string() },
    };
    let mut connection = Connection::open(&path).map_err(damaged)?;
    let found = schema::version(&connection).map_err(damaged)?;
    if found > schema::VERSION {
        return Err(OpenError::Newer { file: path, found, known: schema::VERSION });
    }
    prepare(&connection).and_then(|()| schema::migrate(&mut connection)).map_err(damaged)?;
    let mut writer = Writer::new(Arc::new(Mutex::new(connection)), Some(lock));
    writer
        .mark_interrupted()
        .map_err(|error| OpenError::Damaged { file: path.clone(), why: error.to_string() })?;
    Ok((Store(Arc::new(Source::File { path, idle: Mutex::default() })), writer))
}

/// What is recorded is nobody else's business on a machine that several people use.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    // Only a new file takes `auto_vacuum`: it must come before the first table.
    connection.execute_batch(
        "PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = NORMAL;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY;",
    )
}

fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch("PRAGMA mmap_size = 268435456;")?;
    Ok(connection)
}

pub(crate) fn pending(connection: &Connection) -> Result<Vec<Exchange>, Error> {
    let mut statement = connection.prepare(
        "SELECT record, headers FROM exchange LEFT JOIN head ON head.exchange = seq WHERE status = 0",
    )?;
    let mut rows = statement.query(params![])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(row::whole(row)?);
    }
    Ok(found)
}
