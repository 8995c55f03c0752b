//! Import while the proxy serves: beside traffic, from damaged files, and across a kill.

mod support;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::raw::{self, Client, Echoing, call};
use support::{Proxy, command};

const ANSWER: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"a\":\"one\"}";

/// Text that does not repeat.
fn words(seed: usize, count: usize) -> String {
    let mut state = seed as u64 + 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{state:x} ")
    };
    (0..count).map(|_| next()).collect()
}

fn ask(proxy: &Proxy, content: &str) {
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{content}"}}]}}"#);
    Client::connect(proxy.authority()).send(call(&body)).read_until(b"{\"a\":\"one\"}");
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(&[&["--data-dir", folder.to_str().unwrap()], arguments].concat()).output().unwrap()
}

fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A record of `count` requests, each of about `size` words, and the bundle of it.
fn bundle(count: usize, size: usize) -> (Proxy, Echoing, PathBuf) {
    let upstream = Echoing::start(ANSWER);
    let proxy = Proxy::start(&upstream.url);
    for number in 0..count {
        ask(&proxy, &words(number, size));
    }
    proxy.rows(count);
    let file = proxy.folder.join("record.apx");
    said(&proxy.folder, &["pin", "last"]);
    assert!(run(&proxy.folder, &["export", "-o", file.to_str().unwrap()]).status.success());
    (proxy, upstream, file)
}

/// Bodies of a record, byte for byte, by what `show --body` prints of each id.
fn assert_same_bodies(from: &Proxy, folder: &Path, ids: impl Iterator<Item = String>) {
    for id in ids {
        for side in ["request", "response"] {
            let theirs = run(&from.folder, &["show", &id, "--body", side]).stdout;
            assert!(!theirs.is_empty());
            assert_eq!(run(folder, &["show", &id, "--body", side]).stdout, theirs, "{id} {side}");
        }
    }
}

fn ids(proxy: &Proxy) -> Vec<String> {
    let list = proxy.get("/api/monitor/requests?limit=1000");
    list["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_bundle_comes_in_while_traffic_flows() {
    let (from, _upstream, file) = bundle(12, 4000);
    let upstream = Echoing::start(ANSWER);
    let to = Proxy::start(&upstream.url);
    let (done, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let imported = std::thread::scope(|scope| {
        scope.spawn(|| {
            // No more than one page of the list shows.
            while !done.load(Ordering::Relaxed) && asked.load(Ordering::Relaxed) < 900 {
                ask(&to, &words(1000 + asked.fetch_add(1, Ordering::Relaxed), 20));
            }
        });
        let imported = said(&to.folder, &["import", file.to_str().unwrap()]);
        done.store(true, Ordering::Relaxed);
        imported
    });
    assert!(imported.contains("12 requests imported, 0 were there already"), "{imported}");
    let asked = asked.load(Ordering::Relaxed);
    to.rows(12 + asked);
    assert_same_bodies(&from, &to.folder, ids(&from).into_iter());
    assert!(said(&to.folder, &["verify"]).contains("nothing is damaged"));
    let pinned = to.get("/api/monitor/requests?q=is:pinned");
    assert_eq!(pinned["data"][0]["id"].as_str(), ids(&from).first().map(String::as_str), "pins come with it");
    let again = said(&to.folder, &["import", file.to_str().unwrap()]);
    assert!(again.contains("0 requests imported, 12 were there already"), "{again}");
    assert_eq!(std::fs::read_dir(&to.folder).unwrap().flatten().filter(is_temporary).count(), 0);
}

fn is_temporary(entry: &std::fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().contains("tmp")
}

/// Status and JSON of the answer to a file, with further headers.
fn post(proxy: &Proxy, file: &[u8], headers: &str) -> (String, Value) {
    let head = format!(
        "POST /api/monitor/import HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        file.len()
    );
    let answer = raw::exchange(proxy.authority(), [head.as_bytes(), file].concat());
    let status = String::from_utf8_lossy(&answer[9..12]).into_owned();
    (status, serde_json::from_slice(raw::body_of(&answer)).unwrap())
}

#[test]
fn what_is_damaged_or_foreign_changes_nothing() {
    let (from, _upstream, file) = bundle(2, 100);
    let to = Proxy::start("http://127.0.0.1:9");
    let whole = std::fs::read(file).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    let cases: [(&[u8], &str, &str, &str); 6] = [
        (&damaged, "", "400", "the bundle is damaged"),
        (&whole[..whole.len() - 9], "", "400", "the bundle is damaged"),
        (b"hello", "", "400", "neither a bundle nor"),
        (b"", "", "400", "neither a bundle nor"),
        (b"{\"log\":{}}", "", "400", "no log.entries"),
        (&whole, "Origin: http://evil.example\r\n", "403", "only pages of this proxy"),
    ];
    for (file, headers, status, why) in cases {
        let (said, problem) = post(&to, file, headers);
        assert_eq!(said, status, "{problem}");
        assert!(problem["error"].as_str().unwrap().contains(why), "{problem}");
    }
    let broken = from.folder.join("damaged.apx");
    std::fs::write(&broken, &damaged).unwrap();
    let output = run(&to.folder, &["import", broken.to_str().unwrap()]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("damaged") && error.contains("hint: "), "{error}");

    // One that leaves in the middle of its file.
    let mut client = Client::connect(to.authority());
    client.send("POST /api/monitor/import HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n");
    client.send(&whole[..whole.len() / 2]);
    drop(client);
    assert_eq!(to.get("/api/monitor/requests")["total"], 0);
    let (status, imported) = post(&to, &whole, "");
    assert_eq!((status.as_str(), &imported["added"], &imported["skipped"]), ("200", &2.into(), &0.into()));
}

#[test]
fn a_kill_within_leaves_the_record_sound_and_a_second_import_adds_the_rest() {
    let (from, _upstream, file) = bundle(40, 20_000);
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    let mut to = Proxy::in_folder("http://127.0.0.1:9", &folder, &[]);
    let path = file.to_str().unwrap().to_owned();
    let import = std::thread::spawn({
        let folder = folder.clone();
        move || run(&folder, &["import", &path])
    });
    to.wait("the first of them", || {
        to.get("/api/monitor/requests?limit=1")["total"].as_u64().filter(|total| *total > 0)
    });
    to.child.kill().unwrap();
    to.child.wait().unwrap();
    let output = import.join().unwrap();
    let cut = !output.status.success();
    assert!(said(&folder, &["verify"]).contains("nothing is damaged"));

    let to = Proxy::in_folder("http://127.0.0.1:9", &folder, &[]);
    let there = to.get("/api/monitor/requests?limit=1")["total"].as_u64().unwrap();
    assert!(cut && there > 0 || there == 40, "killed within, with {there} of them");
    let again = said(&folder, &["import", file.to_str().unwrap()]);
    to.rows(40);
    assert!(said(&folder, &["verify"]).contains("nothing is damaged"), "{again}");
    assert_same_bodies(&from, &folder, ids(&from).into_iter().step_by(5));
}
