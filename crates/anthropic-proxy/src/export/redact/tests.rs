use super::*;
use proptest::prelude::*;
use store::Exchange;

fn redactor(patterns: &[&str]) -> Redactor {
    let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    Redactor::new(&patterns).unwrap()
}

#[test]
fn what_is_personal_is_taken_out_in_every_spelling() {
    let hex = "0123456789abcdef".repeat(4);
    let user = format!("user_{hex}_account_0f3c9a52-1111-2222-3333-444455556666_session_abc");
    let device =
        format!(r#"{{\"device_id\":\"{hex}\",\"account_uuid\":\"acc-12345\",\"session_id\":\"s-1\"}}"#);
    let cases = [
        ("mail bob.smith+x@mail.example.co.uk now", "mail [email] now"),
        (r#""\nbob@example.com""#, r#""\n[email]""#),
        (r#""\\nbob@example.com""#, r#""\\n[email]""#),
        (r#""\u00e9bob@example.com""#, r#""\u00e9[email]""#),
        ("/v1?u=bob%40example.com&x", "/v1?u=[email]&x"),
        ("jürgen@example.de", "[email]"),
        ("@types/node, a@b, #x", "@types/node, a@b, #x"),
        ("cd /home/alice/src", "cd ~/src"),
        ("cd /Users/alice", "cd ~"),
        (r#""\/home\/alice\/src""#, r#""~\/src""#),
        ("/mnt/c/Users/alice/x", "/mnt/c/Users/~/x"),
        (r"C:\Users\alice\x", r"~\x"),
        (r#""C:\\Users\\alice\\x""#, r#""~\\x""#),
        (r"C:\Users\Alice Smith\x", r"~\x"),
        ("c:/Users/alice/x", "~/x"),
        ("?p=%2Fhome%2Falice%2Fx", "?p=~%2Fx"),
        ("~/.claude/projects/-home-alice-src/a", "~/.claude/projects/-home-~-src/a"),
        ("home/alice and /homes/x", "home/alice and /homes/x"),
        ("key sk-ant-api03-abcdefghijklmnop-XYZ.", "key [key]."),
        ("masked sk-ant-api...wXyZ.", "masked [key]."),
        ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz", "Authorization: Bearer [key]"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[key]"),
        ("AKIAABCDEFGHIJKLMNOP", "[key]"),
        (&user, "user_[id]_account_[id]_session_abc"),
        (&device, r#"{\"device_id\":\"[id]\",\"account_uuid\":\"[id]\",\"session_id\":\"s-1\"}"#),
        (&hex, "[id]"),
        ("nothing here: 3 / 4 = 0.75", "nothing here: 3 / 4 = 0.75"),
    ];
    let redactor = redactor(&[]);
    for (text, expected) in cases {
        assert_eq!(redactor.text(text), expected);
        assert_eq!(redactor.text(expected), expected, "twice changes nothing");
    }
}

#[test]
fn own_patterns_count_and_wrong_ones_are_named() {
    assert_eq!(
        redactor(&["(?i)project \\w+", "x*"]).text("On Project Apollo xx!"),
        "On [redacted] [redacted]!"
    );
    let cases = ["(", "a{1000}{1000}{1000}", "\\"];
    for pattern in cases {
        let error = Redactor::new(&[pattern.to_owned()]).unwrap_err();
        assert!(
            error.starts_with(&format!("the pattern {pattern:?}")) && error.contains("\nhint: "),
            "{error}"
        );
    }
    assert!(Redactor::new(&vec!["a".to_owned(); 101]).unwrap_err().contains("too many"));
}

/// An exchange with a streamed answer whose deltas have these texts, one frame each, gzipped or not.
fn streamed(texts: &[&str]) -> Recorded {
    let mut bytes = Vec::new();
    let mut frames = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let data = serde_json::json!({"type": "content_block_delta", "index": 0,
                                      "delta": {"type": "text_delta", "text": text}});
        let event = format!("event: content_block_delta\ndata: {data}\n\n");
        frames.push(Frame { len: event.len() as u32, at_us: number as u64 });
        bytes.extend_from_slice(event.as_bytes());
    }
    let exchange = Exchange {
        url: "/v1/messages".into(),
        status: Some(200),
        response_headers: vec![("Content-Type".into(), "text/event-stream".into())],
        response_bytes: bytes.len() as u64,
        ..Exchange::default()
    };
    Recorded { exchange, response: Some(Body { bytes, complete: true }), frames, ..Recorded::default() }
}

fn texts_of(recorded: &Recorded) -> Vec<(u64, String)> {
    let bytes = &recorded.response.as_ref().unwrap().bytes;
    let (events, _) = crate::view::read_answer(&recorded.exchange, bytes, &recorded.frames);
    let text = |data: &str| {
        let event: serde_json::Value = serde_json::from_str(data).unwrap();
        event["delta"]["text"].as_str().unwrap().to_owned()
    };
    events.iter().map(|event| (event.at_us, text(&event.data))).collect()
}

#[test]
fn what_a_stream_spreads_over_events_is_found_and_their_times_stay() {
    let mut recorded = streamed(&["Write to bo", "b@exam", "ple.com, or", " not; /ho", "me/alice/x"]);
    redactor(&[]).exchange(&mut recorded);
    let expected = ["Write to [email]", "", ", or", " not; ~", "/x"];
    let expected: Vec<_> = (0..).zip(expected.map(str::to_owned)).collect();
    assert_eq!(texts_of(&recorded), expected);
    assert_eq!(recorded.exchange.response_bytes, recorded.response.unwrap().bytes.len() as u64);
}

#[test]
fn coded_bodies_and_headers_are_looked_into() {
    let id = "0f3c9a52-1111-2222-3333-444455556666";
    let text =
        format!(r#"{{"metadata":{{"user_id":"{{\"account_uuid\":\"{id}\"}}"}},"to":"bob@example.com"}}"#);
    let bytes = zstd::bulk::compress(text.as_bytes(), 3).unwrap();
    let mut recorded = Recorded::default();
    recorded.exchange.request_headers = vec![
        ("Content-Encoding".into(), "zstd".into()),
        ("Content-Length".into(), bytes.len().to_string()),
        ("X-Api-Key".into(), "sk-ant-api...wxyz".into()),
        ("anthropic-organization-id".into(), "org".into()),
        ("X-From".into(), id.into()),
    ];
    recorded.exchange.request_bytes = bytes.len() as u64;
    recorded.exchange.client = Some("192.0.2.7:1234".into());
    recorded.exchange.url = "/v1/messages?who=bob@example.com".into();
    recorded.request = Some(Body { bytes, complete: true });
    redactor(&[]).exchange(&mut recorded);
    let body = recorded.request.unwrap();
    let expected = r#"{"metadata":{"user_id":"{\"account_uuid\":\"[id]\"}"},"to":"[email]"}"#;
    assert_eq!(String::from_utf8(body.bytes).unwrap(), expected);
    assert!(body.complete);
    let headers: Vec<_> = recorded.exchange.request_headers.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(headers, [&expected.len().to_string(), "[key]", "[id]", "[id]"]);
    assert_eq!(
        (recorded.exchange.client, recorded.exchange.url.as_str()),
        (None, "/v1/messages?who=[email]")
    );
}

#[test]
fn a_body_that_cannot_be_looked_into_is_left_out() {
    let mut recorded = Recorded::default();
    recorded.exchange.request_headers = vec![("Content-Encoding".into(), "rot13".into())];
    recorded.exchange.request_bytes = 15;
    recorded.request = Some(Body { bytes: b"obo@rknzcyr.pbz".to_vec(), complete: true });
    redactor(&[]).exchange(&mut recorded);
    assert_eq!((recorded.request, recorded.exchange.request_bytes), (None, 15));
}

proptest! {
    #[test]
    fn json_stays_json_and_a_second_time_changes_nothing(
        words in prop::collection::vec("(?:bob@example\\.com|/home/al|C:\\\\Users\\\\al|\\PC{0,5}|[\n\t\"\\\\])", 0..20)
    ) {
        let redactor = redactor(&[]);
        let json = serde_json::to_string(&words).unwrap();
        let once = redactor.text(&json);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&once).is_ok(), "{json} became {once}");
        prop_assert!(!once.contains("@example.com"));
    }

    #[test]
    fn any_bytes_and_frames_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0_u32..300) {
        let redactor = redactor(&["a|b"]);
        let first = at.min(bytes.len() as u32);
        let frames = [Frame { len: first, at_us: 1 }, Frame { len: bytes.len() as u32 - first, at_us: 2 }];
        let edits = redactor.find(&bytes, &[]);
        let total: usize = moved(&frames, &edits).iter().map(|frame| frame.len as usize).sum();
        prop_assert_eq!(total, apply(&bytes, &edits).len());
    }

    #[test]
    fn a_stream_split_anywhere_hides_the_same(cuts in prop::collection::vec(0_usize..34, 0..6)) {
        let text = "to bob@example.com from /home/al/x";
        let mut cuts = cuts;
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let parts: Vec<_> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        let mut recorded = streamed(&parts);
        redactor(&[]).exchange(&mut recorded);
        let joined: String = texts_of(&recorded).into_iter().map(|(_, text)| text).collect();
        prop_assert_eq!(joined, "to [email] from ~/x");
    }
}
