//! HTTP Archives, an entry at a time. Ids are made from what an entry says, so that a second import adds nothing.

mod entry;

use super::{ImportError, Progress, Sink, Target};
use entry::Entry;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use store::Side;

/// An archive of which every entry can be read.
pub(crate) struct Checked {
    entries: u64,
}

/// Reads an archive through.
pub(super) fn check<F: Read + Seek>(file: &mut F) -> Result<Checked, ImportError> {
    let mut entries = 0;
    each(file, &mut |_| {
        entries += 1;
        Ok(())
    })?;
    Ok(Checked { entries })
}

impl Checked {
    /// Writes what is not there yet.
    pub(super) fn write<F: Read + Seek, S: Sink>(
        self,
        file: &mut F,
        target: &mut Target<'_, S>,
        progress: &mut Progress<'_>,
    ) -> Result<(), ImportError> {
        let mut done = 0;
        let mut seen = HashMap::new();
        each(file, &mut |entry| {
            done += 1;
            if done % 64 == 0 {
                progress(done, self.entries);
            }
            write(entry, &mut seen, target)
        })?;
        progress(self.entries, self.entries);
        Ok(())
    }
}

fn write<S: Sink>(
    entry: Entry,
    seen: &mut HashMap<[u8; 32], u64>,
    target: &mut Target<'_, S>,
) -> Result<(), ImportError> {
    let content = entry.content();
    // Entries that say the same are as many exchanges as there are entries.
    let times = seen.entry(content).or_insert(0);
    let id = entry.id(&content, *times);
    *times += 1;
    let read = entry.read(id);
    let Some(exchange) = target.begin(read.exchange)? else { return Ok(()) };
    target.body(&exchange, Side::Request, &read.request)?;
    if let Some(response) = read.response {
        target.body(&exchange, Side::Response, &response)?;
        target.frames(&exchange, &read.frames)?;
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
