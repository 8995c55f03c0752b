//! Where a body ends, and which of its bytes are payload. Looks at bytes, never keeps or changes them.

mod chunked;

pub use chunked::ChunkError;
use chunked::Chunked;

/// The place inside a body. Small and `Copy`, so that one walks ahead and validates what was read, and another
/// follows behind over what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Body(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Bytes that are still to come.
    Sized(u64),
    Chunked(Chunked),
    UntilClose,
}

/// Something found in the bytes of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Payload, without the framing.
    Payload(&'a [u8]),
    /// Some bytes of the trailer lines.
    Trailer(&'a [u8]),
}

/// How far a step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// Bytes from the start of the input that belong to the body and are well formed.
    pub(crate) used: usize,
    /// The byte after them is wrong.
    pub(crate) error: Option<ChunkError>,
}

impl Body {
    /// A body of this many bytes.
    pub(crate) fn sized(length: u64) -> Self {
        Body(Kind::Sized(length))
    }

    /// A body in chunks.
    pub(crate) fn chunked() -> Self {
        Body(Kind::Chunked(Chunked::new()))
    }

    /// A body that ends with its connection.
    pub(crate) fn until_close() -> Self {
        Body(Kind::UntilClose)
    }

    /// Whether every byte has come. Never true of a body that ends with its connection.
    pub(crate) fn is_done(&self) -> bool {
        match &self.0 {
            Kind::Sized(left) => *left == 0,
            Kind::Chunked(chunked) => chunked.is_done(),
            Kind::UntilClose => false,
        }
    }

    /// Whether it ends with its connection.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.0 == Kind::UntilClose
    }

    /// Walks over `input`. Uses all of it unless the body ends in it or goes wrong in it.
    pub(crate) fn advance<'a>(&mut self, input: &'a [u8], mut found: impl FnMut(Piece<'a>)) -> Step {
        let used = match &mut self.0 {
            Kind::Chunked(chunked) => return chunked.advance(input, found),
            Kind::Sized(left) => {
                let used = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= used as u64;
                used
            }
            Kind::UntilClose => input.len(),
        };
        if used > 0 {
            found(Piece::Payload(&input[..used]));
        }
        Step { used, error: None }
    }
}
