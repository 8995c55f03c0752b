use super::*;
use crate::export::{self, Kind, Opening, Options, Redactor, Which};
use crate::recorded::Recorded;
use proptest::prelude::*;
use std::io::Cursor;
use store::{Capture, Exchange, Filter, Frame, Location, Outcome, Side, Writer};
use uuid::Uuid;

struct Place {
    store: Store,
    writer: Writer,
}

impl Place {
    fn new() -> Place {
        let (store, writer) = Store::open(&Location::Memory).unwrap();
        Place { store, writer }
    }

    fn import(&mut self, file: &[u8]) -> Result<Imported, ImportError> {
        let mut file = Cursor::new(file);
        let mut progress = |done, all| assert!(done <= all);
        check(&mut file, None, &mut progress)?.write(&mut file, &self.store, &mut self.writer, &mut progress)
    }

    fn all(&self) -> Vec<Recorded> {
        let mut all = Vec::new();
        self.store
            .each(&Filter::default(), &mut |exchange| {
                all.push(Recorded::load(&self.store, exchange).unwrap());
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        all
    }

    fn export(&self, options: &Options) -> Vec<u8> {
        let mut file = Vec::new();
        export::write(
            &self.store,
            Which::Matching(Filter::default()),
            options,
            Opening::default(),
            &mut file,
            &mut |_| {},
        )
        .unwrap();
        file
    }
}

fn bundle() -> Options {
    Options { kind: Kind::Bundle, ..Options::default() }
}

fn add(place: &mut Place, number: u64, request: &[u8], response: &[&[u8]]) {
    let frames: Vec<_> =
        (1..).zip(response).map(|(at, part)| Frame { len: part.len() as u32, at_us: at * 1000 }).collect();
    let response = response.concat();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let exchange = Exchange {
        id: Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 1_700_000_000 + number, 0)),
        started_us: 1_700_000_000_000_000 + i64::try_from(number).unwrap() * 1_000_000 + 7,
        method: "POST".into(),
        url: "/v1/messages?beta=true".into(),
        upstream: "https://api.anthropic.com".into(),
        http_version: "HTTP/1.1".into(),
        request_headers: vec![
            header("X-One", "1"),
            header("x-one", "2"),
            header("Content-Type", "application/json"),
        ],
        request_trailers: vec![header("T", "t")],
        status: Some(200),
        reason: Some("OK".into()),
        response_version: Some("HTTP/1.1".into()),
        response_headers: vec![header("Content-Type", "text/event-stream")],
        response_trailers: vec![header("U", "u")],
        request_bytes: request.len() as u64,
        response_bytes: response.len() as u64,
        capture: Capture { complete: true, reason: None },
        model: Some("m".into()),
        tools: vec!["Bash".into()],
        cost_pico: Some(12),
        ..Exchange::default()
    };
    place.writer.save(&exchange).unwrap();
    place.writer.append_body(exchange.id, Side::Request, request).unwrap();
    place.writer.append_body(exchange.id, Side::Response, &response).unwrap();
    place.writer.append_frames(exchange.id, &frames).unwrap();
    place.writer.save(&Exchange { outcome: Some(Outcome::Complete), ..exchange }).unwrap();
    place.writer.commit().unwrap();
}

fn same(left: &Place, right: &Place) {
    let (left, right) = (left.all(), right.all());
    assert_eq!(left.len(), right.len());
    for (left, right) in left.iter().zip(&right) {
        assert_eq!(left.exchange, right.exchange);
        assert_eq!(left.request, right.request);
        assert_eq!(left.response, right.response);
        assert_eq!(left.frames, right.frames);
    }
}

