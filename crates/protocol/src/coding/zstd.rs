//! zstd with any number of frames. Windows beyond 128 MiB are refused by the library's own default.

use super::{CodingError, PIECE, Sink, Stage};
use zstd::stream::raw::{Decoder, Operation};

/// A block's header: the library's hint for how much to feed includes the one of the next block.
const BLOCK_HEADER: usize = 3;

pub(super) struct Zstd {
    state: Decoder<'static>,
    piece: Vec<u8>,
    /// How many bytes the frame wants next; 0 between frames.
    wanted: usize,
}

impl Zstd {
    pub(super) fn new() -> Result<Zstd, CodingError> {
        let state = Decoder::new().map_err(|error| Self::damaged(&error))?;
        Ok(Zstd { state, piece: vec![0; PIECE], wanted: 0 })
    }

    fn damaged(error: &std::io::Error) -> CodingError {
        CodingError::Damaged { coding: "zstd", reason: error.to_string() }
    }
}

impl Stage for Zstd {
    /// Feeds block by block: an error takes with it all that was decoded by the same call.
    fn feed(&mut self, bytes: &[u8], out: &mut Sink<'_>) -> Result<(), CodingError> {
        let mut rest = bytes;
        loop {
            let next = self.wanted.saturating_sub(BLOCK_HEADER).max(1).min(rest.len());
            let status = self
                .state
                .run_on_buffers(&rest[..next], &mut self.piece)
                .map_err(|error| Self::damaged(&error))?;
            rest = &rest[status.bytes_read..];
            out(&self.piece[..status.bytes_written])?;
            self.wanted = status.remaining;
            let may_hold_more = status.bytes_written == self.piece.len() && self.wanted != 0;
            if rest.is_empty() && !may_hold_more {
                return Ok(());
            }
        }
    }

    fn finish(&mut self) -> Result<(), CodingError> {
        if self.wanted == 0 { Ok(()) } else { Err(CodingError::Cut("zstd")) }
    }
}
