//! What a custom base URL changed in Claude Code, as far as one of its calls proves it.
//!
//! Which variables there are and what they do: Claude Code's gateway guide, and its version 2.1.330 as measured.

#[cfg(test)]
mod tests;

use protocol::request::MessageRequest;
use protocol::window;

/// So many tools and none to look for others: a client that may search sends about a dozen.
const MANY_TOOLS: usize = 20;

/// The version that came with hint headers.
const HINTS_SINCE: [u64; 3] = [2, 1, 273];

/// What begins the beta of fine-grained tool streaming, where tools do not ask for it themselves.
const FINE_GRAINED_BETA: &str = "fine-grained-tool-streaming";

/// The newest call of the main conversation of a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The client's version.
    pub(crate) version: Option<String>,
    /// The model, as it was sent.
    pub(crate) model: Option<String>,
    /// Names of the tools.
    pub(crate) tools: Vec<String>,
    /// Types of those tools that Anthropic defines.
    pub(crate) typed_tools: Vec<String>,
    /// Tools that are only named, to be looked for.
    pub(crate) deferred_tools: usize,
    /// Tools that ask for their input to be streamed unbuffered.
    pub(crate) eager_tools: usize,
    /// Values of `anthropic-beta`.
    pub(crate) betas: Vec<String>,
    /// A header says what kind of call it is.
    pub(crate) has_hints: bool,
    /// Input and output together, tokens.
    pub(crate) context: Option<u64>,
}

impl Seen {
    /// What the request's body shows; the rest is for its headers and its answer to tell.
    pub(crate) fn of(request: MessageRequest) -> Seen {
        Seen {
            model: request.model,
            tools: request.tools,
            typed_tools: request.typed_tools,
            deferred_tools: request.deferred_tools,
            eager_tools: request.eager_tools,
            ..Seen::default()
        }
    }
}

/// Whether the client does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    On,
    Off,
    Unknown,
}

impl State {
    /// `on`, `off`, `unknown`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            State::On => "on",
            State::Off => "off",
            State::Unknown => "unknown",
        }
    }
}

/// One thing that a custom base URL may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Its name in the API.
    pub(crate) id: &'static str,
    pub(crate) state: State,
    /// What in the call shows it, or why nothing does.
    pub(crate) evidence: String,
    /// The environment variable that brings it back, and its value.
    pub(crate) variable: &'static str,
    pub(crate) value: String,
    /// What it does.
    pub(crate) effect: &'static str,
}

/// What the call proves of each.
pub(crate) fn judge(seen: &Seen) -> Vec<Finding> {
    vec![tool_search(seen), hint_headers(seen), long_context(seen), fine_grained_tool_streaming(seen)]
}

fn tool_search(seen: &Seen) -> Finding {
    let searches = |name: &&String| *name == "ToolSearch" || *name == "DeferredToolPlaceholder";
    let found = seen.tools.iter().find(searches);
    let found = found.or_else(|| seen.typed_tools.iter().find(|kind| kind.starts_with("tool_search_tool")));
    let count = seen.tools.len();
    let (state, evidence) = match found {
        Some(name) => (State::On, format!("it offers the tool {name}")),
        None if seen.deferred_tools > 0 => {
            (State::On, format!("{} of {count} tools are deferred", seen.deferred_tools))
        }
        None if count >= MANY_TOOLS => {
            (State::Off, format!("it defines {count} tools, none of them deferred and none to search with"))
        }
        None => (State::Unknown, format!("it defines {count} tools: too few to need a search")),
    };
    Finding {
        id: "tool_search",
        state,
        evidence,
        variable: "ENABLE_TOOL_SEARCH",
        value: "true".to_owned(),
        effect: "tools are looked for when they are needed, instead of being defined in every request",
    }
}

fn hint_headers(seen: &Seen) -> Finding {
    let version = seen.version.as_deref();
    let (state, evidence) = match (seen.has_hints, version.and_then(numbers)) {
        (true, _) => (State::On, "it has the header x-claude-code-request-class".to_owned()),
        (false, Some(numbers)) if numbers >= HINTS_SINCE => {
            (State::Off, "it has no header x-claude-code-request-class".to_owned())
        }
        (false, Some(_)) => {
            let version = version.unwrap_or_default();
            (State::Unknown, format!("version {version} is older than 2.1.273, which brought these headers"))
        }
        (false, None) => (State::Unknown, "it does not say which version sent it".to_owned()),
    };
    Finding {
        id: "hint_headers",
        state,
        evidence,
        variable: "CLAUDE_CODE_GATEWAY_HINT_HEADERS",
        value: "1".to_owned(),
        effect: "each request says its kind, its prompt, its agent's type and how long tools ran; else these are guessed",
    }
}

fn long_context(seen: &Seen) -> Finding {
    let model = seen.model.as_deref().unwrap_or_default();
    let asks = window::asks_for_long(model, seen.betas.iter().map(String::as_str));
    let (state, evidence) = match window::of(model) {
        _ if asks => (State::On, "it asks for the long window by a beta, context-1m".to_owned()),
        None => (State::Unknown, format!("the windows of the model {model} are not known")),
        Some(window) if window.long == window.standard && window.long < 1_000_000 => {
            (State::Unknown, format!("{model} has no longer window than {} tokens", window.standard))
        }
        Some(window) if window.standard < window.long => (
            State::Off,
            format!("{model} has {} tokens unless context-1m is asked for, and it is not", window.standard),
        ),
        Some(_) if seen.context > Some(200_000) => {
            (State::On, format!("{model} was sent more than 200000 tokens"))
        }
        Some(_) => (
            State::Unknown,
            format!("{model} has the long window by itself; where the client compacts is not in it"),
        ),
    };
    let model = model.trim_end_matches("[1m]");
    Finding {
        id: "long_context",
        state,
        evidence,
        variable: "ANTHROPIC_MODEL",
        value: format!("{}[1m]", if model.is_empty() { "MODEL" } else { model }),
        effect: "the context may grow to 1,000,000 tokens before it is compacted, instead of 200,000",
    }
}

fn fine_grained_tool_streaming(seen: &Seen) -> Finding {
    let mut betas = seen.betas.iter().flat_map(|betas| betas.split(',')).map(str::trim);
    let beta = betas.find(|beta| beta.starts_with(FINE_GRAINED_BETA));
    let count = seen.tools.len();
    let (state, evidence) = match (seen.eager_tools, beta) {
        (1.., _) => {
            (State::On, format!("{} of {count} tools ask for it (eager_input_streaming)", seen.eager_tools))
        }
        (0, Some(beta)) => (State::On, format!("it has the beta {beta}")),
        (0, None) if count == 0 => (State::Unknown, "it defines no tools".to_owned()),
        (0, None) => (State::Off, format!("none of {count} tools asks for it (eager_input_streaming)")),
    };
    Finding {
        id: "fine_grained_tool_streaming",
        state,
        evidence,
        variable: "CLAUDE_CODE_ENABLE_FINE_GRAINED_TOOL_STREAMING",
        value: "1".to_owned(),
        effect: "the input of a tool comes as it is written; else a long one comes late and all at once",
    }
}

/// The first three numbers of a version.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let mut parts = version.split('.').map(|part| {
        let digits = part.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
        digits.parse::<u64>().ok()
    });
    Some([parts.next()??, parts.next()??, parts.next()??])
}
