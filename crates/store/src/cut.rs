//! Cuts a body where agents' bodies repeat: at long JSON strings and at ends of JSON elements; what is not JSON, by its content.
//!
//! An agent sends its whole conversation with every turn, and the same message now as a plain string, now as an array of blocks with a
//! cache marker. What stays equal is the encoded string, so a long one is a segment of its own, whatever stands around it.
//!
//! Contract: the segments joined are the bytes, whatever the bytes are; they do not depend on how the bytes were split when they came.

use fastcdc::v2020::FastCDC;
use memchr::{memchr2, memchr3};

/// A string of so many bytes is a segment of its own; shorter segments are kept inside the list of segments.
pub(crate) const MIN: usize = 256;

/// What stands between long strings is cut at the end of an element once it has so many bytes,
const GLUE: usize = 1 << 10;

/// and anywhere outside of strings after so many.
const GLUE_MAX: usize = 16 << 10;

/// Longest segment; what is longer is cut by its content.
pub(crate) const MAX: usize = 64 << 10;

/// Shortest and middling segment of a cut by content.
const CONTENT: (usize, usize) = (8 << 10, 32 << 10);

/// One part of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut<'a> {
    /// Too short to be stored on its own.
    Literal(&'a [u8]),
    /// Stored once, whatever bodies it occurs in.
    Piece {
        /// Hash of kind and bytes: equal keys are equal pieces.
        key: [u8; 16],
        /// At most 64 KiB.
        bytes: &'a [u8],
    },
}

/// Cuts a whole body; `each` is given its parts in order.
pub fn cut(body: &[u8], each: &mut dyn FnMut(Cut<'_>)) {
    let mut cutter = Cutter::default();
    let result: Result<usize, std::convert::Infallible> = cutter.scan(body, true, &mut |segment, _| {
        each(match is_literal(segment) {
            true => Cut::Literal(segment),
            false => Cut::Piece { key: key(b'd', segment), bytes: segment },
        });
        Ok(())
    });
    debug_assert_eq!(result, Ok(body.len()));
}

/// Whether a segment is too short to stand on its own.
pub(crate) fn is_literal(segment: &[u8]) -> bool {
    segment.len() < MIN
}

/// The key of a piece: 128 bits of BLAKE3 over its kind (`d` data, `l` list) and its bytes.
pub(crate) fn key(kind: u8, bytes: &[u8]) -> [u8; 16] {
    // One run of bytes is hashed many times as quickly as two.
    let mut whole = Vec::with_capacity(1 + bytes.len());
    whole.push(kind);
    whole.extend_from_slice(bytes);
    let mut key = [0; 16];
    key.copy_from_slice(&blake3::hash(&whole).as_bytes()[..16]);
    key
}

/// What the bytes of a segment are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON between long strings: punctuation, names, short strings.
    Glue,
    /// The inside of a JSON string, still escaped.
    Text,
    /// Not JSON.
    Plain,
}

/// Takes segments.
pub(crate) type Each<'a, E> = dyn FnMut(&[u8], Form) -> Result<(), E> + 'a;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Nothing but white space so far.
    #[default]
    Start,
    /// Outside of strings.
    Outside,
    /// In a string that begins so far into what is held.
    Inside { begin: usize },
    /// In a string that is longer than a segment; what came before it has been handed out.
    Long,
    /// Not JSON.
    Plain,
}

/// Cuts a body that comes in parts. What [`Cutter::scan`] did not take is to be given again, with more after it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cutter {
    place: Place,
    /// How far into what was given everything has been looked at.
    scanned: usize,
}

impl Cutter {
    /// Hands out the segments of `bytes` that are sure; with `last` all of them. Returns how many bytes that were.
    pub(crate) fn scan<E>(&mut self, bytes: &[u8], last: bool, each: &mut Each<'_, E>) -> Result<usize, E> {
        let mut done = 0;
        loop {
            let rest = &bytes[done..];
            let Some((length, form)) = self.next(rest, last) else {
                if last && !rest.is_empty() {
                    each(rest, if self.place == Place::Plain { Form::Plain } else { Form::Glue })?;
                    done = bytes.len();
                }
                return Ok(done);
            };
            each(&rest[..length], form)?;
            done += length;
        }
    }

