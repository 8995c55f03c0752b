//! Reads packs back. What was read last stays in memory, because a list of exchanges asks for the same few packs again and again.

use crate::error::Error;
use crate::exchange::Exchange;
use crate::list::{self, EntryRef};
use crate::packs::{Kind, index_of, pack_of};
use crate::varint::take_varint;
use rusqlite::Connection;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use zstd::stream::raw::{Decoder, InBuffer, Operation as _, OutBuffer};

/// Packs that stay in memory, of at most about half a mebibyte each.
const KEPT: usize = 48;

/// No pack is longer: what claims to be is damaged.
const LONGEST: usize = 4 << 20;

/// Lists lie within lists so deep at the most.
const DEEPEST: usize = 32;

/// A pack as it was before compression.
#[derive(Debug, Default)]
pub(crate) struct Pack {
    /// Its layers one after the other.
    raw: Vec<u8>,
    layers: i64,
    /// Where in `raw` each piece begins, its length, and what it is.
    pieces: Vec<(usize, usize, Kind)>,
}

impl Pack {
    /// A piece by its number.
    pub(crate) fn piece(&self, index: usize) -> Option<(&[u8], Kind)> {
        let (begin, length, kind) = *self.pieces.get(index)?;
        let bytes = self.raw.get(begin..begin + length)?;
        Some((bytes, kind))
    }

    /// How many pieces it has.
    pub(crate) fn len(&self) -> usize {
        self.pieces.len()
    }

    fn read(connection: &Connection, id: i64) -> Result<Pack, Error> {
        let mut pack = Pack::default();
        let mut stream = Decoder::new()?;
        let mut statement =
            connection.prepare_cached("SELECT number, bytes FROM layer WHERE pack = ? ORDER BY number")?;
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(0)? != pack.layers {
                return Err(damaged(id, "a layer is missing"));
            }
            pack.layers += 1;
            let stored = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            let begin = pack.raw.len();
            decompress(&mut stream, stored, &mut pack.raw).map_err(|why| damaged(id, &why))?;
            pack.take_layer(begin).ok_or_else(|| damaged(id, "a layer ends early"))?;
        }
        Ok(pack)
    }

    /// Reads the directory of the layer that begins there.
    fn take_layer(&mut self, layer: usize) -> Option<()> {
        let end = self.raw.len();
        let mut rest = &self.raw[layer..];
        let mut sizes = Vec::new();
        for _ in 0..take_varint(&mut rest)? {
            sizes.push(take_varint(&mut rest)?);
        }
        let mut begin = end - rest.len();
        for size in sizes {
            let (kind, length) = Kind::of_entry(size).filter(|(_, length)| *length <= end - begin)?;
            self.pieces.push((begin, length, kind));
            begin += length;
        }
        Some(())
    }
}

fn damaged(pack: i64, why: &str) -> Error {
    Error::Damaged(format!("pack {pack}: {why}"))
}

fn decompress(stream: &mut Decoder<'_>, stored: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let mut input = InBuffer::around(stored);
    loop {
        out.reserve(128 << 10);
        let end = out.len();
        let room = out.capacity() - end;
        stream.run(&mut input, &mut OutBuffer::around_pos(out, end)).map_err(|error| error.to_string())?;
        if out.len() > LONGEST {
            return Err("it is of an impossible length".to_owned());
        }
        // What did not fill the room was all there is.
        if input.pos() == stored.len() && out.len() - end < room {
            return Ok(());
        }
        if out.len() == end && input.pos() < stored.len() {
            return Err("its compression is broken".to_owned());
        }
    }
}

/// Packs that were read, and how what is in them is read.
#[derive(Default)]
pub(crate) struct Shelf {
    kept: Mutex<Kept>,
    /// Reads the text of an answer whose bytes do not show it.
    answer_text: OnceLock<Box<AnswerText>>,
    /// Counts the databases that were in this place since the start.
    database: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    packs: HashMap<i64, (Arc<Pack>, u64)>,
    clock: u64,
}

/// Reads what an answer says from its bytes, where that is not plain JSON.
pub(crate) type AnswerText = dyn Fn(&Exchange, &[u8]) -> Option<String> + Send + Sync;

impl Shelf {
    /// Says how answers are read. The first reader stays.
    pub(crate) fn read_answers_with(&self, read: Box<AnswerText>) {
        let _ = self.answer_text.set(read);
    }

    /// What an answer says, if somebody has told how it is read.
    pub(crate) fn answer_text(&self, exchange: &Exchange, bytes: &[u8]) -> Option<String> {
        self.answer_text.get()?(exchange, bytes)
    }

