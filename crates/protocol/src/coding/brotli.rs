//! brotli, with windows up to 16 MiB as RFC 7932 has them (the "large window" extension would let a header claim a gigabyte).

use super::{CodingError, PIECE, Sink, Stage};
use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};

/// How much is fed at a time: damage takes with it what was decoded from the same piece.
const FED: usize = 512;

pub(super) struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    piece: Vec<u8>,
    begun: bool,
    ended: bool,
}

impl Brotli {
    pub(super) fn new() -> Brotli {
        let alloc = StandardAlloc::default;
        Brotli {
            state: Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())),
            piece: vec![0; PIECE],
            begun: false,
            ended: false,
        }
    }

    fn feed_piece(&mut self, bytes: &[u8], out: &mut Sink<'_>) -> Result<(), CodingError> {
        let (mut at, mut left) = (0, bytes.len());
        while !self.ended {
            let (mut given, mut room, mut total) = (0, self.piece.len(), 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut at,
                bytes,
                &mut room,
                &mut given,
                &mut self.piece,
                &mut total,
                &mut self.state,
            );
            out(&self.piece[..given])?;
            match result {
                BrotliResult::ResultSuccess => self.ended = true,
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput => return Ok(()),
                BrotliResult::ResultFailure => return Err(Self::damaged("it is no valid brotli".to_owned())),
            }
        }
        if left > 0 { Err(Self::damaged("more follows its end".to_owned())) } else { Ok(()) }
    }

    fn damaged(reason: String) -> CodingError {
        CodingError::Damaged { coding: "br", reason }
    }
}

impl Stage for Brotli {
    fn feed(&mut self, bytes: &[u8], out: &mut Sink<'_>) -> Result<(), CodingError> {
        self.begun |= !bytes.is_empty();
        bytes.chunks(FED).try_for_each(|piece| self.feed_piece(piece, out))
    }

    fn finish(&mut self) -> Result<(), CodingError> {
        if self.begun && !self.ended { Err(CodingError::Cut("br")) } else { Ok(()) }
    }
}
