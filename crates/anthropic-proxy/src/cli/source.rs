//! Where the commands read and change the record: the data folder, or the proxy that records into it now.

use crate::app::{Instance, Running};
use crate::config::{Config, Flags};
use crate::reading::streamed_text;
use anyhow::{Context as _, bail};
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
    Server(Running),
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

    /// The proxy that records into the folder now, if one does.
    pub(super) fn server(&self) -> Option<Running> {
        Instance::running(&self.folder)
    }

    /// Whoever may change the record.
    ///
    /// # Errors
    /// When the record cannot be opened, or is held by somebody who does not answer.
    pub(super) fn keeper(&self) -> anyhow::Result<Keeper> {
        // A mistyped folder is no reason to make one.
        drop(self.read()?);
        if let Some(running) = self.server() {
            return Ok(Keeper::Server(running));
        }
        let (store, writer) = Store::open(&Location::Folder(self.folder.clone()))?;
        store.read_answers_with(streamed_text);
        Ok(Keeper::Own(store, Box::new(writer)))
    }
}

/// A request to change something, with what opens the door.
pub(super) fn post(proxy: &Running, path: &str) -> ureq::RequestBuilder<ureq::typestate::WithBody> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("{proxy}{path}"));
    match proxy.authorization() {
        Some(value) => request.header("authorization", value),
        None => request,
    }
}

/// Asks the running proxy to do something.
///
/// # Errors
/// When it does not answer, or says no: with its own words.
pub(super) fn ask<T: DeserializeOwned>(
    proxy: &Running,
    path: &str,
    query: &[(&str, String)],
) -> anyhow::Result<T> {
    let mut request = post(proxy, path);
    for (name, value) in query {
        request = request.query(*name, value);
    }
    read_answer(proxy, request.send_empty())
}

/// What the proxy says to a request.
///
/// # Errors
/// As [`ask`].
pub(super) fn read_answer<T: DeserializeOwned>(
    proxy: &Running,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> anyhow::Result<T> {
    let mut answer = answer.with_context(|| format!("the proxy at {proxy} does not answer"))?;
    if !answer.status().is_success() {
        let problem: serde_json::Value = answer.body_mut().read_json().unwrap_or_default();
        bail!("the proxy at {proxy} refused: {}", problem["error"].as_str().unwrap_or("it says no more"));
    }
    answer.body_mut().read_json().with_context(|| format!("the proxy at {proxy} answered something else"))
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
