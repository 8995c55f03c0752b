//! Where new pieces go: packs, each of which one session's pieces fill, compressed together.
//!
//! A pack grows by layers. A layer holds what one batch brought; all layers of a pack are one compressed stream, so a small addition
//! costs little, is found by what came before it, and nothing that was written is written again. A full pack is left alone and the
//! next is begun.
//!
//! What is known of a batch is only sure once it is committed; [`Packs::rolled_back`] forgets all of it.

use crate::cut::{Form, key};
use crate::error::Error;
use crate::list::{self, Entry};
use crate::varint::put_varint;
use crate::words::{self, Words};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, HashMap, btree_map};
use zstd::stream::raw::{CParameter, Encoder, InBuffer, Operation as _, OutBuffer};
use zstd::zstd_safe::compress_bound;

/// A pack is full after so many bytes before compression.
const PACK: usize = 256 << 10;

/// A layer is written at the latest after so many bytes.
const LAYER: usize = 256 << 10;

/// Bits of a place that number the piece in its pack.
const INDEX_BITS: u32 = 16;

/// Packs that are filled side by side, each with less than 1 MiB of memory for its compression. More sessions than that share them.
const OPEN: u64 = 8;

/// What the compression of a pack looks back over, as a power of two: the pack.
const WINDOW_LOG: u32 = 18;

/// Places that are remembered, so that the database need not be asked for each piece of each turn.
const KNOWN: usize = 64 << 10;

/// Higher levels gain little and cost time and memory for each open pack.
const LEVEL: i32 = 1;

/// The pack of a place.
pub(crate) fn pack_of(place: i64) -> i64 {
    place >> INDEX_BITS
}

/// The number of a place in its pack.
pub(crate) fn index_of(place: i64) -> usize {
    (place & ((1 << INDEX_BITS) - 1)) as usize
}

/// The places that a pack has.
pub(crate) fn places_of(pack: i64) -> std::ops::RangeInclusive<i64> {
    pack << INDEX_BITS..=(pack << INDEX_BITS) | ((1 << INDEX_BITS) - 1)
}

/// What a piece is. Its number is part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of no text: a record.
    Record = 0,
    /// A list of pieces.
    List = 1,
    /// The inside of a JSON string.
    Text = 2,
    /// JSON between long strings.
    Glue = 3,
    /// Not JSON.
    Plain = 4,
}

/// Bits of a kind in a pack's directory.
const KIND_BITS: u32 = 3;

impl Kind {
    /// A kind and a length as one number of the directory.
    pub(crate) fn with_length(self, length: usize) -> u64 {
        (length as u64) << KIND_BITS | self as u64
    }

    /// The kind and length that [`Kind::with_length`] made.
    pub(crate) fn of_entry(entry: u64) -> Option<(Kind, usize)> {
        let kind = match entry & ((1 << KIND_BITS) - 1) {
            0 => Kind::Record,
            1 => Kind::List,
            2 => Kind::Text,
            3 => Kind::Glue,
            4 => Kind::Plain,
            _ => return None,
        };
        Some((kind, usize::try_from(entry >> KIND_BITS).ok()?))
    }

    /// The kind of a segment.
    pub(crate) fn of_form(form: Form) -> Kind {
        match form {
            Form::Glue => Kind::Glue,
            Form::Text => Kind::Text,
            Form::Plain => Kind::Plain,
        }
    }

    /// The key of a piece of this kind.
    pub(crate) fn key(self, bytes: &[u8]) -> [u8; 16] {
        key(if self == Kind::List { b'l' } else { b'd' }, bytes)
    }
}

/// A pack that is being filled.
struct OpenPack {
    id: i64,
    stream: Encoder<'static>,
    /// Bytes of the layers before this one, before compression.
    written: usize,
    layers: i64,
    pieces: usize,
    /// The layer in the making: its directory and its bytes.
    sizes: Vec<u64>,
    bytes: Vec<u8>,
}

/// The writer's side of all packs.
#[derive(Default)]
pub(crate) struct Packs {
    open: BTreeMap<u64, OpenPack>,
    /// The compression of full packs, to be used again: to make one anew costs as much as to compress some 20 KiB.
    spare: Vec<Encoder<'static>>,
    known: Known,
    /// How many more records, bodies and links need a pack than the database says.
    users: BTreeMap<i64, i64>,
    /// What search is told at the end of the batch. The index gathers what comes in a row; each other statement would make it write
    /// what it has.
    texts: Vec<Text>,
}

/// What a piece says.
struct Text {
    place: i64,
    words: Words,
    /// The piece may have said something before.
    may_be_known: bool,
}

