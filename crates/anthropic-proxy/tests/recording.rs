//! What went through is what was recorded.

mod support;

use serde_json::{Value, json};
use std::io::Write as _;
use std::net::TcpListener;
use support::raw::{self, BODY, Client, Echoing, STREAM_HEAD, Upstream, call, chunk, stream_events};
use support::{Proxy, wait};

#[test]
fn forwards_and_records_every_byte() {
    let upstream = Echoing::start(
        "HTTP/1.1 201 Made Up\r\nX-One: 1\r\nx-one: 2\r\nSet-Cookie: id=verysecretcookie\r\nContent-Length: 5\r\n\r\n\x00\x01\u{ff}\n",
    );
    let proxy = Proxy::start(&format!("{}/base", upstream.url));
    let body = "not {json} \u{0} at all";
    let request = format!(
        "PATCH /v1/x%2Fy?q=%20a&b HTTP/1.1\r\nHost: me\r\nB-Header: 1\r\na-header:  2\r\nB-header: 3\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut client = Client::connect(proxy.authority());
    client.send(&request);
    let answer = client.read_until("\u{ff}\n".as_bytes());
    let text = String::from_utf8(answer).unwrap();
    assert_eq!(
        text,
        "HTTP/1.1 201 Made Up\r\nX-One: 1\r\nx-one: 2\r\nSet-Cookie: id=verysecretcookie\r\nContent-Length: 5\r\n\r\n\x00\x01\u{ff}\n"
    );

    let (head, sent) = upstream.received.recv().unwrap();
    let authority = upstream.url.strip_prefix("http://").unwrap();
    assert_eq!(
        head,
        format!(
            "PATCH /base/v1/x%2Fy?q=%20a&b HTTP/1.1\r\nHost: {authority}\r\nB-Header: 1\r\na-header:  2\r\nB-header: 3\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        )
    );
    assert_eq!(sent, body.as_bytes());

    let row = proxy.only();
    assert_eq!(row["method"], "PATCH");
    assert_eq!(row["url"], "/v1/x%2Fy?q=%20a&b");
    assert_eq!(row["outcome"], "complete");
    assert_eq!(row["captureComplete"], true);
    assert_eq!(row["request"]["bodyStored"], true);
    assert_eq!(row["request"]["rawHeaders"][2], json!(["a-header", "2"]));
    assert_eq!(row["request"]["rawHeaders"][3], json!(["B-header", "3"]));
    assert_eq!(row["response"]["headers"]["x-one"], "1, 2");
    assert_eq!(proxy.body(&row, "request"), body.as_bytes());
    assert_eq!(proxy.body(&row, "response"), b"\x00\x01\xc3\xbf\n");
}

fn streaming_upstream(cut: bool) -> Upstream {
    Upstream::start(vec![Box::new(move |mut client: Client| {
        raw::read_request(&mut client);
        client.send(STREAM_HEAD);
        let events = stream_events();
        for event in &events[..if cut { 4 } else { events.len() }] {
            client.send(chunk(event));
        }
        if !cut {
            client.send("0\r\n\r\n");
        }
    })])
}

#[test]
fn a_stream_is_assembled_and_its_usage_read() {
    let upstream = streaming_upstream(false);
    let proxy = Proxy::start(&upstream.url());
    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY));
    client.read_until(b"0\r\n\r\n");

    let row = proxy.only();
    let expected = json!({
        "status": "success", "outcome": "complete", "httpStatus": 200, "model": "claude-opus-5-5", "servedModel": "claude-opus-5-5",
        "stream": true, "stopReason": "end_turn", "requestId": "req_1", "session": {"id": "s-1", "source": "header"},
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&row[name], value, "{name}");
    }
    let metrics = &row["metrics"];
    let tokens = [
        ("inputTokens", 10),
        ("outputTokens", 42),
        ("cacheReadTokens", 100),
        ("cacheCreation5mTokens", 2),
        ("cacheCreation1hTokens", 3),
        ("totalInputTokens", 115),
        ("chunksCount", 8),
    ];
    for (name, count) in tokens {
        assert_eq!(metrics[name], count, "{name}");
    }
    assert_eq!(row["mergedContent"]["completeText"], "Hello, 世界");
    assert_eq!(row["mergedContent"]["messageComplete"], true);
    assert_eq!(row["streamChunks"].as_array().unwrap().len(), 8);
    assert_eq!(row["streamChunks"][7]["data"], r#"{"type":"message_stop"}"#);
    assert_eq!(proxy.body(&row, "response"), stream_events().concat().as_bytes());
    // The lone surrogate and the odd spaces are still there.
    assert_eq!(proxy.body(&row, "request"), BODY.as_bytes());
    let detail = proxy.get_bytes(&format!("/api/monitor/requests/{}", row["id"].as_str().unwrap()));
    assert!(String::from_utf8(detail).unwrap().contains(r#""hi \ud83d"}], "x" : 1.0}"#));
}

#[test]
fn a_cut_stream_is_cut_for_the_client_and_recorded_as_truncated() {
    let upstream = streaming_upstream(true);
    let proxy = Proxy::start(&upstream.url());
    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY));
    let answer = client.read_to_end();
    assert!(!answer.ends_with(b"0\r\n\r\n"));
    let row = proxy.only();
    assert_eq!((&row["outcome"], &row["status"]), (&json!("truncated"), &json!("error")));
    assert_eq!(row["mergedContent"]["completeText"], "Hello, ");
    assert_eq!(row["mergedContent"]["messageComplete"], false);
}

#[test]
fn a_client_that_leaves_cancels_upstream_at_once_also_before_the_first_byte() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let upstream = Upstream::start(vec![Box::new(move |mut client: Client| {
        raw::read_request(&mut client);
        sender.send(()).unwrap();
        assert_eq!(client.read_to_end(), b"", "the end of the connection is seen");
        sender.send(()).unwrap();
    })]);
    let proxy = Proxy::start(&upstream.url());
    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY));
    receiver.recv_timeout(support::PATIENCE).unwrap();
    drop(client);
    receiver.recv_timeout(support::PATIENCE).unwrap();
    assert_eq!(proxy.only()["outcome"], "client_aborted");
}