#[test]
fn a_bundle_restores_everything_and_a_second_import_adds_nothing() {
    let mut from = Place::new();
    let long = "all work and no play ".repeat(2000);
    for number in 0..5 {
        let request = format!(r#"{{"a":"{long}","n":{number},"b":"{}"}}"#, "x".repeat(300));
        add(&mut from, number, request.as_bytes(), &[b"event: a\n", b"data: {}\n\n", long.as_bytes()]);
    }
    add(&mut from, 6, b"", &[]);
    let file = from.export(&bundle());
    assert!(file.len() < 4000, "repeats are kept once: {} bytes", file.len());
    let mut to = Place::new();
    assert_eq!(to.import(&file).unwrap(), Imported { added: 6, skipped: 0, ..Imported::default() });
    same(&from, &to);
    assert_eq!(to.import(&file).unwrap(), Imported { added: 0, skipped: 6, ..Imported::default() });
    same(&from, &to);
    assert_eq!(to.export(&bundle()), file, "and exports to the same bundle");
}

#[test]
fn a_body_too_large_to_hold_goes_into_the_bundle_whole_and_is_named_elsewhere() {
    let mut from = Place::new();
    let large = b"0123456789abcdef".repeat((65 << 20) / 16);
    add(&mut from, 1, &large, &[b"data: 1\n\n"]);
    let mut to = Place::new();
    to.import(&from.export(&bundle())).unwrap();
    let mut hasher = blake3::Hasher::new();
    let id = to.all()[0].exchange.id;
    to.store
        .read_body(id, Side::Request, &mut |bytes| {
            hasher.update(bytes);
            Ok(())
        })
        .unwrap();
    assert_eq!(hasher.finalize(), blake3::hash(&large));
    for kind in [Kind::Markdown, Kind::Html, Kind::Har, Kind::Curl] {
        let text = String::from_utf8(from.export(&Options { kind, ..Options::default() })).unwrap();
        assert!(text.contains(&format!("{} bytes, too large", large.len())), "{kind:?}: {text}");
    }
}

#[test]
fn a_bundle_of_nothing_is_a_bundle() {
    let file = Place::new().export(&bundle());
    assert_eq!(Place::new().import(&file).unwrap(), Imported::default());
}

#[test]
fn damage_anywhere_is_noticed_and_changes_nothing() {
    let mut from = Place::new();
    add(&mut from, 1, format!("{{\"a\":\"{}\"}}", "ab".repeat(200)).as_bytes(), &[b"data: 1\n\n"]);
    let file = from.export(&bundle());
    let mut to = Place::new();
    for at in 0..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 0x20;
        for file in [damaged.as_slice(), &file[..at]] {
            let error = to.import(file).unwrap_err().to_string();
            assert!(error.contains("\nhint: "), "byte {at}: {error}");
        }
    }
    let longer = [file.as_slice(), b"x"].concat();
    assert!(to.import(&longer).is_err());
    assert!(to.all().is_empty());
    assert_eq!(to.import(&file).unwrap().added, 1);
}

#[test]
fn foreign_files_are_refused_by_what_they_are() {
    let mut to = Place::new();
    let mut newer = MAGIC.to_vec();
    newer[7] = 9;
    let cases: [(&[u8], &str); 8] = [
        (b"", "neither a bundle nor"),
        (b"hello", "neither a bundle nor"),
        (&newer, "newer anthropic-proxy"),
        (b"{}", "no log.entries"),
        (b"{\"log\":{\"entries\":3}}", "expected a list"),
        (b"{\"log\":{\"entries\":[{}]}}", "after 0 entries"),
        (b"{\"log\":{\"entries\":[]}", "EOF"),
        (br#"{"log":{"entries":[{"startedDateTime":"soon","request":{"method":"GET","url":"/"},"response":{}}]}}"#, "no time"),
    ];
    for (file, expected) in cases {
        let error = to.import(file).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("\nhint: "), "{error}");
    }
    assert!(to.all().is_empty());
}

