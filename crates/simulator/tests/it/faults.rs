//! Faults on demand: each does what the README's table says.

use std::io::Read;

use crate::support::{ask, call, prompt, start};

#[tokio::test]
async fn errors_come_as_often_as_asked_and_with_their_headers() {
    let simulator = start().await;
    let body = prompt("[sim:error=529*2][sim:retry-after=7]", true);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = ask(&simulator, &body).await;
        if answer.status() == 529 {
            assert_eq!(answer.header("retry-after").as_deref(), Some("7"));
            assert_eq!(answer.header("x-should-retry").as_deref(), Some("true"));
            assert_eq!(answer.json()["error"]["type"], "overloaded_error");
        }
        statuses.push(answer.status());
    }
    assert_eq!(statuses, [529, 529, 200, 200]);
    for status in [400, 401, 402, 403, 404, 409, 413, 429, 500, 503, 504, 529] {
        let header = format!("x-simulate: [sim:error={status}]\r\n");
        for (method, target) in [("POST", "/v1/messages"), ("GET", "/v1/models")] {
            let answer =
                call(&simulator, method, target, &header, prompt("x", false).to_string().as_bytes()).await;
            assert_eq!(answer.status(), status, "{target}");
        }
    }
}

#[tokio::test]
async fn an_error_in_the_stream_ends_it_in_good_order() {
    let simulator = start().await;
    let answer = ask(&simulator, &prompt("[sim:error-in-stream=overloaded_error]", true)).await;
    let events = answer.events();
    assert_eq!((answer.status(), answer.ended_well()), (200, true));
    assert_eq!(events.last().unwrap()["error"]["type"], "overloaded_error");
    assert!(events.iter().any(|event| event["type"] == "content_block_delta"));
}

#[tokio::test]
async fn cuts_are_exact() {
    let simulator = start().await;
    let answer = ask(&simulator, &prompt("[sim:cut-after=4]", true)).await;
    assert_eq!((answer.events().len(), answer.ended_well(), answer.reset), (4, false, false));
    for limit in [0, 1, 40, 700] {
        let answer =
            ask(&simulator, &prompt(&format!("[sim:words=300][sim:cut-at-byte={limit}]"), true)).await;
        assert_eq!((answer.raw.len(), answer.reset), (limit, false));
    }
    let answer = ask(&simulator, &prompt("[sim:cut-after=4][sim:reset]", true)).await;
    assert!(answer.reset);
    let whole = ask(&simulator, &prompt("[sim:cut-after=4*0]", true)).await;
    assert!(whole.ended_well());
}

#[tokio::test]
async fn codings_decode_to_the_plain_stream() {
    let simulator = start().await;
    for coding in ["gzip", "deflate", "br", "zstd"] {
        for stream in [true, false] {
            let answer =
                ask(&simulator, &prompt(&format!("[sim:text=täxt 🚀][sim:encoding={coding}]"), stream)).await;
            assert_eq!(answer.header("content-encoding").as_deref(), Some(coding));
            let body = answer.body();
            let mut text = String::new();
            match coding {
                "gzip" => flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text),
                "deflate" => flate2::read::ZlibDecoder::new(&body[..]).read_to_string(&mut text),
                "br" => brotli::Decompressor::new(&body[..], 4096).read_to_string(&mut text),
                _ => zstd::stream::read::Decoder::new(&body[..]).unwrap().read_to_string(&mut text),
            }
            .unwrap();
            assert!(text.contains("täxt 🚀"), "{coding}: {text}");
            assert!(!stream || text.ends_with("data: {\"type\":\"message_stop\"}\n\n"));
        }
    }
}

#[tokio::test]
async fn splits_drips_and_odd_line_ends_change_no_event() {
    let simulator = start().await;
    let ids = ["id", "model"];
    let plain = ask(&simulator, &prompt("[sim:text=one two three four five six]", true)).await.events();
    for odd in ["split=1", "drip=0", "drip=1", "crlf", "tight", "silence=1", "close"] {
        let answer =
            ask(&simulator, &prompt(&format!("[sim:text=one two three four five six][sim:{odd}]"), true))
                .await;
        let mut events = answer.events();
        assert_eq!(events.len(), plain.len(), "{odd}");
        for (event, other) in
            events.iter_mut().zip(&plain).filter(|(event, _)| event["type"] == "message_start")
        {
            for key in ids {
                event["message"][key] = other["message"][key].clone();
            }
            event["message"]["usage"] = other["message"]["usage"].clone();
        }
        let texts = |events: &[serde_json::Value]| -> String {
            events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect()
        };
        assert_eq!(texts(&events), texts(&plain), "{odd}");
        assert_eq!(events[0], plain[0], "{odd}");
    }
    let crlf = ask(&simulator, &prompt("[sim:crlf]", true)).await.body();
    assert!(String::from_utf8(crlf).unwrap().contains("event: ping\r\ndata: {\"type\":\"ping\"}\r\n\r\n"));
    let short = ask(&simulator, &prompt("[sim:no-message-stop]", true)).await.events();
    assert_eq!(short.last().unwrap()["type"], "message_delta");
}
