//! Derives every column anew from the bytes, and the search index with it; resumable, a stretch at a time.

use super::exchange::{Again, read_again};
use super::thread;
use crate::analysis::threads::Threads;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use store::{Exchange, Side, Store, Writer};
use utoipa::ToSchema;

/// The name under which the store remembers how far it has come.
const TASK: &str = "reindex";

/// Exchanges of one stretch.
const STRETCH: usize = 50;

/// How far it has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Progress {
    /// Exchanges read, those of an earlier, interrupted run included.
    pub(crate) done: u64,
    /// Exchanges there are.
    pub(crate) total: u64,
    /// Exchanges of this run whose columns were not what their bytes say.
    pub(crate) changed: u64,
    /// All is done.
    pub(crate) finished: bool,
}

/// What one exchange is to become.
pub(crate) struct Reread {
    exchange: Exchange,
    changed: bool,
    text: Option<String>,
}

/// A run over all exchanges. [`Run::read`] needs only the store; [`Run::write`] the writer.
#[derive(Default)]
pub(crate) struct Run {
    after: Option<i64>,
    seen: HashSet<i64>,
    progress: Progress,
    threads: Threads,
}

impl Run {
    /// Reads the next stretch, after what an interrupted run has done.
    ///
    /// # Errors
    /// When the store cannot be read. What is damaged is left as it is.
    pub(crate) fn read(&mut self, store: &Store) -> Result<Vec<Reread>, store::Error> {
        let after = match self.after {
            Some(after) => after,
            None => store.progress(TASK)?.unwrap_or(0),
        };
        let stretch = store.stretch(after, STRETCH)?;
        self.after = Some(stretch.next.unwrap_or(after));
        self.progress.done = stretch.done;
        self.progress.total = stretch.total;
        self.progress.finished = stretch.next.is_none();
        let mut reread = Vec::new();
        for stored in stretch.exchanges {
            let bodies = [Side::Request, Side::Response].map(|side| store.body(stored.id, side));
            let ([Ok(request), Ok(response)], Ok(frames)) = (bodies, store.frames(stored.id)) else {
                continue;
            };
            let bytes = |body: Option<store::Body>| body.map(|body| body.bytes).unwrap_or_default();
            let again = read_again(&stored, &bytes(request), &bytes(response), &frames);
            let Again { mut exchange, text, outline, usage, stated } = again;
            if let Some(outline) = outline {
                thread::link(&mut self.threads, store, &mut exchange, &outline);
                thread::judge(&mut self.threads, &mut exchange, usage.as_ref(), stated);
            }
            let changed = exchange != stored;
            self.progress.changed += u64::from(changed);
            reread.push(Reread { exchange, changed, text });
        }
        Ok(reread)
    }

    /// Writes what was read. Returns how far the run has come.
    ///
    /// # Errors
    /// When the store refuses; what was written before stays.
    pub(crate) fn write(&mut self, writer: &mut Writer, reread: &[Reread]) -> Result<Progress, store::Error> {
        for one in reread {
            if one.changed {
                writer.save(&one.exchange)?;
            }
            writer.index_again(one.exchange.id, Side::Request, None, &mut self.seen)?;
            writer.index_again(one.exchange.id, Side::Response, one.text.as_deref(), &mut self.seen)?;
        }
        writer.set_progress(TASK, self.after.filter(|_| !self.progress.finished))?;
        writer.commit()?;
        Ok(self.progress)
    }
}
