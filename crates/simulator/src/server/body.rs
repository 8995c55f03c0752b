//! Takes a request's body off the wire: its payload, and its bytes exactly as they came.

use bytes::{Bytes, BytesMut};

use super::head::Framing;

/// A body in the making; feed it with [`BodyReader::take`] until it is done.
#[derive(Debug)]
pub(crate) struct BodyReader {
    state: State,
    chunked: bool,
    payload: BytesMut,
    raw: BytesMut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Payload(u64),
    ChunkSize,
    ChunkEnd,
    Trailers,
    Done,
}

impl BodyReader {
    pub(crate) fn new(framing: Framing) -> Self {
        let (state, chunked) = match framing {
            Framing::Length(0) => (State::Done, false),
            Framing::Length(length) => (State::Payload(length), false),
            Framing::Chunked => (State::ChunkSize, true),
        };
        Self { state, chunked, payload: BytesMut::new(), raw: BytesMut::new() }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes what belongs to the body off the front of `buffer`.
    pub(crate) fn take(&mut self, buffer: &mut BytesMut) -> Result<(), String> {
        loop {
            match self.state {
                State::Done => return Ok(()),
                State::Payload(left) => {
                    if buffer.is_empty() {
                        return Ok(());
                    }
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
                    let piece = buffer.split_to(count);
                    if self.chunked {
                        self.raw.extend_from_slice(&piece);
                    }
                    self.payload.extend_from_slice(&piece);
                    let left = left - count as u64;
                    self.state = match (left, self.chunked) {
                        (0, true) => State::ChunkEnd,
                        (0, false) => State::Done,
                        _ => State::Payload(left),
                    };
                }
                State::ChunkSize => {
                    let Some(line) = self.take_line(buffer) else { return Ok(()) };
                    let digits = line.split(';').next().unwrap_or_default().trim();
                    let size =
                        u64::from_str_radix(digits, 16).map_err(|_| format!("no chunk size: {line:?}"))?;
                    self.state = if size == 0 { State::Trailers } else { State::Payload(size) };
                }
                State::ChunkEnd => {
                    let Some(line) = self.take_line(buffer) else { return Ok(()) };
                    if !line.is_empty() {
                        return Err(format!("bytes after a chunk: {line:?}"));
                    }
                    self.state = State::ChunkSize;
                }
                State::Trailers => {
                    let Some(line) = self.take_line(buffer) else { return Ok(()) };
                    if line.is_empty() {
                        self.state = State::Done;
                    }
                }
            }
        }
    }

    /// The payload and the bytes as they came, so far.
    pub(crate) fn bytes(self) -> (Bytes, Bytes) {
        let payload = self.payload.freeze();
        let raw = if self.chunked { self.raw.freeze() } else { payload.clone() };
        (payload, raw)
    }

    fn take_line(&mut self, buffer: &mut BytesMut) -> Option<String> {
        let end = buffer.iter().position(|byte| *byte == b'\n')?;
        let line = buffer.split_to(end + 1);
        self.raw.extend_from_slice(&line);
        Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }
}
