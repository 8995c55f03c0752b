//! The top level of a request's body, and how it goes on where it begins like one that was read before.

use super::shallow::{self, Entries, Raw};
use serde::Deserialize as _;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::ops::Range;

/// The field of a request that grows from call to call.
const MESSAGES: &str = "messages";

/// The entries of a body, values unread.
#[derive(Debug)]
pub(crate) struct Top<'a> {
    /// The whole body.
    pub(crate) text: &'a str,
    pub(crate) entries: Entries<'a>,
    /// The elements of the last entry named `messages`.
    pub(crate) messages: Vec<Raw<'a>>,
    /// Whether the body is one valid JSON object.
    pub(crate) whole: bool,
}

/// Where a body's messages stand, to go on from in another that begins alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The names and values before the messages.
    before: Vec<(Range<usize>, Range<usize>)>,
    /// The messages' own name.
    name: Range<usize>,
    /// Where their list begins.
    begin: usize,
    /// The messages.
    pub(crate) messages: Vec<Range<usize>>,
}

impl<'a> Top<'a> {
    /// Reads and checks all of it; an error says what is wrong, `None` for the entries that it is no object.
    pub(crate) fn read(text: &'a str) -> (Option<Top<'a>>, Option<serde_json::Error>) {
        let (entries, error) = shallow::entries(text);
        let top = entries.map(|entries| {
            let messages = entries.iter().rev().find(|(name, _)| name == MESSAGES);
            let messages = messages.map(|(_, list)| shallow::elements(*list)).unwrap_or_default();
            Top { text, entries, messages, whole: error.is_none() }
        });
        (top, error)
    }

    /// As [`Top::read`], of a text that equals the one of `mark` up to `common`. Returns how many of its messages it has, too.
    /// `None`: there is nothing to go on from, or something is odd; then read all of it.
    pub(crate) fn go_on(text: &'a str, mark: &Mark, common: usize) -> Option<(Top<'a>, usize)> {
        let mut kept = mark.messages.partition_point(|message| message.end <= common);
        let ends_itself = |byte: &u8| matches!(byte, b'}' | b']' | b'"');
        if mark.messages[..kept].last().is_some_and(|last| {
            // A number may go on.
            last.end == common && !text.as_bytes().get(last.end - 1).is_some_and(ends_itself)
        }) {
            kept -= 1;
        }
        let last = mark.messages.get(kept.checked_sub(1)?)?;
        let slice = |range: &Range<usize>| text.get(range.clone()).map(Raw::of_valid);
        let mut entries = Vec::with_capacity(mark.before.len() + 12);
        for (name, value) in &mark.before {
            entries.push((shallow::text(slice(name)?)?, slice(value)?));
        }
        let mut messages: Vec<Raw<'a>> = mark.messages[..kept].iter().map(slice).collect::<Option<_>>()?;
        let mut rest = Rest { text, at: last.end };
        while rest.takes(b',') {
            messages.push(rest.value()?);
        }
        rest.expect(b']')?;
        let list = slice(&(mark.begin..rest.at))?;
        entries.push((shallow::text(slice(&mark.name)?)?, list));
        while rest.takes(b',') {
            let name = rest.value().filter(|name| name.get().starts_with('"'))?;
            rest.expect(b':')?;
            // Of two lists of messages the last counts.
            let name = shallow::text(name).filter(|name| name != MESSAGES)?;
            entries.push((name, rest.value()?));
        }
        rest.expect(b'}')?;
        rest.blank();
        (rest.at == text.len()).then_some((Top { text, entries, messages, whole: true }, kept))
    }

    /// Where its messages stand; `None` where nothing can go on from it.
    pub(crate) fn mark(&self) -> Option<Mark> {
        let place = |raw: Raw<'_>| self.place(raw.get());
        let at = self.entries.iter().position(|(name, _)| name == MESSAGES)?;
        let is_plain = |name: &Cow<'_, str>| matches!(name, Cow::Borrowed(_));
        let names = || self.entries[..=at].iter().map(|(name, _)| name);
        let is_twice = self.entries[at + 1..].iter().any(|(name, _)| name == MESSAGES);
        if !self.whole || is_twice || !names().all(is_plain) || self.messages.is_empty() {
            return None;
        }
        // With its quotes.
        let name = |name: &str| {
            let inside = self.place(name);
            inside.start.saturating_sub(1)..inside.end + 1
        };
        let before = self.entries[..at].iter().map(|(key, value)| (name(key), place(*value))).collect();
        let (key, list) = &self.entries[at];
        let messages = self.messages.iter().map(|message| place(*message)).collect();
        Some(Mark { before, name: name(key), begin: place(*list).start, messages })
    }

    /// Where a piece of the text stands in it.
    pub(crate) fn place(&self, piece: &str) -> Range<usize> {
        let start = (piece.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let start = start.min(self.text.len());
        start..(start + piece.len()).min(self.text.len())
    }
}

/// What has not been read.
struct Rest<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    fn blank(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
    }

    fn takes(&mut self, byte: u8) -> bool {
        self.blank();
        let is_there = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.takes(byte).then_some(())
    }

    /// The next value, checked.
    fn value(&mut self) -> Option<Raw<'a>> {
        self.blank();
        let mut source = serde_json::Deserializer::from_str(self.text.get(self.at..)?);
        let value = <&RawValue>::deserialize(&mut source).ok()?.get();
        self.at += value.len();
        Some(Raw::of_valid(value))
    }
}
