//! Where the commands read and change the record: the data folder, or the proxy that records into it now.

use crate::app::Instance;
use crate::config::{Config, Flags};
use crate::reading::streamed_text;
use anyhow::{Context as _, anyhow};
use jiff::Zoned;
use serde::de::DeserializeOwned;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use store::{Filter, Location, Store, Writer};

/// The record of the data folder.
pub(super) struct Source {
    folder: PathBuf,
}

/// Who may change the record.
pub(super) enum Keeper {
    /// A proxy runs: it is asked at this URL.
    Server(String),
    /// Nobody else does: we are the writer.
    Own(Store, Box<Writer>),
}

impl Source {
    /// The data folder that the settings name.
    ///
    /// # Errors
    /// When a setting cannot be used, or the record is in memory, where nobody else can see it.
    pub(super) fn find(flags: &Flags) -> anyhow::Result<Source> {
        let config = Config::load(flags)?;
        let folder = config.folder().cloned();
        let folder = folder.context(
            "a record in memory cannot be read from outside\nhint: name its folder with --data-dir, or use the page",
        )?;
        Ok(Source { folder })
    }

    /// Opens the record to read, also while a proxy records into it.
    ///
    /// # Errors
    /// When there is none, or it is damaged or newer.
    pub(super) fn read(&self) -> anyhow::Result<Store> {
        let store = Store::open_read_only(&self.folder)?;
        store.read_answers_with(streamed_text);
        Ok(store)
    }

    /// The URL of the proxy that records into the folder now, if one does.
    pub(super) fn server(&self) -> Option<String> {
        Instance::running(&self.folder)
    }

    /// Whoever may change the record.
    ///
    /// # Errors
    /// When the record cannot be opened, or is held by somebody who does not answer.
    pub(super) fn keeper(&self) -> anyhow::Result<Keeper> {
        // A mistyped folder is no reason to make one.
        drop(self.read()?);
        if let Some(url) = self.server() {
            return Ok(Keeper::Server(url));
        }
        let (store, writer) = Store::open(&Location::Folder(self.folder.clone()))?;
        store.read_answers_with(streamed_text);
        Ok(Keeper::Own(store, Box::new(writer)))
    }
}

/// Asks the running proxy to do something.
///
/// # Errors
/// When it does not answer, or says no: with its own words.
pub(super) fn ask<T: DeserializeOwned>(url: &str, path: &str, query: &[(&str, String)]) -> anyhow::Result<T> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent.post(format!("{url}{path}"));
    for (name, value) in query {
        request = request.query(*name, value);
    }
    let mut answer = request.send_empty().with_context(|| format!("the proxy at {url} does not answer"))?;
    if !answer.status().is_success() {
        return Err(said_no(url, &mut answer));
    }
    answer.body_mut().read_json().with_context(|| format!("the proxy at {url} answered something else"))
}

/// Why the proxy did not do it, in its own words.
pub(super) fn said_no(url: &str, answer: &mut ureq::http::Response<ureq::Body>) -> anyhow::Error {
    let problem: serde_json::Value = answer.body_mut().read_json().unwrap_or_default();
    anyhow!("the proxy at {url} refused: {}", problem["error"].as_str().unwrap_or("it says no more"))
}

/// The words of a filter on the command line.
///
/// # Errors
/// What is wrong, pointed at.
pub(super) fn filter(words: &[String]) -> anyhow::Result<Filter> {
    Ok(Filter::parse(&words.join(" "), &Zoned::now())?)
}

/// Writes to standard output. Whoever closed the pipe has seen enough: that is no error.
///
/// # Errors
/// When it cannot be written otherwise.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    print_on(write).map(|_| ExitCode::SUCCESS)
}

/// As [`print()`]. Returns whether somebody still reads.
///
/// # Errors
/// As [`print()`].
pub(super) fn print_on(write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<bool> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = write(&mut out).and_then(|()| Ok(out.flush()?));
    match written {
        Ok(()) => Ok(true),
        Err(error) if is_closed_pipe(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
