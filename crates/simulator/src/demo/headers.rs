//! The headers Claude Code sends, in its order and case, hint headers included.

/// What a call tells of itself.
#[derive(Debug, Default)]
pub(super) struct Who<'a> {
    pub(super) class: &'static str,
    pub(super) agent_id: Option<&'a str>,
    pub(super) agent_type: Option<&'a str>,
    pub(super) prompt_id: Option<&'a str>,
    /// The tools that ran before this call and their milliseconds.
    pub(super) tools: Option<&'a str>,
}

const BETA: &str = "claude-code-20250219,context-1m-2025-08-07,interleaved-thinking-2025-05-14,\
    thinking-token-count-2026-05-13,context-management-2025-06-27,prompt-caching-scope-2026-01-05,effort-2025-11-24";

/// The headers of a message call, up to those of the connection.
pub(super) fn of_message(session: &str, who: &Who<'_>, stream: bool) -> Vec<(String, String)> {
    let first_party = if who.class == "subagent" { "blocking-subagent" } else { who.class };
    let all = [
        ("Accept", Some("application/json")),
        ("Content-Type", Some("application/json")),
        ("User-Agent", Some("claude-cli/2.1.330 (external, cli)")),
        ("X-Claude-Code-Session-Id", Some(session)),
        ("X-Stainless-Arch", Some("x64")),
        ("X-Stainless-Lang", Some("js")),
        ("X-Stainless-OS", Some("Linux")),
        ("X-Stainless-Package-Version", Some("1.12.0")),
        ("X-Stainless-Retry-Count", Some("0")),
        ("X-Stainless-Runtime", Some("node")),
        ("X-Stainless-Runtime-Version", Some("v26.3.0")),
        ("X-Stainless-Timeout", Some(if stream { "600" } else { "300" })),
        ("anthropic-beta", Some(BETA)),
        ("anthropic-dangerous-direct-browser-access", Some("true")),
        ("anthropic-version", Some("2023-06-01")),
        ("x-api-key", Some("sk-ant-api03-demonstration-only")),
        ("x-app", Some("cli")),
        ("x-claude-1p-request-class", Some(first_party)),
        ("x-claude-code-request-class", Some(who.class)),
        ("x-claude-code-agent-id", who.agent_id),
        ("x-claude-code-agent-type", who.agent_type),
        ("x-claude-code-prompt-id", who.prompt_id),
        ("x-claude-code-prev-tool-durations", who.tools),
    ];
    let given = all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    given.collect()
}
