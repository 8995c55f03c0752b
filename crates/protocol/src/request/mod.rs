//! What a request to `/v1/messages` or `count_tokens` asks for: what identity and lists need, without its conversation.
//!
//! Values that are not needed are skipped unread, so that a body of 30 MB is cheap, and what is odd inside them (lone
//! surrogates, endless nesting) does no harm. Texts are bounded copies.

mod text;

use crate::json::{self, Raw, Top};
use crate::problem::{Problem, Problems};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;

/// Up to how many bytes of a system block or of a user's text are kept.
pub const TEXT_LIMIT: usize = 4 << 10;

/// How many system blocks are kept.
pub const SYSTEM_LIMIT: usize = 3;

/// A request, reduced. `None`: it was not said, or is of another kind than documented.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MessageRequest {
    /// The model as it was asked for.
    pub model: Option<String>,
    /// Whether the answer shall be a stream.
    pub stream: bool,
    /// The most tokens of output.
    pub max_tokens: Option<u64>,
    /// How random.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Sampling from the most likely.
    pub top_k: Option<u64>,
    /// What ends the answer.
    pub stop_sequences: Vec<String>,
    /// How many messages the conversation has.
    pub message_count: usize,
    /// The tools' names, in order; a tool without one by its type.
    pub tools: Vec<String>,
    /// The types of those tools that Anthropic defines, such as `web_search_20250305`.
    pub typed_tools: Vec<String>,
    /// How many tools are only named, to be looked for (`defer_loading`).
    pub deferred_tools: usize,
    /// How many tools ask for their input to be streamed unbuffered (`eager_input_streaming`).
    pub eager_tools: usize,
    /// The tool that has to be used, by name.
    pub forced_tool: Option<String>,
    /// The first [`SYSTEM_LIMIT`] blocks of the system prompt, each up to [`TEXT_LIMIT`] bytes.
    pub system: Vec<String>,
    /// The directory that the system prompt says the client works in.
    pub working_directory: Option<String>,
    /// The first text that a user wrote: without `<system-reminder>` parts, trimmed, up to [`TEXT_LIMIT`] bytes.
    pub first_user_text: Option<String>,
    /// The last text of the newest user message, likewise. `None` if that message is tool results only.
    pub last_user_text: Option<String>,
    /// Unicode characters of all texts of the newest user message, without `<system-reminder>` parts, however long.
    pub last_user_characters: u64,
    /// `metadata.user_id`, as it is.
    pub metadata_user_id: Option<String>,
    /// The type of `thinking`: `adaptive`, `enabled`, `disabled`.
    pub thinking: Option<String>,
    /// `output_config.effort`.
    pub effort: Option<String>,
    /// The properties of the JSON schema that the answer has to follow.
    pub output_properties: Vec<String>,
    /// `speed`: `fast`.
    pub speed: Option<String>,
    /// `service_tier`.
    pub service_tier: Option<String>,
    /// `diagnostics.previous_message_id`: an exact link to the call before.
    pub previous_message_id: Option<String>,
}

/// Reads a request's body. Whatever comes, it gives what could be read, and what could not.
pub fn parse(body: &[u8]) -> (MessageRequest, Vec<Problem>) {
    let mut problems = Problems::default();
    let text = json::lossy(body);
    if matches!(text, Cow::Owned(_)) {
        problems.add("body", "has bytes that are not UTF-8, replaced by U+FFFD");
    }
    let (top, error) = Top::read(&text);
    if let Some(error) = error {
        problems.add("body", format!("is no valid JSON: {error}"));
    }
    let Some(top) = top else {
        problems.add("body", "is no JSON object");
        return (MessageRequest::default(), problems.into_list());
    };
    let (request, _) = read(&top, None, &mut problems);
    (request, problems.into_list())
}

/// What is known of a request that begins alike.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) request: &'a MessageRequest,
    pub(crate) opening: &'a Opening,
    /// How many messages both have in common at the beginning.
    pub(crate) messages: usize,
    /// Their tools are the same.
    pub(crate) same_tools: bool,
}

/// What the beginning of a conversation says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Opening {
    /// The working directory of the first messages, if they were looked through for one.
    directory: Option<Option<String>>,
    /// Which message has the first text of a user.
    first_user: Option<usize>,
}

/// Reads what a body asks for, with what is `known` of one that begins alike.
pub(crate) fn read(
    top: &Top<'_>,
    known: Option<Known<'_>>,
    problems: &mut Problems,
) -> (MessageRequest, Opening) {
    let mut fields = HashMap::with_capacity(top.entries.len());
    for (key, value) in &top.entries {
        if fields.insert(key.as_ref(), *value).is_some() {
            problems.add("body", format!("has the key {key:?} more than once; the last one counts"));
        }
    }
    Reader { fields, messages: &top.messages, known, problems }.read()
}

struct Reader<'a, 'p> {
    fields: HashMap<&'a str, Raw<'a>>,
    messages: &'a [Raw<'a>],
    known: Option<Known<'p>>,
    problems: &'p mut Problems,
}

