//! Takes exchanges back from a file: a bundle, byte for byte, or what an HTTP Archive has.
//!
//! A file is read through before anything is written: a damaged or foreign one changes nothing. What is there already is skipped.

mod bundle;
mod har;
mod pieces;
mod target;

use crate::export::bundle::{self as layout, MAGIC};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use store::Store;
use target::Target;
pub(crate) use target::{Batch, Sink, Step, write};
use utoipa::ToSchema;

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
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
    /// There is no room to work in: a sentence and a hint. Nothing was changed.
    Room(String),
    /// The store took no more, and why. What was added until then stays; importing again adds the rest.
    Store(String),
}

impl std::fmt::Display for ImportError {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ImportError::File(why) | ImportError::Room(why) => to.write_str(why),
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
        ImportError::Store(error.to_string())
    }
}

/// Told now and then: work done, and in all.
pub(crate) type Progress<'a> = dyn FnMut(u64, u64) + 'a;

/// A file that was read through: all of it can be imported.
pub(crate) enum Checked {
    Bundle(bundle::Checked),
    Archive(har::Checked),
}

/// Reads a file of either kind through. `folder` is where temporary files go; the system's own place unless told.
///
/// # Errors
/// [`ImportError::File`] and [`ImportError::Room`].
pub(crate) fn check<F: Read + Seek>(
    file: &mut F,
    folder: Option<&Path>,
    progress: &mut Progress<'_>,
) -> Result<Checked, ImportError> {
    let mut begin = Vec::new();
    file.seek(SeekFrom::Start(0)).map_err(|error| unreadable(&error))?;
    file.by_ref().take(64 << 10).read_to_end(&mut begin).map_err(|error| unreadable(&error))?;
    let name = &MAGIC[..MAGIC.len() - 1];
    let text = begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&begin).trim_ascii_start();
    if begin.starts_with(&MAGIC) {
        bundle::check(file, folder, progress).map(Checked::Bundle)
    } else if begin.starts_with(name) {
        Err(ImportError::File(
            "the bundle was written by a newer anthropic-proxy\nhint: use the newer program".to_owned(),
        ))
    } else if text.starts_with(b"{") {
        har::check(file).map(Checked::Archive)
    } else {
        Err(ImportError::File(
            "the file is neither a bundle nor an HTTP Archive\nhint: make one with `anthropic-proxy export --format bundle`, or save a HAR file in the browser's tools".to_owned(),
        ))
    }
}

impl Checked {
    /// Writes what is not in `store` yet. It must be the file that was checked, unchanged since.
    ///
    /// # Errors
    /// [`ImportError::Store`]; the others if the file changed or the disk fails.
    pub(crate) fn write<F: Read + Seek>(
        self,
        file: &mut F,
        store: &Store,
        sink: &mut impl Sink,
        progress: &mut Progress<'_>,
    ) -> Result<Imported, ImportError> {
        let mut target = Target::new(store, sink);
        match self {
            Checked::Bundle(checked) => checked.write(file, &mut target, progress)?,
            Checked::Archive(checked) => checked.write(file, &mut target, progress)?,
        }
        target.finish()
    }
}

fn unreadable(error: &io::Error) -> ImportError {
    ImportError::File(format!(
        "the file cannot be read: {error}\nhint: give the name of a file, not of a folder"
    ))
}

#[cfg(test)]
mod tests;
