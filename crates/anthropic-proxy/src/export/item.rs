//! One exchange as the formats get it: loaded, redacted, without its bodies where that was asked for.

use super::Options;
use crate::reading::header;
use crate::recorded::{MAX_BODY, Recorded};
use protocol::coding;
use std::io;
use store::{Exchange, Side, Store};

/// One exchange to write.
pub(crate) struct Item<'a> {
    /// What is stored of it. Bodies above 64 MiB are not in it: see [`Item::body`].
    pub(crate) recorded: Recorded,
    /// Whether bodies were left out.
    pub(crate) without_bodies: bool,
    /// BLAKE3 of the bodies that were left out: request, response.
    pub(crate) hashes: [Option<[u8; 32]>; 2],
    /// Whether all of its session is pinned.
    pub(crate) pinned_session: bool,
    store: Option<&'a Store>,
}

impl<'a> Item<'a> {
    /// Reads what the store has of an exchange and applies `options`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn prepare(store: &'a Store, exchange: Exchange, options: &Options) -> io::Result<Item<'a>> {
        let recorded = Recorded::load(store, exchange).map_err(io::Error::other)?;
        let session = recorded.exchange.session.as_ref().filter(|_| recorded.exchange.pinned);
        let pinned_session = session.map_or(Ok(false), |session| store.is_session_pinned(&session.id));
        let pinned_session = pinned_session.map_err(io::Error::other)?;
        let mut item =
            Item { recorded, without_bodies: false, hashes: [None; 2], pinned_session, store: Some(store) };
        if let Some(redactor) = &options.redactor {
            redactor.exchange(&mut item.recorded);
            // What could not be looked through must not be read from there.
            item.store = None;
        }
        if options.without_bodies {
            item.leave_bodies_out()?;
        }
        Ok(item)
    }

    /// Hands over the bytes of a body, whatever its size. Returns whether these are all that went through, or `None` if there are none.
    ///
    /// # Errors
    /// When the store cannot be read, or `sink` takes no more.
    pub(crate) fn body(
        &self,
        side: Side,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<Option<bool>> {
        let exchange = &self.recorded.exchange;
        let (held, length) = match side {
            Side::Request => (&self.recorded.request, exchange.request_bytes),
            Side::Response => (&self.recorded.response, exchange.response_bytes),
        };
        if let Some(body) = held {
            sink(&body.bytes)?;
            return Ok(Some(body.complete));
        }
        match self.store {
            Some(store) if length > MAX_BODY as u64 => {
                let read = store.read_body(exchange.id, side, sink).map_err(|error| match error {
                    store::Error::Sink(error) => error,
                    other => io::Error::other(other),
                })?;
                Ok(read.map(|info| info.complete))
            }
            _ => Ok(None),
        }
    }

    /// The bytes of a body with its content coding undone; `None` if there are none or they are not held.
    pub(crate) fn decoded(&self, side: Side) -> Option<Vec<u8>> {
        let exchange = &self.recorded.exchange;
        let (held, headers) = match side {
            Side::Request => (&self.recorded.request, &exchange.request_headers),
            Side::Response => (&self.recorded.response, &exchange.response_headers),
        };
        let body = held.as_ref().filter(|body| !body.bytes.is_empty())?;
        Some(coding::decode(header(headers, "content-encoding"), &body.bytes, MAX_BODY as u64).0)
    }

    /// Why a body is not in the file although there was one, for people.
    pub(crate) fn missing(&self, side: Side) -> Option<String> {
        let exchange = &self.recorded.exchange;
        let (held, length) = match side {
            Side::Request => (&self.recorded.request, exchange.request_bytes),
            Side::Response => (&self.recorded.response, exchange.response_bytes),
        };
        let why = match held {
            Some(_) => return None,
            None if length == 0 => return None,
            None if self.without_bodies => "left out",
            None if length > MAX_BODY as u64 => "too large for this format",
            None => "not recorded, or not readable",
        };
        Some(format!("{length} bytes, {why}"))
    }

    /// What a lossless file lacks of what was recorded, for people; mostly nothing.
    pub(crate) fn left_out(&self) -> Option<String> {
        if self.store.is_some() {
            return None;
        }
        let sides = [("request", Side::Request), ("answer", Side::Response)];
        let missing = sides
            .into_iter()
            .filter_map(|(name, side)| Some(format!("body of the {name}: {}", self.missing(side)?)));
        let missing = missing.collect::<Vec<_>>().join("; ");
        (!missing.is_empty()).then_some(missing)
    }

    fn leave_bodies_out(&mut self) -> io::Result<()> {
        for (index, side) in [Side::Request, Side::Response].into_iter().enumerate() {
            let mut hasher = blake3::Hasher::new();
            let found = self.body(side, &mut |bytes| {
                hasher.update(bytes);
                Ok(())
            })?;
            self.hashes[index] = found.map(|_| *hasher.finalize().as_bytes());
        }
        self.without_bodies = true;
        self.store = None;
        self.recorded.request = None;
        self.recorded.response = None;
        self.recorded.frames.clear();
        // Words of the bodies.
        self.recorded.exchange.opening = None;
        self.recorded.exchange.asked = None;
        Ok(())
    }

    /// An item that no store stands behind.
    #[cfg(test)]
    pub(crate) fn made(recorded: Recorded) -> Item<'static> {
        Item { recorded, without_bodies: false, hashes: [None; 2], pinned_session: false, store: None }
    }
}