impl Packs {
    /// Lets search find a piece by words that its bytes do not show.
    pub(crate) fn say(&mut self, place: i64, words: Words) {
        self.texts.push(Text { place, words, may_be_known: true });
    }

    /// The place of a piece that is stored once, and whether it is new.
    pub(crate) fn place(
        &mut self,
        connection: &Connection,
        session: Option<&str>,
        piece: NewPiece<'_>,
    ) -> Result<(i64, bool), Error> {
        let NewPiece { kind, bytes, key, words } = piece;
        let key = key.unwrap_or_else(|| kind.key(bytes));
        if let Some(place) = self.known.get(&key) {
            return Ok((place, false));
        }
        // Nearly all that is not remembered is new: it is put there, and only what could not be is looked for.
        let place = self.open_pack(connection, session)?.next_place();
        let is_new = connection
            .prepare_cached("INSERT OR IGNORE INTO piece (key, place) VALUES (?, ?)")?
            .execute(params![key, place])?
            > 0;
        let place = if is_new {
            self.add(connection, session, kind, bytes)?;
            if let Some(words) = words() {
                self.texts.push(Text { place, words, may_be_known: false });
            }
            place
        } else {
            connection
                .prepare_cached("SELECT place FROM piece WHERE key = ?")?
                .query_row([key], |row| row.get(0))?
        };
        self.known.keep(key, place);
        Ok((place, is_new))
    }

    /// The place of a list of pieces. Pieces of other packs are linked to its pack, so that both know of each other.
    pub(crate) fn place_list(
        &mut self,
        connection: &Connection,
        session: Option<&str>,
        entries: &[Entry],
        indexed: bool,
    ) -> Result<i64, Error> {
        let bytes = list::encode(entries);
        let mut words = || indexed.then(|| Words::of_piece(Kind::List, &bytes)).flatten();
        let piece = NewPiece { kind: Kind::List, bytes: &bytes, key: None, words: &mut words };
        let (place, is_new) = self.place(connection, session, piece)?;
        for entry in entries.iter().filter(|_| is_new) {
            let Entry::Place(piece) = entry else { continue };
            if pack_of(*piece) != pack_of(place) {
                let new = connection
                    .prepare_cached("INSERT OR IGNORE INTO link (piece, pack) VALUES (?, ?)")?
                    .execute(params![piece, pack_of(place)])?;
                self.use_pack(*piece, new as i64);
            }
        }
        Ok(place)
    }

    /// Adds bytes that are not looked for again.
    pub(crate) fn add(
        &mut self,
        connection: &Connection,
        session: Option<&str>,
        kind: Kind,
        bytes: &[u8],
    ) -> Result<i64, Error> {
        let pack = self.open_pack(connection, session)?;
        let place = pack.next_place();
        pack.pieces += 1;
        pack.sizes.push(kind.with_length(bytes.len()));
        pack.bytes.extend_from_slice(bytes);
        if pack.bytes.len() >= LAYER {
            pack.write_layer(connection)?;
        }
        Ok(place)
    }

    /// Notes that so many more records or bodies need the pack of a place, or fewer.
    pub(crate) fn use_pack(&mut self, place: i64, more: i64) {
        if more != 0 {
            *self.users.entry(pack_of(place)).or_default() += more;
        }
    }

    /// Writes all layers in the making: comes before each commit.
    pub(crate) fn flush(&mut self, connection: &Connection) -> Result<(), Error> {
        for pack in self.open.values_mut() {
            pack.write_layer(connection)?;
        }
        for (pack, more) in std::mem::take(&mut self.users) {
            connection
                .prepare_cached("UPDATE pack SET users = users + ? WHERE id = ?")?
                .execute(params![more, pack])?;
        }
        let full: Vec<u64> =
            self.open.iter().filter(|(_, pack)| pack.is_full()).map(|(slot, _)| *slot).collect();
        let full = full.iter().filter_map(|slot| self.open.remove(slot));
        self.spare.extend(full.map(|pack| pack.stream));
        let mut texts = std::mem::take(&mut self.texts);
        // The index gathers what comes in the order of its rows, and writes what it has when something comes that belongs before it.
        texts.sort_by_key(|text| text.place);
        for text in texts {
            if text.may_be_known {
                words::forget(connection, text.place)?;
            }
            words::index(connection, text.place, &text.words)?;
        }
        Ok(())
    }

    /// Puts nothing more into a pack. Everything in it must be written.
    pub(crate) fn close(&mut self, pack: i64) {
        self.open.retain(|_, open| open.id != pack);
    }

    /// Forgets everything: what was deleted must not be found again, and what a lost batch held is nowhere.
    pub(crate) fn forget(&mut self) {
        *self = Packs::default();
    }

