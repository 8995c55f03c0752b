//! A body of 300 MB goes in and comes out in flat memory. Alone in its file: the figure is that of the process.

#![cfg(target_os = "linux")]

mod common;

use common::{complete, noise, running};
use std::fs;
use store::{Frame, Location, Side, Store};

/// The most memory this process has had so far, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_body_of_300_megabytes_passes_in_flat_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut writer) = Store::open(&Location::Folder(folder.path().to_owned())).unwrap();
    let exchange = running();
    writer.save(&exchange).unwrap();
    let bytes = noise(5 << 20, 5);
    let rounds = 300_000_000_u64.div_ceil(1 << 16);
    let before = peak();
    let mut hasher = blake3::Hasher::new();
    for (round, block) in (0..rounds).zip(bytes.chunks(1 << 16).cycle()) {
        writer.append_body(exchange.id, Side::Response, block).unwrap();
        writer.append_frames(exchange.id, &[Frame { len: 65_536, at_us: round * 1_000 }]).unwrap();
        hasher.update(block);
        if round % 64 == 0 {
            writer.commit().unwrap();
        }
    }
    let summary = writer.finish_body(exchange.id, Side::Response).unwrap();
    assert_eq!(summary.hash, *hasher.finalize().as_bytes());
    writer.save(&complete(&exchange)).unwrap();
    writer.commit().unwrap();

    let mut hasher = blake3::Hasher::new();
    let info = store
        .read_body(exchange.id, Side::Response, &mut |piece| {
            hasher.update(piece);
            Ok(())
        })
        .unwrap()
        .unwrap();
    assert!(info.complete && info.len == summary.len);
    assert_eq!(summary.hash, *hasher.finalize().as_bytes());
    let grown = peak() - before;
    eprintln!("memory grew by {:.1} MB at its peak", grown as f64 / 1e6);
    assert!(grown < 64 << 20, "memory grew by {grown} bytes");
}
