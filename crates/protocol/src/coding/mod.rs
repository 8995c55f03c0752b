//! Undoes `Content-Encoding` on a recorded copy: gzip, deflate, br, zstd, and lists of them.
//!
//! Incremental: after each feed everything that can be decoded so far is out. A cut or damaged stream keeps what stood before
//! the damage. What is decoded is capped, because a few bytes can name gigabytes.

mod brotli;
mod deflate;
mod zstd;

use thiserror::Error;

/// More codings than this in one header are a bomb or a mistake.
const CODINGS_LIMIT: usize = 8;

/// How much is decoded at a time.
const PIECE: usize = 32 << 10;

/// Why decoding stopped.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CodingError {
    /// The header names a coding that is not known here.
    #[error("content-encoding {0:?} is not known; known are gzip, deflate, br, zstd and identity")]
    Unknown(String),
    /// The header lists more codings than anybody uses.
    #[error("content-encoding lists {0} codings; up to {CODINGS_LIMIT} are undone")]
    TooMany(usize),
    /// The bytes are not of that coding, or damaged.
    #[error("the {coding} body is damaged: {reason}")]
    Damaged {
        /// The coding as it is named in the header.
        coding: &'static str,
        /// What its decoder says.
        reason: String,
    },
    /// The bytes end before the coded stream does.
    #[error("the {0} body was cut: its end is missing")]
    Cut(&'static str),
    /// Decoding more would pass the limit, in bytes.
    #[error("decoded, the body is longer than {0} bytes; the rest was not decoded")]
    TooLong(u64),
}

/// One coding being undone. Implementations hand out what they decode in pieces of up to [`PIECE`] bytes.
trait Stage: Send {
    /// Takes bytes, and hands every decodable byte to `out`.
    fn feed(&mut self, bytes: &[u8], out: &mut Sink<'_>) -> Result<(), CodingError>;
    /// The bytes have ended: whether that is where the coded stream may end.
    fn finish(&mut self) -> Result<(), CodingError>;
}

type Sink<'a> = dyn FnMut(&[u8]) -> Result<(), CodingError> + 'a;

/// Decodes one body, piece by piece.
pub struct Decoder {
    /// In the order in which they are undone.
    stages: Vec<Box<dyn Stage>>,
    limit: u64,
    decoded: u64,
    failed: Option<CodingError>,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Decoder")
            .field("stages", &self.stages.len())
            .field("decoded", &self.decoded)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder for a body with this `Content-Encoding` (`None`: plain), which gives out up to `limit` bytes.
    ///
    /// A coding that is not known is reported by the first [`feed`](Decoder::feed).
    pub fn new(content_encoding: Option<&str>, limit: u64) -> Decoder {
        let (stages, failed) = match stages(content_encoding.unwrap_or_default()) {
            Ok(stages) => (stages, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        Decoder { stages, limit, decoded: 0, failed }
    }

    /// Takes the next bytes and appends to `out` all that can be decoded so far.
    ///
    /// # Errors
    /// When the coding is unknown, the bytes are damaged, or the limit is reached. What stood before that is in `out`. From
    /// then on every call gives the same error.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), CodingError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut room = usize::try_from(self.limit - self.decoded).unwrap_or(usize::MAX);
        let before = out.len();
        let limit = self.limit;
        let result = through(&mut self.stages, bytes, &mut |piece| {
            let taken = piece.len().min(room);
            out.extend_from_slice(&piece[..taken]);
            room -= taken;
            if taken < piece.len() { Err(CodingError::TooLong(limit)) } else { Ok(()) }
        });
        self.decoded += (out.len() - before) as u64;
        self.failed = result.clone().err();
        result
    }

    /// The body has ended. Nothing is held back by [`feed`](Decoder::feed), so `out` gets no more; this checks the end.
    ///
    /// # Errors
    /// The error of an earlier feed, or [`CodingError::Cut`]. A body without any byte is whole in every coding.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), CodingError> {
        self.feed(&[], out)?;
        for stage in &mut self.stages {
            stage.finish()?;
        }
        Ok(())
    }
}

/// Decodes a whole body: what could be decoded, and why it stopped if it did.
pub fn decode(content_encoding: Option<&str>, bytes: &[u8], limit: u64) -> (Vec<u8>, Option<CodingError>) {
    let mut decoder = Decoder::new(content_encoding, limit);
    let mut out = Vec::new();
    let result = decoder.feed(bytes, &mut out).and_then(|()| decoder.finish(&mut out));
    (out, result.err())
}

fn stages(content_encoding: &str) -> Result<Vec<Box<dyn Stage>>, CodingError> {
    let names: Vec<&str> = content_encoding
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"))
        .collect();
    if names.len() > CODINGS_LIMIT {
        return Err(CodingError::TooMany(names.len()));
    }
    // What was applied last is undone first.
    names.into_iter().rev().map(stage).collect()
}

fn stage(name: &str) -> Result<Box<dyn Stage>, CodingError> {
    match name.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => Ok(Box::new(deflate::Gzip::new())),
        "deflate" => Ok(Box::new(deflate::Deflate::new())),
        "br" => Ok(Box::new(brotli::Brotli::new())),
        "zstd" => Ok(Box::new(zstd::Zstd::new()?)),
        _ => Err(CodingError::Unknown(name.to_owned())),
    }
}

fn through(stages: &mut [Box<dyn Stage>], bytes: &[u8], out: &mut Sink<'_>) -> Result<(), CodingError> {
    match stages.split_first_mut() {
        None => out(bytes),
        Some(_) if bytes.is_empty() => Ok(()),
        Some((first, rest)) => first.feed(bytes, &mut |piece| through(rest, piece, out)),
    }
}
