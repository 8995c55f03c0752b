//! Exports over the API and by the command line, and what `import` makes of them elsewhere.

mod support;

use serde_json::Value;
use std::path::Path;
use support::Proxy;
use support::raw::{self, BODY, Client, Echoing, STREAM_HEAD, call, chunk, stream_events};

/// A proxy that recorded a streamed answer and a request with what is personal in it.
fn recorded() -> (Proxy, Echoing) {
    let stream: String = stream_events()
        .iter()
        .map(|event| String::from_utf8_lossy(chunk(event).as_ref()).into_owned())
        .collect();
    let upstream = Echoing::start(format!("{STREAM_HEAD}{stream}0\r\n\r\n"));
    let proxy = Proxy::start(&upstream.url);
    for body in [BODY.to_owned(), BODY.replacen("\"messages\":[", "\"messages\":[{\"role\":\"user\",\"content\":\"bob@example.com, /home/bob/x, <script>=1</script>\"},", 1)] {
        Client::connect(proxy.authority()).send(call(&body)).read_until(b"0\r\n\r\n");
    }
    proxy.rows(2);
    (proxy, upstream)
}

/// Head and body of the answer to a GET.
fn get(proxy: &Proxy, query: &str) -> (String, String) {
    let request =
        format!("GET /api/monitor/export{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = String::from_utf8_lossy(&raw::exchange(proxy.authority(), request)).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn every_format_comes_as_a_file_of_its_own_kind() {
    let (proxy, _upstream) = recorded();
    let cases = [
        ("", "application/json", ".json", "proxy-monitor-", "\"exportTime\":"),
        (
            "?format=json&model=claude-opus-5-5",
            "application/json",
            ".json",
            "proxy-monitor-filtered-",
            "\"requests\":[",
        ),
        ("?format=jsonl", "application/x-ndjson", ".jsonl", "proxy-monitor-", "\"mergedContent\":"),
        ("?format=csv", "text/csv; charset=utf-8; header=present", ".csv", "proxy-monitor-", "id,timestamp,"),
        ("?format=har", "application/json", ".har", "proxy-monitor-", "\"version\":\"1.2\""),
        ("?format=markdown", "text/markdown; charset=utf-8", ".md", "proxy-monitor-", "## answer"),
        ("?format=html", "text/html; charset=utf-8", ".html", "proxy-monitor-", "&#60;script&#62;"),
        ("?format=curl", "text/x-shellscript; charset=utf-8", ".sh", "proxy-monitor-", "$ANTHROPIC_API_KEY"),
        ("?format=bundle", "application/vnd.anthropic-proxy.bundle", ".apx", "proxy-monitor-", "APXBNDL"),
    ];
    for (query, kind, ending, name, content) in cases {
        let (head, body) = get(&proxy, query);
        assert!(head.starts_with("http/1.1 200"), "{query}: {head}");
        assert!(head.contains(&format!("content-type: {kind}")), "{query}: {head}");
        assert!(
            head.contains(&format!("filename=\"{name}")) && head.contains(&format!("{ending}\"")),
            "{query}: {head}"
        );
        assert!(body.contains(content), "{query}: {body}");
        assert!(!body.contains("<script>=1") || !query.contains("html"), "{query}: {body}");
    }
}

#[test]
fn wrong_wishes_are_refused_and_one_exchange_can_be_had_alone() {
    let (proxy, _upstream) = recorded();
    let cases = [
        ("?format=pdf", "400", "use one of json, jsonl"),
        ("?pattern=(", "400", "no regular expression"),
        ("?redact=maybe", "400", "use 1 or 0"),
        ("?status=bad", "400", "success, error or pending"),
        ("?id=none", "404", "not found"),
    ];
    for (query, status, why) in cases {
        let (head, body) = get(&proxy, query);
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{query}: {head}");
        assert!(body.to_ascii_lowercase().contains(why), "{query}: {body}");
    }
    let id = proxy.rows(2)[1]["id"].as_str().unwrap().to_owned();
    let one = proxy.get(&format!("/api/monitor/export?id={id}"));
    assert_eq!((one["total"].as_u64(), one["requests"].as_array().unwrap().len()), (Some(1), 1));
    assert_eq!(one["requests"][0]["id"], id.as_str());
}

#[test]
fn redacted_files_keep_nothing_personal_and_bodies_can_stay_behind() {
    let (proxy, _upstream) = recorded();
    for format in ["json", "jsonl", "har", "markdown", "html", "curl"] {
        let (_, plain) = get(&proxy, &format!("?format={format}"));
        assert!(plain.contains("bob@example.com") && plain.contains("/home/bob"), "{format}");
        let (_, redacted) = get(&proxy, &format!("?format={format}&redact=1&pattern=%3D1"));
        for personal in ["bob@example.com", "/home/bob", "=1<", "=1&#60;"] {
            assert!(!redacted.contains(personal), "{format}: {redacted}");
        }
        assert!(redacted.contains("[email], ~/x"), "{format}: {redacted}");
        let (_, without) = get(&proxy, &format!("?format={format}&bodies=0"));
        assert!(!without.contains("bob@example.com") && !without.contains("Hello"), "{format}: {without}");
    }
    let without = proxy.get("/api/monitor/export?bodies=0");
    let row = &without["requests"][0];
    assert_eq!(row["request"]["bodyEncoding"], "omitted");
    assert!(row["metrics"]["requestSize"].as_u64().unwrap() > 0);
    assert_eq!(row["bodyHashes"]["response"].as_str().unwrap().len(), 64);
}

/// The mandatory fields of HAR 1.2.
const HAR: &[(&str, &str)] = &[
    ("/log", "version creator entries"),
    ("/log/creator", "name version"),
    ("/log/entries/0", "startedDateTime time request response cache timings"),
    (
        "/log/entries/0/request",
        "method url httpVersion cookies headers queryString headersSize bodySize postData",
    ),
    ("/log/entries/0/request/postData", "mimeType text"),
    ("/log/entries/0/request/headers/0", "name value"),
    (
        "/log/entries/0/response",
        "status statusText httpVersion cookies headers content redirectURL headersSize bodySize",
    ),
    ("/log/entries/0/response/content", "size mimeType text"),
    ("/log/entries/0/timings", "send wait receive"),
];

#[test]
fn an_archive_has_the_fields_of_har_1_2_and_no_others_but_ours() {
    let (proxy, _upstream) = recorded();
    let archive = proxy.get("/api/monitor/export?format=har");
    for (place, fields) in HAR {
        let object = archive.pointer(place).and_then(Value::as_object).unwrap_or_else(|| panic!("{place}"));
        for field in fields.split(' ') {
            assert!(object.contains_key(field), "{place} lacks {field}");
        }
        let optional = ["compression", "encoding", "comment", "blocked", "dns", "connect", "ssl"];
        for name in object.keys() {
            let known = name.starts_with('_') || fields.split(' ').any(|field| field == name);
            assert!(known || optional.contains(&name.as_str()), "{place} has {name}");
        }
    }
    let entry = &archive["log"]["entries"][0];
    let parts = ["blocked", "dns", "connect", "send", "wait", "receive"]
        .map(|part| entry["timings"][part].as_f64().unwrap());
    let sum: f64 = parts.iter().filter(|part| **part >= 0.0).sum();
    assert!((sum - entry["time"].as_f64().unwrap()).abs() < 0.001);
    assert!(entry["request"]["url"].as_str().unwrap().starts_with("http://127.0.0.1"));
    assert!(entry["response"]["content"]["text"].as_str().unwrap().contains("message_stop"));
}

fn import(folder: &Path, file: &Path) -> (bool, String) {
    let arguments = ["--data-dir", folder.to_str().unwrap(), "import", file.to_str().unwrap()];
    let output = support::command(&arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn a_bundle_moves_everything_to_another_folder() {
    let (proxy, _upstream) = recorded();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("record.apx");
    let arguments = ["--data-dir", proxy.folder.to_str().unwrap(), "export", "-o", file.to_str().unwrap()];
    let said = support::command(&arguments).output().unwrap();
    assert!(said.status.success(), "{said:?}");

    let elsewhere = folder.path().join("elsewhere");
    let (done, said) = import(&elsewhere, &file);
    assert!(done && said.contains("2 requests imported, 0 were there already"), "{said}");
    let (done, said) = import(&elsewhere, &file);
    assert!(done && said.contains("0 requests imported, 2 were there already"), "{said}");

    let other = Proxy::in_folder("http://127.0.0.1:9", &elsewhere, &[]);
    let (mine, theirs) = (proxy.rows(2), other.rows(2));
    assert_eq!(mine, theirs);
    for row in &mine {
        let path = format!("/api/monitor/requests/{}", row["id"].as_str().unwrap());
        assert_eq!(proxy.get(&path), other.get(&path), "headers, events, times");
        for side in ["request", "response"] {
            assert_eq!(proxy.body(row, side), other.body(row, side));
        }
    }

    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (done, said) = import(&folder.path().join("third"), &file);
    assert!(!done && said.contains("the bundle is damaged") && said.contains("hint: "), "{said}");
}

#[test]
fn a_reader_that_leaves_harms_nobody_and_ends_the_reading() {
    let upstream = Echoing::start(format!("{STREAM_HEAD}0\r\n\r\n"));
    let mut proxy = Proxy::with(&upstream.url, &["--log-level", "debug"]);
    // All together far more than the buffers on the way hold.
    let long = "all work and no play ".repeat(12_000);
    for _ in 0..40 {
        let body = BODY.replace("hi ", &long);
        Client::connect(proxy.authority()).send(call(&body)).read_until(b"0\r\n\r\n");
    }
    proxy.rows(40);
    let mut client = Client::connect(proxy.authority());
    client
        .send("GET /api/monitor/export?format=html HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .read_until(b"<html");
    drop(client);
    assert_eq!(proxy.get("/api/monitor/stats")["totalRequests"], 40);
    proxy.signal(rustix::process::Signal::TERM);
    assert!(proxy.ended().success());
    let log = proxy.logged();
    let left =
        log.lines().find(|line| line.contains("the reader of an export has left")).expect("it is told");
    // Its last word, whatever colours stand between.
    let read: usize = left.rsplit(|letter: char| !letter.is_ascii_digit()).next().unwrap().parse().unwrap();
    assert!(read < 40, "{left}");
}

/// Which of the marks stand in a text.
fn marks(text: &str) -> Vec<usize> {
    (0..6).filter(|mark| text.contains(&format!("mark={mark}."))).collect()
}

#[test]
fn every_format_has_exactly_what_the_filter_means() {
    let upstream = Echoing::start(format!("{STREAM_HEAD}0\r\n\r\n"));
    let proxy = Proxy::start(&upstream.url);
    for (mark, model) in ["one", "two", "one", "two", "one", "three"].into_iter().enumerate() {
        let body = BODY.replace("claude-opus-5-5", model).replace("hi ", &format!("word{}", mark % 3));
        let head = call(&body).replace("beta=true", &format!("mark={mark}."));
        Client::connect(proxy.authority()).send(head).read_until(b"0\r\n\r\n");
    }
    proxy.rows(6);
    let folder = proxy.folder.to_str().unwrap();
    let cases: [(&str, &[usize]); 4] = [
        ("model:one", &[0, 2, 4]),
        ("model:two,three -word1", &[3, 5]),
        ("text:word2 OR model:three", &[2, 5]),
        ("model:nobody", &[]),
    ];
    for (filter, expected) in cases {
        let query = filter.replace(' ', "+");
        for format in ["json", "jsonl", "csv", "har", "markdown", "html", "curl"] {
            let arguments = ["--data-dir", folder, "export", "-f", format, filter];
            let said = support::command(&arguments).output().unwrap();
            assert!(said.status.success(), "{said:?}");
            assert_eq!(marks(&String::from_utf8(said.stdout).unwrap()), expected, "{format} {filter}");
            let got = proxy.get_bytes(&format!("/api/monitor/export?format={format}&q={query}"));
            assert_eq!(marks(&String::from_utf8(got).unwrap()), expected, "{format} q={filter}");
        }
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("some.apx");
        std::fs::write(&file, proxy.get_bytes(&format!("/api/monitor/export?format=bundle&q={query}")))
            .unwrap();
        let there = home.path().join("there");
        let (done, said) = import(&there, &file);
        assert!(done, "{said}");
        let arguments = ["--data-dir", there.to_str().unwrap(), "list", "--json"];
        let listed = support::command(&arguments).output().unwrap().stdout;
        assert_eq!(marks(&String::from_utf8(listed).unwrap()), expected, "bundle q={filter}");
    }
}
