//! Bundles: first the hash over the file, then everything restored and compared, and only then written.

use super::layout::record::{self, Head, Part, Record, Seal, Sum};
use super::layout::{HASH, MAGIC, WINDOW_LOG};
use super::pieces::Pieces;
use super::{ImportError, Progress, Sink, Target, unreadable};
use std::collections::HashSet;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use store::{Capture, Exchange, Failure, Frame, Outcome, Side};
use zstd::stream::read::Decoder;

/// Bytes after which progress is told.
const STEP: u64 = 4 << 20;

/// A bundle of which everything could be restored.
pub(crate) struct Checked {
    pieces: Pieces,
    length: u64,
}

/// Reads a bundle through that begins as one should.
pub(super) fn check<F: Read + Seek>(
    file: &mut F,
    folder: Option<&Path>,
    progress: &mut Progress<'_>,
) -> Result<Checked, ImportError> {
    let length = file.seek(SeekFrom::End(0)).map_err(|error| unreadable(&error))?;
    if length < (MAGIC.len() + HASH) as u64 {
        return Err(damaged("it ends early"));
    }
    let end = length - HASH as u64;
    check_hash(file, end)?;
    progress(length / 4, length);
    let mut pieces = Pieces::new(folder).map_err(|error| no_room(&error))?;
    let mut check = Check::new(&mut pieces);
    walk(file, end, &mut check, &mut |done| progress(length / 4 + done / 4, length))?;
    Ok(Checked { pieces, length })
}

impl Checked {
    /// Writes what is not there yet.
    pub(super) fn write<F: Read + Seek, S: Sink>(
        mut self,
        file: &mut F,
        target: &mut Target<'_, S>,
        progress: &mut Progress<'_>,
    ) -> Result<(), ImportError> {
        let length = self.length;
        let mut write = Write { pieces: &mut self.pieces, target, running: None, bytes: Vec::new() };
        let end = length - HASH as u64;
        walk(file, end, &mut write, &mut |done| progress(length / 2 + done / 2, length))?;
        progress(length, length);
        Ok(())
    }
}

fn check_hash<F: Read + Seek>(file: &mut F, end: u64) -> Result<(), ImportError> {
    file.seek(SeekFrom::Start(0)).map_err(|error| unreadable(&error))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    let mut hashed = file.by_ref().take(end);
    loop {
        match hashed.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(&error)),
        };
    }
    let mut expected = [0; HASH];
    file.read_exact(&mut expected).map_err(|error| unreadable(&error))?;
    // Compared in constant time by the type, which costs nothing here.
    if hasher.finalize() == expected {
        Ok(())
    } else {
        Err(damaged("its bytes are not those that were written, or it was cut"))
    }
}

/// What is done with the records, in their order.
trait Visitor {
    fn head(&mut self, head: &Head);
    fn piece(&mut self, key: [u8; 16], bytes: &[u8]) -> Result<(), ImportError>;
    fn exchange(&mut self, exchange: Exchange, pinned_session: bool) -> Result<(), ImportError>;
    fn frames(&mut self, frames: &[Frame]) -> Result<(), ImportError>;
    fn list(&mut self, side: Side, parts: &[Part]) -> Result<(), ImportError>;
    fn ended(&mut self, seals: [Seal; 2]) -> Result<(), ImportError>;
    fn end(&mut self, sum: Sum) -> Result<(), ImportError>;
}

fn walk<F: Read + Seek>(
    file: &mut F,
    end: u64,
    visitor: &mut dyn Visitor,
    progress: &mut dyn FnMut(u64),
) -> Result<(), ImportError> {
    let begin = MAGIC.len() as u64;
    file.seek(SeekFrom::Start(begin)).map_err(|error| unreadable(&error))?;
    let mut told = 0;
    let source = BufReader::new(Counted { file: file.by_ref().take(end - begin), read: 0 });
    let mut stream = Decoder::with_buffer(source).map_err(|error| damaged(&error.to_string()))?;
    // More memory than we write with is not given to a file.
    stream.window_log_max(WINDOW_LOG).map_err(|error| damaged(&error.to_string()))?;
    let mut stream = stream.single_frame();
    let mut first = true;
    loop {
        let record = record::read(&mut stream).map_err(|error| damaged(&error.to_string()))?;
        if first != matches!(record, Record::Head(_)) {
            return Err(damaged("its head is not where it should be"));
        }
        first = false;
        match record {
            Record::Head(head) => visitor.head(&head),
            Record::Piece { key, bytes } => visitor.piece(key, &bytes)?,
            Record::Exchange { exchange, pinned_session } => visitor.exchange(*exchange, pinned_session)?,
            Record::Frames(frames) => visitor.frames(&frames)?,
            Record::List { side, parts } => visitor.list(side, &parts)?,
            Record::Ended(seals) => visitor.ended(seals)?,
            Record::End(sum) => return visitor.end(sum),
        }
        let done = stream.get_ref().get_ref().read;
        if done - told >= STEP {
            told = done;
            progress(done);
        }
    }
}

struct Counted<R> {
    file: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read += count as u64;
        Ok(count)
    }
}

/// Restores everything and compares it with what was written down; keeps the pieces.
struct Check<'a> {
    pieces: &'a mut Pieces,
    /// Of the exchange that has begun: its bodies so far.
    bodies: Option<[(blake3::Hasher, u64); 2]>,
    ids: HashSet<uuid::Uuid>,
    sum: Sum,
    bytes: Vec<u8>,
}

