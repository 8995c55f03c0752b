//! The only writer: takes what the traffic told, reads it, and saves it in batches, on a thread of its own.
//!
//! Contract: it never calls back to the traffic. What the disk refuses the store's writer keeps, within its bounds, and tries again
//! with every commit; here the refusal is shown until a write succeeds.

mod batch;
mod exchange;
pub(crate) mod reindex;
mod thread;
mod whole;

use crate::analysis::threads::Threads;
use crate::capture::note::{Began, Key, Note, frame};
use crate::capture::queue::{Receiver, Sender, Weight};
use crate::live::{Change, Live};
use crate::reading::TimedEvent;
use exchange::OpenExchange;
pub(crate) use exchange::title;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use store::{Exchange, Filter, Retention, Side, Store, Writer};
use tokio::sync::oneshot;
use uuid::Uuid;
pub(crate) use whole::{Whole, read as read_whole};

/// How long notes gather before they are written together.
const GATHER: Duration = Duration::from_millis(20);

/// A batch is committed at the latest after so many bytes of notes: until then the writer holds a copy of them.
const COMMIT_BYTES: usize = 4 << 20;

/// How long the recorder sleeps when nothing comes and nothing runs, before it tidies up.
const IDLE: Duration = Duration::from_secs(30);

/// How long it sleeps while something runs: what a silent stream brought last is then handed to the disk.
const WATCHFUL: Duration = Duration::from_secs(1);

/// How often it is looked whether the limits of the record are kept.
const PRUNE: Duration = Duration::from_secs(10);

/// How often a running exchange is announced at the most; and, where many run, how often any of them is.
const PROGRESS: Duration = Duration::from_millis(250);
const PROGRESS_OF_ANY: Duration = Duration::from_millis(5);

/// Counts of what could not be recorded, for the page and the log.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Exchanges whose record misses something, since the start.
    pub(crate) incomplete: AtomicU64,
    /// Exchanges that were recorded and had to be given up, since the start: the disk took nothing for too long.
    pub(crate) given_up: AtomicU64,
    trouble: Mutex<Option<Trouble>>,
}

/// Why nothing reaches the disk at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Since when, microseconds since the Unix epoch.
    pub(crate) since_us: i64,
    /// What the store says.
    pub(crate) why: String,
}

impl Health {
    /// Why the last write was refused, if it was.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn report(&self, problem: Option<String>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match (problem, &mut *trouble) {
            (Some(why), Some(known)) => known.why = why,
            (Some(why), none) => {
                tracing::error!(problem = why, "cannot write the record; traffic flows on");
                *none = Some(Trouble { since_us: jiff::Timestamp::now().as_microsecond(), why });
            }
            (None, Some(_)) => {
                tracing::info!("the record is being written again");
                *trouble = None;
            }
            (None, None) => {}
        }
    }
}

/// What is kept at the most, as it was configured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// No exchange older than this.
    pub(crate) age: Option<Duration>,
    /// No more bytes on disk.
    pub(crate) bytes: Option<u64>,
    /// No more exchanges.
    pub(crate) count: Option<u64>,
}

impl Limits {
    /// As of now.
    pub(crate) fn now(self) -> Retention {
        let now = jiff::Timestamp::now().as_microsecond();
        let age = self.age.map(|age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
        Retention { before_us: age.map(|age| now.saturating_sub(age)), count: self.count, bytes: self.bytes }
    }
}

/// Work that only the recorder's thread can do.
type Order = Box<dyn FnOnce(&mut Worker) + Send>;

/// Asks the recorder for what only the writer can do. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Recorder {
    orders: Arc<Mutex<Vec<Order>>>,
    queue: Sender<Note>,
    health: Arc<Health>,
}

impl Recorder {
    /// Starts the recorder's thread. It ends when the queue is closed and everything is written.
    pub(crate) fn start(
        (store, writer): (Store, Writer),
        (queue, notes): (Sender<Note>, Receiver<Note>),
        live: Live,
        limits: Limits,
    ) -> std::io::Result<(Recorder, JoinHandle<()>)> {
        let recorder = Recorder { orders: Arc::default(), queue, health: Arc::default() };
        let worker = Worker {
            writer,
            store,
            threads: Threads::default(),
            live,
            orders: Arc::clone(&recorder.orders),
            health: Arc::clone(&recorder.health),
            open: HashMap::new(),
            trouble: None,
            limits,
            pruned: None,
        };
        let thread =
            std::thread::Builder::new().name("recorder".to_owned()).spawn(move || worker.run(&notes))?;
        Ok((recorder, thread))
    }

    /// What could not be recorded so far.
    pub(crate) fn health(&self) -> &Health {
        &self.health
    }

