//! Reads what the traffic told: keeps the exchanges that are open, announces them, and says what is to be written.

use super::conversations::Conversations;
use super::courtesy::Courtesy;
use super::exchange::OpenExchange;
use super::health::Health;
use super::redaction::Redaction;
use super::scribe::{Batch, Work};
use super::{Order, step_back, thread};
use crate::analysis::threads::Threads;
use crate::capture::note::{Began, Ended, Key, Note};
use crate::capture::queue::{Receiver, Weight};
use crate::contain::{contain, rehearse};
use crate::live::{Change, Live};
use crate::metrics::Metrics;
use crate::reading::TimedEvent;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::{Exchange, LONGEST_PREPARED, Outcome, Prepared, Side, Store, Words};
use uuid::Uuid;

/// How long notes gather before they are written together.
const GATHER: Duration = Duration::from_millis(20);

/// What was read is handed over at the latest after so many bytes of notes, so that it is written while more is read;
const HAND_OVER_BYTES: usize = 256 << 10;

/// and committed after so many: until then the writer holds a copy of them.
const COMMIT_BYTES: usize = 4 << 20;

/// A request of more bytes may be written in parts before the batch ends: by then it is known whose it is.
const BARE: u64 = 256 << 10;

/// How long the recorder sleeps when nothing comes and nothing runs, before it tidies up.
const IDLE: Duration = Duration::from_secs(30);

/// How long it sleeps while something runs: what a silent stream brought last is then handed to the disk.
const WATCHFUL: Duration = Duration::from_secs(1);

/// How often a running exchange is announced at the most; and, where many run, how often any of them is.
const PROGRESS: Duration = Duration::from_millis(250);
const PROGRESS_OF_ANY: Duration = Duration::from_millis(5);

/// The thread that reads.
pub(super) struct Reader {
    open: HashMap<Key, Tracked>,
    desk: Desk,
    batches: SyncSender<Batch>,
}

/// An open exchange and what is remembered about it.
struct Tracked {
    exchange: OpenExchange,
    announced: Instant,
    /// Takes keys out of its bodies, where that is asked for.
    redaction: Option<Box<Redaction>>,
    /// What the scribe and those who watch have not been told of it; told with the batch.
    unsaved: bool,
    unannounced: bool,
}

/// All that reading needs beside the exchange at hand.
struct Desk {
    /// To read earlier calls of a session from.
    store: Store,
    threads: Threads,
    conversations: Conversations,
    live: Live,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    /// What looks like a key is taken out of bodies.
    redacts: bool,
    /// How many exchanges are open.
    running: usize,
    /// The batch in progress.
    work: Vec<Work>,
    /// Exchanges with something untold.
    changed: Vec<Key>,
}

impl Reader {
    pub(super) fn new(
        store: Store,
        live: Live,
        (health, metrics): (Arc<Health>, Arc<Metrics>),
        batches: SyncSender<Batch>,
        redacts: bool,
    ) -> Reader {
        let desk = Desk {
            store,
            threads: Threads::default(),
            conversations: Conversations::default(),
            live,
            health,
            metrics,
            redacts,
            running: 0,
            work: Vec::new(),
            changed: Vec::new(),
        };
        Reader { open: HashMap::new(), desk, batches }
    }

    pub(super) fn run(mut self, notes: &Receiver<Note>, orders: &Mutex<Vec<Order>>) {
        step_back();
        let mut courtesy = Courtesy::new();
        let mut batch = Vec::new();
        loop {
            notes.take(&mut batch, if self.open.is_empty() { IDLE } else { WATCHFUL }, GATHER);
            let closing = notes.is_closed();
            let orders = std::mem::take(&mut *orders.lock().unwrap_or_else(PoisonError::into_inner));
            if batch.is_empty() && orders.is_empty() {
                if closing {
                    break;
                }
                self.send(Batch::Tidy { at_rest: self.open.is_empty() });
                continue;
            }
            let (mut handled, mut uncommitted) = (0, 0);
            for note in batch.drain(..) {
                handled += note.weight();
                self.handle(note);
                if handled >= HAND_OVER_BYTES {
                    uncommitted += handled;
                    let commit = uncommitted >= COMMIT_BYTES;
                    self.hand_over(std::mem::take(&mut handled), commit);
                    uncommitted = if commit { 0 } else { uncommitted };
                    courtesy.show(notes.is_filling());
                }
            }
            for order in orders {
                // Whoever gave it is told by its silence.
                let _ = contain(|| order(&mut self));
            }
            self.hand_over(handled, true);
        }
    }

    /// Adds to the batch in progress.
    pub(super) fn pass_on(&mut self, work: Work) {
        self.tell_changed();
        self.desk.work.push(work);
    }

