//! Opens the database: the folder, the lock, the settings; and says what stands in the way.

use crate::checkpoint::LONGEST;
use crate::error::OpenError;
use crate::schema::{self, Format};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The database's name in its folder.
const FILE: &str = "exchanges.db";

/// The file whose lock says that somebody records into the folder. It stays; only the lock comes and goes.
const LOCK: &str = "lock";

/// How long a connection waits for another one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Up to this size a database is checked whole when it is opened: it takes a fraction of a second.
const CHECKED: u64 = 64 << 20;

/// A file that is open, whatever its name is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

/// Which file the path names; `None`: none.
///
/// # Errors
/// When that cannot be found out.
#[cfg(unix)]
pub(crate) fn identity(path: &Path) -> io::Result<Option<Identity>> {
    use std::os::unix::fs::MetadataExt as _;
    match fs::metadata(path) {
        Ok(data) => Ok(Some(Identity(data.dev(), data.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Always the same: elsewhere, a file that is open cannot be deleted.
#[cfg(not(unix))]
pub(crate) fn identity(_path: &Path) -> io::Result<Option<Identity>> {
    Ok(Some(Identity(0, 0)))
}

/// The writer's connection to a folder's database, the database's path, and the lock to hold on to.
pub(crate) fn folder(folder: &Path) -> Result<(Connection, PathBuf, File), OpenError> {
    let not_writable =
        |error: io::Error| OpenError::NotWritable { folder: folder.to_owned(), why: error.to_string() };
    make_folder(folder).map_err(not_writable)?;
    let lock = private_file(&folder.join(LOCK)).map_err(not_writable)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { folder: folder.to_owned() }),
        Err(TryLockError::Error(error)) => return Err(not_writable(error)),
    }
    let path = folder.join(FILE);
    private_file(&path).map_err(not_writable)?;
    let mut connection = Connection::open(&path).map_err(|error| explain(&path, &error))?;
    set_up(&mut connection, &path)?;
    Ok((connection, path, lock))
}

/// The one connection to a database in memory.
pub(crate) fn memory() -> Result<Connection, OpenError> {
    let path = PathBuf::from(":memory:");
    let mut connection = Connection::open_in_memory().map_err(|error| explain(&path, &error))?;
    set_up(&mut connection, &path)?;
    Ok(connection)
}

/// The path of a folder's database that exists and can be read.
pub(crate) fn existing(folder: &Path) -> Result<PathBuf, OpenError> {
    let path = folder.join(FILE);
    if !path.is_file() {
        return Err(OpenError::Missing { folder: folder.to_owned() });
    }
    let connection = reader(&path).map_err(|error| explain(&path, &error))?;
    match known(&connection, &path)? {
        0 => Err(OpenError::Missing { folder: folder.to_owned() }),
        found if found < schema::VERSION => {
            Err(OpenError::Older { file: path, found, known: schema::VERSION })
        }
        _ => Ok(path),
    }
}

/// A connection that only reads. No memory map: what goes wrong on a disk is then an error, not a signal that ends the proxy.
pub(crate) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch("PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}

fn set_up(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let explain = |error: rusqlite::Error| explain(path, &error);
    connection.busy_timeout(PATIENCE).map_err(explain)?;
    connection.set_prepared_statement_cache_capacity(64);
    let taken = known(connection, path)?;
    if taken == 0 {
        // A file takes this only before its first table.
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL;").map_err(explain)?;
    } else {
        check(connection, path)?;
        if taken < schema::VERSION {
            keep_a_copy(connection, path, taken)?;
        }
    }
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = NORMAL;
             PRAGMA journal_size_limit = 67108864;
             PRAGMA wal_autocheckpoint = {LONGEST};
             PRAGMA cache_size = -8192;
             PRAGMA temp_store = MEMORY;"
        ))
        .map_err(explain)?;
    schema::migrate(connection, taken).map_err(explain)
}

/// Copies a database of an older format before its first change. A copy of an earlier try is written anew.
fn keep_a_copy(connection: &Connection, path: &Path, format: i64) -> Result<(), OpenError> {
    let copy = path.with_file_name(format!("exchanges.format-{format}.db"));
    let not_writable = |error: io::Error| OpenError::NotWritable {
        folder: path.parent().unwrap_or(path).to_owned(),
        why: format!("a copy of the older format cannot be made: {error}"),
    };
    match fs::remove_file(&copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(not_writable(error)),
        _ => {}
    }
    private_file(&copy).map_err(not_writable)?;
    connection.execute("VACUUM INTO ?", [copy.to_string_lossy()]).map_err(|error| explain(path, &error))?;
    tracing::info!(copy = %copy.display(), "kept a copy of the record in its older format");
    Ok(())
}

/// Looks for damage before anything is written.
fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    if fs::metadata(path).is_ok_and(|data| data.len() > CHECKED) {
        return Ok(());
    }
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| explain(path, &error))?;
    if verdict == "ok" { Ok(()) } else { Err(OpenError::Damaged { file: path.to_owned(), why: verdict }) }
}

/// How many steps of the schema a database of ours has taken.
fn known(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    match schema::format(connection).map_err(|error| explain(path, &error))? {
        Format::New => Ok(0),
        Format::Ours(found) if found > schema::VERSION => {
            Err(OpenError::Newer { file: path.to_owned(), found, known: schema::VERSION })
        }
        Format::Ours(found) => Ok(found),
        Format::Foreign => Err(OpenError::Damaged {
            file: path.to_owned(),
            why: "it is no database of anthropic-proxy".to_owned(),
        }),
    }
}

/// Whether the database is broken, or only out of reach.
pub(crate) fn explain(path: &Path, error: &rusqlite::Error) -> OpenError {
    let folder = path.parent().unwrap_or(path).to_owned();
    let why = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked { folder },
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure,
        ) => OpenError::NotWritable { folder, why },
        _ => OpenError::Damaged { file: path.to_owned(), why },
    }
}

/// What is recorded is nobody else's business on a machine that several people use.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// Makes the file if it is missing. The database's log takes over its mode.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}
