//! Where the database's files should be, and what is done when somebody deleted or replaced them under the running writer: the record
//! begins afresh there. Without that, everything would go on into a file that has no name, and be gone with the process.

use crate::error::Error;
use crate::open::{self, Identity};
use crate::shelf::Shelf;
use crate::store::lock;
use crate::sweep::roll_back;
use crate::writer::Writer;
use crate::{convert, row};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The place of the writer's files. Held as long as it writes: one process a folder.
pub(crate) struct Home {
    folder: PathBuf,
    /// The database, its log, and the log's index; each with the file that was there when it was opened.
    files: [(PathBuf, Option<Identity>); 3],
    /// The database that is open has no place any more.
    lost: bool,
    lock: Option<File>,
}

impl Home {
    /// What was opened just now.
    pub(crate) fn new(folder: &Path, path: &Path, lock: File) -> Home {
        let files = ["", "-wal", "-shm"].map(|ending| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            let path = PathBuf::from(name);
            // What cannot be looked at now is taken for another file later, and left alone.
            let identity = open::identity(&path).ok().flatten();
            (path, identity)
        });
        Home { folder: folder.to_owned(), files, lost: false, lock: Some(lock) }
    }

    /// Where the database is.
    pub(crate) fn database(&self) -> &Path {
        &self.files[0].0
    }

    /// Whether the database is where it was opened.
    fn is_there(&self) -> io::Result<bool> {
        let (path, known) = &self.files[0];
        Ok(!self.lost && open::identity(path)? == *known)
    }

    /// Takes away what the database has left in its place, so that the next one does not take it for its own.
    fn remove_remains(&self) -> io::Result<()> {
        for (path, known) in &self.files[1..] {
            if known.is_some() && open::identity(path)? == *known {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

impl Writer {
    /// Begins afresh if the database was deleted or replaced. What ran, and what was not committed, is written to the new one as far
    /// as it is in memory.
    ///
    /// # Errors
    /// When there is no other database to be had yet. What is in memory waits.
    pub(crate) fn stay_at_home(&mut self) -> Result<(), Error> {
        match &self.home {
            Some(home) if !home.is_there().map_err(|error| out_of_reach(&error))? => {}
            _ => return Ok(()),
        }
        roll_back(&lock(&self.connection()));
        self.forget_database();
        let Some(home) = &mut self.home else { return Ok(()) };
        if !std::mem::replace(&mut home.lost, true) {
            tracing::error!(
                file = %home.files[0].0.display(),
                "the database was deleted or replaced while it was recorded into: the record begins afresh"
            );
        }
        home.remove_remains().map_err(|error| out_of_reach(&error))?;
        home.lock = None;
        let (connection, path, held) =
            open::folder(&home.folder).map_err(|error| Error::Moved(error.to_string()))?;
        *home = Home::new(&home.folder, &path, held);
        *lock(&self.connection()) = connection;
        self.shelf().forget_database();
        convert::convert(self)?;
        self.mark_interrupted()
    }

    /// Exchanges of an earlier process that the database shows as running.
    pub(crate) fn left_running(&self) -> Result<Vec<crate::Exchange>, Error> {
        let mut left = row::pending(&lock(&self.connection()), &self.shelf())?;
        left.retain(|exchange| !self.holds(exchange.id));
        Ok(left)
    }
}

fn out_of_reach(error: &io::Error) -> Error {
    Error::Moved(format!("the database is out of reach: {error}"))
}

impl Shelf {
    /// Another database is in the place of the one that packs were read from.
    fn forget_database(&self) {
        self.clear();
        self.next_database();
    }
}
