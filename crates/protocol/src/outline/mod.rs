//! A request's prompt in the order of its prefix, as the cache sees it: tools, system, messages.
//!
//! Two requests have a prefix in common as far as the hashes of their parts are equal. What a client changes without the cache
//! noticing does not change a hash: where `cache_control` stands, and whether a text is a plain string or a block.

mod read;

use crate::json::Top;
pub(crate) use read::{Known, read};
use std::ops::Range;

/// A request's prompt, cut into the smallest parts that have a place of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// The model as it was asked for.
    pub model: Option<String>,
    /// `output_config.effort`.
    pub effort: Option<String>,
    /// `speed`: `fast`.
    pub speed: Option<String>,
    /// In prefix order, whatever the order of the fields.
    pub parts: Vec<Part>,
    /// `diagnostics.previous_message_id`: an exact link to the call before.
    pub previous_message_id: Option<String>,
    /// Bytes of the whole body.
    pub body_len: usize,
}

/// One tool, one block of the system prompt, or one block of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
    /// Of its role and all it says, without `cache_control`.
    pub hash: [u8; 16],
    /// Its bytes in the body; those of the plain string where a content is one.
    pub range: Range<usize>,
    /// Its `cache_control`, or that of a block inside a tool's result.
    pub mark: Option<Lifetime>,
}

/// Where a part stands; indices count from 0. A content that is a plain string is block 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "an index is an index")]
pub enum Place {
    /// In `tools`.
    Tool { index: usize },
    /// In `system`.
    System { index: usize },
    /// In the content of one of the `messages`.
    Message { index: usize, block: usize },
}

/// What a part is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The definition of a tool.
    Tool {
        /// Its name; without one its type.
        name: String,
    },
    /// Claude Code's billing line at the head of the system prompt. It changes with each prompt and is no part of the cached prefix.
    Attribution,
    /// A block of the system prompt.
    SystemText,
    /// A text of a user's message.
    UserText,
    /// A text of a message with the role `system`.
    SystemMessage,
    /// A text of the model's.
    AssistantText,
    /// Thinking, readable or not.
    Thinking,
    /// A call of a tool.
    ToolUse {
        /// What its result refers to.
        id: String,
        /// The tool's name.
        name: String,
    },
    /// What a tool gave back.
    ToolResult {
        /// The call it answers.
        tool_use_id: String,
    },
    /// An image that stands beside the results of tools.
    Image,
    /// A document likewise.
    Document,
    /// Anything else, by its type.
    Other(String),
}

/// For how long a mark lets the cache live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifetime {
    /// The default.
    FiveMinutes,
    /// `ttl: 1h`.
    OneHour,
}

/// Outlines a request's body. Whatever comes, it gives what could be read.
pub fn outline(body: &[u8]) -> Outline {
    let text = same_length(body);
    match Top::read(&text).0 {
        Some(top) => read(&top, None),
        None => Outline { body_len: body.len(), ..Outline::default() },
    }
}

/// The body as text of the very same length, so that ranges hold: bytes that are not UTF-8 become question marks.
fn same_length(body: &[u8]) -> std::borrow::Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(body) {
        return text.into();
    }
    let mut text = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    text.into()
}
