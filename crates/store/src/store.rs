//! The readers. A store is cheap to clone; its readers never wait for the writer, nor the writer for them.
//!
//! In memory there is one connection that readers and the writer take in turn, a short while each.

use crate::bodies::Reading;
use crate::cached::CacheStats;
use crate::error::{Error, OpenError};
use crate::exchange::Exchange;
use crate::figures::Split;
use crate::filter::Filter;
use crate::gone::{self, Gone};
use crate::home::Home;
use crate::latency::{self, Latency};
use crate::location::Location;
use crate::period::Period;
use crate::query::{Body, BodyInfo, Cursor, DiskUse, Facets, Frame, Listing, Page, Side, Stats};
use crate::reach::Reach;
use crate::search::{Excerpt, Phrase, Searcher};
use crate::select::Select;
use crate::series::{self, Series, SeriesError, SeriesQuery};
use crate::sessions::{SessionOrder, SessionSum};
use crate::shelf::Shelf;
use crate::spending::{SessionShare, Spent};
use crate::writer::Writer;
use crate::{browse, convert, frames, open, row, spending};
use rusqlite::{Connection, OptionalExtension as _};
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// Bytes of a body that are read at a time.
const STRETCH: usize = 256 << 10;

/// Idle readers that are kept.
const READERS: usize = 4;

/// A handle for readers.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    source: Source,
    shelf: Arc<Shelf>,
}

enum Source {
    /// Each idle reader with the number of its database.
    File {
        path: PathBuf,
        idle: Mutex<Vec<(u64, Connection)>>,
    },
    Memory(Shared),
}

