//! A disk that is full: what is refused is kept, told, and written when there is room.

use super::*;
use crate::{Filter, Location, Page, Store};

/// A store whose disk can be filled: no more pages than it has.
pub(super) struct Disk {
    pub(super) store: Store,
    pub(super) writer: Writer,
    _folder: tempfile::TempDir,
}

impl Disk {
    pub(super) fn new() -> Disk {
        let folder = tempfile::tempdir().unwrap();
        let (store, writer) = Store::open(&Location::Folder(folder.path().join("data"))).unwrap();
        Disk { store, writer, _folder: folder }
    }

    /// Room for so many pages more; `None` for all there are in the world.
    pub(super) fn room(&self, pages: Option<i64>) {
        let connection = lock(&self.writer.connection);
        let taken: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let limit = pages.map_or(i64::from(u32::MAX - 1), |pages| taken + pages);
        connection.query_row(&format!("PRAGMA max_page_count = {limit}"), [], |_| Ok(())).unwrap();
    }

    fn total(&self) -> u64 {
        self.store.list(&Filter::default(), &Page::numbered(1, 1)).unwrap().total
    }
}

pub(super) fn exchange(number: u128) -> Exchange {
    Exchange {
        id: Uuid::from_u128(number),
        method: "POST".to_owned(),
        model: Some(format!("model-{number}")),
        ..Exchange::default()
    }
}

pub(super) fn ended(exchange: &Exchange) -> Exchange {
    let capture = Capture { complete: true, reason: None };
    Exchange { outcome: Some(Outcome::Complete), capture, ..exchange.clone() }
}

/// Bytes that zstd cannot make smaller.
pub(super) fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(b"noise").finalize_xof().fill(&mut bytes);
    bytes
}

#[test]
fn an_exchange_refused_by_a_full_disk_is_whole_once_there_is_room() {
    let mut disk = Disk::new();
    let (one, body) = (exchange(1), noise(300_000));
    disk.writer.save(&one).unwrap();
    disk.writer.append_body(one.id, Side::Request, &body).unwrap();
    disk.room(Some(2));
    disk.writer.finish_body(one.id, Side::Request).unwrap();
    let refused = disk.writer.commit().unwrap_err();
    assert!(refused.is_full(), "{refused}");
    disk.writer.append_frames(one.id, &[Frame { len: 7, at_us: 9 }]).unwrap();
    disk.writer.save(&ended(&one)).expect("after a refusal the next commit tries for all");
    assert!(disk.writer.commit().unwrap_err().is_full());
    assert_eq!(disk.total(), 0);

    disk.room(None);
    disk.writer.commit().unwrap();
    assert_eq!(disk.store.get(one.id).unwrap(), Some(ended(&one)));
    let found = disk.store.body(one.id, Side::Request).unwrap().unwrap();
    assert!(found.complete && found.bytes == body);
    assert_eq!(disk.store.frames(one.id).unwrap(), [Frame { len: 7, at_us: 9 }]);
    assert_eq!(disk.store.models().unwrap(), ["model-1"]);
    disk.writer.commit().unwrap();
}

#[test]
fn bytes_of_a_lost_batch_never_end_up_in_another_exchange() {
    let mut disk = Disk::new();
    let (lost, other) = (exchange(1), exchange(2));
    disk.writer.save(&lost).unwrap();
    disk.writer.append_body(lost.id, Side::Response, b"of the first").unwrap();
    disk.room(Some(1));
    let big = exchange(3);
    disk.writer.save(&big).unwrap();
    disk.writer.append_body(big.id, Side::Response, &noise(500_000)).unwrap();
    assert!(disk.writer.flush(big.id).unwrap_err().is_full());
    disk.room(None);
    disk.writer.save(&other).unwrap();
    disk.writer.append_body(other.id, Side::Response, b"of the other").unwrap();
    disk.writer.append_body(lost.id, Side::Response, b", and more").unwrap();
    for exchange in [&other, &lost, &big] {
        disk.writer.save(&ended(exchange)).unwrap();
    }
    disk.writer.commit().unwrap();
    let body = |id| disk.store.body(id, Side::Response).unwrap().unwrap();
    assert_eq!(body(lost.id).bytes, b"of the first, and more");
    assert_eq!(body(other.id).bytes, b"of the other");
    assert!(body(big.id).bytes == noise(500_000));
    assert!([&lost, &other, &big].iter().all(|one| disk.store.get(one.id).unwrap() == Some(ended(one))));
}

#[test]
fn a_body_that_lost_a_piece_says_so_and_shows_what_came_before() {
    let mut disk = Disk::new();
    let (one, body) = (exchange(1), noise(3 << 20));
    disk.writer.save(&one).unwrap();
    disk.writer.append_body(one.id, Side::Response, &body[..1 << 20]).unwrap();
    disk.writer.commit().unwrap();
    disk.room(Some(20));
    assert!(disk.writer.append_body(one.id, Side::Response, &body[1 << 20..]).unwrap_err().is_full());
    disk.room(None);
    disk.writer.append_body(one.id, Side::Response, b"the end").unwrap();
    disk.writer.save(&ended(&one)).unwrap();
    disk.writer.commit().unwrap();
    let found = disk.store.body(one.id, Side::Response).unwrap().unwrap();
    assert!(!found.complete && found.bytes == body[..1 << 20], "{} bytes", found.bytes.len());
    let capture = disk.store.get(one.id).unwrap().unwrap().capture;
    assert!(!capture.complete && capture.reason.is_some());
}

