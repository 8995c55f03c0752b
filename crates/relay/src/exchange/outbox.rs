//! Bytes that were read and judged but not yet taken by the other side.

/// A queue of at most one read and a head.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
    /// The bytes up to here are heads: the follower of the body must not see them.
    head_end: usize,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    pub(super) fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Appends a head, which `write` writes. Only before any body.
    pub(super) fn push_head(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.head_end = self.bytes.len();
    }

    pub(super) fn push_body(&mut self, bytes: &[u8]) {
        if self.is_empty() {
            self.bytes.clear();
            (self.sent, self.head_end) = (0, 0);
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Notes that the first `length` unsent bytes were sent; answers those of them that belong to the body.
    pub(super) fn sent(&mut self, length: usize) -> &[u8] {
        let start = self.sent.max(self.head_end);
        self.sent = (self.sent + length).min(self.bytes.len());
        self.bytes.get(start..self.sent).unwrap_or_default()
    }
}
