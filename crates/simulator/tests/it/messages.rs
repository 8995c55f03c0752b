//! Messages: blocks, tool loops, streams that say the same as whole answers.

use serde_json::{Value, json};

use crate::support::{ask, call, exchange, prompt, start};

/// Puts a stream together the way clients do.
fn assemble(events: &[Value]) -> Vec<Value> {
    let mut blocks: Vec<Value> = Vec::new();
    let mut input = String::new();
    for event in events {
        match event["type"].as_str().unwrap() {
            "content_block_start" => blocks.push(event["content_block"].clone()),
            "content_block_delta" => {
                let (block, delta) = (blocks.last_mut().unwrap(), &event["delta"]);
                match delta["type"].as_str().unwrap() {
                    "input_json_delta" => input.push_str(delta["partial_json"].as_str().unwrap()),
                    "citations_delta" => {
                        block["citations"].as_array_mut().unwrap().push(delta["citation"].clone());
                    }
                    "compaction_delta" => block["content"] = delta["content"].clone(),
                    kind => {
                        let key = kind.trim_end_matches("_delta");
                        let more = delta[key].as_str().unwrap();
                        block[key] = format!("{}{more}", block[key].as_str().unwrap()).into();
                    }
                }
            }
            "content_block_stop" if !input.is_empty() => {
                blocks.last_mut().unwrap()["input"] = serde_json::from_str(&input).unwrap();
                input.clear();
            }
            _ => {}
        }
    }
    blocks
}

/// Ids and signatures differ from answer to answer.
fn without_ids(blocks: &[Value]) -> Vec<Value> {
    let mut blocks = blocks.to_vec();
    for block in &mut blocks {
        for key in ["id", "tool_use_id", "signature", "data", "file_id", "content", "citations"] {
            block.as_object_mut().unwrap().remove(key);
        }
    }
    blocks
}

#[tokio::test]
async fn a_stream_says_what_the_whole_answer_says_for_every_block() {
    let simulator = start().await;
    let whole = ask(&simulator, &prompt("[sim:blocks=all]", false)).await.json();
    let events = ask(&simulator, &prompt("[sim:blocks=all]", true)).await.events();
    let blocks = assemble(&events);
    assert!(blocks.len() > 20, "{}", blocks.len());
    assert_eq!(without_ids(&blocks), without_ids(whole["content"].as_array().unwrap()));
    assert_eq!(events[0]["type"], "message_start");
    assert_eq!(events.last().unwrap()["type"], "message_stop");
    let end = &events[events.len() - 2];
    assert_eq!(end["delta"]["stop_reason"], whole["stop_reason"]);
    assert_eq!(end["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
}

#[tokio::test]
async fn a_tool_loop_goes_from_turn_to_turn_and_ends() {
    let simulator = start().await;
    let text = r#"go [sim:tool Read {"file_path":"a"}][sim:and][sim:tool Read {"file_path":"b"}][sim:tool Bash {"command":"ls"}]"#;
    let mut body = prompt(text, false);
    let mut seen = Vec::new();
    loop {
        let answer = ask(&simulator, &body).await.json();
        let calls: Vec<&Value> = answer["content"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|block| block["type"] == "tool_use")
            .collect();
        seen.push((calls.len(), answer["stop_reason"].clone()));
        if calls.is_empty() {
            assert_eq!(answer["content"][0]["text"], "Done. The tool answered: output");
            break;
        }
        let results: Vec<Value> = calls
            .iter()
            .map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "output\nmore"}))
            .collect();
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": answer["content"]}));
        messages.push(json!({"role": "user", "content": results}));
    }
    assert_eq!(seen, [(2, json!("tool_use")), (1, json!("tool_use")), (0, json!("end_turn"))]);
}

#[tokio::test]
async fn titles_are_json_and_ignore_the_directives_they_quote() {
    let simulator = start().await;
    let mut body = prompt("Fix the cart [sim:error=500]", false);
    body["output_config"] = json!({"format": {"type": "json_schema", "schema": {"type": "object",
        "properties": {"title": {"type": "string"}}}}});
    let answer = ask(&simulator, &body).await.json();
    let title: Value = serde_json::from_str(answer["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(title, json!({"title": "Fix the cart"}));
}

#[tokio::test]
async fn max_tokens_cut_the_text() {
    let simulator = start().await;
    let mut body = prompt("quota", false);
    body["max_tokens"] = 1.into();
    let answer = ask(&simulator, &body).await.json();
    assert_eq!(answer["stop_reason"], "max_tokens");
    assert_eq!(answer["usage"]["output_tokens"], 1);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answer() {
    let (one, two) = (start().await, start().await);
    let body = prompt("Explain the parser", true);
    assert_eq!(ask(&one, &body).await.body(), ask(&two, &body).await.body());
}

#[tokio::test]
async fn wrong_requests_get_anthropic_errors() {
    let simulator = start().await;
    let cases: [(&str, u16, &str); 6] = [
        ("{", 400, "invalid_request_error"),
        ("{}", 400, "invalid_request_error"),
        (r#"{"model":"claude-x","max_tokens":1,"messages":[]}"#, 400, "invalid_request_error"),
        (
            r#"{"model":"gpt","max_tokens":1,"messages":[{"role":"user","content":"x"}]}"#,
            404,
            "not_found_error",
        ),
        (
            r#"{"model":"claude-x","max_tokens":1,"messages":[{"role":"user","content":"[sim:what]"}]}"#,
            400,
            "invalid_request_error",
        ),
        (r#"{"model":"claude-x","max_tokens":1,"messages":[{"role":"user","content":"\ud83d"}]}"#, 200, ""),
    ];
    for (body, status, kind) in cases {
        let answer = call(&simulator, "POST", "/v1/messages", "", body.as_bytes()).await;
        assert_eq!(answer.status(), status, "{body}");
        assert!(answer.header("request-id").is_some_and(|id| id.starts_with("req_")));
        if status != 200 {
            assert_eq!(answer.json()["error"]["type"], kind);
        }
    }
    let no_key =
        exchange(&simulator, b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!(
        (no_key.status(), no_key.json()["error"]["type"].clone()),
        (401, json!("authentication_error"))
    );
}
