//! The chunked coding (RFC 9112, 7.1) byte for byte, without any of the liberties that let two parsers disagree:
//! no space around the size, no bare LF, no sign, no prefix, no overflow; bounded extensions and trailers.

use super::{Piece, Step};
use crate::head::is_token;

/// Bytes of the extensions of one chunk. Nobody uses them for anything.
const EXTENSION_BYTES: u32 = 4 * 1024;
/// Bytes of trailer lines.
const TRAILER_BYTES: u32 = 32 * 1024;
/// Hexadecimal digits of a size, leading zeros included; more would not fit into 64 bits.
const SIZE_DIGITS: u8 = 16;

/// Why a chunked body is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// A chunk begins with something else than a hexadecimal number.
    #[error("a chunk size is not a hexadecimal number")]
    BadSize,
    /// More than 16 digits.
    #[error("a chunk size is too long")]
    SizeTooLong,
    /// A line that does not end with CRLF.
    #[error("a line of the chunked coding does not end with CRLF")]
    BadLineEnd,
    /// A control character in an extension.
    #[error("a chunk extension has a control character")]
    BadExtension,
    /// Too much of them.
    #[error("the extensions of a chunk are larger than 4096 bytes")]
    ExtensionsTooLarge,
    /// The data of a chunk is longer than its size said.
    #[error("the data of a chunk is not followed by CRLF")]
    NoLineEndAfterData,
    /// A trailer is not `name: value`.
    #[error("a trailer line is malformed")]
    BadTrailer,
    /// Too much of them.
    #[error("the trailers are larger than 32768 bytes")]
    TrailersTooLarge,
}

/// The place inside a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunked {
    state: State,
    /// Bytes of the chunk that are still to come, or the size as far as it was read.
    size: u64,
    extension_bytes: u32,
    trailer_bytes: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before or inside the size, after this many digits.
    Size(u8),
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Chunked { state: State::Size(0), size: 0, extension_bytes: 0, trailer_bytes: 0 }
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    pub(super) fn advance<'a>(&mut self, input: &'a [u8], mut found: impl FnMut(Piece<'a>)) -> Step {
        let mut used = 0;
        while used < input.len() && self.state != State::Done {
            if self.state == State::Data {
                let left = usize::try_from(self.size).unwrap_or(usize::MAX);
                let end = used + left.min(input.len() - used);
                found(Piece::Payload(&input[used..end]));
                self.size -= (end - used) as u64;
                used = end;
                if self.size == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            let in_trailer = self.in_trailer();
            match self.next(input[used]) {
                Ok(state) => self.state = state,
                Err(error) => return Step { used, error: Some(error) },
            }
            used += 1;
            if in_trailer {
                found(Piece::Trailer(&input[used - 1..used]));
            }
        }
        Step { used, error: None }
    }

    fn in_trailer(&self) -> bool {
        use State::{EndLf, TrailerLf, TrailerName, TrailerStart, TrailerValue};
        matches!(self.state, TrailerStart | TrailerName | TrailerValue | TrailerLf | EndLf)
    }

    /// The state after one more byte of framing.
    fn next(&mut self, byte: u8) -> Result<State, ChunkError> {
        match self.state {
            State::Size(digits) => self.size_byte(digits, byte),
            State::Extension => self.extension_byte(byte),
            State::SizeLf if byte == b'\n' => {
                Ok(if self.size == 0 { State::TrailerStart } else { State::Data })
            }
            State::DataCr if byte == b'\r' => Ok(State::DataLf),
            State::DataLf if byte == b'\n' => {
                self.extension_bytes = 0;
                Ok(State::Size(0))
            }
            State::DataCr | State::DataLf => Err(ChunkError::NoLineEndAfterData),
            State::TrailerStart if byte == b'\r' => Ok(State::EndLf),
            State::TrailerStart | State::TrailerName | State::TrailerValue => self.trailer_byte(byte),
            State::TrailerLf if byte == b'\n' => Ok(State::TrailerStart),
            State::EndLf if byte == b'\n' => Ok(State::Done),
            State::SizeLf | State::TrailerLf | State::EndLf => Err(ChunkError::BadLineEnd),
            State::Data | State::Done => Ok(self.state),
        }
    }

    fn size_byte(&mut self, digits: u8, byte: u8) -> Result<State, ChunkError> {
        match (byte as char).to_digit(16) {
            Some(_) if digits == SIZE_DIGITS => Err(ChunkError::SizeTooLong),
            Some(digit) => {
                self.size = (self.size << 4) | u64::from(digit);
                Ok(State::Size(digits + 1))
            }
            None if digits == 0 => Err(ChunkError::BadSize),
            None if byte == b'\r' => Ok(State::SizeLf),
            None if byte == b';' => self.extension_byte(byte),
            None => Err(ChunkError::BadSize),
        }
    }

    fn extension_byte(&mut self, byte: u8) -> Result<State, ChunkError> {
        match byte {
            b'\r' => return Ok(State::SizeLf),
            b'\n' => return Err(ChunkError::BadLineEnd),
            _ if !is_text(byte) => return Err(ChunkError::BadExtension),
            _ => {}
        }
        self.extension_bytes += 1;
        if self.extension_bytes > EXTENSION_BYTES {
            return Err(ChunkError::ExtensionsTooLarge);
        }
        Ok(State::Extension)
    }

    fn trailer_byte(&mut self, byte: u8) -> Result<State, ChunkError> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > TRAILER_BYTES {
            return Err(ChunkError::TrailersTooLarge);
        }
        match self.state {
            State::TrailerValue if byte == b'\r' => Ok(State::TrailerLf),
            State::TrailerValue if byte == b'\n' => Err(ChunkError::BadLineEnd),
            State::TrailerValue if is_text(byte) => Ok(State::TrailerValue),
            State::TrailerName if byte == b':' => Ok(State::TrailerValue),
            State::TrailerStart | State::TrailerName if is_token(byte) => Ok(State::TrailerName),
            _ => Err(ChunkError::BadTrailer),
        }
    }
}

/// Visible characters, space, tab, and bytes outside of ASCII.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