#[test]
fn drain_reads_on_to_learn_the_usage() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let upstream = Upstream::start(vec![Box::new(move |mut client: Client| {
        raw::read_request(&mut client);
        client.send(STREAM_HEAD).send(chunk(&stream_events()[0]));
        receiver.recv().unwrap();
        for event in &stream_events()[1..] {
            client.send(chunk(event));
        }
        client.send("0\r\n\r\n");
    })]);
    let proxy = Proxy::with(&upstream.url(), &["--on-client-disconnect", "drain"]);
    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY));
    client.read_until(b"message_start");
    drop(client);
    sender.send(()).unwrap();
    let row = proxy.only();
    assert_eq!(row["metrics"]["outputTokens"], 42);
}

#[test]
fn failures_are_answered_in_anthropics_shape_and_recorded() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let cases = [
        (format!("http://{closed}"), "HTTP/1.1 502", "connect_error", "api_error", "refused"),
        (silent_url, "HTTP/1.1 504", "timeout", "timeout_error", "sent nothing"),
    ];
    for (url, status, outcome, kind, word) in cases {
        let proxy = Proxy::with(&url, &["--request-timeout", "300"]);
        let mut client = Client::connect(proxy.authority());
        client.send(call(BODY));
        let answer = client.read_until(b"}}");
        assert!(answer.starts_with(status.as_bytes()), "{}", String::from_utf8_lossy(&answer));
        let body: Value = serde_json::from_slice(raw::body_of(&answer)).unwrap();
        assert_eq!(body["type"], "error");
        assert_eq!(body["error"]["type"], kind);
        assert!(body["error"]["message"].as_str().unwrap().contains(word), "{body}");
        let row = proxy.only();
        assert_eq!(row["outcome"], outcome);
        assert_eq!(row["model"], "claude-opus-5-5", "who asked is known all the same");
        assert!(row["error"]["message"].is_string());
    }
}

