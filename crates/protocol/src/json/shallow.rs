//! Looks at one level of JSON and leaves what is deeper unread: cheap for large bodies, and safe from what is odd inside.

use super::skip;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A value that was not looked into: its text, which is valid JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// A text that is known to be one valid value, without white space around it.
    pub(super) fn of_valid(text: &'a str) -> Raw<'a> {
        Raw(text)
    }

    /// The text as it stands.
    pub(crate) fn get(self) -> &'a str {
        self.0
    }

    /// The entries of an object, values unread, in order; `None` for anything but an object.
    pub(crate) fn entries(self) -> Option<Entries<'a>> {
        if !self.0.starts_with('{') {
            return None;
        }
        let found = skip::entries(self.0).into_iter();
        Some(found.filter_map(|(key, value)| Some((text(Raw(key))?, Raw(value)))).collect())
    }
}

/// Keys and unread values, in order, repeated keys included.
pub(crate) type Entries<'a> = Vec<(Cow<'a, str>, Raw<'a>)>;

/// The entries of an object, values unread but checked, in order, as far as it could be read; `None` for anything but an object.
pub(crate) fn entries(text: &str) -> (Option<Entries<'_>>, Option<serde_json::Error>) {
    if !text.trim_start().starts_with('{') {
        return (None, serde_json::from_str::<&RawValue>(text).err());
    }
    let mut list = Vec::new();
    let mut source = serde_json::Deserializer::from_str(text);
    let error = source.deserialize_map(Collector(&mut list)).and_then(|()| source.end()).err();
    // A number at which the text ends may be half a number.
    if error.as_ref().is_some_and(serde_json::Error::is_eof)
        && list.last().is_some_and(|(_, value)| text.ends_with(value.get()))
    {
        list.pop();
    }
    (Some(list), error)
}

struct Collector<'a, 'de>(&'a mut Entries<'de>);

impl<'de> Visitor<'de> for Collector<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<Text<'de>>()? {
            let value: &RawValue = entries.next_value()?;
            self.0.push((key.0, Raw(value.get())));
        }
        Ok(())
    }
}

/// The elements of an array, unread; empty for anything else.
pub(crate) fn elements(raw: Raw<'_>) -> Vec<Raw<'_>> {
    skip::elements(raw.0).into_iter().map(Raw).collect()
}

/// The string that a value is; lone surrogates are replaced.
pub(crate) fn text(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    if let Some(plain) = skip::plain(raw.0) {
        return Some(Cow::Borrowed(plain));
    }
    serde_json::from_str::<Text<'_>>(raw.0).ok().map(|text| text.0)
}

/// Bytes as text; what is no UTF-8 is replaced. Quicker than the standard library's where nothing is to be replaced.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

struct Text<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_bytes(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Text(lossy(bytes)))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(lossy(bytes).into_owned())))
    }
}