impl<'a> Check<'a> {
    fn new(pieces: &'a mut Pieces) -> Check<'a> {
        Check { pieces, bodies: None, ids: HashSet::new(), sum: Sum::default(), bytes: Vec::new() }
    }
}

impl Visitor for Check<'_> {
    fn head(&mut self, _: &Head) {}

    fn piece(&mut self, key: [u8; 16], bytes: &[u8]) -> Result<(), ImportError> {
        match self.pieces.put(key, bytes) {
            Ok(true) => Ok(()),
            Ok(false) => Err(damaged("a piece stands in it twice")),
            Err(error) => Err(no_room(&error)),
        }
    }

    fn exchange(&mut self, exchange: Exchange, _: bool) -> Result<(), ImportError> {
        if !self.ids.insert(exchange.id) {
            return Err(damaged("an exchange stands in it twice"));
        }
        match self.bodies.replace(Default::default()) {
            None => Ok(()),
            Some(_) => Err(damaged("an exchange does not end")),
        }
    }

    fn frames(&mut self, _: &[Frame]) -> Result<(), ImportError> {
        self.bodies.as_ref().map(|_| ()).ok_or_else(|| damaged("times without an exchange"))
    }

    fn list(&mut self, side: Side, parts: &[Part]) -> Result<(), ImportError> {
        restore(self.pieces, parts, &mut self.bytes)?;
        let bodies = self.bodies.as_mut().ok_or_else(|| damaged("a body without an exchange"))?;
        let (hasher, length) = &mut bodies[usize::from(side == Side::Response)];
        hasher.update(&self.bytes);
        *length += self.bytes.len() as u64;
        Ok(())
    }

    fn ended(&mut self, seals: [Seal; 2]) -> Result<(), ImportError> {
        let bodies = self.bodies.take().ok_or_else(|| damaged("an end without an exchange"))?;
        for ((hasher, length), seal) in bodies.into_iter().zip(seals) {
            if length != seal.length || hasher.finalize() != seal.hash {
                return Err(damaged("a body is not what it was"));
            }
            self.sum.bytes += length;
        }
        self.sum.exchanges += 1;
        Ok(())
    }

    fn end(&mut self, sum: Sum) -> Result<(), ImportError> {
        self.sum.pieces = self.pieces.count();
        if self.bodies.is_none() && self.sum == sum { Ok(()) } else { Err(damaged("its counts are wrong")) }
    }
}

/// Writes what is not there yet.
struct Write<'a, 'b, S> {
    pieces: &'a mut Pieces,
    target: &'a mut Target<'b, S>,
    /// The exchange that is being written, unless it is there already.
    running: Option<Arc<Exchange>>,
    bytes: Vec<u8>,
}

impl<S: Sink> Visitor for Write<'_, '_, S> {
    fn head(&mut self, head: &Head) {
        self.target.imported.redacted = head.redacted;
        self.target.imported.without_bodies = head.without_bodies;
    }

    fn piece(&mut self, _: [u8; 16], _: &[u8]) -> Result<(), ImportError> {
        Ok(())
    }

    fn exchange(&mut self, exchange: Exchange, pinned_session: bool) -> Result<(), ImportError> {
        let exchange = ended(exchange);
        if let Some(session) = exchange.session.as_ref().filter(|_| pinned_session) {
            self.target.pin_session(&session.id);
        }
        self.running = self.target.begin(exchange)?;
        Ok(())
    }

    fn frames(&mut self, frames: &[Frame]) -> Result<(), ImportError> {
        self.running.as_ref().map_or(Ok(()), |exchange| self.target.frames(exchange, frames))
    }

    fn list(&mut self, side: Side, parts: &[Part]) -> Result<(), ImportError> {
        let Some(exchange) = &self.running else { return Ok(()) };
        restore(self.pieces, parts, &mut self.bytes)?;
        self.target.body(exchange, side, &self.bytes)
    }

    fn ended(&mut self, _: [Seal; 2]) -> Result<(), ImportError> {
        self.running.take().map_or(Ok(()), |exchange| self.target.end(&exchange))
    }

    fn end(&mut self, _: Sum) -> Result<(), ImportError> {
        Ok(())
    }
}

/// What ran when it was exported will not end here.
fn ended(mut exchange: Exchange) -> Exchange {
    if exchange.outcome.is_none() {
        let why = "it had not ended when it was exported";
        exchange.outcome = Some(Outcome::Interrupted);
        exchange.capture = Capture { complete: false, reason: Some(why.to_owned()) };
        let kind = Outcome::Interrupted.as_str().to_owned();
        exchange.error = Some(Failure { kind, message: why.to_owned() });
    }
    exchange
}

fn restore(pieces: &mut Pieces, parts: &[Part], bytes: &mut Vec<u8>) -> Result<(), ImportError> {
    bytes.clear();
    for part in parts {
        match part {
            Part::Literal(literal) => bytes.extend_from_slice(literal),
            Part::Piece(key) => {
                if !pieces.get(*key, bytes).map_err(|error| no_room(&error))? {
                    return Err(damaged("a piece is missing"));
                }
            }
        }
    }
    Ok(())
}

fn damaged(why: &str) -> ImportError {
    ImportError::File(format!(
        "the bundle is damaged: {why}\nhint: nothing was imported; copy the file again, or export it anew"
    ))
}

fn no_room(error: &io::Error) -> ImportError {
    ImportError::Room(format!(
        "the temporary file for the import cannot be used: {error}\nhint: nothing was imported; make room where the record is"
    ))
}
