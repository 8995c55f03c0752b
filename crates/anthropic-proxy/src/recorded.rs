//! Everything that is stored of one exchange, as the monitor shows it and exports write it.

use store::{Body, Exchange, Frame, Side, Store};

/// Bodies above this many bytes are never held whole: their exact bytes are read piece by piece.
pub(crate) const MAX_BODY: usize = 64 << 20;

/// What the store holds of an exchange.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorded {
    pub(crate) exchange: Exchange,
    /// `None` if it is empty, above [`MAX_BODY`], or left out.
    pub(crate) request: Option<Body>,
    /// Likewise.
    pub(crate) response: Option<Body>,
    /// When what of the answer came.
    pub(crate) frames: Vec<Frame>,
}

impl Recorded {
    /// Reads what is stored beside the row.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn load(store: &Store, exchange: Exchange) -> Result<Recorded, store::Error> {
        let whole = |side, length: u64| match length {
            0 => Ok(None),
            length if length > MAX_BODY as u64 => Ok(None),
            _ => store.body(exchange.id, side),
        };
        let request = whole(Side::Request, exchange.request_bytes)?;
        let response = whole(Side::Response, exchange.response_bytes)?;
        let frames = store.frames(exchange.id)?;
        Ok(Recorded { exchange, request, response, frames })
    }
}
