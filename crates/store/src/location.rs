//! Where a store lies.

use std::path::PathBuf;

/// Where a store lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder, made if it is missing; the database is `exchanges.db` in it.
    Folder(PathBuf),
    /// Memory: gone with the process.
    Memory,
}
