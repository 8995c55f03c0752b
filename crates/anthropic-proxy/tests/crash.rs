//! Whatever happens to the disk, the database or the process: traffic is unharmed, the store is sound, people are told, and recording
//! resumes when it can.

#![cfg(target_os = "linux")]

mod support;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use support::disk::{Disk, processor_time};
use support::raw::{self, BODY, Client, Echoing, STREAM_HEAD, Upstream, call, chunk, stream_events};
use support::{PATIENCE, Proxy, command};

/// Bytes that no compression makes smaller, as a request's text.
fn noise(seed: u64, length: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + u8::try_from(state % 90).unwrap())
    };
    (0..length).map(|_| next()).filter(|letter| *letter != '"' && *letter != '\\').collect()
}

fn answer() -> String {
    let body = stream_events().concat();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One call with so much noise; what the upstream got and the client got is what the other sent, byte for byte.
fn exchange(proxy: &Proxy, upstream: &Echoing, number: u64, length: usize) {
    let noise = noise(number, length);
    let body = format!(r#"{{"model":"claude-x","messages":[{{"role":"user","content":"{noise}"}}]}}"#);
    let request = call(&body).replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
    let said = raw::exchange(proxy.authority(), request);
    assert!(raw::body_of(&said) == stream_events().concat().as_bytes(), "{}", String::from_utf8_lossy(&said));
    let (_, received) = upstream.received.recv_timeout(PATIENCE).unwrap();
    assert!(received == body.as_bytes(), "the upstream got what was sent");
}

fn recording(proxy: &Proxy) -> Value {
    proxy.get("/health")["recording"].clone()
}

/// Waits until `/health` says that nothing reaches the disk; returns why.
fn off(proxy: &Proxy) -> String {
    proxy.wait("recording to be told as off", || {
        let recording = recording(proxy);
        (recording["on"] == false && recording["offSince"].is_string())
            .then(|| recording["problem"].as_str().unwrap_or_default().to_owned())
    })
}

fn on(proxy: &Proxy) {
    proxy.wait("recording to resume", || (recording(proxy)["on"] == true).then_some(()));
}

/// Everything that is stored comes back as it was.
fn assert_sound(folder: &Path) {
    let output = command(&["verify", "--data-dir", folder.to_str().unwrap()]).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "verify: {said}");
}

/// The newest row, once it has ended and so many are there at least.
fn newest(proxy: &Proxy, at_least: usize) -> Value {
    proxy.wait("the newest row to end", || {
        let list = proxy.get("/api/monitor/requests?limit=1000");
        let rows = list["data"].as_array()?;
        let row = rows.first().filter(|row| rows.len() >= at_least && row["outcome"].is_string());
        row.cloned()
    })
}

#[test]
fn a_full_disk_costs_no_traffic_and_recording_resumes_with_room() {
    let Some(disk) = Disk::of("2m") else { return };
    let upstream = Echoing::start(answer());
    let proxy = Proxy::in_folder(&upstream.url, &disk.path().join("data"), &[]);
    let mut sent = 0;
    let begun = Instant::now();
    while recording(&proxy)["on"] == true {
        assert!(begun.elapsed() < PATIENCE, "2 MiB are never full");
        sent += 1;
        exchange(&proxy, &upstream, sent, 200_000);
    }
    let why = off(&proxy);
    assert!(why.contains("full"), "{why}");
    // While it lasts, traffic flows on.
    for _ in 0..5 {
        sent += 1;
        exchange(&proxy, &upstream, sent, 200_000);
    }
    assert_sound(&proxy.folder);

    disk.remount("size=64m");
    on(&proxy);
    sent += 1;
    exchange(&proxy, &upstream, sent, 200_000);
    let sent = usize::try_from(sent).unwrap();
    let rows = proxy.rows(sent);
    let whole = rows.iter().filter(|row| row["captureComplete"] == true).count();
    assert_eq!(rows[0]["captureComplete"], true, "recording resumed: {}", rows[0]);
    assert_eq!(whole, sent, "what waited in memory was written");
    assert_sound(&proxy.folder);
}

#[test]
fn a_read_only_folder_is_refused_with_a_hint() {
    let Some(disk) = Disk::of("2m") else { return };
    disk.remount("ro");
    let folder = disk.path().join("data");
    let arguments = ["--upstream-url", "http://127.0.0.1:9", "--port", "0", "--data-dir"];
    let output = command(&[&arguments[..], &[folder.to_str().unwrap()]].concat()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("cannot write to the data folder") && said.contains("hint:"), "{said}");
}

#[test]
fn a_folder_that_takes_no_more_writes_costs_no_traffic_and_recording_resumes() {
    let upstream = Echoing::start(answer());
    let proxy = Proxy::start(&upstream.url);
    exchange(&proxy, &upstream, 1, 2_000);
    proxy.rows(1);
    // From here on the system refuses every write of this process to any file.
    let process = Pid::from_child(&proxy.child);
    let before =
        prlimit(Some(process), Resource::Fsize, Rlimit { current: Some(0), ..getrlimit(Resource::Fsize) })
            .unwrap();
    for number in 2..6 {
        exchange(&proxy, &upstream, number, 2_000);
    }
    let why = off(&proxy);
    assert!(!why.is_empty());
    exchange(&proxy, &upstream, 6, 2_000);
    prlimit(Some(process), Resource::Fsize, before).unwrap();
    on(&proxy);
    exchange(&proxy, &upstream, 7, 2_000);
    let rows = proxy.rows(7);
    assert!(rows.iter().all(|row| row["captureComplete"] == true), "{rows:?}");
    assert_sound(&proxy.folder);
}

#[test]
fn another_program_that_locks_the_database_costs_no_traffic() {
    let upstream = Echoing::start(answer());
    let proxy = Proxy::start(&upstream.url);
    exchange(&proxy, &upstream, 1, 2_000);
    proxy.rows(1);
    let other = rusqlite::Connection::open(proxy.folder.join("exchanges.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let begun = Instant::now();
    for number in 2..12 {
        exchange(&proxy, &upstream, number, 2_000);
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "nobody waits for the database");
    let why = off(&proxy);
    assert!(why.contains("locked"), "{why}");
    assert!(begun.elapsed() < Duration::from_secs(15), "told in time, however much waits");
    other.execute_batch("ROLLBACK").unwrap();
    on(&proxy);
    let rows = proxy.rows(11);
    assert!(rows.iter().all(|row| row["captureComplete"] == true), "{rows:?}");
    assert_sound(&proxy.folder);
}

/// What is deleted under the running proxy, of its data folder.
const DELETED: [(&str, &[&str]); 3] = [
    ("the database", &["exchanges.db"]),
    ("the database and its log", &["exchanges.db", "exchanges.db-wal", "exchanges.db-shm"]),
    ("the folder", &[]),
];

#[test]
fn a_record_that_is_deleted_under_the_running_proxy_begins_afresh() {
    for (what, files) in DELETED {
        let events = stream_events();
        let (begin, end) = (events[..3].concat(), events[3..].concat());
        let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
        let (first, last) = (begin.clone(), end.clone());
        let upstream = Upstream::start(vec![Box::new(move |mut client| {
            raw::read_request(&mut client);
            client.send(STREAM_HEAD).send(chunk(first));
            may_go_on.recv_timeout(PATIENCE).unwrap();
            client.send(chunk(last)).send("0\r\n\r\n");
        })]);
        let proxy = Proxy::start(&upstream.url());
        let mut running = Client::connect(proxy.authority());
        running.send(call(BODY)).read_until(format!("{begin}\r\n").as_bytes());
        let id = proxy.wait("the running row", || {
            let rows = proxy.get("/api/monitor/requests");
            rows["data"][0]["id"].as_str().map(str::to_owned)
        });
        if files.is_empty() {
            fs::remove_dir_all(&proxy.folder).unwrap();
        }
        for file in files {
            fs::remove_file(proxy.folder.join(file)).unwrap();
        }
        go_on.send(()).unwrap();
        running.read_until(format!("{end}\r\n0\r\n\r\n").as_bytes());
        // A new database is there, with all that was in memory of what ran.
        proxy.wait(&format!("a new database, {what}"), || {
            proxy.folder.join("exchanges.db").exists().then_some(())
        });
        on(&proxy);
        let row = newest(&proxy, 1);
        assert_eq!((row["id"].as_str(), &row["outcome"]), (Some(id.as_str()), &"complete".into()), "{what}");
        if row["captureComplete"] == true {
            assert_eq!(proxy.body(&row, "request"), BODY.as_bytes(), "{what}");
        } else {
            let reason = row["captureProblem"].as_str().unwrap_or_default();
            assert!(reason.contains("could not be written"), "{what}: {reason}");
        }
        assert_eq!(proxy.body(&row, "response"), [begin, end].concat().as_bytes(), "{what}");
        assert_sound(&proxy.folder);
    }
}

#[test]
fn a_process_that_is_killed_within_a_stream_leaves_a_sound_record_that_says_so() {
    let begin = stream_events()[..3].concat();
    let sent = begin.clone();
    let upstream = Upstream::start(vec![Box::new(move |mut client| {
        raw::read_request(&mut client);
        client.send(STREAM_HEAD).send(chunk(sent));
        client.read_to_end();
    })]);
    let disk = tempfile::tempdir().unwrap();
    let folder = disk.path().join("data");
    let mut proxy = Proxy::in_folder(&upstream.url(), &folder, &[]);
    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY)).read_until(format!("{begin}\r\n").as_bytes());
    // What came is on disk after a second at the latest.
    proxy.wait("the stream's bytes on disk", || {
        let output =
            command(&["show", "last", "--body", "response", "--data-dir", folder.to_str().unwrap()]).output();
        (output.unwrap().stdout == begin.as_bytes()).then_some(())
    });
    proxy.signal(Signal::KILL);
    proxy.ended();
    assert!(!client.read_to_end().ends_with(b"0\r\n\r\n"), "no clean end is invented");
    assert_sound(&folder);

    let upstream = Echoing::start(answer());
    let proxy = Proxy::in_folder(&upstream.url, &folder, &[]);
    exchange(&proxy, &upstream, 1, 2_000);
    let rows = proxy.rows(2);
    assert_eq!((&rows[1]["outcome"], &rows[1]["captureComplete"]), (&"interrupted".into(), &false.into()));
    assert_eq!(proxy.body(&rows[1], "response"), begin.as_bytes());
    assert_eq!(proxy.body(&rows[1], "request"), BODY.as_bytes());
    assert_eq!(rows[0]["outcome"], "complete");
    assert_sound(&folder);
}

#[test]
fn too_few_file_descriptors_hold_connections_up_and_nothing_else() {
    let upstream = Echoing::start(answer());
    let proxy = Proxy::start(&upstream.url);
    exchange(&proxy, &upstream, 1, 2_000);
    let process = Pid::from_child(&proxy.child);
    let open = fs::read_dir(format!("/proc/{}/fd", proxy.child.id())).unwrap().count() as u64;
    let few = Rlimit { current: Some(open + 8), ..getrlimit(Resource::Nofile) };
    let before = prlimit(Some(process), Resource::Nofile, few).unwrap();
    let mut idle: Vec<Client> = (0..40).map(|_| Client::connect(proxy.authority())).collect();
    // Nobody can be accepted now; it waits for room without turning in circles.
    let taken = processor_time(proxy.child.id());
    std::thread::sleep(Duration::from_millis(1500));
    let taken = processor_time(proxy.child.id()) - taken;
    assert!(taken < 50, "{taken} hundredths of a second of processor time within 1.5 s of waiting");
    idle.clear();
    exchange(&proxy, &upstream, 2, 2_000);
    prlimit(Some(process), Resource::Nofile, before).unwrap();
    exchange(&proxy, &upstream, 3, 2_000);
    let rows = proxy.rows(3);
    assert!(rows.iter().all(|row| row["captureComplete"] == true), "{rows:?}");
    assert_eq!(recording(&proxy)["defects"], 0);
    assert_sound(&proxy.folder);
}