#[test]
fn errors_go_through_unmodified() {
    let body =
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_9"}"#;
    let answer = format!(
        "HTTP/1.1 529 \r\nretry-after: 3\r\nx-should-retry: true\r\nrequest-id: req_9\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let upstream = Echoing::start(answer.clone());
    let proxy = Proxy::start(&upstream.url);
    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY));
    assert_eq!(String::from_utf8(client.read_until(b"req_9\"}")).unwrap(), answer);
    let row = proxy.only();
    assert_eq!(row["outcome"], "upstream_error");
    assert_eq!(row["error"]["kind"], "overloaded_error");
    assert_eq!(row["error"]["message"], "Overloaded");
}

#[test]
fn an_error_event_inside_a_200_is_a_stream_error() {
    let event = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let answer = [STREAM_HEAD.as_bytes(), &chunk(&stream_events()[0]), &chunk(event), b"0\r\n\r\n"].concat();
    let upstream = Echoing::start(answer);
    let proxy = Proxy::start(&upstream.url);
    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY));
    client.read_until(b"0\r\n\r\n");
    let row = proxy.only();
    assert_eq!((&row["outcome"], &row["httpStatus"]), (&json!("stream_error"), &json!(200)));
}

#[test]
fn compressed_streams_stay_compressed_and_are_read_all_the_same() {
    let plain = stream_events().concat();
    let compressed = zstd::encode_all(plain.as_bytes(), 3).unwrap();
    let head = STREAM_HEAD.replace("request-id", "Content-Encoding: zstd\r\nrequest-id");
    let answer = [head.as_bytes(), &chunk(&compressed), b"0\r\n\r\n"].concat();
    let upstream = Echoing::start(answer);
    let proxy = Proxy::start(&upstream.url);
    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY));
    client.read_until(b"0\r\n\r\n");
    let row = proxy.only();
    assert_eq!(proxy.body(&row, "response"), compressed);
    assert_eq!(row["mergedContent"]["completeText"], "Hello, 世界");
    let id = row["id"].as_str().unwrap();
    let decoded = proxy.get_bytes(&format!("/api/monitor/requests/{id}/body/response?decoded=1"));
    assert_eq!(decoded, plain.as_bytes());
}

#[test]
fn chunks_and_trailers_go_through_both_ways_and_are_recorded() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3;a=b\r\nabc\r\n02\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n";
    let (sender, receiver) = std::sync::mpsc::channel();
    let upstream = Upstream::start(vec![Box::new(move |mut client: Client| {
        sender.send(client.read_until(b"X-Req: 1\r\n\r\n")).unwrap();
        client.send(answer);
    })]);
    let proxy = Proxy::start(&upstream.url());
    let framed = "4\r\nwxyz\r\n0\r\nX-Req: 1\r\n\r\n";
    let mut client = Client::connect(proxy.authority());
    client.send(format!("POST /v1/files HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{framed}"));
    assert_eq!(String::from_utf8(client.read_until(b"X-Sum: 5\r\n\r\n")).unwrap(), answer);
    assert!(String::from_utf8(receiver.recv().unwrap()).unwrap().ends_with(framed));
    let row = proxy.only();
    assert_eq!(
        (proxy.body(&row, "request"), proxy.body(&row, "response")),
        (b"wxyz".to_vec(), b"abcde".to_vec())
    );
    assert_eq!(row["request"]["trailers"], json!([["X-Req", "1"]]));
    assert_eq!(row["response"]["trailers"], json!([["X-Sum", "5"]]));
    let capture = &proxy.get("/api/monitor/stats")["capture"];
    assert_eq!((&capture["problem"], &capture["incomplete"]), (&json!(null), &json!(0)));
}

