//! What stands in the way of opening a store, and what it is called.

mod common;

use common::{complete, noise, running};
use rusqlite::Connection;
use std::fs;
use std::path::Path;
use store::{Location, OpenError, Outcome, Side, Status, Store};

fn open(folder: &Path) -> Result<(Store, store::Writer), OpenError> {
    Store::open(&Location::Folder(folder.to_owned()))
}

fn refusal(folder: &Path) -> OpenError {
    open(folder).err().expect("must be refused")
}

/// A folder with one complete exchange of a megabyte.
fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (_, mut writer) = open(folder.path()).unwrap();
    let exchange = running();
    writer.save(&exchange).unwrap();
    writer.append_body(exchange.id, Side::Request, &noise(1_000_000, 1)).unwrap();
    writer.save(&complete(&exchange)).unwrap();
    writer.idle().unwrap();
    folder
}

#[test]
fn a_folder_that_is_missing_is_made_and_only_the_user_may_read_it() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/b");
    let (_, mut writer) = open(&folder).unwrap();
    writer.save(&running()).unwrap();
    writer.commit().unwrap();
    assert!(folder.join("exchanges.db").is_file());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

#[test]
fn what_was_saved_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let exchange = running();
    let (_, mut writer) = open(folder.path()).unwrap();
    writer.save(&complete(&exchange)).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let (store, _writer) = open(folder.path()).unwrap();
    assert_eq!(store.get(exchange.id).unwrap(), Some(complete(&exchange)));
}

#[test]
fn what_ran_when_the_process_ended_is_marked_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let exchange = running();
    let (_, mut writer) = open(folder.path()).unwrap();
    writer.save(&exchange).unwrap();
    writer.append_body(exchange.id, Side::Request, b"all of it").unwrap();
    writer.finish_body(exchange.id, Side::Request).unwrap();
    writer.append_body(exchange.id, Side::Response, b"a part").unwrap();
    writer.flush(exchange.id).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let (store, _writer) = open(folder.path()).unwrap();
    let found = store.get(exchange.id).unwrap().unwrap();
    assert_eq!(found.outcome, Some(Outcome::Interrupted));
    assert_eq!(found.status(), Status::Error);
    assert!(!found.capture.complete && found.capture.reason.is_some() && found.error.is_some());
    assert_eq!(found.request_headers, exchange.request_headers);
    assert!(store.body(exchange.id, Side::Request).unwrap().unwrap().complete);
    let answer = store.body(exchange.id, Side::Response).unwrap().unwrap();
    assert!(!answer.complete && answer.bytes == b"a part");
}

#[test]
fn a_second_writer_is_refused_and_a_reader_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (_, mut writer) = open(folder.path()).unwrap();
    let error = refusal(folder.path());
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("hint: "));
    let reader = Store::open_read_only(folder.path()).unwrap();
    let exchange = running();
    writer.save(&exchange).unwrap();
    assert_eq!(reader.get(exchange.id).unwrap(), None);
    writer.commit().unwrap();
    assert_eq!(reader.get(exchange.id).unwrap(), Some(exchange));
    drop(writer);
    open(folder.path()).unwrap();
}

#[test]
fn reading_where_nothing_is_says_so_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let error = Store::open_read_only(folder.path()).err().unwrap();
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_damaged_file_is_named_with_a_hint_and_left_as_it_is() {
    type Damage = fn(&mut Vec<u8>);
    let cases: [(&str, Damage); 4] = [
        ("text", |bytes| *bytes = b"this is no database, whatever its name says\n".repeat(40)),
        ("half of it", |bytes| bytes.truncate(bytes.len() / 2)),
        ("a torn first page", |bytes| bytes[100..4_000].fill(0x5a)),
        ("a torn inner page", |bytes| {
            let pages = bytes.len() / 4_096;
            bytes[4_096 * 2..4_096 * (pages / 2)].fill(0xa5);
        }),
    ];
    for (name, damage) in cases {
        let folder = filled();
        let file = folder.path().join("exchanges.db");
        let mut bytes = fs::read(&file).unwrap();
        damage(&mut bytes);
        fs::write(&file, &bytes).unwrap();
        let error = refusal(folder.path());
        assert!(matches!(error, OpenError::Damaged { .. }), "{name}: {error}");
        let text = error.to_string();
        assert!(text.contains("exchanges.db") && text.contains("\nhint: "), "{name}: {text}");
        assert!(fs::read(&file).unwrap() == bytes, "{name} was written to");
    }
}

#[test]
fn another_programs_database_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("exchanges.db");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE cats (name TEXT)").unwrap();
    let before = fs::read(&file).unwrap();
    let error = refusal(folder.path());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_newer_database_is_refused_to_writers_and_readers() {
    let folder = filled();
    let connection = Connection::open(folder.path().join("exchanges.db")).unwrap();
    connection.pragma_update(None, "user_version", 4711).unwrap();
    drop(connection);
    for error in [refusal(folder.path()), Store::open_read_only(folder.path()).err().unwrap()] {
        assert!(matches!(error, OpenError::Newer { found: 4711, .. }), "{error}");
        assert!(error.to_string().contains("4711") && error.to_string().contains("\nhint: "));
    }
}

#[test]
fn a_folder_that_is_a_file_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("data");
    fs::write(&file, "").unwrap();
    let error = refusal(&file);
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(folder.path().join("probe"), "").is_ok() {
        eprintln!("skipped: root may write everywhere");
        return;
    }
    let error = refusal(folder.path());
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
    assert!(error.to_string().contains("\nhint: "));
}
