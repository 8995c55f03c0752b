//! Brings the database's log into the database beside the writer, who then never waits for the disk to have it safe.
//!
//! What the log holds is as safe as in the database; if this stops, the log is longer, and the writer does it itself at
//! [`LONGEST`].

use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often at the most.
const PAUSE: Duration = Duration::from_millis(200);

/// Pages of the log after which the writer takes over with each commit, until the log begins anew: 32 MiB. Most of them are in the
/// database by then.
pub(crate) const LONGEST: i64 = 8192;

/// The thread that does it. It ends when this is dropped.
pub(crate) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    woken: Instant,
}

impl Checkpointer {
    /// For the database at `path`. Where no thread is to be had the writer does it alone.
    pub(crate) fn start(path: &Path) -> Checkpointer {
        let (wake, woken) = mpsc::sync_channel(1);
        let path = path.to_owned();
        let work = move || {
            while woken.recv().is_ok() {
                if let Err(error) = checkpoint(&path) {
                    tracing::debug!(%error, "the log waits for the writer");
                }
            }
        };
        let thread = std::thread::Builder::new().name("checkpointer".to_owned()).spawn(work);
        Checkpointer { wake: Some(wake), thread: thread.ok(), woken: Instant::now() }
    }

    /// Something was committed.
    pub(crate) fn committed(&mut self) {
        if self.woken.elapsed() >= PAUSE
            && let Some(wake) = &self.wake
        {
            self.woken = Instant::now();
            // Full: it is about to look anyway.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // It does not panic; and what it did not do others do.
            let _ = thread.join();
        }
    }
}

/// Copies what it can without waiting for anybody. Opened each time: the database may be another by now.
fn checkpoint(path: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(PathBuf::from(path), flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_committed_comes_into_the_database_while_the_writer_holds_it_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x);
                 INSERT INTO t VALUES (zeroblob(100000));",
            )
            .unwrap();
        let before = std::fs::metadata(&path).unwrap().len();
        let mut checkpointer = Checkpointer::start(&path);
        checkpointer.woken -= PAUSE;
        checkpointer.committed();
        drop(checkpointer);
        assert!(std::fs::metadata(&path).unwrap().len() > before + 100_000);
    }

    #[test]
    fn a_database_that_is_gone_is_none_of_its_business() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpointer = Checkpointer::start(&folder.path().join("none.db"));
        checkpointer.woken -= PAUSE;
        checkpointer.committed();
        drop(checkpointer);
        assert!(!folder.path().join("none.db").exists());
    }
}
