//! A sample of every block an answer can have, for `[sim:blocks=…]` and web searches.

use serde_json::{Value, json};

use super::Api;

/// The types `[sim:blocks=TYPE]` knows; `all` gives each of them in this order.
pub(super) const TYPES: [&str; 20] = [
    "thinking",
    "redacted_thinking",
    "text",
    "citations",
    "web_search",
    "web_fetch",
    "code_execution",
    "bash_code_execution",
    "text_editor_code_execution",
    "tool_search",
    "advisor",
    "mcp",
    "container_upload",
    "compaction",
    "fallback",
    "future",
    "empty",
    "chinese",
    "tool_use",
    "tool_use_unicode",
];

impl Api {
    /// The sample blocks of a type; calls of server tools come with their results. `None` if there is no such type.
    pub(super) fn sample_blocks(&self, kind: &str) -> Option<Vec<Value>> {
        if kind == "all" {
            return Some(TYPES.iter().filter_map(|one| self.sample_blocks(one)).flatten().collect());
        }
        let call = |name: &str, input: Value, result: &str, content: Value| {
            let id = self.new_id("srvtoolu");
            vec![
                json!({"type": "server_tool_use", "id": id, "name": name, "input": input}),
                json!({"type": result, "tool_use_id": id, "content": content}),
            ]
        };
        Some(match kind {
            "thinking" => vec![self.thinking("First see what is there, then change the least that does it.")],
            "redacted_thinking" => vec![json!({"type": "redacted_thinking", "data": self.new_id("Eqc")})],
            "text" => {
                vec![json!({"type": "text", "text": "Plain text with `code`, \"quotes\" and a line\nbreak."})]
            }
            "empty" => vec![json!({"type": "text", "text": ""})],
            "chinese" => vec![
                json!({"type": "text", "text": "这是一段中文回答，含有标点、emoji 🚀 和代码 `let x = 1;`。\u{2028}行分隔符。"}),
            ],
            "citations" => vec![json!({"type": "text", "text": "The grass is green.", "citations": [
                {"type": "char_location", "cited_text": "The grass is green.", "document_index": 0,
                 "document_title": "Colours", "start_char_index": 0, "end_char_index": 19}]})],
            "web_search" => self.web_search("rust async streams"),
            "web_fetch" => call(
                "web_fetch",
                json!({"url": "https://example.com/"}),
                "web_fetch_tool_result",
                json!({
                "type": "web_fetch_result", "url": "https://example.com/", "retrieved_at": self.clock().rfc3339(0),
                "content": {"type": "document", "title": "Example Domain",
                    "source": {"type": "text", "media_type": "text/plain", "data": "Example Domain"}}}),
            ),
            "code_execution" => call(
                "code_execution",
                json!({"code": "print(6 * 7)"}),
                "code_execution_tool_result",
                json!({"type": "code_execution_result", "stdout": "42\n", "stderr": "", "return_code": 0, "content": []}),
            ),
            "bash_code_execution" => call(
                "bash_code_execution",
                json!({"command": "ls /tmp"}),
                "bash_code_execution_tool_result",
                json!({"type": "bash_code_execution_result", "stdout": "plot.png\n", "stderr": "", "return_code": 0, "content": []}),
            ),
            "text_editor_code_execution" => call(
                "text_editor_code_execution",
                json!({"command": "view", "path": "a.py"}),
                "text_editor_code_execution_tool_result",
                json!({"type": "text_editor_code_execution_view_result", "file_type": "text", "content": "x = 1\n",
                    "num_lines": 1, "start_line": 1, "total_lines": 1}),
            ),
            "tool_search" => call(
                "tool_search_tool_regex",
                json!({"query": "calendar"}),
                "tool_search_tool_result",
                json!({"type": "tool_search_tool_search_result",
                    "tool_references": [{"type": "tool_reference", "tool_name": "mcp__calendar__list"}]}),
            ),
            "advisor" => call(
                "advisor",
                json!({}),
                "advisor_tool_result",
                json!({"type": "advisor_result", "text": "Test the empty case first."}),
            ),
            "mcp" => {
                let id = self.new_id("mcptoolu");
                vec![
                    json!({"type": "mcp_tool_use", "id": id, "name": "search_issues", "server_name": "tracker",
                        "input": {"query": "flaky test", "limit": 3}}),
                    json!({"type": "mcp_tool_result", "tool_use_id": id, "is_error": false,
                        "content": [{"type": "text", "text": "2 issues found"}]}),
                ]
            }
            "container_upload" => vec![json!({"type": "container_upload", "file_id": self.new_id("file")})],
            "compaction" => {
                vec![json!({"type": "compaction", "content": "Summary: the parser was split in two."})]
            }
            "fallback" => vec![
                json!({"type": "fallback", "from": {"model": "claude-fable-5-2"}, "to": {"model": "claude-opus-5-5"}}),
            ],
            "future" => vec![
                json!({"type": "hologram_2031", "projection": {"depth": [1, 2.5, 9]}, "note": "not known yet"}),
            ],
            "tool_use" => {
                vec![self.tool_use("Bash", &json!({"command": "cargo test", "description": "Run the tests"}))]
            }
            "tool_use_unicode" => {
                vec![self.tool_use(
                    "Write",
                    &json!({"file_path": "/tmp/héllo.txt", "content": "日本\n\"🚀\"\t\\"}),
                )]
            }
            _ => return None,
        })
    }

    /// A web search: the call, its results and a text that cites one.
    pub(super) fn web_search(&self, query: &str) -> Vec<Value> {
        let id = self.new_id("srvtoolu");
        let result = |at: usize, title: &str| {
            json!({"type": "web_search_result", "title": title, "url": format!("https://example.com/{at}"),
                "encrypted_content": self.new_id("Ers"), "page_age": "3 weeks ago"})
        };
        let cited = format!("Results for {query}: the first page explains it.");
        vec![
            json!({"type": "server_tool_use", "id": id, "name": "web_search", "input": {"query": query}}),
            json!({"type": "web_search_tool_result", "tool_use_id": id, "content": [
                result(1, &format!("{query}: a guide")), result(2, &format!("Questions about {query}"))]}),
            json!({"type": "text", "text": cited, "citations": [{"type": "web_search_result_location",
                "url": "https://example.com/1", "title": format!("{query}: a guide"),
                "encrypted_index": self.new_id("Eo8"), "cited_text": "explained step by step"}]}),
        ]
    }
}
