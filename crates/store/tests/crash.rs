//! Killed without warning in mid-batch: the database is sound, what was committed is there, what ran is told to be interrupted.

#![cfg(unix)]

mod common;

use common::{complete, noise, running};
use rusqlite::Connection;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use store::{Filter, Location, Outcome, Page, Side, Store};
use uuid::Uuid;

const FOLDER: &str = "STORE_CRASH_TEST_FOLDER";

/// Not a test by itself: what the process that is killed does.
#[test]
fn the_victim() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let (_store, mut writer) = Store::open(&Location::Folder(folder)).unwrap();
    let mut out = std::io::stdout();
    for seed in 0.. {
        let one = running();
        writer.save(&one).unwrap();
        writer.append_body(one.id, Side::Request, &noise(30_000, seed)).unwrap();
        writer.finish_body(one.id, Side::Request).unwrap();
        writer.commit().unwrap();
        writeln!(out, "asked {} {seed}", one.id).unwrap();
        writer.append_body(one.id, Side::Response, &noise(1_500_000, seed)).unwrap();
        if seed % 3 != 0 {
            writer.save(&complete(&one)).unwrap();
            writer.commit().unwrap();
            writeln!(out, "done {} {seed}", one.id).unwrap();
        }
    }
}

/// Starts the victim and kills it after so many lines. Returns them.
fn kill_after(folder: &Path, lines: usize) -> Vec<(bool, Uuid, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_victim", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    while told.len() < lines {
        let line = output.next().expect("the victim goes on").unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        if let [kind @ ("asked" | "done"), id, seed] = words[..] {
            told.push((kind == "done", id.parse().unwrap(), seed.parse().unwrap()));
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    told
}

#[test]
fn nothing_that_was_committed_is_lost_and_nothing_is_left_pending() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    for round in 0..6 {
        told.extend(kill_after(folder.path(), 3 + round * 2));
        let (store, writer) = Store::open(&Location::Folder(folder.path().to_owned())).unwrap();
        for &(done, id, seed) in &told {
            let found = store.get(id).unwrap().expect("it was committed");
            let request = store.body(id, Side::Request).unwrap().unwrap();
            assert!(request.complete && request.bytes == noise(30_000, seed));
            let answer = store.body(id, Side::Response).unwrap();
            if found.outcome == Some(Outcome::Complete) {
                assert!(answer.is_some_and(|body| body.complete && body.bytes == noise(1_500_000, seed)));
            } else {
                assert!(!done && found.outcome == Some(Outcome::Interrupted) && !found.capture.complete);
                let part = answer.map_or(Vec::new(), |body| {
                    assert!(!body.complete);
                    body.bytes
                });
                assert!(noise(1_500_000, seed).starts_with(&part));
            }
        }
        assert_eq!(store.stats(&Filter::default()).unwrap().pending, 0);
        assert!(store.list(&Filter::default(), &Page::numbered(1, 1)).unwrap().total >= 2);
        drop((store, writer));
        let connection = Connection::open(folder.path().join("exchanges.db")).unwrap();
        let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
        let strays: i64 = connection
            .query_row(
                "SELECT count(*) FROM body WHERE exchange NOT IN (SELECT seq FROM exchange)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(strays, 0);
    }
}
