//! The analysis report over the API and by the command line.

mod support;

use serde_json::{Value, json};
use support::raw::{self, BODY, Client, Echoing, STREAM_HEAD, call, chunk, stream_events};
use support::{Proxy, command};

const HOSTILE: &str = "<script>alert(1)</script> fix the bug for bob@example.com, /home/bob/x | `code`";

/// A proxy that recorded three calls of a session; one has hostile text in every place that a client fills.
fn recorded() -> (Proxy, Echoing) {
    let stream: String = stream_events()
        .iter()
        .map(|event| String::from_utf8_lossy(chunk(event).as_ref()).into_owned())
        .collect();
    let upstream = Echoing::start(format!("{STREAM_HEAD}{stream}0\r\n\r\n"));
    let proxy = Proxy::start(&upstream.url);
    let hostile = json!({"model": "<img src=x onerror=alert(1)>", "stream": true, "messages": [{"role": "user", "content": HOSTILE}]});
    for body in [BODY.to_owned(), BODY.to_owned(), hostile.to_string()] {
        Client::connect(proxy.authority()).send(call(&body)).read_until(b"0\r\n\r\n");
    }
    proxy.rows(3);
    (proxy, upstream)
}

fn analyze(proxy: &Proxy, query: &str) -> String {
    String::from_utf8(proxy.get_bytes(&format!("/api/monitor/analyze{query}"))).unwrap()
}

#[test]
fn the_page_needs_nothing_else_and_runs_nothing_that_was_recorded() {
    let (proxy, _upstream) = recorded();
    let page = analyze(&proxy, "");
    assert!(page.ends_with("</html>\n"), "{page}");
    for part in [
        "Types of request",
        "Debugging &#38; Fixing",
        "What to do",
        "What fills the context",
        "Slowest",
        "View full",
        "Models",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
    for dangerous in ["<script>alert", "<img", "<a ", "<link", " src=\"", "http-equiv=\"refresh"] {
        assert!(!page.contains(dangerous), "{dangerous}: {page}");
    }
    assert_eq!(page.matches("<summary>View full</summary>").count(), 3);
}

#[test]
fn figures_are_those_of_what_matches_and_requests_follow() {
    let (proxy, _upstream) = recorded();
    let report: Value =
        serde_json::from_str(&analyze(&proxy, "?format=json&q=-model:*img*&requests=1")).unwrap();
    assert_eq!(report["totals"]["totalRequests"], 2);
    assert_eq!(report["filters"], "filter -model:*img*");
    assert_eq!(report["shown"], 1);
    assert_eq!(report["requests"].as_array().unwrap().len(), 1);
    let models = report["models"].as_array().unwrap();
    assert_eq!(models.iter().map(|model| model["requests"].as_u64().unwrap()).sum::<u64>(), 2, "{report}");
    assert_eq!(
        report["types"].as_array().unwrap().iter().map(|kind| kind["count"].as_u64().unwrap()).sum::<u64>(),
        2
    );
    let one = &report["requests"][0];
    assert_eq!(one["number"], 1);
    assert!(one["requestBody"]["messages"].is_array() && one["responseBody"]["content"].is_array(), "{one}");

    let all: Value = serde_json::from_str(&analyze(&proxy, "?format=json&requests=all")).unwrap();
    assert_eq!(all["requests"].as_array().unwrap().len(), 3);
    let sum: Value = serde_json::from_str(&analyze(&proxy, "?format=json&requests=0")).unwrap();
    assert_eq!((&sum["requests"], &sum["totals"]["totalRequests"]), (&json!([]), &json!(3)));
    assert_eq!(sum["characters"]["in"], all["characters"]["in"]);
}

#[test]
fn what_is_personal_can_be_taken_out_and_what_is_wrong_is_said() {
    let (proxy, _upstream) = recorded();
    for format in ["html", "markdown", "json"] {
        let plain = analyze(&proxy, &format!("?format={format}"));
        assert!(plain.contains("bob@example.com"), "{format}: {plain}");
        let redacted = analyze(&proxy, &format!("?format={format}&redact=1"));
        assert!(
            !redacted.contains("bob@example.com") && !redacted.contains("/home/bob"),
            "{format}: {redacted}"
        );
    }
    for (query, why) in [
        ("format=pdf", "use one of html, markdown, json"),
        ("requests=many", "write a number, or all"),
        ("q=statsu:x", "did you mean status:?"),
    ] {
        let request = format!(
            "GET /api/monitor/analyze?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        );
        let answer = String::from_utf8(raw::exchange(proxy.authority(), request)).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(why), "{query}: {answer}");
    }
}

#[test]
fn the_command_writes_the_same_report_beside_the_proxy() {
    let (proxy, _upstream) = recorded();
    let folder = proxy.folder.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let output = command(&[&["analyze", "--data-dir", folder], arguments].concat()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = run(&["--requests", "1", "--", "-model:*img*"]);
    assert!(
        text.starts_with("# Analysis report")
            && text.contains("- Requests: 2")
            && text.contains("\n### 1 · "),
        "{text}"
    );
    assert!(!text.contains("\n### 2 · "), "{text}");
    let report: Value = serde_json::from_str(&run(&["--format", "json"])).unwrap();
    assert_eq!(report["totals"]["totalRequests"], 3);
    let file = proxy.folder.join("report.html");
    run(&["--output", file.to_str().unwrap()]);
    assert!(std::fs::read_to_string(file).unwrap().contains("What to do"));
}
