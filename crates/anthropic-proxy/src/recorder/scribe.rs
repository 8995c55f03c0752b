//! Writes what the reader made of the traffic: a batch at a time, each with one commit.

use super::health::{Health, Trouble};
use super::limits::Limits;
use super::step_back;
use crate::capture::note::{Note, frame};
use crate::capture::queue::Receiver;
use crate::contain::{contain, rehearse};
use crate::live::Live;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use store::{Capture, Exchange, Prepared, Side, Words, Writer};
use uuid::Uuid;

/// How often it is looked whether the limits of the record are kept.
const PRUNE: Duration = Duration::from_secs(10);

/// How long to wait before what could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Batches that wait for it at the most.
const AHEAD: usize = 12;

/// One thing to write.
pub(super) enum Work {
    /// An exchange as it is now; the first of it comes before its bytes.
    Save(Arc<Exchange>),
    /// What came of the request's body.
    Request { id: Uuid, data: Vec<u8> },
    /// What one read brought of the answer's body.
    Response { id: Uuid, data: Vec<u8>, at_us: u64 },
    /// A body has come to its end. What of writing it the reader has done.
    Finish { id: Uuid, side: Side, prepared: Option<Arc<Prepared>> },
    /// What a streamed answer says, for search.
    Says { id: Uuid, words: Words },
    /// Something that somebody asked for, when all before it is committed.
    Do(Box<dyn FnOnce(&mut Scribe) + Send>),
}

impl Work {
    /// The exchange it is about.
    fn id(&self) -> Option<Uuid> {
        match self {
            Work::Save(exchange) => Some(exchange.id),
            Work::Request { id, .. }
            | Work::Response { id, .. }
            | Work::Finish { id, .. }
            | Work::Says { id, .. } => Some(*id),
            Work::Do(_) => None,
        }
    }
}

/// What is written together.
pub(super) enum Batch {
    /// In this order. It takes so many bytes of the queue's bound until it is written. It is committed with it, if it says so, or with a later one.
    Write { work: Vec<Work>, weight: usize, commit: bool },
    /// Nothing has come for a while; `at_rest`: and nothing runs.
    Tidy { at_rest: bool },
}

/// The thread that writes.
pub(super) struct Scribe {
    pub(super) writer: Writer,
    pub(super) live: Live,
    health: Arc<Health>,
    /// The first refusal of the batch in progress.
    trouble: Option<String>,
    /// Exchanges of which a defect of ours kept something from being written.
    damaged: HashSet<Uuid>,
    limits: Limits,
    /// When the limits were last seen to be kept.
    pruned: Option<Instant>,
}

impl Scribe {
    pub(super) fn new(writer: Writer, live: Live, health: Arc<Health>, limits: Limits) -> Scribe {
        Scribe { writer, live, health, trouble: None, damaged: HashSet::new(), limits, pruned: None }
    }

