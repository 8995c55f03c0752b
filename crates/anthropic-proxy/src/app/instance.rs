//! The note that a running proxy leaves in its data folder, so that `run` finds it and joins.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "instance.json";

/// How long a proxy may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize, Deserialize)]
struct Note {
    pid: u32,
    url: String,
    /// What opens its page and API, if they need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// What lets forward, if that needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proxy_token: Option<String>,
}

/// A proxy that records into a folder now.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) url: String,
    /// What opens its page and API, if they need one.
    pub(crate) token: Option<String>,
    /// What lets forward, if that needs one.
    pub(crate) proxy_token: Option<String>,
}

impl Running {
    /// What a client takes as its base URL.
    pub(crate) fn base_url(&self) -> String {
        match &self.proxy_token {
            Some(token) => format!("{}/t/{token}", self.url),
            None => self.url.clone(),
        }
    }

    /// The page, as a link that opens it.
    pub(crate) fn page(&self) -> String {
        match &self.token {
            Some(token) => format!("{}/monitor?token={token}", self.url),
            None => format!("{}/monitor", self.url),
        }
    }

    /// The value of the header `Authorization` for its API, if that needs one.
    pub(crate) fn authorization(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {token}"))
    }
}

impl std::fmt::Display for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.url)
    }
}

/// Our own note; removed when dropped. After a crash it stays, and whoever reads it asks whether somebody is there.
pub(crate) struct Instance(PathBuf);

impl Instance {
    /// Leaves the note.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn announce(folder: &Path, running: Running) -> anyhow::Result<Instance> {
        let path = folder.join(FILE);
        let Running { url, token, proxy_token } = running;
        let note = Note { pid: std::process::id(), url, token, proxy_token };
        let note = serde_json::to_string(&note)?;
        // Whole or not at all: somebody may be reading it. Only its owner may.
        let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut draft| {
            draft.write_all(note.as_bytes())?;
            draft.persist(&path).map_err(|error| error.error)
        });
        written.with_context(|| {
            format!("cannot write {}\nhint: choose another folder with DATA_DIR", path.display())
        })?;
        Ok(Instance(path))
    }

    /// The proxy that records into this folder now, if one does and answers.
    pub(crate) fn running(folder: &Path) -> Option<Running> {
        let note: Note = serde_json::from_str(&fs::read_to_string(folder.join(FILE)).ok()?).ok()?;
        is_healthy(&note.url).then_some(Running {
            url: note.url,
            token: note.token,
            proxy_token: note.proxy_token,
        })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = fs::remove_file(&self.0);
    }
}

/// The first address behind one of our own URLs.
pub(crate) fn address(url: &str) -> Option<SocketAddr> {
    url.strip_prefix("http://")?.to_socket_addrs().ok()?.next()
}

/// Whether a proxy of ours answers at one of our own URLs.
pub(crate) fn is_healthy(url: &str) -> bool {
    let ask = || -> Option<String> {
        let mut stream = TcpStream::connect_timeout(&address(url)?, PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    };
    ask().is_some_and(|answer| answer.contains("\"status\":\"healthy\""))
}
