//! Readers and the writer at once: nobody is refused, nobody waits, everybody sees whole states.

mod common;

use common::{complete, noise, running};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use store::{Exchange, Filter, Location, Page, Side, Store, Writer};

fn each_location(test: impl Fn(Store, Writer)) {
    let folder = tempfile::tempdir().unwrap();
    for location in [Location::Folder(folder.path().to_owned()), Location::Memory] {
        let (store, writer) = Store::open(&location).unwrap();
        test(store, writer);
    }
}

#[test]
fn a_writer_may_move_to_a_thread_and_a_store_may_be_shared() {
    fn send<T: Send>() {}
    fn share<T: Send + Sync + Clone>() {}
    send::<Writer>();
    share::<Store>();
}

#[test]
fn readers_are_never_refused_while_the_writer_works() {
    each_location(|store, mut writer| {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let mut last = 0;
                    while !done.load(Ordering::Relaxed) {
                        let listing = store.list(&Filter::default(), &Page::numbered(1, 20)).unwrap();
                        assert!(listing.total >= last, "what was committed stays");
                        last = listing.total;
                        store.stats(&Filter::default()).unwrap();
                        for one in listing.rows.iter().filter(|one| one.outcome.is_some()).take(3) {
                            let body = store.body(one.id, Side::Response).unwrap().unwrap();
                            assert!(body.complete && body.bytes == one.id.as_bytes().repeat(2_000));
                        }
                    }
                });
            }
            for number in 0..300 {
                let one = Exchange { started_us: number, ..running() };
                writer.save(&one).unwrap();
                writer.append_body(one.id, Side::Response, &one.id.as_bytes().repeat(2_000)).unwrap();
                writer.finish_body(one.id, Side::Response).unwrap();
                writer.save(&complete(&one)).unwrap();
                if number % 5 == 4 {
                    writer.commit().unwrap();
                }
                if number % 100 == 99 {
                    writer.idle().unwrap();
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(store.stats(&Filter::default()).unwrap().success, 300);
    });
}

#[test]
fn a_slow_reader_of_a_body_holds_nobody_up() {
    each_location(|store, mut writer| {
        let one = running();
        writer.save(&one).unwrap();
        writer.append_body(one.id, Side::Request, &noise(3 << 20, 1)).unwrap();
        writer.save(&complete(&one)).unwrap();
        writer.commit().unwrap();
        let mut pieces = 0;
        let info = store.read_body(one.id, Side::Request, &mut |_| {
            // The reader is as slow as all of this together.
            let begun = Instant::now();
            writer.save(&running()).unwrap();
            writer.commit().unwrap();
            writer.idle().unwrap();
            assert!(begun.elapsed() < Duration::from_millis(4_500), "the writer waited for a reader");
            pieces += 1;
            Ok(())
        });
        assert!(info.unwrap().unwrap().complete && pieces > 3);
    });
}

#[test]
fn a_body_deleted_while_it_is_read_ends_there_incomplete() {
    each_location(|store, mut writer| {
        let one = running();
        writer.save(&one).unwrap();
        writer.append_body(one.id, Side::Request, &noise(3 << 20, 1)).unwrap();
        writer.save(&complete(&one)).unwrap();
        writer.commit().unwrap();
        let info = store
            .read_body(one.id, Side::Request, &mut |_| {
                writer.clear().unwrap();
                writer.idle().unwrap();
                Ok(())
            })
            .unwrap()
            .unwrap();
        assert!(!info.complete && info.len < 3 << 20);
        assert_eq!(store.get(one.id).unwrap(), None);
    });
}

#[test]
fn clear_deletes_what_has_ended_keeps_what_runs_and_gives_the_space_back() {
    each_location(|store, mut writer| {
        let ran = Exchange { model: Some("kept".to_owned()), ..running() };
        writer.save(&ran).unwrap();
        writer.append_body(ran.id, Side::Request, b"before").unwrap();
        let before = {
            writer.idle().unwrap();
            store.disk().unwrap().bytes
        };
        for seed in 0..20 {
            let one = Exchange { model: Some(format!("gone-{seed}")), ..running() };
            writer.save(&one).unwrap();
            writer.append_body(one.id, Side::Request, &noise(500_000, seed)).unwrap();
            writer.save(&complete(&one)).unwrap();
        }
        writer.idle().unwrap();
        assert!(store.disk().unwrap().bytes > before + 9_000_000);
        writer.clear().unwrap();
        writer.idle().unwrap();
        assert!(store.disk().unwrap().bytes <= before + 100_000);
        assert_eq!(store.models().unwrap(), ["kept"]);
        let listing = store.list(&Filter::default(), &Page::numbered(1, 50)).unwrap();
        assert_eq!((listing.total, listing.rows[0].id), (1, ran.id));
        writer.append_body(ran.id, Side::Request, b" and after").unwrap();
        writer.save(&complete(&ran)).unwrap();
        writer.commit().unwrap();
        let body = store.body(ran.id, Side::Request).unwrap().unwrap();
        assert!(body.complete && body.bytes == b"before and after");
    });
}

#[test]
fn what_runs_is_in_the_database_a_second_later_without_a_flush() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut writer) = Store::open(&Location::Folder(folder.path().to_owned())).unwrap();
    let one = running();
    writer.save(&one).unwrap();
    writer.append_body(one.id, Side::Response, b"a token").unwrap();
    let begun = Instant::now();
    loop {
        writer.commit().unwrap();
        if let Some(body) = store.body(one.id, Side::Response).unwrap() {
            assert_eq!(body.bytes, b"a token");
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it never came");
        thread::yield_now();
    }
}
