//! zstd with any number of frames. Windows beyond 128 MiB are refused by the library's own default.

use super::{CodingError, PIECE, Sink, Stage};
use zstd::stream::raw::{Decoder, Operation};

pub(super) struct Zstd {
    state: Decoder<'static>,
    piece: Vec<u8>,
    /// A frame has begun and not ended.
    in_frame: bool,
}

impl Zstd {
    pub(super) fn new() -> Result<Zstd, CodingError> {
        let state = Decoder::new().map_err(|error| Self::damaged(&error))?;
        Ok(Zstd { state, piece: vec![0; PIECE], in_frame: false })
    }

    fn damaged(error: &std::io::Error) -> CodingError {
        CodingError::Damaged { coding: "zstd", reason: error.to_string() }
    }
}

impl Stage for Zstd {
    fn feed(&mut self, bytes: &[u8], out: &mut Sink<'_>) -> Result<(), CodingError> {
        let mut rest = bytes;
        loop {
            let status =
                self.state.run_on_buffers(rest, &mut self.piece).map_err(|error| Self::damaged(&error))?;
            rest = &rest[status.bytes_read..];
            out(&self.piece[..status.bytes_written])?;
            self.in_frame = status.remaining != 0;
            let may_hold_more = status.bytes_written == self.piece.len() && self.in_frame;
            if rest.is_empty() && !may_hold_more {
                return Ok(());
            }
        }
    }

    fn finish(&mut self) -> Result<(), CodingError> {
        if self.in_frame { Err(CodingError::Cut("zstd")) } else { Ok(()) }
    }
}
