//! What can go wrong.

use std::path::PathBuf;

/// A read or write that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database refused.
    #[error("{0}")]
    Database(#[from] rusqlite::Error),
    /// What is stored cannot be read back.
    #[error("the stored record is damaged: {0}")]
    Damaged(String),
    /// The database's file is no longer where it was. What is said instead of writing where nobody will find it.
    #[error("{0}")]
    Moved(String),
    /// A call that the writer's contract does not allow. Nothing was changed.
    #[error("the recorder sent {0}: this is a mistake in the program")]
    Misuse(&'static str),
    /// Whoever the bytes were read for would not take them.
    #[error("{0}")]
    Sink(#[from] std::io::Error),
}

impl Error {
    /// Whether the disk, or what the database may take of it, is full.
    pub fn is_full(&self) -> bool {
        matches!(self, Error::Database(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull))
    }
}

/// Why a store cannot be opened. Each message ends with what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder cannot be made or written.
    #[error("cannot write to the data folder {}: {why}\nhint: choose another folder with DATA_DIR, or :memory:", .folder.display())]
    NotWritable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Another process records into the folder.
    #[error("another anthropic-proxy records into {}\nhint: open its page, join it with `anthropic-proxy run`, or choose another folder with DATA_DIR", .folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// There is nothing to read.
    #[error("there is no database in {}\nhint: start anthropic-proxy once, or name its folder with DATA_DIR", .folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
    },
    /// The file is no database of ours, or a broken one.
    #[error("the database {} is damaged: {why}\nhint: move the file away to start afresh, or put a backup in its place", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What the database said.
        why: String,
    },
    /// An earlier version of the program has written it, and who only reads cannot bring it over.
    #[error("the database {} was written by an older anthropic-proxy (format {found}, this one reads {known})\nhint: start anthropic-proxy once: it keeps a copy and brings the record over", .file.display())]
    Older {
        /// The file.
        file: PathBuf,
        /// Its format.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A later version of the program has written it.
    #[error("the database {} was written by a newer anthropic-proxy (format {found}, this one knows {known})\nhint: use the newer program, or choose another folder with DATA_DIR", .file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its format.
        found: i64,
        /// Ours.
        known: i64,
    },
}
