//! The only writer: takes what the traffic told, reads it, and saves it in batches, on two threads of its own.
//!
//! The [`reader`] makes rows of notes and hands them to the [`scribe`], who writes them. Contract: neither calls back to the traffic.
//! What the disk refuses the store's writer keeps, within its bounds, and tries again with every commit; here the refusal is shown
//! until a write succeeds. A defect of our own costs the exchange in which it shows what could not be read; it is counted and shown.

mod batch;
mod conversations;
mod courtesy;
mod exchange;
mod health;
mod limits;
mod reader;
mod redaction;
pub(crate) mod reindex;
mod scribe;
mod thread;
mod whole;

use crate::capture::note::Note;
use crate::capture::queue::{Receiver, Sender};
use crate::live::{Change, Live};
use crate::metrics::Metrics;
pub(crate) use exchange::title;
pub(crate) use health::Health;
pub(crate) use limits::Limits;
use reader::Reader;
use scribe::{Scribe, Work};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use store::{Filter, Store, Writer};
use tokio::sync::oneshot;
use uuid::Uuid;
pub(crate) use whole::{Whole, read as read_whole};

/// Work that only the recorder's threads can do: begun by the reader, between two batches.
type Order = Box<dyn FnOnce(&mut Reader) + Send>;

/// Asks the recorder for what only the writer can do. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Recorder {
    orders: Arc<Mutex<Vec<Order>>>,
    queue: Sender<Note>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
}

impl Recorder {
    /// Starts the recorder's threads; `redacts`: what looks like a key is taken out of bodies. Both have ended, with everything written, when the handle's has: after the queue was closed.
    pub(crate) fn start(
        (store, writer): (Store, Writer),
        (queue, notes): (Sender<Note>, Receiver<Note>),
        live: Live,
        (limits, redacts): (Limits, bool),
    ) -> std::io::Result<(Recorder, JoinHandle<()>)> {
        let recorder =
            Recorder { orders: Arc::default(), queue, health: Arc::default(), metrics: Arc::default() };
        let notes = Arc::new(notes);
        let scribe = Scribe::new(writer, live.clone(), Arc::clone(&recorder.health), limits);
        let (batches, thread) = scribe.start(Arc::clone(&notes))?;
        let counts = (Arc::clone(&recorder.health), Arc::clone(&recorder.metrics));
        let reader = Reader::new(store, live, counts, batches, redacts);
        let orders = Arc::clone(&recorder.orders);
        let thread = std::thread::Builder::new().name("reader".to_owned()).spawn(move || {
            reader.run(&notes, &orders);
            // It ends by itself when the reader has; a panic of its own was told.
            let _ = thread.join();
        })?;
        Ok((recorder, thread))
    }

    /// What ended since the start, in figures.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What could not be recorded so far.
    pub(crate) fn health(&self) -> &Health {
        &self.health
    }

    /// Returns when all that has come of this exchange can be read from the store.
    pub(crate) async fn flush(&self, id: Uuid) {
        // An error means that the recorder has ended; then everything is written.
        let _ = self.order(move |reader| reader.show(id), move |scribe| scribe.flush(id)).await;
    }

    /// Deletes every exchange that has ended and that the filter means. Returns how many.
    ///
    /// # Errors
    /// When the store refuses, with the reason for people.
    pub(crate) async fn delete(&self, filter: Filter) -> Result<usize, String> {
        self.order(
            |_| (),
            move |scribe| {
                let deleted = scribe.writer.delete(&filter).map_err(|error| error.to_string());
                if deleted != Ok(0) {
                    scribe.live.announce(Change::Cleared);
                }
                deleted
            },
        )
        .await?
    }

    /// Does something with the writer, between two batches. What takes long holds up the record: do it in small steps.
    ///
    /// # Errors
    /// When the store refuses, with the reason for people.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, store::Error> + Send + 'static,
    ) -> Result<T, String> {
        self.order(|_| (), move |scribe| work(&mut scribe.writer).map_err(|error| error.to_string())).await?
    }

    /// Keeps an exchange whatever the retention says, or no longer. Returns whether there is one.
    ///
    /// # Errors
    /// When the store refuses, with the reason for people.
    pub(crate) async fn pin(&self, id: Uuid, pinned: bool) -> Result<bool, String> {
        self.order(
            move |reader| reader.pin(id, pinned),
            move |scribe| scribe.writer.pin(id, pinned).map_err(|error| error.to_string()),
        )
        .await?
    }

    /// Lets the reader prepare something, and the scribe do it when all that came before is committed.
    async fn order<T: Send + 'static>(
        &self,
        prepare: impl FnOnce(&mut Reader) + Send + 'static,
        work: impl FnOnce(&mut Scribe) -> T + Send + 'static,
    ) -> Result<T, String> {
        let (done, wait) = oneshot::channel();
        let order: Order = Box::new(move |reader| {
            prepare(reader);
            reader.pass_on(Work::Do(Box::new(move |scribe| {
                // Whoever asked may have gone.
                let _ = done.send(work(scribe));
            })));
        });
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).push(order);
        self.queue.wake();
        wait.await.map_err(|_| "the recorder could not do it: it has ended, or met a defect".to_owned())
    }

    /// Tells the recorder that no more notes will come.
    pub(crate) fn close(&self) {
        self.queue.close();
    }
}

/// How much less of a busy processor the recorder gets than the traffic, in the system's steps: a third.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

/// Lets the traffic go first where both want the processor. On Linux each thread has a priority of its own.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "the recorder keeps the priority of the traffic");
    }
}
