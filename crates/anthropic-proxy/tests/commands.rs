//! The command line: what it says when something is wrong, and what `run` does.

mod support;

use std::net::TcpListener;
use std::process::{Output, Stdio};
use support::raw::{self, BODY, Client, Echoing, call};
use support::{Proxy, command, wait};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn bad_input_gets_one_clear_line_a_hint_and_a_failing_exit() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let damaged = folder.path().join("damaged");
    std::fs::create_dir(&damaged).unwrap();
    std::fs::write(
        damaged.join("exchanges.db"),
        b"this is no database, and it is long enough to be looked at as one......",
    )
    .unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let own = format!("http://localhost:{port}");
    let cases: &[(&[&str], &str)] = &[
        (&["--no-such-flag"], "unexpected argument"),
        (&["--port", "99999"], "PORT=99999 (from the command line) is no port number"),
        (&["--port", &port], "is in use"),
        (&["--port", &port, "--upstream-url", &own], "go round in a circle"),
        (&["--port", "0", "--upstream-url", "nonsense"], "UPSTREAM_URL=nonsense"),
        (&["--port", "0", "--request-timeout", "soon"], "REQUEST_TIMEOUT=soon"),
        (&["--port", "0", "--log-level", "loud"], "LOG_LEVEL=loud"),
        (&["--port", "0", "--on-client-disconnect", "weep"], "neither `cancel` nor `drain`"),
        (&["--port", "0", "--extra-ca-certs", "/nowhere.pem"], "/nowhere.pem"),
        (&["--port", "0", "--data-dir", file.to_str().unwrap()], "cannot write to the data folder"),
        (&["--port", "0", "--data-dir", damaged.to_str().unwrap()], "is damaged"),
        (&["run", "--", "no-such-command-anywhere"], "cannot run no-such-command-anywhere"),
    ];
    for (flags, expected) in cases {
        let mut command = command(flags);
        command.env("DATA_DIR", data);
        let output = command.output().unwrap();
        let text = said(&output);
        assert!(!output.status.success(), "{flags:?}");
        assert!(text.contains(expected), "{flags:?}: {text}");
        assert!(text.contains("hint: ") || text.contains("--help"), "{flags:?}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
}

#[test]
fn a_second_proxy_on_the_same_folder_is_told_who_is_there() {
    let upstream = Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let proxy = Proxy::start(&upstream.url);
    let output = command(&["--port", "0", "--data-dir", proxy.folder.to_str().unwrap()]).output().unwrap();
    assert!(said(&output).contains("another anthropic-proxy records into"), "{}", said(&output));
}

#[test]
fn the_clients_own_variable_never_makes_a_loop() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    for name in ["127.0.0.1", "localhost", "0.0.0.0"] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = command(&["--port", &free, "--data-dir", folder.path().to_str().unwrap()]);
        command.env("ANTHROPIC_BASE_URL", format!("http://{name}:{free}"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
            .unwrap();
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(line.contains("forwards to https://api.anthropic.com"), "{name}: {line}");
        assert!(said(&output).contains("is this proxy itself"), "{name}: {}", said(&output));
    }
}

#[cfg(unix)]
#[test]
fn run_passes_the_exit_code_through_and_shares_one_proxy() {
    let upstream = Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap().to_owned();
    let run = |script: &str| {
        let mut command =
            command(&["run", "--upstream-url", &upstream.url, "--data-dir", &data, "--", "sh", "-c", script]);
        command.env_remove("ENABLE_TOOL_SEARCH");
        command
    };
    let variables = "echo $ANTHROPIC_BASE_URL $CLAUDE_CODE_GATEWAY_HINT_HEADERS $ENABLE_TOOL_SEARCH \
                     $CLAUDE_CODE_ENABLE_FINE_GRAINED_TOOL_STREAMING";
    // The first holds the proxy open while the second joins it.
    let mut first = run(&format!("{variables}; read line; exit 7"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = std::io::BufReader::new(first.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[1..], ["1", "true", "1"], "{line}");
    let url = words[0].to_owned();

    let mut client = Client::connect(url.strip_prefix("http://").unwrap());
    client.send(call(BODY)).read_until(b"{}");

    let second = run(&format!("{variables}; kill -TERM $$")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&second.stdout), line, "joined");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&second.status), Some(15));
    drop(first.stdin.take());
    assert_eq!(first.wait().unwrap().code(), Some(7));

    // Unused, it ends by itself; what it recorded is there.
    let authority = url.strip_prefix("http://").unwrap().to_owned();
    wait("the shared proxy to end", || std::net::TcpStream::connect(&authority).is_err().then_some(()));
    let folder = std::path::Path::new(&data);
    let proxy = wait("the folder to be free", || {
        folder
            .join("instance.json")
            .exists()
            .then_some(())
            .is_none()
            .then(|| Proxy::in_folder(&upstream.url, folder, &[]))
    });
    assert_eq!(proxy.only()["model"], "claude-opus-5-5");
}

#[test]
fn help_version_and_completions_are_there() {
    for (flags, expected) in [
        (&["--help"][..], "ANTHROPIC_BASE_URL=http://127.0.0.1:8082 claude"),
        (&["--version"], "anthropic-proxy "),
        (&["completions", "bash"], "_anthropic__proxy()"),
        (&["completions", "zsh"], "#compdef anthropic-proxy"),
    ] {
        let output = command(flags).output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains(expected), "{flags:?}");
    }
}

#[test]
fn settings_come_from_flag_then_environment_then_dot_env() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join(".env"),
        "REQUEST_TIMEOUT=1111\nLOG_LEVEL=ERROR\nANTHROPIC_API_KEY=x\n",
    )
    .unwrap();
    let mut command =
        command(&["--port", "0", "--data-dir", ":memory:", "--upstream-url", "http://127.0.0.1:9"]);
    command.current_dir(folder.path()).env("LOG_LEVEL", "WARN").stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
        .unwrap();
    let url = line.split_whitespace().skip_while(|word| *word != "on").nth(1).unwrap().to_owned();
    let authority = url.strip_prefix("http://").unwrap();
    let ask = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        String::from_utf8_lossy(&raw::exchange(authority, request)).into_owned()
    };
    assert!(ask("/").contains("\"timeout\":1111"));
    assert!(ask("/api/monitor/config").contains("\"logLevel\":\"WARN\""));
    child.kill().unwrap();
    child.wait().unwrap();
}