    /// The first segment of `rest`, if its end is sure. `rest` begins where the segment before ended.
    fn next(&mut self, rest: &[u8], last: bool) -> Option<(usize, Form)> {
        loop {
            match self.place {
                Place::Start => {
                    let first = rest.iter().position(|byte| !byte.is_ascii_whitespace());
                    self.place = match first {
                        Some(at) if matches!(rest[at], b'{' | b'[') => Place::Outside,
                        Some(_) => Place::Plain,
                        None if rest.len() >= MAX || last => Place::Plain,
                        None => return None,
                    };
                }
                Place::Plain => return by_content(rest, last).map(|length| (length, Form::Plain)),
                Place::Outside => {
                    if let Some(length) = self.outside(rest)? {
                        return Some((length, Form::Glue));
                    }
                }
                Place::Inside { begin } => {
                    if let Some(segment) = self.inside(rest, begin, last)? {
                        return Some(segment);
                    }
                }
                Place::Long => return self.long(rest, last),
            }
        }
    }

    /// `None`: more is needed. `Some(None)`: look again.
    fn outside(&mut self, rest: &[u8]) -> Option<Option<usize>> {
        if self.scanned >= GLUE_MAX {
            return Some(Some(std::mem::take(&mut self.scanned)));
        }
        let window = &rest[self.scanned..rest.len().min(GLUE_MAX)];
        let Some(found) = memchr3(b'"', b'}', b']', window) else {
            self.scanned = self.scanned.max(rest.len().min(GLUE_MAX));
            return (self.scanned >= GLUE_MAX).then_some(None);
        };
        let at = self.scanned + found;
        self.scanned = at + 1;
        if rest[at] == b'"' {
            self.place = Place::Inside { begin: at + 1 };
            return Some(None);
        }
        Some((self.scanned >= GLUE).then(|| std::mem::take(&mut self.scanned)))
    }

    /// As [`Cutter::outside`]. What stands before a long string is handed out first, then the string.
    fn inside(&mut self, rest: &[u8], begin: usize, last: bool) -> Option<Option<(usize, Form)>> {
        let quote = self.end_of_string(rest);
        let length = quote.unwrap_or(rest.len()).saturating_sub(begin);
        if length >= MIN && (quote.is_some() || last || length >= MAX) {
            if begin > 0 {
                self.place = Place::Inside { begin: 0 };
                self.scanned -= begin;
                return Some(Some((begin, Form::Glue)));
            }
            self.place = Place::Long;
            return Some(None);
        }
        // A short string is part of what stands around it.
        self.scanned = quote? + 1;
        self.place = Place::Outside;
        Some(None)
    }

    /// The rest of a long string, a segment at a time.
    fn long(&mut self, rest: &[u8], last: bool) -> Option<(usize, Form)> {
        let end = self.end_of_string(rest);
        let inside = &rest[..end.unwrap_or(rest.len())];
        let found = by_content(inside, end.is_some() || last);
        let length = found.unwrap_or(0);
        if end == Some(length) {
            // The closing quote is the first byte of what follows.
            self.place = Place::Outside;
            self.scanned = 1;
        } else {
            // Kept, so that a string of many segments is not looked through again for each.
            self.scanned = self.scanned.saturating_sub(length);
        }
        match found {
            Some(length) => Some((length, Form::Text)),
            None if self.place == Place::Outside => self.next(rest, last),
            None => None,
        }
    }

    /// Where the string ends: its closing quote. Goes on where it last stopped.
    fn end_of_string(&mut self, rest: &[u8]) -> Option<usize> {
        loop {
            let found = memchr2(b'"', b'\\', rest.get(self.scanned..)?);
            let Some(found) = found else {
                self.scanned = rest.len();
                return None;
            };
            let at = self.scanned + found;
            if rest[at] == b'"' {
                self.scanned = at;
                return Some(at);
            }
            if at + 2 > rest.len() {
                // The escape's second byte has not come.
                self.scanned = at;
                return None;
            }
            self.scanned = at + 2;
        }
    }
}

/// The length of the first segment of bytes that are cut by their content; `ended`: nothing follows them.
fn by_content(bytes: &[u8], ended: bool) -> Option<usize> {
    if bytes.len() < MAX {
        return (ended && !bytes.is_empty()).then_some(bytes.len());
    }
    let mut chunks = FastCDC::new(&bytes[..MAX], CONTENT.0, CONTENT.1, MAX);
    Some(chunks.next().map_or(MAX, |chunk| chunk.length))
}

#[cfg(test)]
mod tests;