#[test]
fn malformed_requests_are_refused_and_recorded() {
    let upstream = Echoing::start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let proxy = Proxy::start(&upstream.url);
    let answer = raw::exchange(
        proxy.authority(),
        "POST /v1/messages?key=sk-ant-api03-TopSecretTopSecret HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    assert!(answer.starts_with(b"HTTP/1.1 400"));
    let row = proxy.only();
    assert_eq!((&row["outcome"], &row["httpStatus"]), (&json!("refused"), &json!(400)));
    assert!(!row["url"].as_str().unwrap().contains("TopSecret"));
    assert!(upstream.received.try_recv().is_err(), "nothing was forwarded");
}

#[cfg(unix)]
#[test]
fn secrets_reach_neither_disk_nor_log_nor_page() {
    let upstream = Echoing::start(
        "HTTP/1.1 200 OK\r\nSet-Cookie: session=abcdefTopSecretCookie\r\nContent-Length: 0\r\n\r\n",
    );
    let mut proxy = Proxy::with(&upstream.url, &["--log-level", "debug"]);
    let request = "GET /v1/models?api_key=sk-ant-api03-TopSecretInUrl HTTP/1.1\r\nHost: h\r\nx-api-key: sk-ant-api03-TopSecretHeader00\r\n\
                   Authorization: Bearer sk-ant-oat01-TopSecretBearer00\r\nCookie: a=abcdefTopSecretCookie\r\nProxy-Authorization: Basic abcdefghijTopSecretBasicAuthenticationValue\r\n\
                   X-Other: see sk-ant-api03-TopSecretElsewhere\r\n\r\n";
    let mut client = Client::connect(proxy.authority());
    client.send(request);
    client.read_until(b"\r\n\r\n");
    let (head, _) = upstream.received.recv().unwrap();
    assert_eq!(head.matches("TopSecret").count(), 6, "all go upstream as they were: {head}");
    let page = serde_json::to_string(&proxy.only()).unwrap();
    assert!(!page.contains("TopSecret"), "{page}");
    proxy.signal(rustix::process::Signal::TERM);
    assert!(proxy.ended().success());
    assert!(!proxy.logged().contains("TopSecret"));
    for entry in std::fs::read_dir(&proxy.folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|window| window == b"TopSecret"));
    }
}

#[cfg(unix)]
#[test]
fn a_killed_proxy_shows_what_ran_as_interrupted() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let upstream = Upstream::start(vec![Box::new(move |mut client: Client| {
        raw::read_request(&mut client);
        client.send(STREAM_HEAD).send(chunk(&stream_events()[0]));
        let _ = receiver.recv();
    })]);
    let folder = tempfile::tempdir().unwrap();
    let mut proxy = Proxy::in_folder(&upstream.url(), folder.path(), &[]);
    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY));
    client.read_until(b"message_start");
    // On disk before its answer ends.
    proxy.wait("the request to be on disk", || {
        let list = proxy.get("/api/monitor/requests");
        (list["data"][0]["httpStatus"] == 200).then_some(())
    });
    proxy.child.kill().unwrap();
    proxy.child.wait().unwrap();
    drop(sender);

    let proxy = Proxy::in_folder(&upstream.url(), folder.path(), &[]);
    let row = proxy.only();
    assert_eq!((&row["outcome"], &row["captureComplete"]), (&json!("interrupted"), &json!(false)));
    assert_eq!(row["model"], "claude-opus-5-5");
    assert_eq!(proxy.body(&row, "request"), BODY.as_bytes());
}

#[cfg(unix)]
#[test]
fn sigterm_lets_a_stream_in_flight_finish_and_writes_it() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let upstream = Upstream::start(vec![Box::new(move |mut client: Client| {
        raw::read_request(&mut client);
        client.send(STREAM_HEAD).send(chunk(&stream_events()[0]));
        receiver.recv().unwrap();
        for event in &stream_events()[1..] {
            client.send(chunk(event));
        }
        client.send("0\r\n\r\n");
    })]);
    let folder = tempfile::tempdir().unwrap();
    let mut proxy = Proxy::in_folder(&upstream.url(), folder.path(), &[]);
    // An open page must not hold the end up.
    let mut page = Client::connect(proxy.authority());
    page.send("GET /api/monitor/stream HTTP/1.1\r\nHost: localhost\r\n\r\n").read_until(b"stats");
    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY));
    client.read_until(b"message_start");
    proxy.signal(rustix::process::Signal::TERM);
    let authority = proxy.authority().to_owned();
    wait("the listener to close", || std::net::TcpStream::connect(&authority).is_err().then_some(()));
    sender.send(()).unwrap();
    client.read_until(b"0\r\n\r\n");
    assert!(proxy.ended().success());
    let again = Proxy::in_folder(&upstream.url(), folder.path(), &[]);
    assert_eq!(again.only()["outcome"], "complete");
}

