//! The texts of a conversation: who wrote them, without what the client put between.

use super::TEXT_LIMIT;
use crate::json::{self, Raw};
use memchr::memmem;
use std::borrow::Cow;

const REMINDER: &str = "<system-reminder>";
const REMINDER_END: &str = "</system-reminder>";

/// Before the working directory in Claude Code's prompts, newer form first.
const DIRECTORY_LABELS: [&str; 2] = ["Primary working directory:", "Working directory:"];

/// The working directory is told at the beginning of a conversation, if at all.
pub(super) const OPENING: usize = 4;

/// One message of the conversation, its content unread.
pub(super) struct Turn<'a> {
    raw: Raw<'a>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(raw: Raw<'a>) -> Turn<'a> {
        Turn { raw }
    }

    fn field(&self, name: &str) -> Option<Raw<'a>> {
        self.raw.entries()?.into_iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    fn is_by(&self, role: &str) -> bool {
        self.field("role").and_then(json::text).is_some_and(|found| found == role)
    }

    fn texts(&self) -> Vec<Cow<'a, str>> {
        self.field("content").map(texts).unwrap_or_default()
    }
}

/// The texts of a content: of a plain string, or of its `text` blocks.
pub(super) fn texts(content: Raw<'_>) -> Vec<Cow<'_, str>> {
    if let Some(text) = json::text(content) {
        return vec![text];
    }
    json::elements(content).into_iter().filter_map(block_text).collect()
}

fn block_text(block: Raw<'_>) -> Option<Cow<'_, str>> {
    let entries = block.entries()?;
    let field = |name: &str| entries.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value);
    let kind = field("type").and_then(json::text);
    if kind.is_some_and(|kind| kind != "text") { None } else { json::text(field("text")?) }
}

/// With the number of its message.
pub(super) fn first_of_user(messages: &[Turn<'_>]) -> Option<(usize, String)> {
    let mut by_user = messages.iter().enumerate().filter(|(_, turn)| turn.is_by("user"));
    by_user.find_map(|(at, turn)| Some((at, turn.texts().iter().find_map(|text| written(text))?)))
}

/// Unicode characters of what is newly asked in words, client's reminders left out, however long.
pub(super) fn characters_of_newest(messages: &[Turn<'_>]) -> u64 {
    let Some(newest) = messages.iter().rev().find(|turn| turn.is_by("user")) else { return 0 };
    newest.texts().iter().map(|text| without_reminders(text).trim().chars().count() as u64).sum()
}

/// A text without the parts that the client put into it.
fn without_reminders(text: &str) -> Cow<'_, str> {
    let Some((before, reminder)) =
        memmem::find(text.as_bytes(), REMINDER.as_bytes()).and_then(|at| text.split_at_checked(at))
    else {
        return Cow::Borrowed(text);
    };
    let mut kept = before.to_owned();
    let mut rest = reminder;
    while let Some((before, reminder)) = rest.split_once(REMINDER) {
        kept.push_str(before);
        rest = reminder.split_once(REMINDER_END).map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

pub(super) fn last_of_user(messages: &[Turn<'_>]) -> Option<String> {
    let newest = messages.iter().rev().find(|turn| turn.is_by("user"))?;
    newest.texts().iter().rev().find_map(|text| written(text))
}

/// What a person or a parent agent wrote in a text; `None` if all of it comes from the client.
fn written(text: &str) -> Option<String> {
    let kept = without_reminders(text);
    let kept = kept.trim();
    (!kept.is_empty()).then(|| bounded(kept, TEXT_LIMIT))
}

pub(super) fn directory_of_system(system: &[Cow<'_, str>]) -> Option<String> {
    system.iter().find_map(|text| directory_in(text))
}

pub(super) fn directory_of_opening(messages: &[Turn<'_>]) -> Option<String> {
    messages.iter().take(OPENING).flat_map(Turn::texts).find_map(|text| directory_in(&text))
}

fn directory_in(text: &str) -> Option<String> {
    let after = DIRECTORY_LABELS.iter().find_map(|label| {
        memmem::find(text.as_bytes(), label.as_bytes()).and_then(|at| text.get(at + label.len()..))
    })?;
    let line = after.lines().next()?.trim();
    (!line.is_empty()).then(|| bounded(line, TEXT_LIMIT))
}

/// The beginning of a text, up to `limit` bytes, never half a character.
pub(super) fn bounded(text: &str, limit: usize) -> String {
    text[..text.floor_char_boundary(limit)].to_owned()
}