impl<'a> Reader<'a, '_> {
    fn read(mut self) -> (MessageRequest, Opening) {
        let mut request = MessageRequest {
            model: self.text("model"),
            stream: self.value("stream").as_bool().unwrap_or(false),
            max_tokens: self.value("max_tokens").as_u64(),
            temperature: self.value("temperature").as_f64(),
            top_p: self.value("top_p").as_f64(),
            top_k: self.value("top_k").as_u64(),
            stop_sequences: strings(&self.value("stop_sequences")),
            speed: self.text("speed"),
            service_tier: self.text("service_tier"),
            metadata_user_id: word(&self.value("metadata"), &["user_id"]),
            thinking: word(&self.value("thinking"), &["type"]),
            previous_message_id: word(&self.value("diagnostics"), &["previous_message_id"]),
            forced_tool: word(&self.value("tool_choice"), &["name"]),
            ..MessageRequest::default()
        };
        let output = self.value("output_config");
        request.effort = word(&output, &["effort"]);
        // `output_format` is the older name.
        let schema = output.pointer("/format/schema/properties").cloned();
        let schema = schema.or_else(|| self.value("output_format").pointer("/schema/properties").cloned());
        request.output_properties = schema
            .as_ref()
            .and_then(Value::as_object)
            .map(|map| map.keys().cloned().collect())
            .unwrap_or_default();
        match self.known.filter(|known| known.same_tools) {
            Some(Known { request: known, .. }) => {
                request.tools.clone_from(&known.tools);
                request.typed_tools.clone_from(&known.typed_tools);
                request.deferred_tools = known.deferred_tools;
                request.eager_tools = known.eager_tools;
            }
            None => self.read_tools(&mut request),
        }
        let opening = self.read_texts(&mut request);
        (request, opening)
    }

    fn read_tools(&mut self, request: &mut MessageRequest) {
        for raw in self.list("tools") {
            let entries = raw.entries().unwrap_or_default();
            let field = |name: &str| {
                let (_, value) = entries.iter().rev().find(|(key, _)| key == name)?;
                json::text(*value).map(|text| text::bounded(&text, TEXT_LIMIT))
            };
            let is_set = |name: &str| {
                entries
                    .iter()
                    .rev()
                    .find(|(key, _)| key == name)
                    .is_some_and(|(_, value)| value.get() == "true")
            };
            request.deferred_tools += usize::from(is_set("defer_loading"));
            request.eager_tools += usize::from(is_set("eager_input_streaming"));
            let kind = field("type").filter(|kind| kind != "custom");
            request.tools.extend(field("name").or_else(|| kind.clone()));
            request.typed_tools.extend(kind);
        }
    }

    fn read_texts(&mut self, request: &mut MessageRequest) -> Opening {
        let system = self.fields.get("system").map(|raw| text::texts(*raw)).unwrap_or_default();
        self.check_list("messages");
        let messages: Vec<text::Turn<'_>> = self.messages.iter().copied().map(text::Turn::new).collect();
        request.message_count = messages.len();
        request.system =
            system.iter().take(SYSTEM_LIMIT).map(|block| text::bounded(block, TEXT_LIMIT)).collect();
        let mut opening = Opening::default();
        request.working_directory = text::directory_of_system(&system).or_else(|| {
            let known = self.known.filter(|known| known.messages >= text::OPENING);
            let known = known.and_then(|known| known.opening.directory.clone());
            opening.directory.insert(known.unwrap_or_else(|| text::directory_of_opening(&messages))).clone()
        });
        let known = self.known.filter(|known| known.opening.first_user.is_some_and(|at| at < known.messages));
        (opening.first_user, request.first_user_text) = match known {
            Some(known) => (known.opening.first_user, known.request.first_user_text.clone()),
            None => text::first_of_user(&messages).unzip(),
        };
        request.last_user_text = text::last_of_user(&messages);
        request.last_user_characters = text::characters_of_newest(&messages);
        opening
    }

    /// The elements of a field that has to be a list.
    fn list(&mut self, name: &str) -> Vec<Raw<'a>> {
        self.check_list(name);
        self.fields.get(name).copied().map(json::elements).unwrap_or_default()
    }

    fn check_list(&mut self, name: &str) {
        if let Some(raw) = self.fields.get(name).map(|raw| raw.get())
            && !raw.starts_with('[')
            && raw != "null"
        {
            self.problems.add(name, "is no list");
        }
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let raw = self.fields.get(name).copied()?;
        let text = json::text(raw).map(Cow::into_owned);
        if text.is_none() && raw.get() != "null" {
            self.problems.add(name, "is no text");
        }
        text
    }

    /// A field that is small in every sane request.
    fn value(&mut self, name: &str) -> Value {
        match self.fields.get(name) {
            Some(raw) => json::read(raw.get().as_bytes(), name, self.problems).value,
            None => Value::Null,
        }
    }
}

fn word(value: &Value, path: &[&str]) -> Option<String> {
    path.iter().try_fold(value, |value, name| value.get(name))?.as_str().map(str::to_owned)
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
