//! `POST /v1/messages`.

use std::time::Duration;

use serde_json::Value;

use super::conversation::Conversation;
use super::error::ApiError;
use super::message::{Message, Usage, tokens_of_bytes};
use super::stream::{self, Style};
use super::{Answer, Api, Request, json};
use crate::directive::{self, Turn};
use crate::reply::{Body, Reply};

impl Api {
    pub(super) fn messages(
        &self,
        request: &Request<'_>,
        asked: Option<Vec<Turn>>,
        request_id: &str,
    ) -> Result<Answer, ApiError> {
        let body = json::parse(&request.body)
            .map_err(|error| ApiError::invalid(format!("The request body is not valid JSON: {error}")))?;
        check(&body)?;
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
        let composed = self.compose(&conversation, &turn);
        let mut message = Message {
            id: self.new_id("msg"),
            model: conversation.model().to_owned(),
            content: composed.content,
            stop_reason: composed.stop_reason,
            usage: Usage { input: tokens_of_bytes(request.body.len()), ..Usage::default() },
        };
        count_output(&mut message);

        let error = self.due(request, faults.error_in_stream.as_ref(), &attempt);
        let reply = if conversation.streams() {
            let style = Style {
                gap: faults.drip.unwrap_or(Duration::ZERO),
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
        Ok(Answer { reply, faults, first_byte: Duration::ZERO })
    }
}

/// The turn that directives of the header, or else of the prompt, ask for now.
fn turn_of(conversation: &Conversation<'_>, asked: Option<Vec<Turn>>) -> Result<Turn, ApiError> {
    let turns = match asked {
        Some(turns) => turns,
        // A title is asked for by quoting the prompt, directives and all: they are not meant for it.
        None if conversation.answer_schema().is_some() => Vec::new(),
        None => directive::parse(&conversation.prompt).map_err(ApiError::invalid)?,
    };
    Ok(turns.into_iter().nth(conversation.turn).unwrap_or_default())
}

fn check(body: &Value) -> Result<(), ApiError> {
    for key in ["model", "messages", "max_tokens"] {
        if body.get(key).is_none_or(Value::is_null) {
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
        if block["type"] == "thinking" {
            message.usage.thinking += tokens;
        }
    }
}
