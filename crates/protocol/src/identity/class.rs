//! The kind of a call: as the client states it, else guessed from what the call looks like.

use super::{Identity, Source, Sourced, client};
use crate::request::MessageRequest;

/// How Claude Code asks for a summary when it compacts.
const COMPACTION_WORDS: [&str; 2] =
    ["create a detailed summary of the conversation", "create a detailed summary of the RECENT portion"];

/// What a client says about the kind of call.
#[derive(Debug, Default)]
pub(super) struct Stated {
    /// The header that names it.
    pub(super) class: Option<String>,
    /// The attribution text has `cc_is_subagent`.
    pub(super) is_subagent: bool,
}

pub(super) fn of(
    path: &str,
    identity: &Identity,
    stated: &Stated,
    request: Option<&MessageRequest>,
) -> Option<Sourced<String>> {
    if let Some(class) = &stated.class {
        return Some(Sourced::new(class.clone(), Source::Header));
    }
    let known = |class: &str, source| Some(Sourced::new(class.to_owned(), source));
    if identity.compaction.is_some() {
        return known("compaction", Source::Header);
    }
    if identity.agent.id.is_some() {
        return known("subagent", Source::Header);
    }
    if stated.is_subagent {
        return known("subagent", Source::Metadata);
    }
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    if path.ends_with("/v1/messages/count_tokens") {
        return known("count_tokens", Source::Inferred);
    }
    if !path.ends_with("/v1/messages") {
        return None;
    }
    known(guess(identity, request?)?, Source::Inferred)
}

/// Only Claude Code's calls have kinds; for those of other programs there is nothing to guess.
fn guess(identity: &Identity, request: &MessageRequest) -> Option<&'static str> {
    let is_claude_code = identity.client.as_ref().is_some_and(|client| client.name == client::CLAUDE_CODE)
        || identity.session.is_some();
    if !is_claude_code {
        return None;
    }
    let says = |text: &Option<String>, words: &str| text.as_deref().is_some_and(|text| text.contains(words));
    if request.max_tokens == Some(1) && request.first_user_text.as_deref() == Some("quota") {
        Some("quota_probe")
    } else if request.tools.is_empty() && request.output_properties == ["title"] {
        Some("title")
    } else if is_web_search(request) {
        Some("web_search")
    } else if COMPACTION_WORDS.iter().any(|words| says(&request.last_user_text, words)) {
        Some("compaction")
    } else if request.tools.is_empty() {
        Some("auxiliary")
    } else {
        Some("main")
    }
}

/// The one tool is the API's own search, and it has to be used.
fn is_web_search(request: &MessageRequest) -> bool {
    matches!(&request.typed_tools[..], [kind] if kind.starts_with("web_search"))
        && request.tools.len() == 1
        && request.forced_tool.as_deref() == request.tools.first().map(String::as_str)
}
