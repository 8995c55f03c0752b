//! Records of every earlier format, as programs of that time wrote them, open today with nothing lost.
//!
//! `formats/format-N.db.zst` is such a database with simulated traffic. Whoever adds a format adds one of the format before.

use rusqlite::Connection;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use store::{Location, OpenError, Store};

fn fixture(format: i64) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/formats/format-{format}.db.zst"))
}

/// A folder whose record is of that format.
fn recorded_in(format: i64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let bytes = zstd::decode_all(fs::File::open(fixture(format)).unwrap()).unwrap();
    fs::write(folder.path().join("exchanges.db"), bytes).unwrap();
    folder
}

fn format_of(file: &Path) -> i64 {
    Connection::open(file).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

fn rows(file: &Path) -> u64 {
    let count: i64 = Connection::open(file)
        .unwrap()
        .query_row("SELECT count(*) FROM exchange", [], |row| row.get(0))
        .unwrap();
    u64::try_from(count).unwrap()
}

/// The format of today.
fn today() -> i64 {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(&Location::Folder(folder.path().to_owned())).unwrap());
    format_of(&folder.path().join("exchanges.db"))
}

#[test]
fn every_earlier_format_is_brought_over_byte_for_byte_with_a_copy_kept() {
    for format in 1..today() {
        let folder = recorded_in(format);
        let file = folder.path().join("exchanges.db");
        assert_eq!(format_of(&file), format);
        let before = rows(&file);
        let (store, writer) = Store::open(&Location::Folder(folder.path().to_owned())).unwrap();
        let mut damages = Vec::new();
        let verified = store
            .verify(&mut |_, damage| {
                damages.extend(damage.map(|damage| format!("{damage:?}")));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert!(damages.is_empty(), "format {format}: {damages:?}");
        assert!(
            before > 0 && verified.exchanges == before && verified.bytes > 0,
            "format {format}: {verified:?}"
        );
        drop((store, writer));
        assert_eq!(format_of(&file), today());
        let copy = folder.path().join(format!("exchanges.format-{format}.db"));
        assert_eq!((format_of(&copy), rows(&copy)), (format, before));
    }
}

#[test]
fn who_only_reads_an_earlier_format_is_told_what_to_do() {
    for format in 1..today() {
        let folder = recorded_in(format);
        let refused = Store::open_read_only(folder.path()).err().expect("must be refused");
        assert!(matches!(refused, OpenError::Older { found, .. } if found == format), "{refused}");
        assert!(refused.to_string().contains("hint: start anthropic-proxy once"), "{refused}");
    }
}
