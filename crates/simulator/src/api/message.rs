//! A whole answer and its usage, as the API states them.

use serde_json::{Value, json};

/// An answer before it is sent, whole or as a stream.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) content: Vec<Value>,
    pub(crate) stop_reason: String,
    pub(crate) usage: Usage,
}

/// Token counts of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) input: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_5m: u64,
    pub(crate) cache_1h: u64,
    pub(crate) output: u64,
    pub(crate) thinking: u64,
    /// Input that server tools brought in during the answer: only the last count has it.
    pub(crate) grown_input: u64,
    pub(crate) web_searches: u64,
}

impl Message {
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id, "type": "message", "role": "assistant", "model": self.model,
            "content": self.content, "stop_reason": self.stop_reason, "stop_sequence": null,
            "stop_details": self.stop_details(),
            "usage": self.usage.whole(),
        })
    }

    pub(crate) fn stop_details(&self) -> Value {
        match self.stop_reason.as_str() {
            "refusal" => {
                json!({"type": "refusal", "category": "cyber", "explanation": "The request was declined."})
            }
            _ => Value::Null,
        }
    }
}

impl Usage {
    /// As in a whole message.
    pub(crate) fn whole(self) -> Value {
        let mut usage = self.at_start(self.output);
        usage["input_tokens"] = (self.input + self.grown_input).into();
        if self.thinking > 0 {
            usage["output_tokens_details"] = json!({"thinking_tokens": self.thinking});
        }
        if self.web_searches > 0 {
            usage["server_tool_use"] =
                json!({"web_search_requests": self.web_searches, "web_fetch_requests": 0});
        }
        usage
    }

    /// As in `message_start`.
    pub(crate) fn at_start(self, output: u64) -> Value {
        json!({
            "input_tokens": self.input,
            "cache_creation_input_tokens": self.cache_5m + self.cache_1h,
            "cache_read_input_tokens": self.cache_read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.cache_5m,
                "ephemeral_1h_input_tokens": self.cache_1h,
            },
            "output_tokens": output,
            "service_tier": "standard",
            "inference_geo": "global",
        })
    }

    /// As in `message_delta`: cumulative, without the split by lifetime, tier and place.
    pub(crate) fn at_end(self) -> Value {
        let mut usage = json!({
            "input_tokens": self.input + self.grown_input,
            "cache_creation_input_tokens": self.cache_5m + self.cache_1h,
            "cache_read_input_tokens": self.cache_read,
            "output_tokens": self.output,
        });
        if self.thinking > 0 {
            usage["output_tokens_details"] = json!({"thinking_tokens": self.thinking});
        }
        if self.web_searches > 0 {
            usage["server_tool_use"] =
                json!({"web_search_requests": self.web_searches, "web_fetch_requests": 0});
        }
        usage
    }
}

/// The simulator's tokenizer: four bytes a token, at least one for any text.
pub(crate) fn tokens_of_bytes(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(4)
}
