//! Reads a request with the help of the one before it.
//!
//! An agent sends its whole conversation with every turn. Where the body begins like one that was read, that part was checked, searched
//! and hashed already; only the rest is looked at. What is found is the same as without.

use crate::json::{Mark, Top};
use crate::outline::{self, Outline};
use crate::problem::{Problem, Problems};
use crate::request::{self, MessageRequest, Opening};
use std::ops::Range;
use std::sync::Arc;

/// Bytes that are compared at once.
const STEP: usize = 4 << 10;

/// A request that was read, and what another that begins like it can go on from.
#[derive(Debug)]
pub struct Conversation {
    /// The body, uncompressed.
    body: Vec<u8>,
    /// What it asks for.
    pub request: MessageRequest,
    /// What is odd about it.
    pub problems: Vec<Problem>,
    /// Its prompt.
    pub outline: Arc<Outline>,
    opening: Opening,
    tools: Option<Range<usize>>,
    mark: Option<Mark>,
}

impl Conversation {
    /// Reads a body as [`request::parse`] and [`outline()`](outline::outline) do; `earlier` may be any other.
    pub fn read(body: Vec<u8>, earlier: Option<&Conversation>) -> Conversation {
        let quick = std::str::from_utf8(&body).ok().and_then(|text| read(text, earlier));
        let (found, outline, (opening, tools, mark)) = quick.unwrap_or_else(|| {
            (request::parse(&body), outline::outline(&body), (Opening::default(), None, None))
        });
        let (request, problems) = found;
        Conversation { body, request, problems, outline: Arc::new(outline), opening, tools, mark }
    }

    /// How many bytes it has in common with a body, at the beginning.
    pub fn common(&self, body: &[u8]) -> usize {
        let mut at = 0;
        for (left, right) in self.body.chunks(STEP).zip(body.chunks(STEP)) {
            if left != right {
                return at + left.iter().zip(right).take_while(|(left, right)| left == right).count();
            }
            at += left.len();
        }
        at
    }

    /// How long its body is, in bytes.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.body.len()
    }

    /// What it takes of memory, roughly, in bytes.
    pub fn weight(&self) -> usize {
        let messages = self.mark.as_ref().map_or(0, |mark| mark.messages.len());
        self.body.capacity()
            + self.outline.parts.len() * (size_of::<outline::Part>() + 32)
            + messages * size_of::<Range<usize>>()
            + self.request.tools.len() * 48
    }
}

type Found = ((MessageRequest, Vec<Problem>), Outline, (Opening, Option<Range<usize>>, Option<Mark>));

/// `None`: something is odd, and is to be told in its own words.
fn read(text: &str, earlier: Option<&Conversation>) -> Option<Found> {
    let grown = earlier.and_then(|earlier| {
        let (top, kept) = Top::go_on(text, earlier.mark.as_ref()?, earlier.common(text.as_bytes()))?;
        Some((top, Some((earlier, kept))))
    });
    let (top, known) = match grown {
        Some(grown) => grown,
        None => match Top::read(text) {
            (Some(top), None) => (top, None),
            _ => return None,
        },
    };
    let mut tools = top.entries.iter().filter(|(name, _)| name == "tools").map(|(_, list)| list.get());
    let tools = tools.next_back().map(|list| (top.place(list), list));
    let moved = known.and_then(|(earlier, _)| {
        let ((place, list), before) = (tools.as_ref()?, earlier.tools.clone()?);
        let is_same = earlier.body.get(before.clone()) == Some(list.as_bytes());
        is_same.then(|| place.start.cast_signed() - before.start.cast_signed())
    });
    let mut problems = Problems::default();
    let of_request = known.map(|(earlier, messages)| request::Known {
        request: &earlier.request,
        opening: &earlier.opening,
        messages,
        same_tools: moved.is_some(),
    });
    let (request, opening) = request::read(&top, of_request, &mut problems);
    let of_outline = known.map(|(earlier, messages)| outline::Known {
        outline: &earlier.outline,
        messages,
        tools_moved: moved,
    });
    let outline = outline::read(&top, of_outline);
    let tools = tools.map(|(place, _)| place);
    Some(((request, problems.into_list()), outline, (opening, tools, top.mark())))
}

#[cfg(test)]
mod tests;