    /// Returns when all that has come of this exchange can be read from the store.
    pub(crate) async fn flush(&self, id: Uuid) {
        // An error means that the recorder has ended; then everything is written.
        let _ = self.order(move |worker| worker.flush(id)).await;
    }

    /// Deletes every exchange that has ended and that the filter means. Returns how many.
    ///
    /// # Errors
    /// When the store refuses, with the reason for people.
    pub(crate) async fn delete(&self, filter: Filter) -> Result<usize, String> {
        self.order(move |worker| {
            let deleted = worker.writer.delete(&filter).map_err(|error| error.to_string());
            if deleted != Ok(0) {
                worker.live.announce(Change::Cleared);
            }
            deleted
        })
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
        self.order(move |worker| work(&mut worker.writer).map_err(|error| error.to_string())).await?
    }

    /// Keeps an exchange whatever the retention says, or no longer. Returns whether there is one.
    ///
    /// # Errors
    /// When the store refuses, with the reason for people.
    pub(crate) async fn pin(&self, id: Uuid, pinned: bool) -> Result<bool, String> {
        self.order(move |worker| worker.pin(id, pinned).map_err(|error| error.to_string())).await?
    }

    async fn order<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Worker) -> T + Send + 'static,
    ) -> Result<T, String> {
        let (done, wait) = oneshot::channel();
        let order: Order = Box::new(move |worker| {
            // Whoever asked may have gone.
            let _ = done.send(work(worker));
        });
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).push(order);
        self.queue.wake();
        wait.await.map_err(|_| "the recorder has ended".to_owned())
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

struct Worker {
    writer: Writer,
    /// To read earlier calls of a session from.
    store: Store,
    threads: Threads,
    live: Live,
    orders: Arc<Mutex<Vec<Order>>>,
    health: Arc<Health>,
    open: HashMap<Key, Tracked>,
    /// The first refusal of the batch in progress.
    trouble: Option<String>,
    limits: Limits,
    /// When the limits were last seen to be kept.
    pruned: Option<Instant>,
}

/// An open exchange and what the loop remembers about it.
struct Tracked {
    exchange: OpenExchange,
    announced: Instant,
}

impl Worker {
    fn run(mut self, notes: &Receiver<Note>) {
        step_back();
        let mut batch = Vec::new();
        loop {
            notes.take(&mut batch, if self.open.is_empty() { IDLE } else { WATCHFUL }, GATHER);
            let closing = notes.is_closed();
            if batch.is_empty() && !self.has_orders() {
                if closing {
                    break;
                }
                self.tidy();
                continue;
            }
            let mut handled = 0;
            for note in batch.drain(..) {
                handled += note.weight();
                self.handle(note);
                if handled >= COMMIT_BYTES {
                    self.commit();
                    notes.release(std::mem::take(&mut handled));
                }
            }
            self.obey();
            self.commit();
            notes.release(handled);
            self.prune();
        }
        self.commit();
        // Brings the log into the database, so that the folder is as small as it can be.
        let result = self.writer.idle();
        self.store("checkpoint", result);
        self.health.report(self.trouble.take());
        if let Some(Trouble { why: problem, .. }) = self.health.trouble() {
            tracing::error!(problem, "the last exchanges could not be written");
        }
    }

    fn has_orders(&self) -> bool {
        !self.orders.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn obey(&mut self) {
        let orders = std::mem::take(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner));
        if !orders.is_empty() {
            self.commit();
        }
        for order in orders {
            order(self);
        }
    }

    fn flush(&mut self, id: Uuid) {
        let running = self.open.values().find(|tracked| tracked.exchange.row.id == id);
        if let Some(row) = running.map(|tracked| tracked.exchange.row.clone()) {
            let result = self.writer.save(&row);
            self.store("row", result);
        }
        let result = self.writer.flush(id);
        self.store("flush", result);
        self.commit();
    }