#[test]
fn a_redacted_bundle_and_one_without_bodies_say_so() {
    let mut from = Place::new();
    add(&mut from, 1, br#"{"to":"bob@example.com"}"#, &[b"data: /home/bob/x\n\n"]);
    let redactor = Some(Redactor::new(&[]).unwrap());
    let mut to = Place::new();
    assert!(to.import(&from.export(&Options { redactor, ..bundle() })).unwrap().redacted);
    let got = &to.all()[0];
    assert_eq!(got.request.as_ref().unwrap().bytes, br#"{"to":"[email]"}"#);
    assert_eq!(got.response.as_ref().unwrap().bytes, b"data: ~/x\n\n");
    assert_eq!(got.frames, [Frame { len: 11, at_us: 1000 }]);

    let mut to = Place::new();
    assert!(to.import(&from.export(&Options { without_bodies: true, ..bundle() })).unwrap().without_bodies);
    let got = &to.all()[0].exchange;
    assert_eq!(got.request_bytes, 24);
    assert!(!got.capture.complete && got.capture.reason.as_ref().unwrap().contains("left out"));
}

#[test]
fn an_archive_comes_in_once_read_like_traffic() {
    let mut from = Place::new();
    let request = br#"{"model":"asked","messages":[{"role":"user","content":"hi"}],"stream":true}"#;
    let message = br#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"served","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}

event: message_stop
data: {"type":"message_stop"}

"#;
    add(&mut from, 1, request, &[message]);
    add(&mut from, 2, b"\xff\x00", &[b"\xfe"]);
    let file = from.export(&Options { kind: Kind::Har, ..Options::default() });
    let mut to = Place::new();
    assert_eq!(to.import(&file).unwrap().added, 2);
    assert_eq!(to.import(&file).unwrap(), Imported { added: 0, skipped: 2, ..Imported::default() });
    let (from, to) = (from.all(), to.all());
    for (from, to) in from.iter().zip(&to) {
        assert_eq!(from.request, to.request);
        assert_eq!(from.response, to.response);
        assert_eq!(from.exchange.url, to.exchange.url);
        assert_eq!(from.exchange.upstream, to.exchange.upstream);
        assert_eq!(from.exchange.request_headers, to.exchange.request_headers);
        assert_eq!(from.exchange.started_us / 1000, to.exchange.started_us / 1000);
        assert_eq!(from.frames, to.frames, "an archive of ours has the frames");
        assert_eq!(to.exchange.id.get_version_num(), 7);
    }
    let read = &to[1].exchange;
    assert_eq!((read.model.as_deref(), read.served_model.as_deref()), (Some("asked"), Some("served")));
    assert_eq!((read.usage.input, read.outcome), (Some(3), Some(Outcome::Complete)));
}

#[test]
fn an_archive_of_a_browser_is_masked_and_says_what_it_lacks() {
    let file = br#"{"log":{"version":"1.2","creator":{"name":"b","version":"1"},"pages":[],"entries":[
        {"startedDateTime":"2026-01-02T03:04:05.678+01:00","time":12.5,"cache":{},
         "request":{"method":"GET","url":"https://api.anthropic.com/v1/models?key=sk-ant-api03-aaaaaaaaaaaaaaaaaaaaaaaa","httpVersion":"h2",
                    "headers":[{"name":":method","value":"GET"},{"name":"x-api-key","value":"sk-ant-api03-aaaaaaaaaaaaaaaaaaaaaaaa"}],
                    "queryString":[],"cookies":[],"headersSize":-1,"bodySize":0},
         "response":{"status":200,"statusText":"","httpVersion":"h2","headers":[],"cookies":[],"redirectURL":"",
                     "content":{"size":100,"mimeType":"application/json"},"headersSize":-1,"bodySize":-1},
         "timings":{"blocked":-1,"dns":1,"connect":2,"ssl":1,"send":0.5,"wait":4,"receive":5}},
        {"startedDateTime":"2026-01-02T03:04:05.678+01:00","time":1,"request":{"method":"GET","url":"https://x/"},"response":{"status":0}},
        {"startedDateTime":"2026-01-02T03:04:05.678+01:00","time":1,"request":{"method":"GET","url":"https://x/"},"response":{"status":0}}]}}"#;
    let mut to = Place::new();
    assert_eq!(to.import(file).unwrap().added, 3, "the same entry twice is two exchanges");
    assert_eq!(to.import(file).unwrap().skipped, 3);
    let all = to.all();
    let first =
        all.iter().map(|recorded| &recorded.exchange).find(|exchange| exchange.status == Some(200)).unwrap();
    assert!(!format!("{first:?}").contains("aaaaaaaaaaaaaaaa"), "{first:?}");
    assert_eq!(first.request_headers.len(), 1);
    assert_eq!(first.timing.connect_us, Some(3000));
    assert_eq!(first.timing.end_us, Some(12_500));
    assert!(first.capture.reason.as_ref().unwrap().contains("no body of the answer"));
    assert_eq!(first.http_version, "h2");
}