#[test]
fn what_was_committed_stays_readable_and_room_made_by_clear_is_used() {
    let mut disk = Disk::new();
    let old = exchange(1);
    disk.writer.save(&old).unwrap();
    disk.writer.append_body(old.id, Side::Request, &noise(400_000)).unwrap();
    disk.writer.save(&ended(&old)).unwrap();
    disk.writer.commit().unwrap();
    disk.room(Some(4));
    let new = exchange(2);
    disk.writer.save(&new).unwrap();
    let other: Vec<u8> = noise(300_000).iter().map(|byte| byte ^ 1).collect();
    disk.writer.append_body(new.id, Side::Request, &other).unwrap();
    assert!(disk.writer.save(&ended(&new)).unwrap_err().is_full());
    assert!(disk.writer.commit().unwrap_err().is_full());
    assert_eq!(disk.store.get(old.id).unwrap(), Some(ended(&old)));
    let next = exchange(3);
    assert!(disk.writer.save(&next).is_ok(), "a row still fits");

    disk.writer.clear().unwrap();
    disk.writer.append_body(next.id, Side::Request, &other).unwrap();
    disk.writer.save(&ended(&next)).unwrap();
    disk.writer.commit().unwrap();
    assert_eq!(disk.total(), 1);
    assert!(disk.store.body(next.id, Side::Request).unwrap().unwrap().complete);
}

#[test]
fn what_waits_for_room_is_bounded() {
    let mut disk = Disk::new();
    disk.room(Some(0));
    let tail = noise(900_000);
    for number in 1..=100 {
        let one = exchange(number);
        // A row may find a place in a page that is there, a body never.
        let _ = disk.writer.save(&one);
        disk.writer.append_body(one.id, Side::Response, &tail).unwrap();
        // After a refusal the next commit tries for all.
        assert!(disk.writer.save(&ended(&one)).is_ok() || number == 1);
        assert!(disk.writer.commit().unwrap_err().is_full());
    }
    let waiting: usize = disk.writer.held.ended.values().map(Underway::waiting).sum();
    assert!(waiting <= WAITING_BYTES, "{waiting}");
    disk.room(None);
    disk.writer.commit().unwrap();
    assert_eq!(disk.total(), 100);
    let mut whole = 0;
    for number in 1..=100 {
        let found = disk.store.get(Uuid::from_u128(number)).unwrap().unwrap();
        let body = disk.store.body(found.id, Side::Response).unwrap();
        assert_eq!(found.capture.complete, body.is_some_and(|body| body.complete && body.bytes == tail));
        whole += usize::from(found.capture.complete);
    }
    assert!(whole >= 60, "{whole}");
}

#[test]
fn deleted_exchanges_are_gone_at_once_and_their_space_bit_by_bit() {
    let mut disk = Disk::new();
    for number in 1..=30 {
        let one = exchange(number);
        disk.writer.save(&one).unwrap();
        let mut body = noise(200_000);
        body.iter_mut().for_each(|byte| *byte ^= number as u8);
        disk.writer.append_body(one.id, Side::Request, &body).unwrap();
        disk.writer.save(&ended(&one)).unwrap();
    }
    disk.writer.commit().unwrap();
    let connection = Arc::clone(&disk.writer.connection);
    let number = |sql: &str| -> i64 { lock(&connection).query_row(sql, [], |row| row.get(0)).unwrap() };
    let count = |table: &str| number(&format!("SELECT count(*) FROM {table}"));
    let stored = || number("SELECT sum(length(bytes)) FROM layer");
    let before = stored();
    assert!(before > 5_000_000, "{before}");
    sweep::hide(&lock(&connection), "1", &[], Removal::Asked).unwrap();
    assert_eq!((disk.total(), stored(), count("deleted")), (0, before, 30));
    assert!(!disk.writer.sweep(Duration::ZERO).unwrap(), "no time, nothing done");
    assert_eq!(stored(), before);

    // A new exchange takes none of the numbers that still have something under them.
    let new = exchange(31);
    disk.writer.unswept = true;
    disk.writer.save(&new).unwrap();
    assert_eq!(disk.store.body(new.id, Side::Request).unwrap(), None);
    for number in 0.. {
        assert!(number < 100_000, "never swept");
        disk.writer.append_body(new.id, Side::Request, b"more ").unwrap();
        disk.writer.flush(new.id).unwrap();
        disk.writer.commit().unwrap();
        if !disk.writer.unswept {
            break;
        }
    }
    assert_eq!((count("running"), count("body"), count("deleted")), (1, 0, 0));
    assert_eq!(count("pack"), 0);
    assert_eq!((count("layer"), count("piece"), count("link")), (0, 0, 0));
    assert!(disk.store.body(new.id, Side::Request).unwrap().unwrap().bytes.starts_with(b"more "));
}
