//! Puts a streamed answer together, as far as a client needs it to go on with the conversation.

use serde_json::Value;

/// The content blocks of an answer, or the error it ended with.
pub(super) fn content(body: &[u8]) -> Result<Vec<Value>, String> {
    let text = String::from_utf8_lossy(body);
    if let Ok(whole) = serde_json::from_str::<Value>(&text) {
        return Ok(whole["content"].as_array().cloned().unwrap_or_default());
    }
    let mut blocks: Vec<Value> = Vec::new();
    let mut input = String::new();
    let mut stopped = false;
    for data in text.lines().filter_map(|line| line.strip_prefix("data:")) {
        let event: Value = serde_json::from_str(data).map_err(|error| error.to_string())?;
        match event["type"].as_str().unwrap_or_default() {
            "error" => return Err(event["error"]["message"].to_string()),
            "content_block_start" => {
                blocks.push(event["content_block"].clone());
                input.clear();
            }
            "content_block_delta" => {
                if let Some(block) = blocks.last_mut() {
                    apply(block, &event["delta"], &mut input);
                }
            }
            "content_block_stop" => {
                if let (Some(block), Ok(value)) = (blocks.last_mut(), serde_json::from_str(&input)) {
                    block["input"] = value;
                }
                input.clear();
            }
            "message_stop" => stopped = true,
            _ => {}
        }
    }
    if stopped { Ok(blocks) } else { Err("the stream was cut off".to_owned()) }
}

fn apply(block: &mut Value, delta: &Value, input: &mut String) {
    for key in ["text", "thinking", "signature"] {
        if let Some(more) = delta[key].as_str() {
            block[key] = format!("{}{more}", block[key].as_str().unwrap_or_default()).into();
        }
    }
    input.push_str(delta["partial_json"].as_str().unwrap_or_default());
}