    /// Forgets the pieces of a pack that is gone.
    pub(crate) fn forget_known(&mut self, pack: i64) {
        self.known.young.retain(|_, place| pack_of(*place) != pack);
        self.known.old.retain(|_, place| pack_of(*place) != pack);
    }

    fn open_pack(&mut self, connection: &Connection, session: Option<&str>) -> Result<&mut OpenPack, Error> {
        let slot = session.map_or(0, slot);
        if self.open.get(&slot).is_some_and(OpenPack::is_full)
            && let Some(mut full) = self.open.remove(&slot)
        {
            full.write_layer(connection)?;
            self.spare.push(full.stream);
        }
        match self.open.entry(slot) {
            btree_map::Entry::Occupied(open) => Ok(open.into_mut()),
            btree_map::Entry::Vacant(vacant) => {
                let stream = match self.spare.pop() {
                    Some(mut stream) => {
                        stream.reinit()?;
                        stream
                    }
                    None => encoder()?,
                };
                Ok(vacant.insert(OpenPack::new(connection, stream)?))
            }
        }
    }
}

/// Which of the open packs a session fills.
fn slot(session: &str) -> u64 {
    let hash = blake3::hash(session.as_bytes());
    u64::from(hash.as_bytes()[0]) % OPEN
}

fn encoder() -> Result<Encoder<'static>, Error> {
    let mut stream = Encoder::new(LEVEL)?;
    stream.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
    Ok(stream)
}

impl OpenPack {
    fn new(connection: &Connection, stream: Encoder<'static>) -> Result<OpenPack, Error> {
        connection.prepare_cached("INSERT INTO pack DEFAULT VALUES")?.execute([])?;
        Ok(OpenPack {
            id: connection.last_insert_rowid(),
            stream,
            written: 0,
            layers: 0,
            pieces: 0,
            sizes: Vec::new(),
            bytes: Vec::new(),
        })
    }

    fn next_place(&self) -> i64 {
        (self.id << INDEX_BITS) | self.pieces as i64
    }

    fn is_full(&self) -> bool {
        self.written + self.bytes.len() >= PACK || self.pieces >= (1 << INDEX_BITS) - 1
    }

    fn write_layer(&mut self, connection: &Connection) -> Result<(), Error> {
        if self.sizes.is_empty() {
            return Ok(());
        }
        let mut directory = Vec::with_capacity(self.sizes.len() * 3 + 4);
        put_varint(&mut directory, self.sizes.len() as u64);
        for size in &self.sizes {
            put_varint(&mut directory, *size);
        }
        let length = directory.len() + self.bytes.len();
        let mut compressed = Vec::with_capacity(compress_bound(length) + 64);
        for part in [&directory, &self.bytes] {
            compress(&mut self.stream, part, &mut compressed)?;
        }
        flush(&mut self.stream, &mut compressed)?;
        connection
            .prepare_cached("INSERT INTO layer (pack, number, bytes) VALUES (?, ?, ?)")?
            .execute(params![self.id, self.layers, compressed])?;
        self.layers += 1;
        self.written += length;
        self.sizes.clear();
        self.bytes.clear();
        Ok(())
    }
}

fn compress(stream: &mut Encoder<'_>, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let mut input = InBuffer::around(bytes);
    while input.pos() < bytes.len() {
        out.reserve(1 << 10);
        let end = out.len();
        stream.run(&mut input, &mut OutBuffer::around_pos(out, end))?;
    }
    Ok(())
}

fn flush(stream: &mut Encoder<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    loop {
        out.reserve(1 << 10);
        let end = out.len();
        if stream.flush(&mut OutBuffer::around_pos(out, end))? == 0 {
            return Ok(());
        }
    }
}

/// A piece that may be new.
pub(crate) struct NewPiece<'a> {
    pub(crate) kind: Kind,
    pub(crate) bytes: &'a [u8],
    /// The key of kind and bytes, if it is known.
    pub(crate) key: Option<[u8; 16]>,
    /// What search finds it by; asked for only if it is new.
    pub(crate) words: &'a mut dyn FnMut() -> Option<Words>,
}

/// Places by key, in two generations: what was not asked for while the younger filled up is forgotten.
#[derive(Debug, Default)]
struct Known {
    young: HashMap<[u8; 16], i64>,
    old: HashMap<[u8; 16], i64>,
}

impl Known {
    fn get(&mut self, key: &[u8; 16]) -> Option<i64> {
        if let Some(place) = self.young.get(key) {
            return Some(*place);
        }
        let place = self.old.remove(key)?;
        self.keep(*key, place);
        Some(place)
    }

    fn keep(&mut self, key: [u8; 16], place: i64) {
        if self.young.len() >= KNOWN / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, place);
    }
}
