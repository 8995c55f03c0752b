//! The monitoring API: the original's interface, and ours beside it.

mod support;

use serde_json::{Value, json};
use support::Proxy;
use support::raw::{self, BODY, Client, Echoing, STREAM_HEAD, Upstream, call, chunk, stream_events};

/// A proxy in front of an upstream that answers everything with a short JSON body.
fn proxy_with_answers() -> (Proxy, Echoing) {
    let body = r#"{"id":"msg_2","type":"message","role":"assistant","model":"m-served","content":[{"type":"text","text":"hi"},{"type":"tool_use","id":"t1","name":"Bash","input":{"command":"ls"}}],"stop_reason":"tool_use","usage":{"input_tokens":7,"output_tokens":3}}"#;
    let upstream = Echoing::start(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    (Proxy::start(&upstream.url), upstream)
}

fn send(proxy: &Proxy, request: &str) {
    let mut client = Client::connect(proxy.authority());
    client.send(request).read_until(b"}}");
}

fn status_line(proxy: &Proxy, request: &str) -> String {
    let answer =
        raw::exchange(proxy.authority(), request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn the_originals_routes_answer_with_its_fields() {
    let (proxy, _upstream) = proxy_with_answers();
    send(&proxy, &call(BODY));
    send(&proxy, &call(&BODY.replace("claude-opus-5-5", "other")));
    let rows = proxy.rows(2);
    assert_eq!(rows[0]["model"], "other", "newest first");
    for field in ["id", "timestamp", "startTime", "method", "url", "metrics", "status", "error"] {
        assert!(rows[0].get(field).is_some(), "{field}");
    }
    assert!(rows[0].get("request").is_none(), "no bodies in the list");
    let with_bodies = proxy.get("/api/monitor/requests?include=bodies");
    let detail = &with_bodies["data"][0];
    assert_eq!(detail["request"]["body"]["model"], "other");
    assert_eq!(detail["response"]["body"]["id"], "msg_2");
    assert_eq!(
        detail["mergedContent"]["toolCalls"],
        json!([{"id": "t1", "name": "Bash", "input": {"command": "ls"}}])
    );

    let cases = [
        ("model=other", 1),
        ("model=m-served", 2),
        ("model=none", 0),
        ("status=success", 2),
        ("status=error", 0),
        ("status=pending", 0),
        ("timeRange=1h", 2),
        ("status=&model=&timeRange=", 2),
        ("limit=1&page=2", 2),
    ];
    for (query, total) in cases {
        let page = proxy.get(&format!("/api/monitor/requests?{query}"));
        assert_eq!(page["total"], total, "{query}");
    }
    assert_eq!(proxy.get("/api/monitor/requests?limit=1&page=2")["data"][0]["model"], "claude-opus-5-5");

    let stats = proxy.get("/api/monitor/stats?model=other");
    let expected = json!({"totalRequests": 1, "successCount": 1, "errorCount": 0, "successRate": "100.00%",
                          "totalInputTokens": 7, "totalOutputTokens": 3, "activeRequests": 0});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&stats[name], value, "{name}");
    }
    assert!(stats["avgDuration"].as_str().unwrap().ends_with("ms"));
    assert_eq!(proxy.get("/api/monitor/models"), json!({"data": ["claude-opus-5-5", "m-served", "other"]}));

    let export = proxy.get("/api/monitor/export?model=other");
    assert_eq!((&export["total"], export["requests"].as_array().unwrap().len()), (&json!(1), 1));
    assert_eq!(export["filters"]["model"], "other");
    assert!(export["exportTime"].is_string() && export["stats"].is_object());

    let report = String::from_utf8(proxy.get_bytes("/api/monitor/analyze?status=success")).unwrap();
    assert!(report.contains("status success") && report.contains("claude-opus-5-5"), "{report}");

    let health = proxy.get("/health");
    assert_eq!(health["status"], "healthy");
    for field in ["timestamp", "anthropic_base_url", "proxy_version"] {
        assert!(health[field].is_string(), "{field}");
    }
    let home = proxy.get("/");
    assert_eq!(home["endpoints"]["messages"], "/v1/messages");
    assert!(home["configuration"]["timeout"].is_number());
    assert_eq!(proxy.get("/api/monitor/config")["logLevel"], "INFO");

    let cleared = raw::exchange(
        proxy.authority(),
        "POST /api/monitor/clear HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    assert!(String::from_utf8_lossy(&cleared).contains(r#""success":true"#));
    assert_eq!(proxy.get("/api/monitor/requests")["total"], 0);
}

#[test]
fn every_route_takes_the_filter_language() {
    let (proxy, _upstream) = proxy_with_answers();
    send(&proxy, &call(BODY));
    send(&proxy, &call(&BODY.replace("claude-opus-5-5", "other")));
    proxy.rows(2);
    let cases = [
        ("q=", 2),
        ("q=model:OTHER", 1),
        ("q=model:claude*%20OR%20model:oth*", 2),
        ("q=-model:other", 1),
        ("q=tool:bash%20has:tools%20http:200", 2),
        ("q=status:error,pending", 0),
        ("q=output:3..5%20input:%3C10&model=other", 1),
        ("q=model:claude*&model=other", 0),
        ("q=since:1h&status=success&timeRange=24h", 2),
        ("q=until:2020-01-01", 0),
    ];
    for (query, total) in cases {
        let list = proxy.get(&format!("/api/monitor/requests?{query}"));
        assert_eq!(list["total"], total, "{query}");
        assert_eq!(proxy.get(&format!("/api/monitor/stats?{query}"))["totalRequests"], total, "{query}");
        let export = proxy.get(&format!("/api/monitor/export?{query}"));
        assert_eq!(export["requests"].as_array().unwrap().len(), total, "{query}");
    }
    let report = String::from_utf8(proxy.get_bytes("/api/monitor/analyze?q=tool:Bash")).unwrap();
    assert!(report.contains("filter tool:Bash"), "{report}");

    let facets = proxy.get("/api/monitor/facets?q=model:other");
    let facets = facets["data"].as_array().unwrap();
    let values = |key: &str| &facets.iter().find(|facet| facet["key"] == key).unwrap()["values"];
    assert_eq!(values("tool"), &json!([{"value": "Bash", "count": 1}]));
    assert_eq!(values("status"), &json!([{"value": "success", "count": 1}]));
    assert_eq!(values("http"), &json!([{"value": "200", "count": 1}]));

    let keys = proxy.get("/api/monitor/filter");
    for key in keys["data"].as_array().unwrap() {
        let example = key["example"].as_str().unwrap().replace(' ', "%20").replace('"', "%22");
        let example = example.replace('>', "%3E").replace('<', "%3C");
        let list = proxy.get(&format!("/api/monitor/requests?q={example}"));
        assert!(list["total"].is_number(), "{example}: {list}");
    }

    assert!(clear(&proxy, "?q=model:other").contains(r#""success":true"#));
    let left = proxy.get("/api/monitor/requests");
    assert_eq!((&left["total"], &left["data"][0]["model"]), (&json!(1), &json!("claude-opus-5-5")));
    assert!(clear(&proxy, "?q=modle:other").starts_with("HTTP/1.1 400"));
    assert!(clear(&proxy, "?model=nobody").contains(r#""success":true"#));
    assert_eq!(proxy.get("/api/monitor/requests")["total"], 1);
}

fn clear(proxy: &Proxy, query: &str) -> String {
    let head = "Host: localhost\r\nContent-Length: 0\r\nConnection: close";
    let answer = raw::exchange(
        proxy.authority(),
        format!("POST /api/monitor/clear{query} HTTP/1.1\r\n{head}\r\n\r\n"),
    );
    String::from_utf8(answer).unwrap()
}

#[test]
fn a_cursor_goes_on_where_a_page_ended_whatever_is_recorded_meanwhile() {
    let (proxy, _upstream) = proxy_with_answers();
    for number in 0..5 {
        send(&proxy, &call(&BODY.replace("claude-opus-5-5", &format!("m{number}"))));
    }
    proxy.rows(5);
    let models = |page: &Value| {
        let rows = page["data"].as_array().unwrap().iter();
        rows.map(|row| row["model"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = proxy.get("/api/monitor/requests?limit=2");
    assert_eq!(models(&first), ["m4", "m3"]);
    send(&proxy, &call(BODY));
    proxy.rows(6);
    let next = |page: &Value| {
        let cursor = page["nextCursor"].as_str().unwrap();
        proxy.get(&format!("/api/monitor/requests?limit=2&cursor={cursor}"))
    };
    let second = next(&first);
    assert_eq!((models(&second), &second["total"]), (vec!["m2".to_owned(), "m1".to_owned()], &json!(6)));
    let last = next(&second);
    assert_eq!((models(&last), &last["nextCursor"]), (vec!["m0".to_owned()], &Value::Null));
}

#[test]
fn a_wrong_filter_is_pointed_at() {
    let (proxy, _upstream) = proxy_with_answers();
    let head = "Host: localhost\r\nConnection: close\r\n\r\n";
    for route in ["requests", "stats", "export", "analyze", "facets"] {
        // An umlaut, so that bytes and what JavaScript counts differ.
        let line = format!("GET /api/monitor/{route}?q=%C3%BC%20statsu:error HTTP/1.1\r\n{head}");
        let answer = String::from_utf8(raw::exchange(proxy.authority(), line)).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "{route}: {answer}");
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let problem: Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["at"], json!({"start": 2, "end": 8}), "{problem}");
        assert!(problem["hint"].as_str().unwrap().contains("status:"), "{problem}");
        assert!(problem["error"].as_str().unwrap().contains("statsu"), "{problem}");
    }
}

#[test]
fn wrong_questions_get_answers_that_say_what_is_right() {
    let (proxy, _upstream) = proxy_with_answers();
    let cases = [
        ("GET /api/monitor/requests?status=bad", "400"),
        ("GET /api/monitor/requests?timeRange=2h", "400"),
        ("GET /api/monitor/requests?page=x", "400"),
        ("GET /api/monitor/requests?cursor=x", "400"),
        ("GET /api/monitor/requests?include=all", "400"),
        ("GET /api/monitor/requests/none", "404"),
        ("GET /api/monitor/requests/01a20717-db91-7766-973c-c13bcde4e15e", "404"),
        ("GET /api/monitor/nothing", "404"),
        ("GET /monitor", "200"),
        ("GET /monitor/nothing.js", "404"),
    ];
    for (line, status) in cases {
        let got = status_line(&proxy, &format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert!(got.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {got}");
    }
}

#[test]
fn a_script_that_finishes_sending_gets_its_answer() {
    let (proxy, _upstream) = proxy_with_answers();
    let mut client = Client::connect(proxy.authority());
    client.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").finish();
    assert!(String::from_utf8(client.read_to_end()).unwrap().contains("healthy"));
}

#[test]
fn only_pages_of_this_origin_may_call() {
    let (proxy, _upstream) = proxy_with_answers();
    let cases = [
        ("Host: evil.example", "403"),
        ("Host: localhost\r\nOrigin: http://evil.example", "403"),
        ("Host: localhost\r\nSec-Fetch-Site: cross-site", "403"),
        ("Host: localhost\r\nSec-Fetch-Site: same-origin", "200"),
    ];
    for (headers, status) in cases {
        for path in ["/api/monitor/requests", "/monitor"] {
            let got = status_line(&proxy, &format!("GET {path} HTTP/1.1\r\n{headers}\r\n\r\n"));
            assert!(got.starts_with(&format!("HTTP/1.1 {status}")), "{path} {headers}: {got}");
        }
    }
    let answer = raw::exchange(
        proxy.authority(),
        "GET /monitor HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nConnection: close\r\n\r\n",
    );
    let answer = String::from_utf8_lossy(&answer).to_lowercase();
    assert!(answer.contains("content-security-policy: default-src 'none'"));
    assert!(!answer.contains("access-control-allow"));
}

/// The JSON of the next `data:` line, and the last `id:` before it.
fn next_message(page: &mut Client) -> (Value, String) {
    let mut cursor = String::new();
    loop {
        let line = String::from_utf8(page.read_until(b"\n")).unwrap();
        if let Some(id) = line.strip_prefix("id:") {
            id.trim().clone_into(&mut cursor);
        }
        if let Some(data) = line.strip_prefix("data:") {
            // axum writes the id after the data of an event.
            let message = serde_json::from_str(data.trim()).unwrap();
            let after = String::from_utf8(page.read_until(b"\n")).unwrap();
            if let Some(id) = after.strip_prefix("id:") {
                id.trim().clone_into(&mut cursor);
            }
            return (message, cursor);
        }
    }
}

fn watch(proxy: &Proxy, cursor: Option<&str>) -> Client {
    watch_at(proxy, "/api/monitor/stream", cursor)
}

fn watch_at(proxy: &Proxy, target: &str, cursor: Option<&str>) -> Client {
    let resume = cursor.map(|cursor| format!("Last-Event-ID: {cursor}\r\n")).unwrap_or_default();
    let mut page = Client::connect(proxy.authority());
    page.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{resume}\r\n"));
    page.read_until(b"\r\n\r\n");
    page
}

#[test]
fn changes_are_told_live_and_a_cursor_takes_them_up_again() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let upstream = Upstream::start(vec![Box::new(move |mut client: Client| {
        raw::read_request(&mut client);
        client.send(STREAM_HEAD);
        for event in &stream_events()[..3] {
            client.send(chunk(event));
        }
        receiver.recv().unwrap();
        for event in &stream_events()[3..] {
            client.send(chunk(event));
        }
        client.send("0\r\n\r\n");
    })]);
    let proxy = Proxy::start(&upstream.url());
    let mut page = watch(&proxy, None);
    assert_eq!(next_message(&mut page).0["type"], "stats");

    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY));
    let mut events = Vec::new();
    let mut cursor = String::new();
    while events.len() < 3 {
        let (message, at) = next_message(&mut page);
        if message["type"] == "delta" {
            assert_eq!(message["from"], events.len());
            events.extend(message["events"].as_array().unwrap().clone());
        } else {
            assert_eq!(
                (&message["type"], &message["request"]["status"]),
                (&json!("request"), &json!("pending"))
            );
        }
        cursor = at;
    }
    // What runs can be opened, with all that has come.
    let id = proxy.wait("the row", || {
        let list = proxy.get("/api/monitor/requests?status=pending");
        list["data"][0]["id"].as_str().map(str::to_owned)
    });
    let detail = proxy.get(&format!("/api/monitor/requests/{id}"));
    assert_eq!(detail["streamChunks"].as_array().unwrap().len(), 3);
    assert_eq!(detail["mergedContent"]["completeText"], "Hello");

    drop(page);
    sender.send(()).unwrap();
    client.read_until(b"0\r\n\r\n");
    proxy.rows(1);
    let mut page = watch(&proxy, Some(&cursor));
    let missed = std::iter::repeat_with(|| next_message(&mut page).0)
        .find(|message| message["type"] == "request")
        .unwrap();
    assert_eq!(missed["request"]["outcome"], "complete");
    let mut page = watch(&proxy, Some("another-run"));
    assert!(
        std::iter::repeat_with(|| next_message(&mut page).0)
            .take(2)
            .any(|message| message["type"] == "resync")
    );
}

#[test]
fn a_page_is_told_of_one_answer_s_events_or_of_none() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let upstream = Upstream::start(vec![Box::new(move |mut client: Client| {
        raw::read_request(&mut client);
        client.send(STREAM_HEAD);
        client.send(chunk(&stream_events()[0]));
        receiver.recv().unwrap();
        for event in &stream_events()[1..] {
            client.send(chunk(event));
        }
        client.send("0\r\n\r\n");
    })]);
    let proxy = Proxy::start(&upstream.url());
    let mut rows = watch_at(&proxy, "/api/monitor/stream?events=none", None);
    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY));
    let id = proxy.wait("the row", || {
        proxy.get("/api/monitor/requests?status=pending")["data"][0]["id"].as_str().map(str::to_owned)
    });
    let mut events = watch_at(&proxy, &format!("/api/monitor/stream?events={id}"), None);
    let mut other = watch_at(&proxy, &format!("/api/monitor/stream?events={}", uuid::Uuid::nil()), None);
    sender.send(()).unwrap();
    client.read_until(b"0\r\n\r\n");
    let until_end = |page: &mut Client| -> Vec<String> {
        let mut kinds = Vec::new();
        loop {
            let (message, _) = next_message(page);
            kinds.push(message["type"].as_str().unwrap().to_owned());
            if message["request"]["outcome"] == "complete" || message["type"] == "cleared" {
                return kinds;
            }
        }
    };
    let kinds = until_end(&mut rows);
    assert!(
        kinds.iter().all(|kind| kind != "delta") && kinds.iter().any(|kind| kind == "request"),
        "{kinds:?}"
    );
    let kinds = until_end(&mut events);
    assert!(
        kinds.iter().any(|kind| kind == "delta") && kinds.iter().all(|kind| kind != "stats"),
        "{kinds:?}"
    );
    ureq::post(&format!("{}/api/monitor/clear", proxy.url)).send_empty().unwrap();
    assert_eq!(until_end(&mut other), ["cleared"], "it hears nothing of this request");
    let refused = ureq::get(&format!("{}/api/monitor/stream?events=some", proxy.url)).call().unwrap_err();
    assert!(refused.to_string().contains("400"), "{refused}");
}

#[test]
fn a_page_that_does_not_read_holds_nobody_up_and_is_told_what_it_missed() {
    const CALLS: usize = 10_000;
    let (proxy, _upstream) = proxy_with_answers();
    let mut page = watch(&proxy, None);
    let mut client = Client::connect(proxy.authority());
    for _ in 0..CALLS {
        client.send(call(BODY)).read_until(b"}}");
    }
    proxy.wait("all of them to be recorded", || {
        (proxy.get("/api/monitor/stats")["successCount"] == CALLS).then_some(())
    });
    // More was announced than any buffer on the way holds; in the end the page knows that it must ask anew.
    assert!(std::iter::repeat_with(|| next_message(&mut page).0).any(|message| message["type"] == "resync"));
}

#[test]
fn the_api_document_is_the_one_the_page_was_made_for() {
    let committed = include_str!("../../dashboard/ui/openapi.json");
    let output = support::command(&["openapi"]).output().unwrap();
    assert!(
        String::from_utf8(output.stdout).unwrap().trim() == committed.trim(),
        "the API has changed; write it anew with: cargo run -- openapi > crates/dashboard/ui/openapi.json"
    );
    let (proxy, _upstream) = proxy_with_answers();
    assert_eq!(proxy.get("/api/monitor/openapi.json"), serde_json::from_str::<Value>(committed).unwrap());
}
