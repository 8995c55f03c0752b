//! The built binary between a simulated API and real sockets.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its own part of this")]

#[cfg(target_os = "linux")]
pub mod disk;
pub mod raw;

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A command line of the built binary with an environment of its own.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anthropic-proxy"));
    command.args(arguments).stdin(Stdio::null());
    for name in [
        "HOST",
        "PORT",
        "UPSTREAM_URL",
        "ANTHROPIC_BASE_URL",
        "REQUEST_TIMEOUT",
        "LOG_LEVEL",
        "DATA_DIR",
        "EXTRA_CA_CERTS",
        "NODE_EXTRA_CA_CERTS",
        "ON_CLIENT_DISCONNECT",
        "PRICES",
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
        "CONFIG_FILE",
    ] {
        command.env_remove(name);
    }
    // Whoever runs the tests may have a configuration file.
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    command
}

/// A running proxy. Killed when dropped.
pub struct Proxy {
    pub url: String,
    pub folder: PathBuf,
    pub child: Child,
    /// What it said on standard output.
    pub said: String,
    _temporary: Option<tempfile::TempDir>,
}

impl Proxy {
    /// A proxy to `upstream` with a fresh data folder.
    pub fn start(upstream: &str) -> Proxy {
        Proxy::with(upstream, &[])
    }

    /// The same with further flags.
    pub fn with(upstream: &str, flags: &[&str]) -> Proxy {
        Proxy::with_environment(upstream, flags, &[])
    }

    /// The same with further variables.
    pub fn with_environment(upstream: &str, flags: &[&str], variables: &[(&str, &str)]) -> Proxy {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("data");
        let mut proxy = Proxy::spawn(upstream, &folder, flags, variables);
        proxy._temporary = Some(temporary);
        proxy
    }

    /// The same with this data folder.
    pub fn in_folder(upstream: &str, folder: &Path, flags: &[&str]) -> Proxy {
        Proxy::spawn(upstream, folder, flags, &[])
    }

    fn spawn(upstream: &str, folder: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Proxy {
        let data = folder.to_str().unwrap();
        // Read only by tests that ask for much; the rest shows it with the test.
        let stderr = if flags.contains(&"debug") { Stdio::piped() } else { Stdio::inherit() };
        let port: &[&str] = if flags.contains(&"--port") { &[] } else { &["--port", "0"] };
        let mut arguments = vec!["--upstream-url", upstream, "--data-dir", data];
        arguments.extend(port);
        arguments.extend(flags);
        let mut child = command(&arguments)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        for _ in 0..4 {
            out.read_line(&mut said).unwrap();
        }
        let url = said
            .split_whitespace()
            .skip_while(|word| *word != "on")
            .nth(1)
            .expect("the proxy starts")
            .to_owned();
        Proxy { url, folder: folder.to_owned(), child, said, _temporary: None }
    }

    /// `host:port`.
    pub fn authority(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    /// Where programs of this machine reach it, whatever it speaks to others.
    pub fn plain_url(&self) -> String {
        format!("http://{}", self.authority())
    }

    /// The answer of the monitoring API at `path`.
    pub fn get(&self, path: &str) -> Value {
        let text = String::from_utf8(self.get_bytes(path)).unwrap();
        // The API hands lone surrogates on as they were sent; JavaScript reads them, serde does not.
        serde_json::from_str(&text.replace(r"\ud83d", r"\ufffd"))
            .unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    /// The body of the answer at `path`.
    pub fn get_bytes(&self, path: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let answer =
            ureq::get(format!("{}{path}", self.url)).call().unwrap_or_else(|error| panic!("{path}: {error}"));
        answer.into_body().into_reader().read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// Waits until the list has `count` rows that have ended; returns them, newest first.
    pub fn rows(&self, count: usize) -> Vec<Value> {
        self.wait("that many ended exchanges", || {
            let list = self.get("/api/monitor/requests?limit=1000");
            let rows = list["data"].as_array().unwrap();
            let ended = rows.iter().filter(|row| !row["outcome"].is_null()).count();
            (ended == count && rows.len() == count).then(|| rows.clone())
        })
    }

    /// The only exchange there is, with everything.
    pub fn only(&self) -> Value {
        let rows = self.rows(1);
        self.get(&format!("/api/monitor/requests/{}", rows[0]["id"].as_str().unwrap()))
    }

    /// The exact bytes that were recorded.
    pub fn body(&self, row: &Value, side: &str) -> Vec<u8> {
        self.get_bytes(&format!("/api/monitor/requests/{}/body/{side}", row["id"].as_str().unwrap()))
    }

    /// Asks again and again, since what is waited for happens in another process.
    pub fn wait<T>(&self, what: &str, ask: impl FnMut() -> Option<T>) -> T {
        wait(what, ask)
    }

    #[cfg(unix)]
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// What it wrote to its log; only once it has ended.
    pub fn logged(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        assert!(text.contains("asked to end"), "the log works: {text}");
        text
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait("the proxy to end", || child.try_wait().unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Polls for what happens in another process; the only place of the tests that does.
pub fn wait<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
