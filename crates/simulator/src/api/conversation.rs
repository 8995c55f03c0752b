//! Reads a Messages request: its newest prompt, how far its tool loop has come, what it asks for.

use serde_json::Value;

/// What the simulator wants to know of a request.
#[derive(Debug)]
pub(crate) struct Conversation<'a> {
    body: &'a Value,
    /// Index of the message that holds the newest prompt.
    prompt_at: usize,
    /// The newest prompt: the text a user wrote, reminders left out.
    pub(crate) prompt: String,
    /// How many answers the model has given to it already.
    pub(crate) turn: usize,
}

const NO_VALUES: &[Value] = &[];

impl<'a> Conversation<'a> {
    pub(crate) fn read(body: &'a Value) -> Self {
        let messages = array(body, "messages");
        let newest = messages.iter().enumerate().rev().find_map(|(at, message)| {
            let prompt = prompt_of(message)?;
            Some((at, prompt))
        });
        let (prompt_at, prompt) = newest.unwrap_or_default();
        let answers = messages.iter().skip(prompt_at).filter(|message| message["role"] == "assistant");
        // An assistant message in last place is one to be continued, not an answer that was given.
        let prefilled = usize::from(messages.last().is_some_and(|message| message["role"] == "assistant"));
        let turn = answers.count().saturating_sub(prefilled);
        Self { body, prompt_at, prompt, turn }
    }

    pub(crate) fn model(&self) -> &'a str {
        self.body["model"].as_str().unwrap_or_default()
    }

    pub(crate) fn streams(&self) -> bool {
        self.body["stream"] == true
    }

    pub(crate) fn max_tokens(&self) -> u64 {
        self.body["max_tokens"].as_u64().unwrap_or(u64::MAX)
    }

    pub(crate) fn has_tool(&self, name: &str) -> bool {
        array(self.body, "tools").iter().any(|tool| tool["name"] == name)
    }

    pub(crate) fn tool_has_property(&self, name: &str, property: &str) -> bool {
        let mut tools = array(self.body, "tools").iter().filter(|tool| tool["name"] == name);
        tools.any(|tool| !tool["input_schema"]["properties"][property].is_null())
    }

    /// Whether the request carries the server tool `name` and wants it used (or has no other tool).
    pub(crate) fn wants_server_tool(&self, name: &str) -> bool {
        let tools = array(self.body, "tools");
        let is_server_tool = |tool: &Value| {
            tool["name"] == name && tool["type"].as_str().is_some_and(|kind| kind.starts_with(name))
        };
        tools.iter().any(is_server_tool) && (tools.len() == 1 || self.body["tool_choice"]["name"] == name)
    }

    /// The schema the answer must be JSON of, if one is asked for.
    pub(crate) fn answer_schema(&self) -> Option<&'a Value> {
        let format = self.body.pointer("/output_config/format").or_else(|| self.body.get("output_format"))?;
        (format["type"] == "json_schema").then(|| &format["schema"])
    }

    /// Whether the client would be shown thinking.
    pub(crate) fn thinks(&self) -> bool {
        matches!(self.body["thinking"]["type"].as_str(), Some("enabled" | "adaptive"))
    }

    /// The newest tool result's text, if the request carries one after the prompt.
    pub(crate) fn last_tool_result(&self) -> Option<String> {
        let messages = array(self.body, "messages").iter().skip(self.prompt_at);
        let mut results =
            messages.flat_map(|message| array(message, "content")).filter(|b| b["type"] == "tool_result");
        results.next_back().map(|result| text_of(&result["content"]))
    }
}

/// The text a user wrote in a message; `None` for other roles, tool results alone and reminders alone.
/// Text beside tool results counts only if it has a directive: clients add remarks of their own there.
fn prompt_of(message: &Value) -> Option<String> {
    if message["role"] != "user" {
        return None;
    }
    let text = without_reminders(&text_of(&message["content"]));
    let has_results = array(message, "content").iter().any(|block| block["type"] == "tool_result");
    if text.trim().is_empty() || (has_results && !text.contains("[sim:")) {
        return None;
    }
    Some(text.trim().to_owned())
}

/// A string, or the text blocks of an array, one to a line.
pub(crate) fn text_of(content: &Value) -> String {
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    let blocks = content.as_array().map_or(NO_VALUES, Vec::as_slice);
    blocks.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n")
}

pub(crate) fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(NO_VALUES, Vec::as_slice)
}

fn without_reminders(text: &str) -> String {
    const OPEN: &str = "<system-reminder>";
    const CLOSE: &str = "</system-reminder>";
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        out.push_str(&rest[..at]);
        match rest[at..].find(CLOSE) {
            Some(end) => rest = &rest[at + end + CLOSE.len()..],
            None => return out,
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(messages: &Value, prompt: &str, turn: usize) {
        let body = json!({"messages": messages});
        let read = Conversation::read(&body);
        assert_eq!((read.prompt.as_str(), read.turn), (prompt, turn), "{messages}");
    }

    #[test]
    fn the_newest_prompt_and_the_turn_of_its_loop_are_found() {
        let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "out"},
            {"type": "text", "text": "<system-reminder>be brief</system-reminder>"}]});
        let answer =
            json!({"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Bash"}]});
        check(&json!([{"role": "user", "content": "hi"}]), "hi", 0);
        check(&json!([{"role": "user", "content": "hi"}, answer, result]), "hi", 1);
        check(&json!([{"role": "user", "content": "hi"}, answer, result, answer, result]), "hi", 2);
        check(
            &json!([{"role": "user", "content": "hi"}, answer, {"role": "user", "content": "next"}]),
            "next",
            0,
        );
        check(&json!([{"role": "user", "content": "hi"}, {"role": "system", "content": "note"}]), "hi", 0);
        check(&json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "{"}]), "hi", 0);
        check(&json!([]), "", 0);
    }

    #[test]
    fn reminders_are_no_prompt() {
        let content = json!([{"type": "text", "text": "<system-reminder>[sim:error=500]</system-reminder>"},
            {"type": "text", "text": "do it"}]);
        check(&json!([{"role": "user", "content": content}]), "do it", 0);
    }
}
