//! What is measured: the upstream itself, nginx, a bare hyper proxy, and ours, each a process of its own.

use crate::process;
use anyhow::Context as _;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// One way to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// No proxy at all.
    Direct,
    /// nginx, which records nothing.
    Nginx,
    /// hyper's client and server, which record nothing.
    Floor,
    /// Ours, which records everything.
    Ours,
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Direct => "direct",
            Way::Nginx => "nginx",
            Way::Floor => "hyper, bare",
            Way::Ours => "ours",
        }
    }
}

/// A way that is open.
pub(crate) struct Subject {
    pub(crate) way: Way,
    pub(crate) address: SocketAddr,
    process: Option<Process>,
}

struct Process {
    child: Child,
    folder: TempDir,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a program may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);

impl Subject {
    /// No proxy.
    pub(crate) fn direct(upstream: SocketAddr) -> Subject {
        Subject { way: Way::Direct, address: upstream, process: None }
    }

    /// nginx from the usual places; `None`: there is none.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn nginx(upstream: SocketAddr) -> anyhow::Result<Option<Subject>> {
        let places = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
        let Some(program) = places.iter().find(|place| Path::new(place).exists()) else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let file = folder.path().join("nginx.conf");
        fs::write(&file, nginx_configuration(folder.path(), port, upstream))?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&file).arg("-e").arg(folder.path().join("error.log"));
        Ok(Some(Subject::start(Way::Nginx, command, folder, port)?))
    }

    /// The bare proxy: this very program, told to be one.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn floor(upstream: SocketAddr) -> anyhow::Result<Subject> {
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--be-floor").arg(port.to_string()).arg(upstream.to_string());
        Subject::start(Way::Floor, command, tempfile::tempdir()?, port)
    }

    /// Ours, with a record of its own that is empty.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn ours(upstream: SocketAddr, program: &Path) -> anyhow::Result<Subject> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let mut command = Command::new(program);
        // Nothing of whoever runs the bench: neither settings nor a `.env` file.
        command.env_clear().current_dir(folder.path());
        command.args(["--port", &port.to_string(), "--log-level", "ERROR"]);
        command.arg("--upstream-url").arg(format!("http://{upstream}"));
        command.arg("--data-dir").arg(folder.path().join("data"));
        Subject::start(Way::Ours, command, folder, port)
    }

    fn start(way: Way, mut command: Command, folder: TempDir, port: u16) -> anyhow::Result<Subject> {
        let log = fs::File::create(folder.path().join("output.log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {}", way.name()))?;
        let mut process = Process { child, folder };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = process.child.try_wait()?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                let said = fs::read_to_string(process.folder.path().join("output.log")).unwrap_or_default();
                anyhow::bail!("{} does not start: {said}", way.name());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(Subject { way, address, process: Some(process) })
    }

    /// Seconds of processor time so far.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.process.as_ref().map_or(0.0, |process| process::cpu_seconds(process.child.id()))
    }

    /// The most memory so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.process.as_ref().map_or(0, |process| process::peak_memory(process.child.id()))
    }

    /// Asks it to end, waits until it has, and returns the bytes of its record.
    ///
    /// # Errors
    /// When it does not end.
    pub(crate) fn end(mut self) -> anyhow::Result<u64> {
        let Some(process) = &mut self.process else { return Ok(0) };
        let id = process.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().context("cannot ask a program to end")?;
        let begun = Instant::now();
        while process.child.try_wait()?.is_none() {
            anyhow::ensure!(begun.elapsed() < PATIENCE, "{} does not end", self.way.name());
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(bytes_of(&process.folder.path().join("data")))
    }
}

fn bytes_of(folder: &PathBuf) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|file| file.len()).sum()
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn nginx_configuration(folder: &Path, port: u16, upstream: SocketAddr) -> String {
    let folder = folder.display();
    // As root it would give its workers to a user who cannot write here.
    let user = if fs::metadata("/proc/self").is_ok_and(|own| is_root(&own)) { "user root;" } else { "" };
    format!(
        "{user}
worker_processes 2;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 0;
  keepalive_requests 100000000;
  upstream api {{ server {upstream}; keepalive 512; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_buffering off;
      proxy_request_buffering off;
    }}
  }}
}}
"
    )
}

#[cfg(unix)]
fn is_root(own: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(own) == 0
}

#[cfg(not(unix))]
fn is_root(_own: &fs::Metadata) -> bool {
    false
}
