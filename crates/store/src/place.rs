//! Whether the database that is written is still the file of that name: what was deleted or moved under us goes on taking writes.

use std::path::{Path, PathBuf};

/// The file as it was when it was opened.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    identity: Option<Identity>,
}

/// Device and number of a file.
type Identity = (u64, u64);

impl Place {
    pub(crate) fn of(path: &Path) -> Place {
        Place { path: path.to_owned(), identity: identity(path) }
    }

    /// The path, if the file there is another one, or none.
    pub(crate) fn lost(&self) -> Option<&Path> {
        (self.identity.is_some() && identity(&self.path) != self.identity).then_some(&self.path)
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Elsewhere a file that is open cannot be deleted.
#[cfg(not(unix))]
fn identity(_path: &Path) -> Option<Identity> {
    None
}
