//! The command line on recorded data, beside a running proxy and without one.

mod support;

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use support::raw::{Client, read_request};
use support::{Proxy, command};

/// Asks three things of a proxy: two of one session, one that fails.
fn recorded() -> Proxy {
    let answer = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-5-5","content":[{"type":"text","text":"forty two, \u001b[31mred"}],"stop_reason":"end_turn","usage":{"input_tokens":12,"output_tokens":3}}"#;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut client = Client(stream.unwrap());
            std::thread::spawn(move || {
                let (_, body) = read_request(&mut client);
                let fails = String::from_utf8_lossy(&body).contains("please fail");
                let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
                let (status, body) = if fails { ("529 Overloaded", error) } else { ("200 OK", answer) };
                let length = body.len();
                client.send(format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
                     connection: close\r\n\r\n{body}"
                ));
            });
        }
    });
    let proxy = Proxy::start(&upstream);
    for text in ["what is the answer to everything", "缓存命中率是多少", "please fail"] {
        let body = format!(
            r#"{{"model":"claude-opus-5-5","max_tokens":9,"messages":[{{"role":"user","content":"{text}"}}]}}"#
        );
        let answer = ureq::post(format!("{}/v1/messages", proxy.url))
            .header("x-api-key", "sk-ant-test")
            .header("x-claude-code-session-id", "5e55")
            .config()
            .http_status_as_error(false)
            .build()
            .send(body.as_bytes());
        answer.unwrap().into_body().read_to_string().unwrap();
    }
    proxy.rows(3);
    proxy
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut all = arguments.to_vec();
    all.extend(["--data-dir", folder.to_str().unwrap()]);
    command(&all).output().unwrap()
}

fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains('\x1b'), "colours without a terminal, or recorded text that steers one: {text:?}");
    text
}

