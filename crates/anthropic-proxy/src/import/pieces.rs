//! The pieces of a bundle, kept in a temporary file while it is read: memory holds only where each stands.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes that are written to the file at once.
const TAIL: usize = 1 << 20;

/// Pieces by their key.
pub(super) struct Pieces {
    file: File,
    /// Bytes in the file; what follows them is in `tail`.
    flushed: u64,
    tail: Vec<u8>,
    places: HashMap<[u8; 16], (u64, usize)>,
}

impl Pieces {
    /// No pieces yet; their file will be in `folder`, or where the system has its own.
    pub(super) fn new(folder: Option<&Path>) -> io::Result<Pieces> {
        let file = folder.map_or_else(tempfile::tempfile, tempfile::tempfile_in)?;
        Ok(Pieces { file, flushed: 0, tail: Vec::new(), places: HashMap::new() })
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.places.len() as u64
    }

    /// Keeps a piece. Returns whether the key is new.
    pub(super) fn put(&mut self, key: [u8; 16], bytes: &[u8]) -> io::Result<bool> {
        let place = (self.flushed + self.tail.len() as u64, bytes.len());
        let new = self.places.insert(key, place).is_none();
        self.tail.extend_from_slice(bytes);
        if self.tail.len() >= TAIL {
            self.file.seek(SeekFrom::Start(self.flushed))?;
            self.file.write_all(&self.tail)?;
            self.flushed += self.tail.len() as u64;
            self.tail.clear();
        }
        Ok(new)
    }

    /// Appends a piece to `out`. Returns whether there is one.
    pub(super) fn get(&mut self, key: [u8; 16], out: &mut Vec<u8>) -> io::Result<bool> {
        let Some((at, length)) = self.places.get(&key).copied() else { return Ok(false) };
        if at >= self.flushed {
            let begin = usize::try_from(at - self.flushed).unwrap_or(usize::MAX);
            out.extend_from_slice(self.tail.get(begin..begin + length).unwrap_or_default());
            return Ok(true);
        }
        self.file.seek(SeekFrom::Start(at))?;
        let before = out.len();
        (&self.file).take(length as u64).read_to_end(out)?;
        if out.len() - before != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(true)
    }
}
