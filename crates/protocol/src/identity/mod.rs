//! Who sent a request: session, agent, kind of call. What the client states in headers beats what its body says, and that beats
//! guesses; each answer tells which it is.

mod class;
mod client;
mod metadata;

pub use client::Client;

use crate::request::MessageRequest;
use serde::Serialize;

/// How something is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A request header states it.
    Header,
    /// The request's body states it: `metadata.user_id`, or the attribution in `system[0]`.
    Metadata,
    /// A guess from what the request looks like.
    Inferred,
}

impl Source {
    /// `header`, `metadata` or `inferred`.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Header => "header",
            Source::Metadata => "metadata",
            Source::Inferred => "inferred",
        }
    }
}

/// A value and how it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sourced<T> {
    /// What is known.
    pub value: T,
    /// How.
    pub source: Source,
}

impl<T> Sourced<T> {
    pub(crate) fn new(value: T, source: Source) -> Sourced<T> {
        Sourced { value, source }
    }
}

/// The agent inside a session; all `None` for the main one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agent {
    /// Constant through a sub-agent's calls.
    pub id: Option<String>,
    /// The agent that started it, when that is not the main one.
    pub parent_id: Option<String>,
    /// `Explore`, `Plan`, `general-purpose`, `custom`, …
    pub kind: Option<String>,
}

/// What is known about the sender of one request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Identity {
    /// The conversation it belongs to.
    pub session: Option<Sourced<String>>,
    /// The agent that asks.
    pub agent: Agent,
    /// The kind of call: `main`, `subagent`, `workflow`, `compaction`, `auxiliary` as the client names them, and, guessed,
    /// `title`, `web_search`, `quota_probe`, `count_tokens`.
    pub request_class: Option<Sourced<String>>,
    /// The program that sent it.
    pub client: Option<Client>,
    /// One for all calls that follow from one prompt of the user.
    pub prompt_id: Option<String>,
    /// The client's own id of the request.
    pub client_request_id: Option<String>,
    /// One for each configuration folder of the client.
    pub device_id: Option<String>,
    /// The account, when the client is logged in.
    pub account_id: Option<String>,
    /// Where the client works.
    pub working_directory: Option<Sourced<String>>,
    /// Why a compaction runs: `auto`, `manual`, `reactive`.
    pub compaction: Option<String>,
    /// That the context before this call was compacted, and why.
    pub context_compacted: Option<String>,
    /// The tools that ran before this call, with their milliseconds.
    pub tool_durations: Vec<(String, u64)>,
}

/// Reads who sent a request to `path` (a query may follow). `request` is `None` until its body has come, or when it has none.
///
/// Of repeated headers the first counts; names are compared without regard to case.
pub fn identify<'a>(
    path: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    request: Option<&MessageRequest>,
) -> Identity {
    let mut identity = Identity::default();
    let mut stated = class::Stated::default();
    for (name, value) in headers {
        let value = value.trim();
        if !value.is_empty() {
            take_header(&mut identity, &mut stated, &name.to_ascii_lowercase(), value);
        }
    }
    if let Some(request) = request {
        take_body(&mut identity, &mut stated, request);
    }
    identity.request_class = class::of(path, &identity, &stated, request);
    identity
}

fn take_header(identity: &mut Identity, stated: &mut class::Stated, name: &str, value: &str) {
    let first = |field: &mut Option<String>| {
        field.get_or_insert_with(|| value.to_owned());
    };
    match name {
        "x-claude-code-session-id" => {
            identity.session.get_or_insert_with(|| Sourced::new(value.to_owned(), Source::Header));
        }
        "x-claude-code-agent-id" => first(&mut identity.agent.id),
        "x-claude-code-parent-agent-id" => first(&mut identity.agent.parent_id),
        "x-claude-code-agent-type" => first(&mut identity.agent.kind),
        "x-claude-code-request-class" => first(&mut stated.class),
        "x-claude-code-compaction" => first(&mut identity.compaction),
        "x-claude-code-context-compacted" => first(&mut identity.context_compacted),
        "x-claude-code-prev-tool-durations" => identity.tool_durations = client::tool_durations(value),
        "x-claude-code-prompt-id" => first(&mut identity.prompt_id),
        "x-client-request-id" => first(&mut identity.client_request_id),
        "user-agent" => {
            identity.client.get_or_insert_with(|| Client::from_user_agent(value));
        }
        _ => {}
    }
}

fn take_body(identity: &mut Identity, stated: &mut class::Stated, request: &MessageRequest) {
    if let Some(user) = request.metadata_user_id.as_deref().map(metadata::read) {
        if let Some(session) = user.session {
            identity.session.get_or_insert_with(|| Sourced::new(session, Source::Metadata));
        }
        identity.device_id = user.device;
        identity.account_id = user.account;
    }
    let attribution = request.system.first().map(|text| client::Attribution::read(text)).unwrap_or_default();
    stated.is_subagent = attribution.is_subagent;
    if let Some(client) = identity.client.as_mut().filter(|client| client.name == client::CLAUDE_CODE) {
        client.entrypoint = client.entrypoint.take().or(attribution.entrypoint);
    } else if let Some(version) = attribution.version {
        identity.client = Some(Client {
            name: client::CLAUDE_CODE.to_owned(),
            version: Some(version),
            entrypoint: attribution.entrypoint,
        });
    }
    identity.working_directory =
        request.working_directory.clone().map(|found| Sourced::new(found, Source::Inferred));
}