    /// Makes the scribe write what is known of a running exchange.
    pub(super) fn show(&mut self, id: Uuid) {
        if let Some(tracked) = self.open.values().find(|tracked| tracked.exchange.row.id == id) {
            self.desk.work.push(Work::Save(Arc::new(tracked.exchange.row.clone())));
        }
    }

    /// What runs is saved again as it is held here.
    pub(super) fn pin(&mut self, id: Uuid, pinned: bool) {
        if let Some(tracked) = self.open.values_mut().find(|tracked| tracked.exchange.row.id == id) {
            tracked.exchange.row.pinned = pinned;
        }
    }

    fn handle(&mut self, note: Note) {
        let key = note.key();
        match note {
            Note::Began { began, .. } => {
                if let Some(tracked) = contain(|| self.desk.begin(key, *began)) {
                    self.open.insert(key, tracked);
                } else {
                    self.desk.health.incomplete.fetch_add(1, Ordering::Relaxed);
                }
            }
            Note::Ended { at_us, end, .. } => {
                if let Some(tracked) = self.open.remove(&key) {
                    self.desk.end(tracked, at_us, &end);
                }
            }
            note => {
                let Some(tracked) = self.open.get_mut(&key) else { return };
                if contain(|| self.desk.take(key, tracked, note)).is_none() {
                    tracked.exchange.give_up_reading();
                }
            }
        }
        self.desk.running = self.open.len();
        self.desk.health.running.store(self.open.len() as u64, Ordering::Relaxed);
    }

    /// Gives what was read to the scribe. Waits while he has enough to write.
    fn hand_over(&mut self, weight: usize, commit: bool) {
        if commit {
            self.tell_changed();
        }
        let work = std::mem::take(&mut self.desk.work);
        self.send(Batch::Write { work, weight, commit });
    }

    fn send(&self, batch: Batch) {
        if self.batches.send(batch).is_err() {
            // He has ended, which he never does before us: nothing more can be recorded.
            self.desk.health.report(Some("the thread that writes has ended".to_owned()));
        }
    }

    fn tell_changed(&mut self) {
        for key in std::mem::take(&mut self.desk.changed) {
            // What has ended meanwhile was told.
            if let Some(tracked) = self.open.get_mut(&key) {
                self.desk.tell(tracked);
            }
        }
    }
}

impl Desk {
    fn begin(&mut self, key: Key, mut began: Began) -> Tracked {
        let mut redaction = self.redacts.then(Box::<Redaction>::default);
        if let Some(redaction) = &mut redaction {
            redaction.begin_request(&mut began.headers);
        }
        let exchange = OpenExchange::new(began);
        let tracked =
            Tracked { exchange, announced: Instant::now(), redaction, unsaved: true, unannounced: true };
        // Its bytes may come next, and whoever writes them must know it. All that is known of it follows with the batch, unless it has
        // ended by then.
        let Exchange { id, started_us, capture, .. } = &tracked.exchange.row;
        let (id, started_us, capture) = (*id, *started_us, capture.clone());
        let bare = Exchange { id, started_us, capture, ..Exchange::default() };
        self.work.push(Work::Save(Arc::new(bare)));
        self.changed.push(key);
        tracked
    }

    /// Bytes are passed on before they are read: a defect in reading loses none.
    fn take(&mut self, key: Key, tracked: &mut Tracked, note: Note) {
        if tracked.unsaved && tracked.exchange.row.request_bytes > BARE {
            self.tell(tracked);
        }
        let exchange = &mut tracked.exchange;
        let id = exchange.row.id;
        match note {
            Note::Began { .. } | Note::Ended { .. } => {}
            Note::RequestBody { mut data, .. } => {
                if let Some(redaction) = &mut tracked.redaction {
                    data = redaction.request(&data);
                }
                exchange.request_body(&data);
                self.work.push(Work::Request { id, data });
            }
            Note::RequestEnded { at_us, trailers, .. } => {
                if let Some(redaction) = &mut tracked.redaction {
                    let data = redaction.end_request();
                    exchange.request_body(&data);
                    exchange.row.redacted = redaction.changes();
                    self.work.push(Work::Request { id, data });
                }
                self.mark(key, tracked, true);
                rehearse("read");
                tracked.exchange.request_ended(at_us, trailers, &mut self.conversations);
                // After a defect it is finished with the exchange.
                let prepared = tracked.exchange.prepared.take();
                self.work.push(Work::Finish { id, side: Side::Request, prepared });
                thread::link_open(&mut self.threads, &self.store, &mut tracked.exchange);
            }
            Note::Connected { at_us, reused, .. } => exchange.connected(at_us, reused),
            Note::Informational { status, .. } => exchange.row.informational.push(status),
            Note::Answered { at_us, mut head, .. } => {
                if let Some(redaction) = &mut tracked.redaction {
                    redaction.begin_response(&mut head.headers);
                }
                exchange.answered(at_us, *head);
                let watched = self.live.is_watched();
                self.mark(key, tracked, watched);
            }
            Note::ResponseBody { at_us, mut data, .. } => {
                if let Some(redaction) = &mut tracked.redaction {
                    data = redaction.response(&data);
                }
                self.response_body(tracked, at_us, data);
            }
            Note::ResponseTrailers { trailers, .. } => exchange.row.response_trailers = trailers,
        }
    }

