//! What is kept, what goes, and the proof that what is kept is what came.

mod common;

use common::{complete, noise, running};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use store::{Exchange, Filter, Location, Page, Retention, Session, Side, Source, Store, Writer};
use uuid::Uuid;

fn at(folder: &tempfile::TempDir) -> (Store, Writer) {
    Store::open(&Location::Folder(folder.path().to_owned())).unwrap()
}

/// Records exchanges of 30 KB each that do not compress, a second apart.
fn fill(writer: &mut Writer, numbers: std::ops::Range<i64>, session: Option<&str>) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for number in numbers {
        let session = session.map(|id| Session { id: id.to_owned(), source: Source::Header });
        let exchange = Exchange { started_us: number * 1_000_000, session, ..running() };
        writer.save(&exchange).unwrap();
        writer.append_body(exchange.id, Side::Request, &noise(30_000, number.cast_unsigned() + 1)).unwrap();
        writer.save(&complete(&exchange)).unwrap();
        writer.commit().unwrap();
        ids.push(exchange.id);
    }
    ids
}

fn prune(writer: &mut Writer, retention: &Retention) -> usize {
    let mut gone = 0;
    for _ in 0..10_000 {
        match writer.prune(retention).unwrap() {
            0 => return gone,
            some => gone += some,
        }
    }
    panic!("it never ends");
}

fn left(store: &Store) -> BTreeSet<Uuid> {
    let all = store.list(&Filter::default(), &Page::numbered(1, 10_000)).unwrap();
    all.rows.iter().map(|row| row.id).collect()
}

fn damages(store: &Store) -> (store::Verified, Vec<store::Damage>) {
    let mut found = Vec::new();
    let verified = store
        .verify(&mut |_, damage| {
            found.extend(damage.cloned());
            ControlFlow::Continue(())
        })
        .unwrap();
    (verified, found)
}

#[test]
fn what_is_too_old_or_too_many_goes_and_what_is_pinned_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut writer) = at(&folder);
    let ids = fill(&mut writer, 0..40, None);
    let session = fill(&mut writer, 0..3, Some("kept"));
    assert!(writer.pin(ids[2], true).unwrap());
    assert!(!writer.pin(Uuid::nil(), true).unwrap());
    assert_eq!(writer.pin_session("kept", true).unwrap(), 3);
    let later = fill(&mut writer, 3..4, Some("kept"));
    assert!(store.get(later[0]).unwrap().unwrap().pinned);

    let by_age = Retention { before_us: Some(10_000_000), ..Retention::default() };
    assert_eq!(prune(&mut writer, &by_age), 9);
    let pinned = [&[ids[2]], &session[..], &later[..]].concat();
    let expected: BTreeSet<Uuid> = ids[10..].iter().chain(&pinned).copied().collect();
    assert_eq!(left(&store), expected);

    assert_eq!(prune(&mut writer, &Retention { count: Some(15), ..Retention::default() }), 20);
    let expected: BTreeSet<Uuid> = ids[30..].iter().chain(&pinned).copied().collect();
    assert_eq!(left(&store), expected);

    writer.pin_session("kept", false).unwrap();
    writer.pin(ids[2], false).unwrap();
    assert_eq!(prune(&mut writer, &Retention { count: Some(0), ..Retention::default() }), 15);
    assert!(left(&store).is_empty());
    assert_eq!(prune(&mut writer, &Retention::default()), 0);
}

#[test]
fn what_is_too_large_goes_the_oldest_first_and_gives_its_space_back_to_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut writer) = at(&folder);
    let ids = fill(&mut writer, 0..300, None);
    writer.idle().unwrap();
    let before = store.disk().unwrap().bytes;
    assert!(before > 8_000_000, "{before}");
    let gone = prune(&mut writer, &Retention { bytes: Some(4_000_000), ..Retention::default() });
    writer.idle().unwrap();
    let after = store.disk().unwrap().bytes;
    assert!(after <= 4_100_000, "{after} bytes are left of {before}");
    assert!(after > 2_500_000, "{gone} went, more than had to: {after} bytes are left");
    assert_eq!(left(&store), ids[gone..].iter().copied().collect());
    let (verified, damages) = damages(&store);
    assert_eq!((damages.as_slice(), verified.bodies), (&[][..], (300 - gone) as u64));
}

#[test]
fn a_range_is_deleted_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut writer) = at(&folder);
    let ids = fill(&mut writer, 0..10, None);
    let range = Filter::since_us(3_000_000).and(Filter::until_us(6_000_000));
    assert_eq!(writer.delete(&range).unwrap(), 3);
    assert_eq!(left(&store), ids[..3].iter().chain(&ids[6..]).copied().collect());
    assert_eq!(writer.delete(&range).unwrap(), 0);
    let (verified, damages) = damages(&store);
    assert_eq!((damages.as_slice(), verified.bodies), (&[][..], 7));
}

#[test]
fn verify_names_what_is_damaged_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut writer) = at(&folder);
    let ids = fill(&mut writer, 0..40, None);
    let open = running();
    writer.save(&open).unwrap();
    writer.append_body(open.id, Side::Request, b"still coming").unwrap();
    writer.flush(open.id).unwrap();
    writer.idle().unwrap();
    let (verified, found) = damages(&store);
    assert_eq!(found, []);
    assert_eq!((verified.exchanges, verified.bodies, verified.unfinished), (41, 40, 1));
    assert_eq!(verified.bytes, 40 * 30_000);
    drop((store, writer));

    let connection = Connection::open(folder.path().join("exchanges.db")).unwrap();
    // A wrong hash, and a pack whose last layer is gone.
    connection
        .execute(
            "UPDATE body SET hash = zeroblob(32) WHERE exchange = (SELECT seq FROM exchange WHERE id = ?)",
            [ids[4].as_bytes()],
        )
        .unwrap();
    let last: i64 = connection
        .query_row(
            "SELECT max(root >> 16) FROM body WHERE root >> 16 < (SELECT max(id) FROM pack)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    connection
        .execute(
            "DELETE FROM layer WHERE pack = ?1 AND number = (SELECT max(number) FROM layer WHERE pack = ?1)",
            [last],
        )
        .unwrap();
    drop(connection);
    let store = Store::open_read_only(folder.path()).unwrap();
    let (verified, found) = damages(&store);
    assert_eq!(verified.exchanges, 41);
    assert!(
        found.iter().any(|damage| damage.exchange == Some(ids[4]) && damage.part == "request"),
        "{found:?}"
    );
    let named: BTreeSet<_> = found.iter().filter_map(|damage| damage.exchange).collect();
    assert!((2..=4).contains(&named.len()), "{found:?}");
    assert_eq!(verified.damaged, found.len() as u64);
}
