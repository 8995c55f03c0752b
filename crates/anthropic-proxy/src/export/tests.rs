use super::*;
use crate::recorded::Recorded;
use store::{Body, Frame, Outcome, Usage};

/// A conversation with everything that one has, and much that means something to the formats it is written in.
fn conversation() -> Recorded {
    let request = r##"{"model":"m","system":[{"type":"text","text":"Be brief."}],"tools":[{"name":"Bash"},{"type":"web_search_1"}],
        "messages":[{"role":"user","content":"# Title\n```\n# code\n```\nlone \ud83d and <b>&amp;</b>"},
        {"role":"assistant","content":[{"type":"thinking","thinking":"Hm.","signature":"s"},{"type":"tool_use","id":"t1","name":"Bash","input":{"command":"ls `x`"}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":"```\nfenced\n```"},{"type":"image","source":{"data":"AA"}}]}]}"##;
    let response = r##"{"id":"msg","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"</pre><script>alert(1)</script>"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":4}}"##;
    let exchange = Exchange {
        started_us: 1_767_323_045_678_000,
        method: "POST".into(),
        url: "/v1/messages".into(),
        upstream: "https://api.anthropic.com".into(),
        http_version: "HTTP/1.1".into(),
        request_headers: vec![("X-\"><img src=x>".into(), "</dd><img src=x>".into())],
        status: Some(200),
        response_headers: vec![("content-type".into(), "application/json".into())],
        request_bytes: request.len() as u64,
        response_bytes: response.len() as u64,
        outcome: Some(Outcome::Complete),
        model: Some("m".into()),
        usage: Usage { input: Some(3), output: Some(4), ..Usage::default() },
        ..Exchange::default()
    };
    let body = |text: &str| Some(Body { bytes: text.as_bytes().to_vec(), complete: true });
    let frames = vec![Frame { len: response.len() as u32, at_us: 5 }];
    Recorded { exchange, request: body(request), response: body(response), frames }
}

fn written(kind: Kind, items: &[Recorded]) -> String {
    let mut format = kind.format();
    let mut out = Vec::new();
    format.begin(&mut out, &Opening::default()).unwrap();
    for recorded in items {
        format.exchange(&mut out, &Item::made(recorded.clone())).unwrap();
    }
    format.end(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn markdown_is_a_conversation_to_read() {
    insta::assert_snapshot!(written(Kind::Markdown, &[conversation()]));
}

#[test]
fn nothing_recorded_is_markup_in_the_page() {
    let page = written(Kind::Html, &[conversation()]);
    for hostile in ["<script", "<img", "<b>", "http-equiv=\"refresh\""] {
        assert!(!page.contains(hostile), "{hostile}");
    }
    for shown in ["&#60;script&#62;alert(1)", "Be brief.", "calls Bash (t1)", "failed (t1)", "Hm."] {
        assert!(page.contains(shown), "{shown}");
    }
    let loads = ["src=\"", "href=\"", "url(", "@import"];
    assert!(loads.iter().all(|load| !page.contains(load)) && page.contains("default-src 'none'"));
    assert_eq!(page.matches("<article>").count(), page.matches("</article>").count());
}

#[test]
fn lines_are_lines_whatever_the_bodies_have() {
    let mut second = conversation();
    second.exchange.model = None;
    let text = written(Kind::Jsonl, &[conversation(), second]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        let row: serde_json::Value = serde_json::from_str(&line.replace(r"\ud83d", "")).unwrap();
        assert_eq!(row["request"]["body"]["tools"][0]["name"], "Bash");
    }
}

#[test]
fn no_exchange_at_all_is_a_whole_file_too() {
    for (name, kind) in Kind::ALL {
        if kind == Kind::Bundle {
            continue;
        }
        let text = written(kind, &[]);
        match kind {
            Kind::Json | Kind::Har => {
                assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{name}: {text}");
            }
            Kind::Jsonl => assert_eq!(text, ""),
            Kind::Html => assert!(text.trim_end().ends_with("</html>"), "{text}"),
            _ => assert!(text.ends_with('\n'), "{name}: {text}"),
        }
        assert_eq!(Kind::from_name(name), Ok(kind));
        assert_eq!(Kind::from_name(kind.format().extension()), Ok(kind));
    }
}
