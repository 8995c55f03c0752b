//! What happens to the disk happens to the record, never to the traffic; the gap is shown, and recording goes on when it can.

mod support;

use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use support::raw::{Client, Echoing, call};
use support::{Proxy, command};

/// An answer that does not compress away: each differs, and so do its bytes.
fn answer() -> String {
    let body = json!({"type": "message", "content": [{"type": "text", "text": noise(1)}]}).to_string();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn noise(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..2000).map(|_| format!("{:016x} ", next())).collect()
}

/// One call; the answer has to come as it was sent.
fn works(proxy: &Proxy, seed: u64, expected: &str) {
    let body = json!({"model": "claude-x", "messages": [{"role": "user", "content": noise(seed)}]});
    let mut client = Client::connect(proxy.authority());
    client.send(call(&body.to_string()));
    assert_eq!(client.read_until(&expected.as_bytes()[expected.len() - 64..]).len(), expected.len());
}

fn recording(proxy: &Proxy) -> Value {
    proxy.get("/health")["recording"].clone()
}

/// Calls until the record says that it is in trouble; what it says.
fn until_in_trouble(proxy: &Proxy, expected: &str) -> String {
    let mut seed = 1000;
    proxy.wait("trouble", || {
        seed += 1;
        works(proxy, seed, expected);
        recording(proxy)["problem"].as_str().map(str::to_owned)
    })
}

fn until_well(proxy: &Proxy) {
    proxy.wait("the record to go on", || (recording(proxy)["on"] == true).then_some(()));
}

fn is_sound(folder: &Path) {
    let checked = command(&["verify", "--data-dir", folder.to_str().unwrap()]).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// A small disk of its own; `None`, with a line that says so, where this user may not have one.
struct Disk(tempfile::TempDir);

impl Disk {
    fn of(megabytes: u32) -> Option<Disk> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Disk(folder));
        }
        eprintln!("skipped: this user cannot mount a small disk");
        None
    }

    fn remount(&self, how: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(self.0.path()).status();
        assert!(done.unwrap().success(), "{how}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_costs_nobody_an_answer_and_room_heals_it() {
    let Some(disk) = Disk::of(6) else { return };
    let (folder, filler) = (disk.0.path().join("data"), disk.0.path().join("filler"));
    let expected = answer();
    let upstream = Echoing::start(expected.clone());
    let proxy = Proxy::in_folder(&upstream.url, &folder, &[]);
    works(&proxy, 1, &expected);
    proxy.rows(1);
    // All that is left.
    let _ = std::fs::write(&filler, vec![1; 8 << 20]);
    let problem = until_in_trouble(&proxy, &expected);
    assert!(problem.contains("full"), "{problem}");
    let before = upstream.received.try_iter().count();
    works(&proxy, 2, &expected);
    std::fs::remove_file(&filler).unwrap();
    until_well(&proxy);
    works(&proxy, 3, &expected);
    // What waited meanwhile is written; nothing is lost that fits into memory.
    proxy.rows(before + 2);
    drop(proxy);
    is_sound(&folder);
}

#[test]
fn a_folder_that_cannot_be_written_from_the_start_is_an_error_that_says_so() {
    let Some(disk) = Disk::of(1) else { return };
    disk.remount("ro");
    let folder = disk.0.path().join("data");
    let output = command(&["--port", "0", "--data-dir", folder.to_str().unwrap()]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("hint: ") && error.contains("Read-only"), "{error}");
}

#[test]
fn a_database_that_another_program_holds_is_written_to_when_it_lets_go() {
    let expected = answer();
    let upstream = Echoing::start(expected.clone());
    let proxy = Proxy::start(&upstream.url);
    works(&proxy, 1, &expected);
    proxy.rows(1);
    let other = Connection::open(proxy.folder.join("exchanges.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let problem = until_in_trouble(&proxy, &expected);
    assert!(problem.contains("locked"), "{problem}");
    let calls = upstream.received.try_iter().count();
    other.execute_batch("ROLLBACK").unwrap();
    until_well(&proxy);
    proxy.rows(calls);
    is_sound(&proxy.folder);
}

#[cfg(unix)]
#[test]
fn a_record_that_is_deleted_under_the_proxy_is_told_and_a_new_start_begins_anew() {
    let expected = answer();
    let upstream = Echoing::start(expected.clone());
    let proxy = Proxy::start(&upstream.url);
    works(&proxy, 1, &expected);
    proxy.rows(1);
    std::fs::remove_dir_all(&proxy.folder).unwrap();
    let problem = until_in_trouble(&proxy, &expected);
    assert!(problem.contains("was deleted or moved"), "{problem}");
    works(&proxy, 2, &expected);
    let folder = proxy.folder.clone();
    let again = Proxy::in_folder(&upstream.url, &folder, &[]);
    works(&again, 3, &expected);
    again.rows(1);
    assert_eq!(recording(&again)["on"], true);
    drop(again);
    is_sound(&folder);
}

#[cfg(unix)]
#[test]
fn without_file_descriptors_nobody_new_comes_in_and_then_they_do() {
    let expected = answer();
    let upstream = Echoing::start(expected.clone());
    let proxy = Proxy::start(&upstream.url);
    works(&proxy, 1, &expected);
    let pid = rustix::process::Pid::from_child(&proxy.child);
    let limit = rustix::process::Rlimit { current: Some(40), maximum: Some(40) };
    rustix::process::prlimit(Some(pid), rustix::process::Resource::Nofile, limit).unwrap();
    let crowd: Vec<Client> = (0..100).map(|_| Client::connect(proxy.authority())).collect();
    drop(crowd);
    works(&proxy, 2, &expected);
    proxy.rows(2);
}
