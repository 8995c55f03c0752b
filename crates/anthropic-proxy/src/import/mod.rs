//! Takes exchanges back from a file: a bundle, byte for byte, or what an HTTP Archive has.
//!
//! A file is read through before anything is written: a damaged or foreign one changes nothing. What is there already is skipped.

mod bundle;
mod har;
mod pieces;

use crate::export::bundle::{self as layout, MAGIC};
use std::io::{self, Read, Seek, SeekFrom};
use store::{Exchange, Frame, Side, Store, Writer};

/// Bodies that are committed together, bytes.
const BATCH_BYTES: u64 = 16 << 20;

/// Exchanges that are committed together.
const BATCH: u64 = 256;

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    /// Exchanges that are new.
    pub(crate) added: u64,
    /// Exchanges that were there already.
    pub(crate) skipped: u64,
    /// Whether the file says that personal things were taken out of it.
    pub(crate) redacted: bool,
    /// Whether it says that bodies were left out.
    pub(crate) without_bodies: bool,
}

impl std::fmt::Display for Imported {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{} requests imported, {} were there already", self.added, self.skipped)?;
        if self.redacted {
            to.write_str("; personal things were taken out when the file was made")?;
        }
        if self.without_bodies {
            to.write_str("; the file has no bodies")?;
        }
        Ok(())
    }
}

/// Why a file was not taken.
#[derive(Debug)]
pub(crate) enum ImportError {
    /// The file is not what it should be: a sentence and a hint. Nothing was changed.
    File(String),
    /// The store took no more. What was added until then stays; importing again adds the rest.
    Store(store::Error),
}

impl std::fmt::Display for ImportError {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ImportError::File(why) => to.write_str(why),
            ImportError::Store(error) => write!(
                to,
                "the store took no more: {error}\nhint: what was imported stays; import the file again to add the rest"
            ),
        }
    }
}

impl std::error::Error for ImportError {}

impl From<store::Error> for ImportError {
    fn from(error: store::Error) -> ImportError {
        ImportError::Store(error)
    }
}

/// Told now and then: bytes of work done, and in all.
pub(crate) type Progress<'a> = dyn FnMut(u64, u64) + 'a;

/// Imports a file of either kind.
///
/// # Errors
/// See [`ImportError`].
pub(crate) fn import<F: Read + Seek>(
    file: &mut F,
    store: &Store,
    writer: &mut Writer,
    progress: &mut Progress<'_>,
) -> Result<Imported, ImportError> {
    let mut begin = Vec::new();
    file.by_ref().take(64 << 10).read_to_end(&mut begin).map_err(|error| unreadable(&error))?;
    file.seek(SeekFrom::Start(0)).map_err(|error| unreadable(&error))?;
    let mut target = Target { store, writer, imported: Imported::default(), waiting: (0, 0) };
    let name = &MAGIC[..MAGIC.len() - 1];
    let text = begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&begin).trim_ascii_start();
    if begin.starts_with(&MAGIC) {
        bundle::import(file, &mut target, progress)?;
    } else if begin.starts_with(name) {
        return Err(ImportError::File(
            "the bundle was written by a newer anthropic-proxy\nhint: use the newer program".to_owned(),
        ));
    } else if text.starts_with(b"{") {
        har::import(file, &mut target, progress)?;
    } else {
        return Err(ImportError::File(
            "the file is neither a bundle nor an HTTP Archive\nhint: make one with `anthropic-proxy export --format bundle`, or save a HAR file in the browser's tools".to_owned(),
        ));
    }
    target.writer.commit()?;
    Ok(target.imported)
}

fn unreadable(error: &io::Error) -> ImportError {
    ImportError::File(format!(
        "the file cannot be read: {error}\nhint: give the name of a file, not of a folder"
    ))
}

/// Where exchanges go.
struct Target<'a> {
    store: &'a Store,
    writer: &'a mut Writer,
    imported: Imported,
    /// Exchanges and bytes since the last commit.
    waiting: (u64, u64),
}

impl Target<'_> {
    /// Begins an exchange, unless it is there already. Then its bodies and frames may follow, and [`Target::end`] has to.
    fn begin(&mut self, exchange: &Exchange) -> Result<bool, ImportError> {
        if self.store.get(exchange.id)?.is_some() {
            self.imported.skipped += 1;
            return Ok(false);
        }
        self.writer.save(&Exchange { outcome: None, ..exchange.clone() })?;
        Ok(true)
    }

    fn body(&mut self, exchange: &Exchange, side: Side, bytes: &[u8]) -> Result<(), ImportError> {
        self.waiting.1 += bytes.len() as u64;
        Ok(self.writer.append_body(exchange.id, side, bytes)?)
    }

    fn frames(&mut self, exchange: &Exchange, frames: &[Frame]) -> Result<(), ImportError> {
        Ok(self.writer.append_frames(exchange.id, frames)?)
    }

    fn end(&mut self, exchange: &Exchange) -> Result<(), ImportError> {
        for side in [Side::Request, Side::Response] {
            self.writer.finish_body(exchange.id, side)?;
        }
        self.writer.save(exchange)?;
        self.imported.added += 1;
        self.waiting.0 += 1;
        if self.waiting.0 >= BATCH || self.waiting.1 >= BATCH_BYTES {
            self.writer.commit()?;
            self.waiting = (0, 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