    /// Starts the thread. It takes a few batches ahead, and ends when nobody holds the sender any more.
    pub(super) fn start(
        mut self,
        notes: Arc<Receiver<Note>>,
    ) -> std::io::Result<(SyncSender<Batch>, JoinHandle<()>)> {
        let (sender, batches) = mpsc::sync_channel(AHEAD);
        let thread = std::thread::Builder::new().name("scribe".to_owned()).spawn(move || {
            step_back();
            let mut held = 0;
            loop {
                match self.next(&batches) {
                    Ok(Batch::Write { work, weight, commit }) => {
                        self.write(work);
                        // A little stays until the commit: nothing waits means that all is safe.
                        notes.release(std::mem::replace(&mut held, weight));
                        if commit {
                            self.contained(Scribe::commit);
                            notes.release(std::mem::take(&mut held));
                            self.contained(Scribe::prune);
                        }
                    }
                    Ok(Batch::Tidy { at_rest }) => self.contained(|scribe| scribe.tidy(at_rest)),
                    Err(RecvTimeoutError::Timeout) => self.contained(Scribe::commit),
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            self.contained(Scribe::end);
        })?;
        Ok((sender, thread))
    }

    /// The next batch. What could not be written is tried again after a while, also when nothing more comes.
    fn next(&self, batches: &mpsc::Receiver<Batch>) -> Result<Batch, RecvTimeoutError> {
        match self.health.trouble() {
            Some(_) => batches.recv_timeout(AGAIN),
            None => batches.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn write(&mut self, works: Vec<Work>) {
        for work in works {
            let id = work.id();
            if contain(|| self.one(work)).is_none() {
                self.damaged.extend(id);
            }
        }
    }

    /// What a defect kept from being done is seen to with the next batch.
    fn contained(&mut self, work: impl FnOnce(&mut Scribe)) {
        if contain(|| work(self)).is_none() {
            self.health.report(Some("a defect of this program; the log says where".to_owned()));
        }
    }

    fn one(&mut self, work: Work) {
        match work {
            Work::Save(exchange) => {
                let exchange = self.as_it_is(exchange);
                let result = self.writer.keep(exchange);
                self.note("row", result);
            }
            Work::Request { id, data } => {
                rehearse("append");
                let result = self.writer.append_body(id, Side::Request, &data);
                self.note("body", result);
            }
            Work::Response { id, data, at_us } => {
                let result = self
                    .writer
                    .append_body(id, Side::Response, &data)
                    .and_then(|()| self.writer.append_frames(id, &[frame(&data, at_us)]));
                self.note("body", result);
            }
            Work::Finish { id, side, prepared } => {
                let result = match prepared {
                    Some(prepared) => self.writer.finish_prepared(id, side, prepared),
                    None => self.writer.finish_body(id, side),
                };
                self.note("body", result.map(|_| ()));
            }
            Work::Says { id, words } => {
                let result = self.writer.set_words(id, Side::Response, words);
                self.note("words", result);
            }
            Work::Do(work) => {
                self.commit();
                work(self);
            }
        }
    }

    /// With the mark of what was not written, if so.
    fn as_it_is(&mut self, mut exchange: Arc<Exchange>) -> Arc<Exchange> {
        if exchange.outcome.is_some() && self.damaged.remove(&exchange.id) {
            if exchange.capture.complete {
                self.health.incomplete.fetch_add(1, Ordering::Relaxed);
            }
            let reason = "a defect of the proxy kept a part from being written".to_owned();
            Arc::make_mut(&mut exchange).capture = Capture { complete: false, reason: Some(reason) };
        }
        exchange
    }

    pub(super) fn flush(&mut self, id: Uuid) {
        let result = self.writer.flush(id);
        self.note("flush", result);
        self.commit();
    }

    /// Deletes a little of what the limits do not allow, now and then.
    fn prune(&mut self) {
        let limits = self.limits.now();
        if limits.is_unlimited() || self.pruned.is_some_and(|last| last.elapsed() < PRUNE) {
            return;
        }
        match self.writer.prune(&limits) {
            Ok(0) => self.pruned = Some(Instant::now()),
            Ok(_) => {}
            Err(error) => {
                self.pruned = Some(Instant::now());
                self.note("retention", Err(error));
            }
        }
    }

    fn commit(&mut self) {
        rehearse("commit");
        let result = self.writer.commit();
        self.note("batch", result);
        self.health.report(self.trouble.take());
        self.health.given_up.store(self.writer.given_up(), Ordering::Relaxed);
    }

    fn tidy(&mut self, at_rest: bool) {
        self.commit();
        self.prune();
        if at_rest {
            let result = self.writer.idle();
            self.note("checkpoint", result);
        }
    }

    fn end(&mut self) {
        self.commit();
        // Brings the log into the database, so that the folder is as small as it can be.
        let result = self.writer.idle();
        self.note("checkpoint", result);
        self.health.report(self.trouble.take());
        if let Some(Trouble { why: problem, .. }) = self.health.trouble() {
            tracing::error!(problem, "the last exchanges could not be written");
        }
    }

    /// Notes what the store refused; the writer keeps it and tries again.
    fn note(&mut self, what: &str, result: Result<(), store::Error>) {
        if let Err(error) = result {
            self.trouble.get_or_insert_with(|| format!("{what}: {error}"));
        }
    }
}
