//! What a custom base URL changed in Claude Code, as far as its traffic shows, and what brings it back.
//!
//! Source: Claude Code's gateway guide; the base URL is custom for every client that comes through this proxy.

/// What one call of a client shows. All from the call itself: no more is claimed than it proves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// The client's version, such as `2.1.330`.
    pub(crate) version: String,
    /// It carries `x-claude-code-request-class`.
    pub(crate) has_hints: bool,
    /// The `anthropic-beta` header.
    pub(crate) betas: String,
    /// Names of the tools that it defines; of Anthropic's own their types.
    pub(crate) tools: Vec<String>,
    /// One of its tools asks for its input to be streamed as it comes.
    pub(crate) streams_input: bool,
}

/// Whether something works as it does without a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    On,
    Off,
    Unknown,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            State::On => "on",
            State::Off => "off",
            State::Unknown => "unknown",
        }
    }
}

/// One thing that a custom base URL can switch off.
pub(crate) struct Feature {
    pub(crate) id: &'static str,
    /// The variable that switches it on again, and its value.
    pub(crate) variable: &'static str,
    pub(crate) value: &'static str,
    /// What is lost without it.
    pub(crate) effect: &'static str,
    judge: fn(&Seen) -> (State, String),
}

impl Feature {
    /// What a call shows of it, and what in the call shows it.
    pub(crate) fn judge(&self, seen: &Seen) -> (State, String) {
        (self.judge)(seen)
    }
}

/// A client that defers tools sends few of them; from here on the list is the whole one.
const MANY_TOOLS: usize = 15;

/// The first version that knows hint headers.
const HINTS_SINCE: [u32; 3] = [2, 1, 273];

pub(crate) const FEATURES: [Feature; 4] = [
    Feature {
        id: "tool_search",
        variable: "ENABLE_TOOL_SEARCH",
        value: "true",
        effect: "all tools are sent with every request, some 25,000 tokens more",
        judge: tool_search,
    },
    Feature {
        id: "hint_headers",
        variable: "CLAUDE_CODE_GATEWAY_HINT_HEADERS",
        value: "1",
        effect: "prompts, agent types and tool times are inferred here instead of stated",
        judge: hints,
    },
    Feature {
        id: "fine_grained_tool_streaming",
        variable: "CLAUDE_CODE_ENABLE_FINE_GRAINED_TOOL_STREAMING",
        value: "1",
        effect: "the input of a tool comes at once at its end, not as it is written",
        judge: tool_streaming,
    },
    Feature {
        id: "context_1m",
        variable: "ANTHROPIC_MODEL",
        value: "the model's name with [1m] behind it",
        effect: "the context holds 200,000 tokens instead of a million",
        judge: million,
    },
];

fn tool_search(seen: &Seen) -> (State, String) {
    let searches = |name: &&String| *name == "ToolSearch" || name.starts_with("tool_search_tool");
    match (seen.tools.iter().find(searches), seen.tools.len()) {
        (Some(name), _) => (State::On, format!("it defines {name}")),
        (None, count) if count >= MANY_TOOLS => {
            (State::Off, format!("it defines {count} tools and none to search for more"))
        }
        (None, count) => (State::Unknown, format!("it defines {count} tools, too few to tell")),
    }
}

fn hints(seen: &Seen) -> (State, String) {
    if seen.has_hints {
        return (State::On, "it carries x-claude-code-request-class".to_owned());
    }
    match numbers(&seen.version) {
        Some(version) if version >= HINTS_SINCE => {
            (State::Off, "it carries no x-claude-code-request-class".to_owned())
        }
        _ => (State::Unknown, format!("version {} may not know them", seen.version)),
    }
}

fn tool_streaming(seen: &Seen) -> (State, String) {
    if seen.betas.contains("fine-grained-tool-streaming") {
        return (State::On, "its anthropic-beta has fine-grained-tool-streaming".to_owned());
    }
    match (seen.streams_input, seen.tools.is_empty()) {
        (true, _) => (State::On, "a tool of it has eager_input_streaming".to_owned()),
        (false, true) => (State::Unknown, "it defines no tools".to_owned()),
        (false, false) => {
            (State::Off, "neither its anthropic-beta nor a tool of it asks for that".to_owned())
        }
    }
}

fn million(seen: &Seen) -> (State, String) {
    if seen.betas.contains("context-1m") {
        (State::On, "its anthropic-beta has context-1m".to_owned())
    } else {
        (State::Off, "its anthropic-beta has no context-1m".to_owned())
    }
}

fn numbers(version: &str) -> Option<[u32; 3]> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(id: &str, seen: &Seen) -> State {
        FEATURES.iter().find(|feature| feature.id == id).unwrap().judge(seen).0
    }

    #[test]
    fn no_more_is_said_than_a_call_shows() {
        let seen = |version: &str, has_hints, betas: &str, tools: &[&str], streams_input| Seen {
            version: version.to_owned(),
            has_hints,
            betas: betas.to_owned(),
            tools: tools.iter().map(|name| (*name).to_owned()).collect(),
            streams_input,
        };
        let many: Vec<&str> = vec!["Bash"; 24];
        for (id, seen, expected) in [
            ("tool_search", seen("2.1.330", false, "", &["Bash", "ToolSearch"], false), State::On),
            (
                "tool_search",
                seen("2.1.330", false, "", &["tool_search_tool_regex_20251119"], false),
                State::On,
            ),
            ("tool_search", seen("2.1.330", false, "", &many, false), State::Off),
            ("tool_search", seen("2.1.330", false, "", &["Bash"], false), State::Unknown),
            ("hint_headers", seen("2.1.330", true, "", &[], false), State::On),
            ("hint_headers", seen("2.1.330", false, "", &[], false), State::Off),
            ("hint_headers", seen("2.1.200", false, "", &[], false), State::Unknown),
            ("hint_headers", seen("", false, "", &[], false), State::Unknown),
            (
                "fine_grained_tool_streaming",
                seen("", false, "x,fine-grained-tool-streaming-2025-05-14", &[], false),
                State::On,
            ),
            ("fine_grained_tool_streaming", seen("", false, "", &["Bash"], true), State::On),
            ("fine_grained_tool_streaming", seen("", false, "", &["Bash"], false), State::Off),
            ("fine_grained_tool_streaming", seen("", false, "", &[], false), State::Unknown),
            ("context_1m", seen("", false, "context-1m-2025-08-07", &[], false), State::On),
            ("context_1m", seen("", false, "", &[], false), State::Off),
        ] {
            assert_eq!(state(id, &seen), expected, "{id}: {seen:?}");
        }
    }
}
