//! Who pays: a short hash of the key or token, so that limits and costs can be told apart by credential without knowing any.
//!
//! The hash has a key of its own, made once for each data folder: the same credential has another hash elsewhere, and nobody who reads
//! the record can try guesses without the folder.

use anyhow::Context as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use store::Credential;
use uuid::Uuid;

const FILE: &str = "credential.key";

/// Hexadecimal digits of a hash that are kept.
const DIGITS: usize = 8;

/// Makes the hashes. Cheap to clone.
#[derive(Clone, Copy)]
pub(crate) struct Hasher([u8; blake3::KEY_LEN]);

impl Hasher {
    /// With the folder's own key, made if there is none. Without a folder the key lasts as long as the program.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub(crate) fn open(folder: Option<&Path>) -> anyhow::Result<Hasher> {
        let Some(folder) = folder else { return Ok(Hasher(random())) };
        let path = folder.join(FILE);
        if let Ok(known) = fs::read(&path)
            && let Ok(key) = known.try_into()
        {
            return Ok(Hasher(key));
        }
        let key = random();
        // Readable by its owner only.
        let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut draft| {
            draft.write_all(&key)?;
            draft.persist(&path).map_err(|error| error.error)
        });
        written.with_context(|| {
            format!("cannot write {}\nhint: choose another folder with DATA_DIR", path.display())
        })?;
        Ok(Hasher(key))
    }

    /// The credential among a request's headers, given as they came.
    pub(super) fn find<'a>(&self, headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Option<Credential> {
        let mut found = None;
        for (name, value) in headers {
            let secret = if name.eq_ignore_ascii_case(b"x-api-key") {
                value
            } else if name.eq_ignore_ascii_case(b"authorization") {
                value.strip_prefix(b"Bearer ").unwrap_or(value)
            } else {
                continue;
            };
            let secret = secret.trim_ascii();
            if !secret.is_empty() {
                found = found.or(Some(secret));
            }
        }
        let secret = found?;
        let kind = match secret {
            _ if secret.starts_with(b"sk-ant-oat") => "oauth",
            _ if secret.starts_with(b"sk-ant-") => "api key",
            _ => "token",
        };
        let hash = blake3::keyed_hash(&self.0, secret).to_hex();
        Some(Credential { hash: hash[..DIGITS].to_owned(), kind: kind.to_owned() })
    }
}

/// From the system's own source of randomness.
fn random() -> [u8; blake3::KEY_LEN] {
    let mut key = [0; blake3::KEY_LEN];
    for half in key.chunks_mut(16) {
        half.copy_from_slice(Uuid::new_v4().as_bytes());
    }
    *blake3::hash(&key).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(hasher: Hasher, headers: &[(&str, &str)]) -> Option<Credential> {
        hasher.find(headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    }

    #[test]
    fn the_same_secret_has_one_hash_in_one_folder_only() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let open = |folder: &tempfile::TempDir| Hasher::open(Some(folder.path())).unwrap();
        let key = [("X-Api-Key", "sk-ant-api03-abc")];
        let first = found(open(&one), &key).unwrap();
        assert_eq!((first.hash.len(), first.kind.as_str()), (8, "api key"));
        assert_eq!(found(open(&one), &key), Some(first.clone()));
        assert_eq!(found(open(&one), &[("authorization", "Bearer sk-ant-api03-abc")]), Some(first.clone()));
        assert_ne!(found(open(&other), &key).unwrap().hash, first.hash);
        assert_eq!(found(open(&one), &[("authorization", "Bearer sk-ant-oat01-x")]).unwrap().kind, "oauth");
        assert_eq!(found(open(&one), &[("authorization", "Bearer mine")]).unwrap().kind, "token");
        assert_eq!(found(open(&one), &[("accept", "x"), ("x-api-key", " ")]), None);
    }
}