    fn pin(&mut self, id: Uuid, pinned: bool) -> Result<bool, store::Error> {
        let found = self.writer.pin(id, pinned)?;
        // What runs is announced again as it is held here.
        if let Some(tracked) = self.open.values_mut().find(|tracked| tracked.exchange.row.id == id) {
            tracked.exchange.row.pinned = pinned;
        }
        Ok(found)
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
                self.store("retention", Err(error));
            }
        }
    }

    fn handle(&mut self, note: Note) {
        let key = note.key();
        let Some(mut tracked) = self.open.remove(&key) else {
            if let Note::Began { key, began } = note {
                self.begin(key, *began);
            }
            return;
        };
        let exchange = &mut tracked.exchange;
        let id = exchange.row.id;
        match note {
            Note::Began { .. } => {}
            Note::RequestBody { data, .. } => {
                exchange.request_body(&data);
                let result = self.writer.append_body(id, Side::Request, &data);
                self.store("body", result);
            }
            Note::RequestEnded { at_us, trailers, .. } => {
                exchange.request_ended(at_us, trailers);
                thread::link_open(&mut self.threads, &self.store, exchange);
                // First who asked: bodies of one session are kept together.
                self.save(&mut tracked);
                let result = self.writer.finish_body(id, Side::Request).map(|_| ());
                self.store("body", result);
                self.announce(&mut tracked);
            }
            Note::Connected { at_us, reused, .. } => exchange.connected(at_us, reused),
            Note::Informational { status, .. } => exchange.row.informational.push(status),
            Note::Answered { at_us, head, .. } => {
                exchange.answered(at_us, *head);
                self.save(&mut tracked);
                self.announce_if_watched(&mut tracked);
            }
            Note::ResponseBody { at_us, data, .. } => self.response_body(&mut tracked, at_us, &data),
            Note::ResponseTrailers { trailers, .. } => exchange.row.response_trailers = trailers,
            Note::Ended { at_us, end, .. } => {
                let from = exchange.row.event_count;
                let fed = exchange.ended(at_us, &end);
                thread::link_open(&mut self.threads, &self.store, exchange);
                thread::judge(&mut self.threads, &mut exchange.row, exchange.usage.as_ref(), exchange.stated);
                self.announce_events(&tracked.exchange.row, from, fed.events);
                self.end(tracked);
                return;
            }
        }
        self.open.insert(key, tracked);
    }

    fn begin(&mut self, key: Key, began: Began) {
        let mut tracked = Tracked { exchange: OpenExchange::new(began), announced: Instant::now() };
        self.save(&mut tracked);
        self.announce(&mut tracked);
        self.open.insert(key, tracked);
    }

    fn response_body(&mut self, tracked: &mut Tracked, at_us: u64, data: &[u8]) {
        let id = tracked.exchange.row.id;
        let from = tracked.exchange.row.event_count;
        let fed = tracked.exchange.response_body(data, at_us);
        let result = self
            .writer
            .append_body(id, Side::Response, data)
            .and_then(|()| self.writer.append_frames(id, &[frame(data, at_us)]));
        self.store("body", result);
        self.announce_events(&tracked.exchange.row, from, fed.events);
        let running = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        if tracked.announced.elapsed() >= PROGRESS.max(PROGRESS_OF_ANY.saturating_mul(running)) {
            self.announce_if_watched(tracked);
        }
    }

    fn end(&mut self, tracked: Tracked) {
        let OpenExchange { row, streamed_text, .. } = tracked.exchange;
        if let Some(text) = streamed_text {
            let result = self.writer.set_text(row.id, Side::Response, text);
            self.store("text", result);
        }
        if !row.capture.complete {
            self.health.incomplete.fetch_add(1, Ordering::Relaxed);
        }
        let result = self.writer.save(&row);
        self.store("row", result);
        self.live.announce(Change::Exchange(Arc::new(row)));
    }

    fn save(&mut self, tracked: &mut Tracked) {
        let result = self.writer.save(&tracked.exchange.row);
        self.store("row", result);
    }

    fn commit(&mut self) {
        let result = self.writer.commit();
        self.store("batch", result);
        self.health.report(self.trouble.take());
        self.health.given_up.store(self.writer.given_up(), Ordering::Relaxed);
    }

    fn tidy(&mut self) {
        self.commit();
        self.prune();
        if !self.open.is_empty() {
            return;
        }
        let result = self.writer.idle();
        self.store("checkpoint", result);
    }

    /// Notes what the store refused; the writer keeps it and tries again.
    fn store(&mut self, what: &str, result: Result<(), store::Error>) {
        if let Err(error) = result {
            self.trouble.get_or_insert_with(|| format!("{what}: {error}"));
        }
    }

    /// Announced whether somebody watches or not: who comes back with a cursor is told of it.
    fn announce(&self, tracked: &mut Tracked) {
        tracked.announced = Instant::now();
        self.live.announce(Change::Exchange(Arc::new(tracked.exchange.row.clone())));
    }

    fn announce_if_watched(&self, tracked: &mut Tracked) {
        if self.live.is_watched() {
            self.announce(tracked);
        }
    }

    fn announce_events(&self, row: &Exchange, from: u64, events: Vec<TimedEvent>) {
        if !events.is_empty() && self.live.is_watched() {
            self.live.announce(Change::Events {
                id: row.id,
                started_us: row.started_us,
                from,
                events: Arc::new(events),
            });
        }
    }
}
