//! Server-sent events: bytes to events, whatever the pieces they come in.
//!
//! Follows the HTML standard's parser, with three differences that a recorder needs: data stays bytes (invalid UTF-8 included),
//! an event without data is told too, and the incomplete event at the end of a cut stream is handed out by [`Decoder::finish`].

use memchr::memchr2;

/// How much of one event is kept unless another limit is given: 64 MiB.
pub const DEFAULT_EVENT_LIMIT: usize = 64 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The `event:` field; `None` when absent or empty.
    pub name: Option<String>,
    /// The `data:` lines, joined with `\n`.
    pub data: Vec<u8>,
    /// Offset in the decoded stream just after its blank line.
    pub end: u64,
    /// Whether its end is missing: it was longer than the limit, or the stream ended before its blank line, so that a client
    /// never saw it.
    pub truncated: bool,
}

/// Cuts a stream into events.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    /// The line that has begun, without its end.
    line: Vec<u8>,
    /// Bytes of that line beyond the limit were dropped.
    line_cut: bool,
    /// The last byte was a CR: an LF that follows belongs to the same line end.
    after_cr: bool,
    at_start: bool,
    offset: u64,
    name: Option<String>,
    data: Option<Vec<u8>>,
    truncated: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder::new()
    }
}

impl Decoder {
    /// A decoder that keeps up to [`DEFAULT_EVENT_LIMIT`] bytes of an event.
    pub fn new() -> Decoder {
        Decoder::with_limit(DEFAULT_EVENT_LIMIT)
    }

    /// A decoder that keeps up to `limit` bytes of an event's data and of a line. The rest is dropped and the event marked; the
    /// events after it are whole.
    pub fn with_limit(limit: usize) -> Decoder {
        Decoder {
            limit,
            line: Vec::new(),
            line_cut: false,
            after_cr: false,
            at_start: true,
            offset: 0,
            name: None,
            data: None,
            truncated: false,
        }
    }

    /// Takes the next bytes and adds the events that they complete.
    ///
    /// A CR as the very last byte waits for the next one, because only that tells where the line ends.
    pub fn feed(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if self.after_cr {
                self.after_cr = false;
                if first == b'\n' {
                    self.offset += 1;
                    rest = &rest[1..];
                }
                self.end_line(&[], events);
                continue;
            }
            let Some(length) = memchr2(b'\r', b'\n', rest) else {
                self.keep(rest);
                self.offset += rest.len() as u64;
                return;
            };
            let (line, end) = rest.split_at(length);
            self.offset += length as u64 + 1;
            rest = &end[1..];
            if end[0] == b'\r' {
                self.keep(line);
                self.after_cr = true;
            } else {
                self.end_line(line, events);
            }
        }
    }

    /// The stream has ended. Returns the last event if its blank line never came (it is marked then), or came as a lone CR.
    pub fn finish(mut self) -> Option<Event> {
        let mut events = Vec::new();
        if self.after_cr || !self.line.is_empty() {
            self.end_line(&[], &mut events);
        }
        let cut = || self.take_event().map(|event| Event { truncated: true, ..event });
        events.pop().or_else(cut)
    }

    fn keep(&mut self, part: &[u8]) {
        // A little more than the limit, so that a field's name never counts against it.
        let room = self.limit.saturating_add(16).saturating_sub(self.line.len());
        self.line_cut |= part.len() > room;
        self.line.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// Ends the line that was kept so far plus `tail`.
    fn end_line(&mut self, tail: &[u8], events: &mut Vec<Event>) {
        if self.line.is_empty() {
            self.take_line(tail);
            if tail.is_empty() && !self.line_cut {
                events.extend(self.take_event());
            }
        } else {
            self.keep(tail);
            let mut line = std::mem::take(&mut self.line);
            self.take_line(&line);
            line.clear();
            // Keeps a usual line's memory for the next one, not a giant's.
            if line.capacity() <= 64 << 10 {
                self.line = line;
            }
        }
        self.line_cut = false;
    }

    fn take_line(&mut self, line: &[u8]) {
        let mut line = line;
        if std::mem::take(&mut self.at_start) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        let colon = memchr::memchr(b':', line);
        let field = &line[..colon.unwrap_or(line.len())];
        let value = colon.map_or(&[][..], |at| &line[at + 1..]);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => self.add_data(value),
            b"event" => self.name = Some(String::from_utf8_lossy(value).into_owned()),
            // Comments have an empty field name; `id` and `retry` matter to browsers only.
            _ => {}
        }
    }

    fn add_data(&mut self, value: &[u8]) {
        let limit = self.limit;
        let data = match &mut self.data {
            Some(data) => {
                data.push(b'\n');
                data
            }
            none => none.insert(Vec::new()),
        };
        let room = limit.saturating_sub(data.len());
        self.truncated |= self.line_cut || value.len() > room;
        data.extend_from_slice(&value[..value.len().min(room)]);
        data.truncate(limit);
    }

    fn take_event(&mut self) -> Option<Event> {
        let (name, data) = (self.name.take(), self.data.take());
        if name.is_none() && data.is_none() {
            return None;
        }
        Some(Event {
            name: name.filter(|name| !name.is_empty()),
            data: data.unwrap_or_default(),
            end: self.offset,
            truncated: std::mem::take(&mut self.truncated),
        })
    }
}
