//! `import`: takes a bundle or an HTTP Archive back into the record, through the proxy if one holds it.

use super::source::{post, read_answer};
use crate::app::{Instance, Running};
use crate::config::{Config, Flags};
use crate::import::{self, Imported};
use crate::monitor::ImportState;
use crate::reading::streamed_text;
use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;
use store::{Store, Writer};

/// How often the proxy is asked how far it has come.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(super) struct Import {
    /// Bundles (.apx) or HTTP Archives (.har)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[arg(skip)]
    flags: Flags,
}

impl Import {
    pub(super) fn with(self, flags: Flags) -> Import {
        Import { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load(&self.flags)?;
        let folder = config.folder().context(
            "nothing can be imported into a record in memory\nhint: name a folder with --data-dir",
        )?;
        let mut keeper = match Instance::running(folder) {
            Some(running) => Keeper::Server(running),
            None => {
                let (store, writer) = Store::open(&config.data)?;
                store.read_answers_with(streamed_text);
                Keeper::Own(store, Box::new(writer))
            }
        };
        for path in &self.files {
            let bar = bytes_bar();
            let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
            let imported = match &mut keeper {
                Keeper::Server(proxy) => ask(proxy, file, &bar),
                Keeper::Own(store, writer) => read(folder, file, store, writer, &bar),
            };
            bar.finish_and_clear();
            let imported = imported.with_context(|| format!("cannot import {}", path.display()))?;
            println!("{}: {imported}", path.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Who writes: unlike elsewhere, a folder without a record is no mistake.
enum Keeper {
    Server(Running),
    Own(Store, Box<Writer>),
}

fn read(
    folder: &Path,
    mut file: File,
    store: &Store,
    writer: &mut Writer,
    bar: &ProgressBar,
) -> anyhow::Result<Imported> {
    let mut progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let checked = import::check(&mut file, Some(folder), &mut progress)?;
    Ok(checked.write(&mut file, store, writer, &mut progress)?)
}

/// Sends the file to the proxy, and shows first how much of it has gone, then how far the proxy has come.
fn ask(proxy: &Running, file: File, bar: &ProgressBar) -> anyhow::Result<Imported> {
    let length =
        file.metadata().and_then(|about| if about.is_dir() { Err(folder()) } else { Ok(about.len()) })?;
    bar.set_length(length);
    let sent = bar.wrap_read(file);
    let (done, wait) = mpsc::channel();
    let to = proxy.clone();
    std::thread::spawn(move || {
        // Whoever waited may have been interrupted.
        let _ = done.send(send(&to, sent, length));
    });
    loop {
        match wait.recv_timeout(LOOK) {
            Ok(imported) => return imported,
            Err(mpsc::RecvTimeoutError::Timeout) if bar.is_hidden() => {}
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let mut state = ureq::get(format!("{proxy}/api/monitor/import"));
                if let Some(value) = proxy.authorization() {
                    state = state.header("authorization", value);
                }
                let state = state.call();
                let state = state.and_then(|mut answer| answer.body_mut().read_json::<ImportState>());
                if let Some(state) = state.ok().filter(|state| state.running && state.total > 0) {
                    bar.set_length(state.total);
                    bar.set_position(state.done);
                }
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => anyhow::bail!("the import was given up"),
        }
    }
}

fn folder() -> std::io::Error {
    std::io::Error::other("it is a folder\nhint: give the name of a file")
}

fn send(proxy: &Running, mut file: impl std::io::Read, length: u64) -> anyhow::Result<Imported> {
    let request = post(proxy, "/api/monitor/import")
        .header("content-type", "application/octet-stream")
        .header("content-length", length.to_string());
    read_answer(proxy, request.send(ureq::SendBody::from_reader(&mut file)))
}

/// A bar on a terminal; nothing elsewhere.
fn bytes_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left") {
        bar.set_style(style);
    }
    bar
}