    /// Which of the databases that were in this place is there now. A reader of an earlier one is of no use any more.
    pub(crate) fn database(&self) -> u64 {
        self.database.load(Ordering::Acquire)
    }

    pub(crate) fn next_database(&self) {
        self.database.fetch_add(1, Ordering::Release);
    }

    /// A pack that has at least so many pieces.
    pub(crate) fn pack(&self, connection: &Connection, id: i64, pieces: usize) -> Result<Arc<Pack>, Error> {
        if let Some(pack) = self.kept(id).filter(|pack| pack.len() >= pieces.max(1)) {
            return Ok(pack);
        }
        // It has grown since, or was never read. Nobody waits while it is.
        let pack = Arc::new(Pack::read(connection, id)?);
        if pack.len() < pieces {
            return Err(damaged(id, "a piece is missing"));
        }
        self.keep(id, &pack);
        Ok(pack)
    }

    /// A pack with all that it has now.
    pub(crate) fn newest(&self, connection: &Connection, id: i64) -> Result<Arc<Pack>, Error> {
        let layers: i64 = connection
            .prepare_cached("SELECT count(*) FROM layer WHERE pack = ?")?
            .query_row([id], |row| row.get(0))?;
        if let Some(pack) = self.kept(id).filter(|pack| pack.layers >= layers) {
            return Ok(pack);
        }
        let pack = Arc::new(Pack::read(connection, id)?);
        self.keep(id, &pack);
        Ok(pack)
    }

    /// What a place says, given to `work`.
    pub(crate) fn with<T>(
        &self,
        connection: &Connection,
        place: i64,
        work: impl FnOnce(&[u8], Kind) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let pack = self.pack(connection, pack_of(place), index_of(place) + 1)?;
        match pack.piece(index_of(place)) {
            Some((bytes, kind)) => work(bytes, kind),
            None => Err(damaged(pack_of(place), "a piece is missing")),
        }
    }

    fn kept(&self, id: i64) -> Option<Arc<Pack>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let now = kept.clock;
        let (pack, used) = kept.packs.get_mut(&id)?;
        *used = now;
        Some(Arc::clone(pack))
    }

    fn keep(&self, id: i64, pack: &Arc<Pack>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let now = kept.clock;
        kept.packs.insert(id, (Arc::clone(pack), now));
        if kept.packs.len() > KEPT
            && let Some(oldest) = kept.packs.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id)
        {
            kept.packs.remove(&oldest);
        }
    }

    /// Forgets what was read.
    pub(crate) fn clear(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).packs.clear();
    }
}

/// Walks over the bytes that a place stands for, piece by piece. Each step reads a little, so that no reading lasts long.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Encoded lists, and how far each was read.
    stack: Vec<Vec<Step>>,
}

#[derive(Debug)]
enum Step {
    Bytes(Vec<u8>),
    Place(i64),
}

impl Walk {
    /// Over a piece or list.
    pub(crate) fn of_place(place: i64) -> Walk {
        Walk { stack: vec![vec![Step::Place(place)]] }
    }

    /// Over an encoded list.
    pub(crate) fn of_list(encoded: &[u8]) -> Result<Walk, Error> {
        Ok(Walk { stack: vec![steps(encoded)?] })
    }

    /// The next bytes; `None` at the end.
    pub(crate) fn next(&mut self, connection: &Connection, shelf: &Shelf) -> Result<Option<Vec<u8>>, Error> {
        while let Some(top) = self.stack.last_mut() {
            match top.pop() {
                None => {
                    self.stack.pop();
                }
                Some(Step::Bytes(bytes)) => return Ok(Some(bytes)),
                Some(Step::Place(place)) => {
                    if self.stack.len() > DEEPEST {
                        return Err(Error::Damaged("lists of pieces lie too deep".to_owned()));
                    }
                    let read = shelf.with(connection, place, |bytes, kind| match kind {
                        Kind::List => steps(bytes).map(Ok),
                        _ => Ok(Err(bytes.to_vec())),
                    })?;
                    match read {
                        Err(bytes) => return Ok(Some(bytes)),
                        Ok(steps) => self.stack.push(steps),
                    }
                }
            }
        }
        Ok(None)
    }
}

/// The entries of a list, the first last.
fn steps(encoded: &[u8]) -> Result<Vec<Step>, Error> {
    let mut steps = list::decode(encoded)
        .map(|entry| {
            entry.map(|entry| match entry {
                EntryRef::Literal(bytes) => Step::Bytes(bytes.to_vec()),
                EntryRef::Place(place) => Step::Place(place),
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    steps.reverse();
    Ok(steps)
}
