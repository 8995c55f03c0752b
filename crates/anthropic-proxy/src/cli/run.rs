//! `run -- COMMAND …`: a command whose calls go through the proxy.
//!
//! The proxy is a process of its own, so that several commands share it and none ends it for the others: the first `run` starts it
//! on a free port, later ones join it, and it ends a little after the last. Each holds a lease, an open connection that the command
//! inherits. The command takes this process's place, so its exit code, signals and terminal are its own.

use crate::app::{Instance, Running, instance_address};
use crate::config::{Config, Flags, Token};
use anyhow::{Context as _, bail};
use clap::Args;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;
use store::Location;

/// Where the output of the proxy goes that runs beside the command.
const LOG: &str = "run.log";

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The command and its arguments, after `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
    #[arg(skip)]
    flags: Flags,
}

/// Set for the command unless it has them already: a custom base URL switches these off in Claude Code.
pub(super) const RESTORED: [(&str, &str); 3] = [
    ("CLAUDE_CODE_GATEWAY_HINT_HEADERS", "1"),
    ("ENABLE_TOOL_SEARCH", "true"),
    ("CLAUDE_CODE_ENABLE_FINE_GRAINED_TOOL_STREAMING", "1"),
];

impl Run {
    pub(super) fn with(self, flags: Flags) -> Run {
        Run { flags, ..self }
    }

    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load(&self.flags)?;
        let tokens = Tokens { monitor: config.monitor_token.as_ref(), proxy: config.proxy_token.as_ref() };
        let proxy = match &config.data {
            Location::Folder(folder) => join_or_start(folder, &self.flags, tokens)?,
            Location::Memory => start(&self.flags, tokens, Stdio::null())?,
        };
        let lease = lease(&proxy).with_context(|| format!("the proxy at {proxy} does not answer"))?;
        eprintln!("anthropic-proxy: recording; the page is {}", proxy.page());
        let (program, arguments) = self.command.split_first().context("no command was given")?;
        let mut command = Command::new(program);
        command.args(arguments).env("ANTHROPIC_BASE_URL", proxy.base_url());
        for (name, value) in RESTORED {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        become_command(command, program, lease)
    }
}

/// What a proxy that is started asks for.
#[derive(Clone, Copy)]
struct Tokens<'a> {
    monitor: Option<&'a Token>,
    proxy: Option<&'a Token>,
}

fn join_or_start(folder: &Path, flags: &Flags, tokens: Tokens<'_>) -> anyhow::Result<Running> {
    if let Some(running) = Instance::running(folder) {
        return Ok(running);
    }
    std::fs::create_dir_all(folder).with_context(|| {
        format!("cannot make the folder {}\nhint: choose another with DATA_DIR", folder.display())
    })?;
    let path = folder.join(LOG);
    let log = File::create(&path).with_context(|| {
        format!("cannot write {}\nhint: choose another folder with DATA_DIR", path.display())
    })?;
    start(flags, tokens, log.into()).or_else(|error| {
        // Two may start at the same instant; the one that is late finds the folder taken and joins.
        Instance::running(folder).ok_or_else(|| {
            let said = std::fs::read_to_string(&path).unwrap_or_default();
            let said = said.trim();
            if said.is_empty() { error } else { anyhow::anyhow!("{}", said.trim_start_matches("error: ")) }
        })
    })
}

/// Starts a proxy on a free port that outlives this process. Returns when it is ready.
fn start(flags: &Flags, tokens: Tokens<'_>, log: Stdio) -> anyhow::Result<Running> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = Command::new(program);
    command.args(["serve", "--until-unused", "--host", "127.0.0.1", "--port", "0"]);
    // Address and port are our own choice.
    command.args(flags.arguments(&["HOST", "PORT", "MONITOR_TOKEN", "PROXY_TOKEN"]));
    // Not as flags: everybody on the machine can read those.
    command.envs(tokens.monitor.map(|token| ("MONITOR_TOKEN", token.reveal())));
    command.envs(tokens.proxy.map(|token| ("PROXY_TOKEN", token.reveal())));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    #[cfg(unix)]
    {
        // Ctrl-C is meant for the command, not for the proxy that others may use too.
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    let mut child = command.spawn().context("cannot start the proxy")?;
    let line = first_line(&mut child);
    let url = line.split_whitespace().skip_while(|word| *word != "on").nth(1);
    match url {
        Some(url) => {
            let reveal = |token: Option<&Token>| token.map(|token| token.reveal().to_owned());
            Ok(Running {
                // What is on this machine needs no TLS, and no trust in a certificate.
                url: url.replacen("https:", "http:", 1),
                token: reveal(tokens.monitor),
                proxy_token: reveal(tokens.proxy),
            })
        }
        None => {
            let status = child.wait().context("cannot wait for the proxy")?;
            bail!("the proxy did not start ({status})")
        }
    }
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        // An error reads as an empty line: it did not start.
        let _ = BufReader::new(out).read_line(&mut line);
    }
    line
}

/// Opens the connection that keeps the proxy in use.
fn lease(proxy: &Running) -> std::io::Result<TcpStream> {
    let address =
        instance_address(&proxy.url).ok_or_else(|| std::io::Error::other("its address is unknown"))?;
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let authorization =
        proxy.authorization().map(|value| format!("authorization: {value}\r\n")).unwrap_or_default();
    let ask = format!("GET /api/monitor/lease HTTP/1.1\r\nhost: localhost\r\n{authorization}\r\n");
    stream.write_all(ask.as_bytes())?;
    // Held from the first byte of the answer on.
    let mut begin = [0; 12];
    stream.read_exact(&mut begin)?;
    if begin.ends_with(b"200") {
        return Ok(stream);
    }
    Err(std::io::Error::other(format!("it says {}", String::from_utf8_lossy(&begin))))
}

#[cfg(unix)]
fn become_command(mut command: Command, program: &str, lease: TcpStream) -> anyhow::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    // Inherited, so that it lasts exactly as long as the command and what it started.
    rustix::io::fcntl_setfd(&lease, rustix::io::FdFlags::empty()).context("cannot hand the lease over")?;
    let error = command.exec();
    drop(lease);
    Err(cannot_run(program, &error))
}

#[cfg(not(unix))]
fn become_command(mut command: Command, program: &str, lease: TcpStream) -> anyhow::Result<ExitCode> {
    let status = command.status().map_err(|error| cannot_run(program, &error))?;
    drop(lease);
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

fn cannot_run(program: &str, error: &std::io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        std::io::ErrorKind::NotFound => "is it installed, and in your PATH?",
        _ => "can it be run by hand?",
    };
    anyhow::anyhow!("cannot run {program}: {error}\nhint: {hint}")
}
