//! `POST /v1/messages`.

use std::time::Duration;

use serde_json::Value;

use super::conversation::Conversation;
use super::error::ApiError;
use super::message::{Message, tokens_of_bytes};
use super::stream::{self, Style};
use super::{Answer, Api, Request, blocks, cache, json};
use crate::directive::{self, Content, Turn};
use crate::mix;
use crate::reply::{Body, Reply};
use crate::server::lock;

impl Api {
    pub(super) fn messages(
        &self,
        request: &Request<'_>,
        asked: Option<Vec<Turn>>,
        request_id: &str,
    ) -> Result<Answer, ApiError> {
        let body = json::parse(&request.body)
            .map_err(|error| ApiError::invalid(format!("The request body is not valid JSON: {error}")))?;
        check(&body, &REQUIRED)?;
        let prefixes = prefixes(&body)?;
        let conversation = Conversation::read(&body);
        let turn = turn_of(&conversation, asked)?;
        let attempt = format!("{}#{}", conversation.turn, conversation.prompt);
        if let Some(failed) = self.failed(request, &turn.faults, &attempt, request_id) {
            return Ok(failed);
        }

        let mut faults = turn.faults.clone();
        if self.due(request, faults.cut.as_ref(), &attempt).is_none() {
            faults.cut = None;
            faults.reset = false;
        }
        let message = self.message(&conversation, &turn, &prefixes);
        let pace = self.pace(&message.id);
        let error = self.due(request, faults.error_in_stream.as_ref(), &attempt);
        let reply = if conversation.streams() {
            let style = Style {
                gap: faults.drip.unwrap_or(pace.gap),
                silence: faults.silence,
                pings: faults.pings,
                crlf: faults.crlf,
                tight: faults.tight,
                no_message_stop: faults.no_message_stop,
                error: error.map(|kind| ApiError::of_kind(kind).json(request_id)),
            };
            let headers = vec![
                ("content-type".to_owned(), "text/event-stream; charset=utf-8".to_owned()),
                ("cache-control".to_owned(), "no-cache".to_owned()),
            ];
            Reply { status: 200, headers, body: Body::Frames(stream::frames(&message, &style)) }
        } else {
            Reply::json(200, &message.json())
        };
        Ok(Answer { reply, faults, first_byte: pace.first_byte })
    }

    /// How fast this answer comes: at once, unless the simulator is to look real.
    fn pace(&self, id: &str) -> Pace {
        if !self.options.realistic {
            return Pace { first_byte: Duration::ZERO, gap: Duration::ZERO };
        }
        let dice = id.bytes().fold(self.options.seed, |state, byte| mix(state ^ u64::from(byte)));
        Pace {
            first_byte: Duration::from_millis(350 + dice % 1400),
            gap: Duration::from_millis(25 + (dice >> 20) % 50),
        }
    }

    /// `POST /v1/messages/count_tokens`.
    pub(super) fn count_tokens(&self, request: &Request<'_>) -> Result<Reply, ApiError> {
        let body = json::parse(&request.body).map_err(ApiError::invalid)?;
        check(&body, &["model", "messages"])?;
        Ok(Reply::json(
            200,
            &serde_json::json!({"input_tokens": cache::total_tokens(&cache::prefixes(&body))}),
        ))
    }

    /// The whole message for the parameters of a batch's request.
    pub(super) fn message_for(&self, request: &Request<'_>, parameters: &Value) -> Result<Value, ApiError> {
        check(parameters, &REQUIRED)?;
        let conversation = Conversation::read(parameters);
        let turn = turn_of(&conversation, None)?;
        if let Some(status) = self.due(request, turn.faults.error.as_ref(), &conversation.prompt) {
            return Err(ApiError::of_status(*status));
        }
        Ok(self.message(&conversation, &turn, &prefixes(parameters)?).json())
    }

    fn message(&self, conversation: &Conversation<'_>, turn: &Turn, prefixes: &[cache::Prefix]) -> Message {
        let composed = self.compose(conversation, turn);
        let now = self.clock().epoch_seconds();
        let mut message = Message {
            id: self.new_id("msg"),
            model: conversation.model().to_owned(),
            content: composed.content,
            stop_reason: composed.stop_reason,
            usage: lock(&self.cache).charge(prefixes, conversation.model(), now, turn.faults.cold),
        };
        count_output(&mut message);
        lock(&self.limits).add(message.usage, now);
        message
    }
}

struct Pace {
    first_byte: Duration,
    gap: Duration,
}

/// Fields a Messages request must have.
const REQUIRED: [&str; 3] = ["model", "messages", "max_tokens"];

/// The prefixes of a request, unless it marks too many.
pub(super) fn prefixes(body: &Value) -> Result<Vec<cache::Prefix>, ApiError> {
    let prefixes = cache::prefixes(body);
    let marks = cache::marks(&prefixes);
    if marks > cache::MAX_MARKS {
        let most = cache::MAX_MARKS;
        let message =
            format!("A maximum of {most} blocks with cache_control may be provided. Found {marks}.");
        return Err(ApiError::invalid(message));
    }
    Ok(prefixes)
}

/// The turn that directives of the header, or else of the prompt, ask for now.
fn turn_of(conversation: &Conversation<'_>, asked: Option<Vec<Turn>>) -> Result<Turn, ApiError> {
    let turns = match asked {
        Some(turns) => turns,
        // A title is asked for by quoting the prompt, directives and all: they are not meant for it.
        None if conversation.answer_schema().is_some() => Vec::new(),
        None => directive::parse(&conversation.prompt).map_err(ApiError::invalid)?,
    };
    for content in turns.iter().flat_map(|turn| &turn.content) {
        if let Content::Blocks(kind) = content
            && kind != "all"
            && !blocks::TYPES.contains(&kind.as_str())
        {
            let known = blocks::TYPES.join(", ");
            return Err(ApiError::invalid(format!("simulator: no blocks {kind:?}; there are all, {known}")));
        }
    }
    Ok(turns.into_iter().nth(conversation.turn).unwrap_or_default())
}

fn check(body: &Value, required: &[&str]) -> Result<(), ApiError> {
    for key in required {
        if body.get(*key).is_none_or(Value::is_null) {
            return Err(ApiError::invalid(format!("{key}: Field required")));
        }
    }
    let Some(model) = body["model"].as_str() else {
        return Err(ApiError::invalid("model: Input should be a valid string"));
    };
    if !model.starts_with("claude") {
        return Err(ApiError::not_found(format!("model: {model}")));
    }
    match body["messages"].as_array().map(Vec::len) {
        None => Err(ApiError::invalid("messages: Input should be a valid array")),
        Some(0) => Err(ApiError::invalid("messages: at least one message is required")),
        Some(_) => Ok(()),
    }
}

fn count_output(message: &mut Message) {
    for block in &message.content {
        let bytes = match block["type"].as_str() {
            Some("text") => block["text"].as_str().map_or(0, str::len),
            Some("thinking") => block["thinking"].as_str().map_or(0, str::len),
            _ => block.to_string().len(),
        };
        let tokens = tokens_of_bytes(bytes).max(1);
        message.usage.output += tokens;
        if block["type"] == "web_search_tool_result" {
            message.usage.web_searches += 1;
            message.usage.grown_input += tokens_of_bytes(block.to_string().len());
        }
        if block["type"] == "thinking" {
            message.usage.thinking += tokens;
        }
    }
}
