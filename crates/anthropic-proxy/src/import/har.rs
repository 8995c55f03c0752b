//! HTTP Archives, an entry at a time. Ids are made from what an entry says, so that a second import adds nothing.

mod entry;

use super::{ImportError, Progress, Target};
use entry::Entry;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use store::{Frame, Side};

/// Imports an archive: read through once to see that all of it can be, then once more to write.
pub(super) fn import<F: Read + Seek>(
    file: &mut F,
    target: &mut Target<'_>,
    progress: &mut Progress<'_>,
) -> Result<(), ImportError> {
    let mut entries = 0;
    each(file, &mut |_| {
        entries += 1;
        Ok(())
    })?;
    let mut done = 0;
    let mut seen = HashMap::new();
    each(file, &mut |entry| {
        done += 1;
        if done % 64 == 0 {
            progress(done, entries);
        }
        write(entry, &mut seen, target)
    })?;
    progress(entries, entries);
    Ok(())
}

fn write(
    entry: Entry,
    seen: &mut HashMap<[u8; 32], u64>,
    target: &mut Target<'_>,
) -> Result<(), ImportError> {
    let content = entry.content();
    // Entries that say the same are as many exchanges as there are entries.
    let times = seen.entry(content).or_insert(0);
    let id = entry.id(&content, *times);
    *times += 1;
    let (exchange, request, response) = entry.read(id);
    if !target.begin(&exchange)? {
        return Ok(());
    }
    target.body(&exchange, Side::Request, &request)?;
    if let Some(response) = response {
        let at_us = exchange.timing.end_us.unwrap_or(0);
        target.body(&exchange, Side::Response, &response)?;
        let frames: Vec<_> = response
            .chunks(u32::MAX as usize)
            .map(|bytes| Frame { len: u32::try_from(bytes.len()).unwrap_or(u32::MAX), at_us })
            .collect();
        target.frames(&exchange, &frames)?;
    }
    target.end(&exchange)
}

type Each<'a> = dyn FnMut(Entry) -> Result<(), ImportError> + 'a;

/// Reads the entries of an archive one after the other.
fn each<F: Read + Seek>(file: &mut F, visit: &mut Each<'_>) -> Result<(), ImportError> {
    file.seek(SeekFrom::Start(0)).map_err(|error| super::unreadable(&error))?;
    let mut reader = BufReader::with_capacity(64 << 10, file);
    skip_mark(&mut reader).map_err(|error| super::unreadable(&error))?;
    let mut walk = Walk { visit, failure: None, found: false, number: 0 };
    let mut json = serde_json::Deserializer::from_reader(reader);
    let read = Object { name: "log", walk: &mut walk }.deserialize(&mut json).and_then(|()| json.end());
    let Walk { failure, found, number, .. } = walk;
    match (failure, read) {
        (Some(failure), _) => Err(failure),
        (None, Ok(())) if found => Ok(()),
        (None, Ok(())) => Err(foreign("it has no log.entries")),
        (None, Err(error)) => Err(foreign(&format!("after {number} entries: {error}"))),
    }
}

/// Some programs begin their files with a byte order mark.
fn skip_mark(reader: &mut impl io::BufRead) -> io::Result<()> {
    let marked = reader.fill_buf()?.starts_with(b"\xef\xbb\xbf");
    reader.consume(if marked { 3 } else { 0 });
    Ok(())
}

fn foreign(why: &str) -> ImportError {
    ImportError::File(format!(
        "the file is no HTTP Archive that can be read: {why}\nhint: nothing was imported; save it anew as HAR, with content"
    ))
}

struct Walk<'a, 'b> {
    visit: &'a mut Each<'b>,
    failure: Option<ImportError>,
    found: bool,
    number: u64,
}

/// An object, of which one field is looked into: first `log`, in it `entries`.
struct Object<'w, 'a, 'b> {
    name: &'static str,
    walk: &'w mut Walk<'a, 'b>,
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "an object with `{}`", self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key != self.name {
                map.next_value::<IgnoredAny>()?;
            } else if self.name == "log" {
                map.next_value_seed(Object { name: "entries", walk: self.walk })?;
            } else {
                self.walk.found = true;
                map.next_value_seed(Entries(self.walk))?;
            }
        }
        Ok(())
    }
}

struct Entries<'w, 'a, 'b>(&'w mut Walk<'a, 'b>);

impl<'de> DeserializeSeed<'de> for Entries<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a list of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element::<Entry>()? {
            entry.check().map_err(A::Error::custom)?;
            if let Err(failure) = (self.0.visit)(entry) {
                self.0.failure = Some(failure);
                return Err(A::Error::custom("the store took no more"));
            }
            self.0.number += 1;
        }
        Ok(())
    }
}
