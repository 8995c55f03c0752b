//! Where exchanges go: gathered into steps of a batch, which whoever owns the writer takes one batch at a time.

use super::{ImportError, Imported};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Capture, Exchange, Failure, Filter, Frame, Outcome, Side, Store, Writer};
use uuid::Uuid;

/// Something to write.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// An exchange begins. What an interrupted import left of it goes first.
    Begin { exchange: Arc<Exchange>, replaces: bool },
    /// Bytes of a body of it.
    Body(Arc<Exchange>, Side, Vec<u8>),
    /// Frame times of its answer.
    Frames(Arc<Exchange>, Vec<Frame>),
    /// It is all there.
    End(Arc<Exchange>),
    /// It is kept whatever the retention says.
    Pin(Uuid),
    /// So are all of this session.
    PinSession(String),
}

/// How much is written at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Exchanges.
    pub(crate) exchanges: usize,
    /// Bytes of bodies and frame times.
    pub(crate) bytes: usize,
}

/// Whoever owns the writer.
pub(crate) trait Sink {
    /// How much it takes at once.
    const BATCH: Batch;

    /// Writes these steps in their order, with [`write()`], and commits them.
    ///
    /// # Errors
    /// When the store refuses, with the reason for people.
    fn take(&mut self, steps: Vec<Step>) -> Result<(), String>;
}

/// Nobody else writes: a batch is what compresses well.
impl Sink for Writer {
    const BATCH: Batch = Batch { exchanges: 256, bytes: 16 << 20 };

    fn take(&mut self, steps: Vec<Step>) -> Result<(), String> {
        write(self, &steps).map_err(|error| error.to_string())
    }
}

/// Writes steps and commits them.
///
/// # Errors
/// When the store refuses. What was written stays; the exchange in between is recorded as interrupted, and replaced when its file is
/// imported again.
pub(crate) fn write(writer: &mut Writer, steps: &[Step]) -> Result<(), store::Error> {
    for step in steps {
        step.write(writer).inspect_err(|_| step.give_up(writer))?;
    }
    writer.commit()
}

impl Step {
    fn write(&self, writer: &mut Writer) -> Result<(), store::Error> {
        match self {
            Step::Begin { exchange, replaces } => {
                if *replaces {
                    writer.delete(&Filter::id(exchange.id))?;
                }
                writer.save(&Exchange { outcome: None, ..Exchange::clone(exchange) })
            }
            Step::Body(exchange, side, bytes) => writer.append_body(exchange.id, *side, bytes),
            Step::Frames(exchange, frames) => writer.append_frames(exchange.id, frames),
            Step::End(exchange) => {
                for side in [Side::Request, Side::Response] {
                    writer.finish_body(exchange.id, side)?;
                }
                writer.save(exchange)
            }
            Step::Pin(id) => writer.pin(*id, true).map(|_| ()),
            Step::PinSession(session) => writer.pin_session(session, true).map(|_| ()),
        }
    }

    /// Nobody will go on with it.
    fn give_up(&self, writer: &mut Writer) {
        if let Step::Begin { exchange, .. } | Step::Body(exchange, ..) | Step::Frames(exchange, _) = self {
            let why = "its import ended early";
            let interrupted = Exchange {
                outcome: Some(Outcome::Interrupted),
                capture: Capture { complete: false, reason: Some(why.to_owned()) },
                error: Some(Failure {
                    kind: Outcome::Interrupted.as_str().to_owned(),
                    message: why.to_owned(),
                }),
                ..Exchange::clone(exchange)
            };
            // The writer keeps it and tries again.
            let _ = writer.save(&interrupted);
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Step::Body(_, _, bytes) => bytes.len(),
            Step::Frames(_, frames) => std::mem::size_of_val(frames.as_slice()),
            _ => 0,
        }
    }
}

/// Gathers what is imported.
pub(super) struct Target<'a, S> {
    store: &'a Store,
    sink: &'a mut S,
    pub(super) imported: Imported,
    /// Sessions to pin at the end.
    sessions: BTreeSet<String>,
    steps: Vec<Step>,
    /// Exchanges and bytes in `steps`.
    waiting: (usize, usize),
}

impl<'a, S: Sink> Target<'a, S> {
    pub(super) fn new(store: &'a Store, sink: &'a mut S) -> Target<'a, S> {
        Target {
            store,
            sink,
            imported: Imported::default(),
            sessions: BTreeSet::new(),
            steps: Vec::new(),
            waiting: (0, 0),
        }
    }

    /// Begins an exchange, unless it is there already. Then its bodies and frames may follow, and [`Target::end`] has to.
    pub(super) fn begin(&mut self, mut exchange: Exchange) -> Result<Option<Arc<Exchange>>, ImportError> {
        let interrupted = Some(Outcome::Interrupted);
        let mut replaces = false;
        if let Some(there) = self.store.get(exchange.id)? {
            // An exchange of which the file knows the end, and we do not, is what an import that was killed has left.
            replaces = there.outcome == interrupted && exchange.outcome != interrupted;
            if !replaces {
                self.imported.skipped += 1;
                if exchange.pinned && !there.pinned {
                    self.push(Step::Pin(exchange.id))?;
                }
                return Ok(None);
            }
            exchange.pinned |= there.pinned;
        }
        let exchange = Arc::new(exchange);
        self.push(Step::Begin { exchange: Arc::clone(&exchange), replaces })?;
        Ok(Some(exchange))
    }

    pub(super) fn body(
        &mut self,
        exchange: &Arc<Exchange>,
        side: Side,
        bytes: &[u8],
    ) -> Result<(), ImportError> {
        bytes
            .chunks(S::BATCH.bytes)
            .try_for_each(|bytes| self.push(Step::Body(Arc::clone(exchange), side, bytes.to_vec())))
    }

    pub(super) fn frames(&mut self, exchange: &Arc<Exchange>, frames: &[Frame]) -> Result<(), ImportError> {
        self.push(Step::Frames(Arc::clone(exchange), frames.to_vec()))
    }

    pub(super) fn end(&mut self, exchange: &Arc<Exchange>) -> Result<(), ImportError> {
        self.imported.added += 1;
        self.waiting.0 += 1;
        self.push(Step::End(Arc::clone(exchange)))?;
        if exchange.pinned { self.push(Step::Pin(exchange.id)) } else { Ok(()) }
    }

    /// All exchanges of this session are to be pinned, those to come too.
    pub(super) fn pin_session(&mut self, session: &str) {
        if !self.sessions.contains(session) {
            self.sessions.insert(session.to_owned());
        }
    }

    /// The file has no more.
    pub(super) fn finish(mut self) -> Result<Imported, ImportError> {
        let sessions = std::mem::take(&mut self.sessions);
        sessions.into_iter().try_for_each(|session| self.push(Step::PinSession(session)))?;
        self.flush()?;
        Ok(self.imported)
    }

    fn push(&mut self, step: Step) -> Result<(), ImportError> {
        self.waiting.1 += step.bytes();
        self.steps.push(step);
        let (exchanges, bytes) = self.waiting;
        if exchanges >= S::BATCH.exchanges || bytes >= S::BATCH.bytes { self.flush() } else { Ok(()) }
    }

    /// Hands over what was gathered.
    fn flush(&mut self) -> Result<(), ImportError> {
        self.waiting = (0, 0);
        let steps = std::mem::take(&mut self.steps);
        if steps.is_empty() { Ok(()) } else { self.sink.take(steps).map_err(ImportError::Store) }
    }
}
