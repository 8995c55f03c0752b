//! One request as the report shows it: what was asked, what came, and the whole of it as far as a page can carry it.

use crate::reading::header;
use crate::recorded::{MAX_BODY, Recorded};
use crate::view::{self, types::RequestRow};
use protocol::coding;
use serde::Serialize;
use serde_json::Value;

/// Characters of a text that are shown.
const EXCERPT: usize = 4_000;

/// Bytes of one body that a report carries; what is longer is in the export.
const BODY: usize = 32 << 10;

/// One request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    /// From 1, the newest first.
    pub(super) number: u64,
    #[serde(flatten)]
    pub(super) row: RequestRow,
    /// What the newest user message says; the beginning.
    pub(super) user_text: String,
    /// What the answer says; the beginning.
    pub(super) answer: String,
    /// The request's body: JSON, a text, or a sentence that says why it is not here.
    pub(super) request_body: Value,
    /// Likewise, of the answer: the message put together, or the body.
    pub(super) response_body: Value,
}

/// Reads what is shown of a request.
pub(super) fn shown(number: u64, recorded: &Recorded) -> Shown {
    let exchange = &recorded.exchange;
    let request = recorded.request.as_ref().map(|body| {
        let encoding = header(&exchange.request_headers, "content-encoding");
        coding::decode(encoding, &body.bytes, MAX_BODY as u64).0
    });
    let asked = request.as_deref().filter(|_| exchange.model.is_some()).map(protocol::request::parse);
    let reading =
        recorded.response.as_ref().map(|body| view::read_answer(exchange, &body.bytes, &recorded.frames).1);
    let message = reading.and_then(|reading| reading.message);
    let answer = message.as_ref().map(view::text_of).unwrap_or_default();
    let response_body = match (&message, &recorded.response) {
        (Some(message), _) => {
            bounded(serde_json::to_value(message).unwrap_or_default(), exchange.response_bytes)
        }
        (None, Some(body)) => {
            let encoding = header(&exchange.response_headers, "content-encoding");
            text(&coding::decode(encoding, &body.bytes, MAX_BODY as u64).0)
        }
        (None, None) => not_here(exchange.response_bytes),
    };
    let user_text =
        asked.and_then(|(request, _)| request.last_user_text.or(request.first_user_text)).unwrap_or_default();
    Shown {
        number,
        row: view::row(exchange),
        user_text: excerpt(&user_text, EXCERPT),
        answer: excerpt(&answer, EXCERPT),
        request_body: request.as_deref().map_or_else(|| not_here(exchange.request_bytes), text),
        response_body,
    }
}

fn not_here(length: u64) -> Value {
    if length == 0 {
        Value::Null
    } else {
        Value::String(format!("[{length} bytes, not recorded or too large]"))
    }
}

fn text(body: &[u8]) -> Value {
    if body.len() > BODY {
        return too_long(body.len() as u64);
    }
    match protocol::lenient(body) {
        Value::Null => Value::String(String::from_utf8_lossy(body).into_owned()),
        value => value,
    }
}

fn bounded(value: Value, length: u64) -> Value {
    let is_long = serde_json::to_string(&value).map_or(true, |text| text.len() > BODY);
    if is_long { too_long(length) } else { value }
}

fn too_long(length: u64) -> Value {
    Value::String(format!("[{length} bytes: too long for a report; the export has them]"))
}

/// The first characters of a text, with a sign that it goes on.
pub(super) fn excerpt(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
