//! What stands in a bundle: its records, as they are written and read. Numbers are little-endian.

use super::super::Item;
use super::FRAME;
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use store::{Capture, Exchange, Frame, Headers, Side};

/// Longest payload of a record, bytes.
pub(crate) const LONGEST: u32 = 32 << 20;

/// What a record is, in its first byte. Its payload's length follows, four bytes.
pub(crate) mod tag {
    pub(crate) const HEAD: u8 = b'H';
    pub(crate) const PIECE: u8 = b'P';
    pub(crate) const EXCHANGE: u8 = b'X';
    pub(crate) const FRAMES: u8 = b'F';
    pub(crate) const LIST: u8 = b'L';
    pub(crate) const ENDED: u8 = b'S';
    pub(crate) const END: u8 = b'E';
}

/// A record that was read.
#[derive(Debug)]
pub(crate) enum Record {
    Head(Head),
    /// A piece of bodies, and the key that lists name it by.
    Piece {
        key: [u8; 16],
        bytes: Vec<u8>,
    },
    /// An exchange begins, and says whether all of its session is pinned.
    Exchange {
        exchange: Box<Exchange>,
        pinned_session: bool,
    },
    Frames(Vec<Frame>),
    /// A part of the list of what a body is made of.
    List {
        side: Side,
        parts: Vec<Part>,
    },
    /// The exchange ends: seals of request and response.
    Ended([Seal; 2]),
    End(Sum),
}

/// A part of a body.
#[derive(Debug)]
pub(crate) enum Part {
    Literal(Vec<u8>),
    Piece([u8; 16]),
}

/// What a bundle says about itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Head {
    /// Name and version of what wrote it.
    pub(crate) program: String,
    /// Microseconds since the Unix epoch.
    pub(crate) made_us: i64,
    /// What was asked for.
    pub(crate) filters: serde_json::Value,
    /// Whether personal things were taken out.
    pub(crate) redacted: bool,
    /// Whether bodies were left out.
    pub(crate) without_bodies: bool,
}

/// What a body has to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Whether anything of it was stored.
    pub(crate) present: bool,
    /// Whether that is all that was recorded.
    pub(crate) complete: bool,
    /// Bytes in the bundle.
    pub(crate) length: u64,
    /// BLAKE3 of these bytes.
    pub(crate) hash: [u8; 32],
}

/// How much there is in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) exchanges: u64,
    pub(crate) pieces: u64,
    /// Of all bodies, restored.
    pub(crate) bytes: u64,
}

#[derive(Serialize)]
struct RowOut<'a> {
    exchange: &'a Exchange,
    headers: [&'a Headers; 4],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pinned: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pinned_session: bool,
}

#[derive(Deserialize)]
struct RowIn {
    exchange: Exchange,
    headers: [Headers; 4],
    #[serde(default)]
    pinned: bool,
    #[serde(default)]
    pinned_session: bool,
}

/// The row of an exchange with its headers.
pub(super) fn row(item: &Item<'_>) -> io::Result<Vec<u8>> {
    let exchange = &item.recorded.exchange;
    let left_out = item.left_out().map(|reason| {
        let capture = Capture { complete: false, reason: Some(reason) };
        Exchange { capture, ..exchange.clone() }
    });
    let headers = [
        &exchange.request_headers,
        &exchange.request_trailers,
        &exchange.response_headers,
        &exchange.response_trailers,
    ];
    Ok(serde_json::to_vec(&RowOut {
        exchange: left_out.as_ref().unwrap_or(exchange),
        headers,
        pinned: exchange.pinned,
        pinned_session: item.pinned_session,
    })?)
}

/// A side as it stands in a list.
pub(super) fn side(side: Side) -> u8 {
    match side {
        Side::Request => 0,
        Side::Response => 1,
    }
}

impl Seal {
    /// Appends it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend([u8::from(self.present), u8::from(self.complete)]);
        out.extend(self.length.to_le_bytes());
        out.extend(self.hash);
    }

    fn take(bytes: &mut &[u8]) -> Option<Seal> {
        let [present, complete] = take(bytes)?;
        let length = u64::from_le_bytes(take(bytes)?);
        Some(Seal { present: present == 1, complete: complete == 1, length, hash: take(bytes)? })
    }
}

impl Sum {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        [self.exchanges, self.pieces, self.bytes].into_iter().flat_map(u64::to_le_bytes).collect()
    }
}

/// The next record.
///
/// # Errors
/// When the stream ends or is not what a bundle has.
pub(crate) fn read(stream: &mut impl Read) -> io::Result<Record> {
    let mut begin = [0; 5];
    stream.read_exact(&mut begin)?;
    let [tag, length @ ..] = begin;
    let length = u32::from_le_bytes(length);
    if length > LONGEST {
        return Err(wrong("a record is too long"));
    }
    let mut payload = Vec::new();
    stream.take(u64::from(length)).read_to_end(&mut payload)?;
    if payload.len() != length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    parse(tag, &payload)
}

fn parse(tag: u8, payload: &[u8]) -> io::Result<Record> {
    let mut rest = payload;
    let record = match tag {
        tag::HEAD => Some(Record::Head(serde_json::from_slice(payload)?)),
        tag::PIECE => take(&mut rest).map(|key| Record::Piece { key, bytes: rest.to_vec() }),
        tag::EXCHANGE => Some(exchange(payload)?),
        tag::FRAMES => frames(payload),
        tag::LIST => list(payload),
        tag::ENDED => Seal::take(&mut rest)
            .zip(Seal::take(&mut rest))
            .filter(|_| rest.is_empty())
            .map(|(request, response)| Record::Ended([request, response])),
        tag::END => {
            let mut number = || Some(u64::from_le_bytes(take(&mut rest)?));
            number()
                .zip(number())
                .zip(number())
                .map(|((exchanges, pieces), bytes)| Record::End(Sum { exchanges, pieces, bytes }))
        }
        _ => return Err(wrong("a record of an unknown kind")),
    };
    record.ok_or_else(|| wrong("a record ends early"))
}

fn exchange(payload: &[u8]) -> io::Result<Record> {
    let RowIn { mut exchange, headers, pinned, pinned_session } = serde_json::from_slice(payload)?;
    exchange.pinned = pinned;
    [
        exchange.request_headers,
        exchange.request_trailers,
        exchange.response_headers,
        exchange.response_trailers,
    ] = headers;
    Ok(Record::Exchange { exchange: Box::new(exchange), pinned_session })
}

fn frames(payload: &[u8]) -> Option<Record> {
    let frames = payload.chunks(FRAME).map(|mut bytes| {
        let len = u32::from_le_bytes(take(&mut bytes)?);
        Some(Frame { len, at_us: u64::from_le_bytes(take(&mut bytes)?) })
    });
    frames.collect::<Option<_>>().map(Record::Frames)
}

fn list(payload: &[u8]) -> Option<Record> {
    let mut rest = payload;
    let side = match take(&mut rest)? {
        [0] => Side::Request,
        [1] => Side::Response,
        _ => return None,
    };
    let mut parts = Vec::new();
    while !rest.is_empty() {
        parts.push(match take(&mut rest)? {
            [0] => {
                let length = usize::from(u16::from_le_bytes(take(&mut rest)?));
                let (bytes, after) = rest.split_at_checked(length)?;
                rest = after;
                Part::Literal(bytes.to_vec())
            }
            [1] => Part::Piece(take(&mut rest)?),
            _ => return None,
        });
    }
    Some(Record::List { side, parts })
}

/// Takes the first bytes off.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