/// The writer's connection: its own for a file, the shared one in memory.
pub(crate) type Shared = Arc<Mutex<Connection>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked left nothing half done here.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Opens a store and its only writer; makes what is missing. Exchanges that a crash left running are marked `interrupted`.
    ///
    /// # Errors
    /// What stands in the way and what to do about it: a folder that cannot be written, another process that records into it, a
    /// damaged or newer database.
    pub fn open(location: &Location) -> Result<(Store, Writer), OpenError> {
        match location {
            Location::Folder(folder) => {
                let (connection, path, lock) = open::folder(folder)?;
                let shelf = Arc::<Shelf>::default();
                let home = Home::new(folder, &path, lock);
                let mut writer =
                    Writer::new(Arc::new(Mutex::new(connection)), Arc::clone(&shelf), Some(home));
                convert::convert(&mut writer).and_then(|()| writer.mark_interrupted()).map_err(|error| {
                    match error {
                        Error::Database(error) => open::explain(&path, &error),
                        other => OpenError::Damaged { file: path.clone(), why: other.to_string() },
                    }
                })?;
                let source = Source::File { path, idle: Mutex::default() };
                Ok((Store(Arc::new(Inner { source, shelf })), writer))
            }
            Location::Memory => {
                let shared: Shared = Arc::new(Mutex::new(open::memory()?));
                let shelf = Arc::<Shelf>::default();
                let mut writer = Writer::new(Arc::clone(&shared), Arc::clone(&shelf), None);
                convert::convert(&mut writer).map_err(|error| OpenError::Damaged {
                    file: PathBuf::from(":memory:"),
                    why: error.to_string(),
                })?;
                Ok((Store(Arc::new(Inner { source: Source::Memory(shared), shelf })), writer))
            }
        }
    }

    /// Opens what another process may be recording into, only to read.
    ///
    /// # Errors
    /// When there is no database of ours in the folder, or it is damaged or newer.
    pub fn open_read_only(folder: &Path) -> Result<Store, OpenError> {
        let path = open::existing(folder)?;
        let source = Source::File { path, idle: Mutex::default() };
        Ok(Store(Arc::new(Inner { source, shelf: Arc::default() })))
    }

    /// Says how the text of an answer is read whose bytes do not show it, such as a stream's. The first reader stays.
    pub fn read_answers_with(
        &self,
        read: impl Fn(&Exchange, &[u8]) -> Option<String> + Send + Sync + 'static,
    ) {
        self.0.shelf.read_answers_with(Box::new(read));
    }

    pub(crate) fn searcher<'a>(&'a self, connection: &'a Connection) -> Searcher<'a> {
        Searcher { connection, shelf: self.shelf() }
    }

    pub(crate) fn shelf(&self) -> &Shelf {
        &self.0.shelf
    }

    /// Lets `work` see one state of the database, whatever the writer does meanwhile.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        match &self.0.source {
            Source::Memory(shared) => work(&lock(shared)),
            Source::File { path, idle } => {
                let database = self.shelf().database();
                let kept = {
                    let mut idle = lock(idle);
                    idle.retain(|(of, _)| *of == database);
                    idle.pop()
                };
                let connection = match kept {
                    Some((_, connection)) => connection,
                    None => open::reader(path)?,
                };
                let snapshot = connection.unchecked_transaction()?;
                let result = work(&snapshot);
                snapshot.finish()?;
                let mut idle = lock(idle);
                if idle.len() < READERS {
                    idle.push((database, connection));
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
            let mut statement =
                connection.prepare_cached("SELECT seq, record, flags FROM exchange WHERE id = ?")?;
            let mut rows = statement.query([id.as_bytes()])?;
            rows.next()?.map(|found| row::read(connection, self.shelf(), found)).transpose()
        })
    }

    /// What is remembered of an exchange that was deleted; `None`: it was never here, or that is too long ago.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn gone(&self, id: Uuid) -> Result<Option<Gone>, Error> {
        self.read(|connection| gone::find(connection, id))
    }

    /// Whether all exchanges of a session are kept whatever the retention says, those to come too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn is_session_pinned(&self, session: &str) -> Result<bool, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT 1 FROM pinned_session JOIN name ON name.id = pinned_session.name WHERE name.text = ?",
            )?;
            Ok(statement.exists([session])?)
        })
    }

    /// A page of exchanges, newest first, without headers.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn list(&self, filter: &Filter, page: &Page) -> Result<Listing, Error> {
        self.read(|connection| {
            let searcher = self.searcher(connection);
            let quick = browse::list(&searcher, filter, page)?;
            quick.map_or_else(|| Select::new(searcher, filter)?.list(page), Ok)
        })
    }

    /// Where a text stands in these exchanges, at most so many places in each; nothing for those that do not have it.
    ///
    /// # Errors
    /// When the database cannot be read, or what it holds is damaged.
    pub fn excerpts(&self, ids: &[Uuid], text: &str, limit: usize) -> Result<Vec<Vec<Excerpt>>, Error> {
        self.read(|connection| {
            let searcher = self.searcher(connection);
            let mut reach = Reach::new(&searcher, Phrase::new(text))?;
            let excerpts = |id: &Uuid| match sequence(connection, *id)? {
                Some(seq) => reach.excerpts(seq, limit),
                None => Ok(Vec::new()),
            };
            ids.iter().map(excerpts).collect()
        })
    }

    /// Figures over all exchanges that match.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn stats(&self, filter: &Filter) -> Result<Stats, Error> {
        self.read(|connection| Select::new(self.searcher(connection), filter)?.stats())
    }

    /// Sessions with exchanges that match, the one used last first; `after` is [`SessionSum::last_us`] and `id` of the last of the page
    /// before.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn sessions(
        &self,
        filter: &Filter,
        order: SessionOrder,
        after: Option<(i64, String)>,
        limit: usize,
    ) -> Result<Vec<SessionSum>, Error> {
        self.read(|connection| Select::new(self.searcher(connection), filter)?.sessions(order, after, limit))
    }

    /// The first exchanges of a session, the first first, with headers.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn beginning_of_session(&self, session: &str, limit: usize) -> Result<Vec<Exchange>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, record, flags FROM exchange WHERE session = (SELECT id FROM name WHERE text = ?)
                 ORDER BY started_us, seq LIMIT ?",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut rows = statement.query(rusqlite::params![session, limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(row::read(connection, self.shelf(), row)?);
            }
            Ok(found)
        })
    }

    /// Credentials that were ever used, by their short hash, with the newest exchanges of each that have ended, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn credentials(&self, newest: usize) -> Result<Vec<(String, Vec<Uuid>)>, Error> {
        self.read(|connection| spending::credentials(connection, newest))
    }

    /// How the windows of a credential's plan filled since a time (microseconds since the Unix epoch), oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn spent(&self, credential: &str, since_us: i64) -> Result<Vec<Spent>, Error> {
        self.read(|connection| spending::spent(connection, credential, since_us))
    }

    /// The sessions that took most tokens of a credential since a time, and what all took together.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn shares(
        &self,
        credential: &str,
        since_us: i64,
        limit: usize,
    ) -> Result<(Vec<SessionShare>, u64), Error> {
        self.read(|connection| spending::shares(connection, credential, since_us, limit))
    }

    /// How the prompt cache served the exchanges that match.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn cached(&self, filter: &Filter) -> Result<CacheStats, Error> {
        self.read(|connection| Select::new(self.searcher(connection), filter)?.cached())
    }

    /// Figures over time.
    ///
    /// # Errors
    /// When there are too many periods, or the database cannot be read.
    pub fn series(&self, filter: &Filter, query: &SeriesQuery) -> Result<Series, SeriesError> {
        self.read(|connection| {
            match series::series(Select::new(self.searcher(connection), filter)?, query) {
                Err(SeriesError::Store(error)) => Err(error),
                other => Ok(other),
            }
        })?
    }

    /// How long the exchanges that match took, by a value of which each has one: by [`Split::Tool`], all have none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn latency(&self, filter: &Filter, by: Split) -> Result<Latency, Error> {
        self.read(|connection| latency::latency(Select::new(self.searcher(connection), filter)?, by))
    }

    /// The block of five hours that a moment lies in, if one had begun by then: [`crate::Every::Block`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn block_at(&self, us: i64) -> Result<Option<Period>, Error> {
        let blocks = self.read(|connection| series::blocks(connection, us, us))?;
        Ok(blocks.into_iter().flatten().find(|period| period.has(us)))
    }

    /// The values that occur among the exchanges that match.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn facets(&self, filter: &Filter) -> Result<Facets, Error> {
        self.read(|connection| Select::new(self.searcher(connection), filter)?.facets())
    }

    /// All models ever asked for or served, sorted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn models(&self) -> Result<Vec<String>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT text FROM name WHERE id IN (SELECT model FROM exchange UNION SELECT served_model FROM exchange)
                 ORDER BY text",
            )?;
            let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(names)
        })
    }

    /// A body whole; `None` if nothing of it is stored.
    ///
    /// # Errors
    /// When the database cannot be read, or what it holds is damaged.
    pub fn body(&self, id: Uuid, side: Side) -> Result<Option<Body>, Error> {
        let mut bytes = Vec::new();
        let info = self.read_body(id, side, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(info.map(|info| Body { bytes, complete: info.complete }))
    }

    /// A body piece by piece, in little memory; `None` if nothing of it is stored. However long `sink` takes, nobody waits for it.
    /// What is appended meanwhile may be read or not; if the exchange is deleted meanwhile, the body ends there, incomplete.
    ///
    /// # Errors
    /// As [`Store::body`], and when `sink` fails: then with its error.
    pub fn read_body(
        &self,
        id: Uuid,
        side: Side,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Option<BodyInfo>, Error> {
        let begun = self.read(|connection| match sequence(connection, id)? {
            Some(seq) => Reading::begin(connection, seq, side),
            None => Ok(None),
        })?;
        let Some(mut reading) = begun else { return Ok(None) };
        let mut len = 0;
        loop {
            let some = self.read(|connection| {
                let mut some = Vec::new();
                while some.len() < STRETCH
                    && let Some(mut bytes) = reading.next(connection, self.shelf())?
                {
                    some.append(&mut bytes);
                }
                Ok(some)
            });
            match some {
                Ok(some) if some.is_empty() => {
                    let complete = reading.summary.is_some_and(|summary| summary.len == len);
                    return Ok(Some(BodyInfo { len, complete, summary: reading.summary }));
                }
                Ok(some) => {
                    len += some.len() as u64;
                    sink(&some)?;
                }
                Err(Error::Damaged(_)) if self.read(|connection| sequence(connection, id))?.is_none() => {
                    return Ok(Some(BodyInfo { len, complete: false, summary: None }));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What each read of the answer brought, and when.
    ///
    /// # Errors
    /// As [`Store::body`].
    pub fn frames(&self, id: Uuid) -> Result<Vec<Frame>, Error> {
        self.read(|connection| match sequence(connection, id)? {
            Some(seq) => frames::read(connection, seq),
            None => Ok(Vec::new()),
        })
    }

    /// Each exchange that matches, with headers, newest first, until `visit` breaks. However long `visit` takes, nobody waits for it;
    /// what is recorded meanwhile is not visited.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn each(
        &self,
        filter: &Filter,
        visit: &mut dyn FnMut(Exchange) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut cursor = Cursor::NEWEST;
        // A text is looked for once.
        let condition =
            self.read(|connection| Ok(Select::new(self.searcher(connection), filter)?.into_condition()))?;
        loop {
            let batch = self.read(|connection| {
                Select::again(self.searcher(connection), condition.clone()).next(&mut cursor)
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

    /// The newest exchanges of a session that began before a time (microseconds since the Unix epoch), the newest first, with headers.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn of_session(&self, session: &str, before_us: i64, limit: usize) -> Result<Vec<Exchange>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, record, flags FROM exchange
                 WHERE session = (SELECT id FROM name WHERE text = ?) AND started_us < ?
                 ORDER BY started_us DESC, seq DESC LIMIT ?",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut rows = statement.query(rusqlite::params![session, before_us, limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(row::read(connection, self.shelf(), row)?);
            }
            Ok(found)
        })
    }

    /// What the store takes on disk; in memory, what its pages take.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn disk(&self) -> Result<DiskUse, Error> {
        let (pages, exchanges, oldest_us) = self.read(|connection| {
            let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
            let oldest =
                connection.query_row("SELECT min(started_us) FROM exchange", [], |row| row.get(0))?;
            let pages = number("PRAGMA page_count")? * number("PRAGMA page_size")?;
            Ok((pages.cast_unsigned(), number("SELECT count(*) FROM exchange")?.cast_unsigned(), oldest))
        })?;
        let bytes = match &self.0.source {
            Source::File { .. } => self.bytes_on_disk(),
            Source::Memory(_) => pages,
        };
        Ok(DiskUse { bytes, exchanges, oldest_us })
    }

    /// What the database and its log take on disk, bytes; 0 in memory. Asks the file system only.
    pub fn bytes_on_disk(&self) -> u64 {
        let Source::File { path, .. } = &self.0.source else { return 0 };
        let size = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
        size(path) + size(&path.with_extension("db-wal"))
    }

    /// What each table and index takes in the database, bytes, the largest first. Reads the whole database.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn tables(&self) -> Result<Vec<(String, u64)>, Error> {
        self.read(|connection| {
            let mut statement =
                connection.prepare("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC")?;
            let tables =
                statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
            Ok(tables.collect::<Result<_, _>>()?)
        })
    }

    /// What the search index takes of it, bytes.
    ///
    /// # Errors
    /// As [`Store::tables`].
    pub fn index_bytes(&self) -> Result<u64, Error> {
        let tables = self.tables()?;
        Ok(tables.iter().filter(|(name, _)| name.starts_with("text_")).map(|(_, bytes)| bytes).sum())
    }
}

pub(crate) fn sequence(connection: &Connection, id: Uuid) -> Result<Option<i64>, Error> {
    let found = connection
        .prepare_cached("SELECT seq FROM exchange WHERE id = ?")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(found)
}