    fn response_body(&mut self, tracked: &mut Tracked, at_us: u64, data: Vec<u8>) {
        if data.is_empty() {
            return;
        }
        let id = tracked.exchange.row.id;
        let from = tracked.exchange.row.event_count;
        self.work.push(Work::Response { id, data, at_us });
        let Some(Work::Response { data, .. }) = self.work.last() else { return };
        let fed = tracked.exchange.response_body(data, at_us);
        self.announce_events(tracked, from, fed.events);
        let running = u32::try_from(self.running).unwrap_or(u32::MAX);
        if self.live.is_watched()
            && tracked.announced.elapsed() >= PROGRESS.max(PROGRESS_OF_ANY.saturating_mul(running))
        {
            tracked.announced = Instant::now();
            self.announce(Arc::new(tracked.exchange.row.clone()));
        }
    }

    fn end(&mut self, mut tracked: Tracked, at_us: u64, end: &Ended) {
        if contain(|| self.read_end(&mut tracked, at_us, end)).is_none() {
            tracked.exchange.give_up_reading();
            let _ = contain(|| tracked.exchange.ended(at_us, end, &mut Conversations::default()));
            tracked.exchange.row.outcome.get_or_insert(Outcome::Interrupted);
        }
        let _ = contain(|| self.close(tracked));
    }

    fn read_end(&mut self, tracked: &mut Tracked, at_us: u64, end: &Ended) {
        rehearse("end");
        if let Some(redaction) = &mut tracked.redaction {
            let (request, answer) = (redaction.end_request(), redaction.end_response());
            tracked.exchange.row.redacted = redaction.changes();
            let id = tracked.exchange.row.id;
            // Nothing, unless it ended before its request had.
            if !request.is_empty() {
                tracked.exchange.request_body(&request);
                self.work.push(Work::Request { id, data: request });
            }
            self.response_body(tracked, at_us, answer);
        }
        let exchange = &mut tracked.exchange;
        let from = exchange.row.event_count;
        let fed = exchange.ended(at_us, end, &mut self.conversations);
        thread::link_open(&mut self.threads, &self.store, exchange);
        thread::judge(&mut self.threads, &mut exchange.row, exchange.usage.as_ref(), exchange.stated);
        self.announce_events(tracked, from, fed.events);
    }

    fn close(&mut self, tracked: Tracked) {
        let OpenExchange { row, streamed_text, json, .. } = tracked.exchange;
        if let Some(body) = json.filter(|body| body.len() <= LONGEST_PREPARED) {
            let prepared = Some(Arc::new(Prepared::new(&body, None)));
            self.work.push(Work::Finish { id: row.id, side: Side::Response, prepared });
        }
        if let Some(text) = streamed_text {
            self.work.push(Work::Says { id: row.id, words: Words::of(&text) });
        }
        if !row.capture.complete {
            self.health.incomplete.fetch_add(1, Ordering::Relaxed);
        }
        self.metrics.ended(&row);
        let row = Arc::new(row);
        self.work.push(Work::Save(Arc::clone(&row)));
        self.announce(row);
    }

    /// Remembers to tell of it with the batch: what changes often within one is told once.
    fn mark(&mut self, key: Key, tracked: &mut Tracked, announce: bool) {
        if !tracked.unsaved && !tracked.unannounced {
            self.changed.push(key);
        }
        tracked.unsaved = true;
        tracked.unannounced |= announce;
    }

    fn tell(&mut self, tracked: &mut Tracked) {
        if !tracked.unsaved && !tracked.unannounced {
            return;
        }
        let row = Arc::new(tracked.exchange.row.clone());
        if std::mem::take(&mut tracked.unsaved) {
            self.work.push(Work::Save(Arc::clone(&row)));
        }
        if std::mem::take(&mut tracked.unannounced) {
            tracked.announced = Instant::now();
            self.announce(row);
        }
    }

    /// Whether somebody watches or not: who comes back with a cursor is told of it.
    fn announce(&self, row: Arc<Exchange>) {
        self.live.announce(Change::Exchange(row));
    }

    fn announce_events(&mut self, tracked: &mut Tracked, from: u64, events: Vec<TimedEvent>) {
        if events.is_empty() || !self.live.is_watched() {
            return;
        }
        // Nobody is told what an exchange says before it is told that there is one.
        self.tell(tracked);
        let Exchange { id, started_us, .. } = tracked.exchange.row;
        self.live.announce(Change::Events { id, started_us, from, events: Arc::new(events) });
    }
}