#[test]
fn an_archive_of_ours_has_the_times_of_its_stream() {
    let mut from = Place::new();
    let begins = b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"m\",\"content\":[]}}\n\n";
    let delta = b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n";
    add(&mut from, 1, b"{\"model\":\"m\",\"stream\":true,\"messages\":[]}", &[begins, delta, delta]);
    let file = from.export(&Options { kind: Kind::Har, ..Options::default() });
    let mut to = Place::new();
    to.import(&file).unwrap();
    let read = &to.all()[0];
    assert_eq!(read.frames.iter().map(|frame| frame.at_us).collect::<Vec<_>>(), [1000, 2000, 3000]);
    assert_eq!(read.exchange.timing.first_token_us, Some(2000));
    assert_eq!(read.exchange.event_count, 3);

    // Of another body they say nothing; the time of the first token is taken as it is said.
    let text = String::from_utf8(file).unwrap();
    let other = text.replace("\"_frames\":[[", "\"_frames\":[[9,0],[").replacen(
        "\"startedDateTime\"",
        "\"_firstTokenTime\":1.5,\"startedDateTime\"",
        1,
    );
    let mut to = Place::new();
    to.import(other.as_bytes()).unwrap();
    assert_eq!(to.all()[0].exchange.timing.first_token_us, Some(1500));
    assert_eq!(to.all()[0].frames.len(), 1);
}

#[test]
fn pins_of_requests_and_sessions_come_with_a_bundle() {
    let mut from = Place::new();
    for number in 1..4 {
        add(&mut from, number, b"{}", &[]);
    }
    let ids: Vec<Uuid> = from.all().iter().map(|recorded| recorded.exchange.id).collect();
    from.writer.pin(ids[0], true).unwrap();
    let session = store::Session { id: "s".into(), source: store::Source::Header };
    let exchange = Exchange { session: Some(session), ..from.store.get(ids[1]).unwrap().unwrap() };
    from.writer.save(&exchange).unwrap();
    from.writer.pin_session("s", true).unwrap();

    let plain = from.export(&bundle());
    let mut to = Place::new();
    to.import(&plain).unwrap();
    let pinned = |place: &Place| place.all().iter().map(|one| one.exchange.pinned).collect::<Vec<_>>();
    assert_eq!(pinned(&to), [true, true, false]);
    assert!(to.store.is_session_pinned("s").unwrap());
    to.writer.pin(ids[0], false).unwrap();
    assert_eq!(to.import(&plain).unwrap().added, 0);
    assert_eq!(pinned(&to), [true, true, false], "what is there already is pinned too");
}

#[test]
fn what_a_killed_import_left_is_replaced() {
    let mut from = Place::new();
    add(&mut from, 1, b"all of it", &[]);
    let whole = from.all().remove(0).exchange;
    let mut to = Place::new();
    to.writer.save(&Exchange { outcome: None, ..whole.clone() }).unwrap();
    to.writer.append_body(whole.id, Side::Request, b"all").unwrap();
    let left = Exchange { outcome: Some(Outcome::Interrupted), ..whole };
    to.writer.save(&left).unwrap();
    to.writer.commit().unwrap();
    assert_eq!(to.import(&from.export(&bundle())).unwrap(), Imported { added: 1, ..Imported::default() });
    same(&from, &to);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_bodies_in_any_split_come_back(
        request in prop::collection::vec(any::<u8>(), 0..2000),
        text in "\\PC{0,400}",
        response in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..500), 0..6),
    ) {
        let mut from = Place::new();
        let parts: Vec<&[u8]> = response.iter().map(Vec::as_slice).collect();
        add(&mut from, 1, &request, &parts);
        let json = serde_json::to_vec(&[&text, &text]).unwrap();
        add(&mut from, 2, &json, &[&json]);
        let mut to = Place::new();
        prop_assert_eq!(to.import(&from.export(&bundle())).unwrap().added, 2);
        same(&from, &to);
    }

    #[test]
    fn any_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), bundle in any::<bool>()) {
        let file = if bundle { [MAGIC.as_slice(), &bytes].concat() } else { [b"{".as_slice(), &bytes].concat() };
        prop_assert!(Place::new().import(&file).is_err());
    }
}