#[test]
fn what_the_queue_cannot_take_is_counted_and_the_traffic_flows() {
    const SIZE: usize = 64 << 20;
    let upstream = Upstream::start(vec![Box::new(|mut client: Client| {
        client.read_until(b"\r\n\r\n");
        std::io::copy(&mut std::io::Read::take(&client.0, SIZE as u64), &mut std::io::sink()).unwrap();
        client.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    })]);
    // The recorder gathers notes for some milliseconds: far more than one megabyte passes meanwhile.
    let proxy = Proxy::with(&upstream.url(), &["--capture-queue-mb", "1"]);
    let mut client = Client::connect(proxy.authority());
    client.send(format!("POST /v1/files HTTP/1.1\r\nHost: h\r\nContent-Length: {SIZE}\r\n\r\n"));
    client.send(vec![b'x'; SIZE]);
    assert!(client.read_until(b"\r\n\r\n").starts_with(b"HTTP/1.1 200"));
    let row = proxy.only();
    assert_eq!((&row["outcome"], &row["captureComplete"]), (&json!("complete"), &json!(false)));
    assert_eq!(row["metrics"]["requestSize"], SIZE);
    assert!(row["captureProblem"].as_str().unwrap().starts_with("queue full: "), "{}", row["captureProblem"]);
    assert_eq!(row["request"]["bodyStored"], false);
    assert_eq!(proxy.get("/api/monitor/stats")["capture"]["incomplete"], 1);
    let kept = proxy.body(&row, "request");
    assert!(kept.len() < SIZE && kept.iter().all(|byte| *byte == b'x'));
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_it_at_once() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let upstream = Upstream::start(vec![Box::new(move |mut client: Client| {
        raw::read_request(&mut client);
        client.send(STREAM_HEAD).send(chunk(&stream_events()[0]));
        let _ = receiver.recv();
    })]);
    let mut proxy = Proxy::start(&upstream.url());
    let mut client = Client::connect(proxy.authority());
    client.send(call(BODY));
    client.read_until(b"message_start");
    proxy.signal(rustix::process::Signal::TERM);
    let authority = proxy.authority().to_owned();
    wait("the listener to close", || std::net::TcpStream::connect(&authority).is_err().then_some(()));
    proxy.signal(rustix::process::Signal::INT);
    assert_eq!(proxy.ended().code(), Some(130));
    drop(sender);
}

#[cfg(target_os = "linux")]
#[test]
fn three_hundred_megabytes_each_way_in_flat_memory() {
    const SIZE: usize = 300 << 20;
    let upstream = Upstream::start(vec![Box::new(|mut client: Client| {
        client.read_until(b"\r\n\r\n");
        let mut buffer = vec![0; 1 << 16];
        let mut left = SIZE;
        while left > 0 {
            left -= std::io::Read::read(&mut client.0, &mut buffer).unwrap();
        }
        client.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n"));
        let piece: Vec<u8> =
            (0..1_u32 << 14).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for _ in 0..SIZE / piece.len() {
            client.send(&piece);
        }
    })]);
    let proxy = Proxy::start(&upstream.url());
    let mut client = Client::connect(proxy.authority());
    client.send(format!("POST /v1/files HTTP/1.1\r\nHost: h\r\nContent-Length: {SIZE}\r\n\r\n"));
    let piece = vec![b'x'; 1 << 16];
    for _ in 0..SIZE / piece.len() {
        client.0.write_all(&piece).unwrap();
    }
    client.read_until(b"\r\n\r\n");
    let mut buffer = vec![0; 1 << 16];
    let mut left = SIZE;
    while left > 0 {
        left -= std::io::Read::read(&mut client.0, &mut buffer).unwrap();
    }
    let row = &proxy.rows(1)[0];
    assert_eq!(row["outcome"], "complete");
    assert_eq!(
        row["metrics"]["requestSize"].as_u64().unwrap() + row["metrics"]["responseSize"].as_u64().unwrap(),
        2 * SIZE as u64
    );
    let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.split_whitespace().next().unwrap().parse().unwrap();
    // The queue may hold 64 MiB; the rest is the program.
    assert!(peak < 200 << 10, "{peak} KiB at the most");
}