#[test]
fn what_was_recorded_is_read_beside_the_proxy() {
    let proxy = recorded();
    let folder = &proxy.folder;
    let list = said(folder, &["list"]);
    assert_eq!(list.lines().count(), 4, "{list}");
    assert!(list.lines().nth(1).unwrap().contains("upstream_error"), "{list}");
    let rows: Vec<Value> = said(folder, &["list", "--json", "status:success"])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["metrics"]["outputTokens"], 3);

    let page = said(folder, &["list", "-n", "2"]);
    let cursor = page.split("--cursor ").nth(1).unwrap().trim();
    let rest = said(folder, &["list", "--cursor", cursor]);
    assert_eq!(rest.lines().count(), 2, "{rest}");

    let id = rows[1]["id"].as_str().unwrap();
    let shown = said(folder, &["show", &id[..35]]);
    assert!(shown.contains("what is the answer to everything") && shown.contains("forty two"), "{shown}");
    let whole: Value = serde_json::from_str(&said(folder, &["show", id, "--json"])).unwrap();
    assert_eq!(whole["id"], id);
    let body = run(folder, &["show", id, "--body", "request"]).stdout;
    assert!(body.starts_with(br#"{"model":"claude-opus-5-5""#) && body.ends_with(b"}]}"));
    assert!(said(folder, &["show", "last"]).contains("overloaded_error"));

    for (text, count) in [("answer", 1), ("forty two", 2), ("命中率", 1), ("nowhere", 0)] {
        let found = said(folder, &["search", text]);
        assert!(found.contains(&format!("{count} of {count} requests")), "{text}: {found}");
    }
    let found = said(folder, &["search", "forty", "status:error", "--json"]);
    assert_eq!(found, "");

    let stats = said(folder, &["stats", "session:5e55"]);
    assert!(stats.contains("requests     3 (2 well, 1 failed, 0 running)"), "{stats}");
    assert!(said(folder, &["verify"]).contains("nothing is damaged"));
    assert!(said(folder, &["reindex"]).contains("3 requests read anew, 0 corrected"));
    let verdict: Value = serde_json::from_str(&said(folder, &["verify", "--json"])).unwrap();
    assert_eq!((&verdict["requests"], &verdict["bodies"]), (&3.into(), &6.into()));
}

#[test]
fn the_record_is_changed_beside_the_proxy_and_without_it() {
    let mut proxy = recorded();
    let folder = proxy.folder.clone();
    let refused = run(&folder, &["clear", "status:error"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("hint: add --yes"));
    assert_eq!(said(&folder, &["clear", "--yes", "status:error"]), "1 requests deleted\n");
    proxy.rows(2);
    assert_eq!(said(&folder, &["prune", "--keep", "1"]), "1 requests deleted\n");
    proxy.rows(1);

    proxy.child.kill().unwrap();
    proxy.child.wait().unwrap();
    assert!(said(&folder, &["reindex"]).contains("1 requests read anew, 0 corrected"));
    assert_eq!(said(&folder, &["prune", "--older-than", "1d"]), "0 requests deleted\n");
    assert_eq!(said(&folder, &["clear", "--yes"]), "1 requests deleted\n");
    assert_eq!(said(&folder, &["list"]), "nothing recorded that matches\n");
}

#[test]
fn pins_are_set_beside_the_proxy_and_without_it() {
    let mut proxy = recorded();
    let folder = proxy.folder.clone();
    let ids: Vec<String> = proxy.rows(3).iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(said(&folder, &["pin", "last", &ids[2]]), "2 requests pinned\n");
    let list = said(&folder, &["list"]);
    let marked: Vec<bool> = list.lines().skip(1).map(|line| line.contains(" pinned")).collect();
    assert_eq!(marked, [true, false, true], "{list}");
    assert_eq!(said(&folder, &["prune", "--keep", "0"]), "1 requests deleted\n");
    assert_eq!(said(&folder, &["unpin", "last"]), "1 request no longer pinned\n");
    assert_eq!(said(&folder, &["pin", "--session", "5e"]), "2 requests pinned\n");

    proxy.child.kill().unwrap();
    proxy.child.wait().unwrap();
    assert_eq!(said(&folder, &["unpin", "--session", "5e55"]), "2 requests no longer pinned\n");
    assert_eq!(said(&folder, &["pin", &ids[2][..35]]), "1 request pinned\n");
    assert_eq!(said(&folder, &["prune", "--keep", "0"]), "1 requests deleted\n");
    for (arguments, says) in [
        (["pin", "ffffffff", "last"].as_slice(), "there is no request ffffffff"),
        (&["pin", "--session", "nobody"], "there is no session nobody"),
        (&["unpin"], "ID"),
    ] {
        let output = run(&folder, arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(says), "{arguments:?}: {error}");
    }
    assert!(said(&folder, &["list"]).contains(" pinned"));
}

#[test]
fn tail_shows_what_ends_and_a_closed_pipe_ends_it() {
    let proxy = recorded();
    let mut tail = command(&["tail", "--json", "--data-dir", proxy.folder.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    // It may begin to look a moment after the first requests: one of them is seen.
    let sender = std::thread::spawn({
        let url = proxy.url.clone();
        move || {
            for _ in 0..40 {
                let body = r#"{"model":"m","messages":[]}"#;
                ureq::post(format!("{url}/v1/messages")).send(body.as_bytes()).unwrap();
                std::thread::park_timeout(std::time::Duration::from_millis(50));
            }
        }
    });
    let row: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(row["model"], "m");
    drop(lines);
    assert!(tail.wait().unwrap().success(), "a pipe closed early is no error");
    sender.join().unwrap();
}

#[test]
fn mistakes_are_told_with_what_to_type_instead() {
    let proxy = recorded();
    let empty = tempfile::tempdir().unwrap();
    for (folder, arguments, says) in [
        (proxy.folder.as_path(), vec!["list", "statsu:error"], "did you mean status:?"),
        (&proxy.folder, vec!["show", "ffffffff"], "there is no request ffffffff"),
        (&proxy.folder, vec!["show", "0"], "requests begin with 0"),
        (&proxy.folder, vec!["prune"], "no limit is given"),
        (&proxy.folder, vec!["prune", "--max-size", "big"], "write 500mb or 5gb"),
        (empty.path(), vec!["list"], "there is no database in"),
        (empty.path(), vec!["clear", "--yes"], "there is no database in"),
    ] {
        let output = run(folder, &arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(says), "{arguments:?}: {error}");
        assert!(error.contains("hint: "), "{arguments:?}: {error}");
    }
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
    let mut bytes = Vec::new();
    let mut piped = command(&["list", "--data-dir", proxy.folder.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    piped.stdout.take().unwrap().take(3).read_to_end(&mut bytes).unwrap();
    assert!(piped.wait().unwrap().success());
}
