//! What a text of a user's message is made of: what was written, what the client put in as `<system-reminder>`, and in that the
//! files of instructions.
//!
//! Claude Code writes a file as a line `Contents of /path/CLAUDE.md (what it is):`, an empty line, and its text; several files
//! stand in one reminder, one after the other.

use super::item::{Category, Item};

const REMINDER: &str = "<system-reminder>";
const REMINDER_END: &str = "</system-reminder>";

/// Before the path of a file of instructions.
const FILE: &str = "Contents of ";

/// Lines with which a file ends in what older clients send: other context follows.
const AFTER_FILES: [&str; 2] = ["# currentDate", "      IMPORTANT: this context"];

/// Bytes of a path that are kept.
const PATH_LIMIT: usize = 512;

/// The parts of a text and their bytes, in order. The bytes add up to the text's; `written` is what stands outside of reminders.
pub(super) fn split(text: &str, written: &Item) -> Vec<(Item, usize)> {
    let mut parts = Parts::default();
    let mut rest = text;
    while let Some(start) = rest.find(REMINDER) {
        parts.push_written(&rest[..start], written);
        let reminder = &rest[start..];
        let end = reminder.find(REMINDER_END).map_or(reminder.len(), |end| end + REMINDER_END.len());
        split_reminder(&reminder[..end], &mut parts);
        rest = &reminder[end..];
    }
    parts.push_written(rest, written);
    if parts.0.is_empty() {
        parts.0.push((written.clone(), 0));
    }
    parts.0
}

#[derive(Default)]
struct Parts(Vec<(Item, usize)>);

impl Parts {
    fn push(&mut self, item: Item, bytes: usize) {
        match self.0.last_mut() {
            _ if bytes == 0 => {}
            Some((last, length)) if *last == item => *length += bytes,
            _ => self.0.push((item, bytes)),
        }
    }

    /// Blanks between reminders are nobody's writing: they count to what stands before them.
    fn push_written(&mut self, text: &str, written: &Item) {
        match self.0.last_mut() {
            Some((_, length)) if text.trim().is_empty() => *length += text.len(),
            _ => self.push(written.clone(), text.len()),
        }
    }
}

fn split_reminder(reminder: &str, parts: &mut Parts) {
    let mut item = Item::of(Category::Reminder);
    let mut after_blank = false;
    for line in reminder.split_inclusive('\n') {
        let words = line.strip_prefix(REMINDER).unwrap_or(line).trim_end();
        let first = line.len() != words.len() && line.starts_with(REMINDER);
        if let Some(path) = file(words).filter(|_| after_blank || first) {
            item = Item::named(Category::Instructions, path);
        } else if words == REMINDER_END || AFTER_FILES.iter().any(|after| line.starts_with(after)) {
            item = Item::of(Category::Reminder);
        }
        // The tag alone on its line is as good as the beginning.
        after_blank = words.is_empty();
        parts.push(item.clone(), line.len());
    }
}

/// The path that a line announces the contents of.
fn file(line: &str) -> Option<&str> {
    let named = line.strip_prefix(FILE)?.strip_suffix(':')?;
    let path = match named.strip_suffix(')') {
        Some(explained) => explained.split_once(" (").map_or(named, |(path, _)| path),
        None => named,
    };
    let path = path.trim();
    let looks_like_one = path.contains(['/', '\\']) || path.ends_with(".md");
    (looks_like_one && !path.is_empty()).then(|| &path[..path.floor_char_boundary(PATH_LIMIT)])
}

/// The first words of a text, to tell blocks apart: of its first line that has any.
pub(super) fn first_words(text: &str) -> String {
    const LIMIT: usize = 60;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let words = line.trim_start_matches('#').trim_start();
    let mut end = words.floor_char_boundary(LIMIT);
    if end < words.len() {
        end = words[..end].rfind(' ').unwrap_or(end);
        return format!("{}…", &words[..end]);
    }
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(text: &str) -> Vec<String> {
        let named =
            |(item, bytes): (Item, usize)| format!("{} {} {bytes}", item.category.as_str(), item.name);
        split(text, &Item::of(Category::UserText)).into_iter().map(named).collect()
    }

    #[test]
    fn what_the_client_put_in_is_told_from_what_was_written() {
        let files = "<system-reminder>\nFollow these.\n\nContents of /home/me/.claude/CLAUDE.md (user's private global instructions):\n\nBe brief.\n\nContents of /work/CLAUDE.md (project instructions, checked into the codebase):\n\nUse tabs.\n</system-reminder>";
        let nested = "<system-reminder>\nContents of /work/sub/AGENTS.md:\n\nRules\n\n</system-reminder>";
        let older = "<system-reminder>\n# claudeMd\n\nContents of /work/CLAUDE.md (project):\n\nUse tabs.\n# currentDate\nToday\n</system-reminder>\nHello";
        let cases: [(&str, &[&str]); 9] = [
            ("", &["user_text  0"]),
            ("hello", &["user_text  5"]),
            ("<system-reminder>x</system-reminder>\n", &["reminder  37"]),
            ("a<system-reminder>x</system-reminder> b", &["user_text  1", "reminder  36", "user_text  2"]),
            ("a<system-reminder>never closed", &["user_text  1", "reminder  29"]),
            (
                files,
                &[
                    "reminder  33",
                    "instructions /home/me/.claude/CLAUDE.md 89",
                    "instructions /work/CLAUDE.md 90",
                    "reminder  18",
                ],
            ),
            (nested, &["reminder  18", "instructions /work/sub/AGENTS.md 41", "reminder  18"]),
            (older, &["reminder  30", "instructions /work/CLAUDE.md 50", "reminder  38", "user_text  6"]),
            ("Contents of /work/CLAUDE.md:\n\nby hand", &["user_text  37"]),
        ];
        for (text, expected) in cases {
            assert_eq!(names(text), expected, "{text}");
        }
    }

    #[test]
    fn the_first_words_name_a_block() {
        let long = "You are an agent working with the user toward their goals, using your own judgment.";
        for (text, words) in [
            ("\n# Environment\nmore", "Environment"),
            (long, "You are an agent working with the user toward their goals,…"),
            ("", ""),
        ] {
            assert_eq!(first_words(text), words);
        }
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(text in "(<system-reminder>|</system-reminder>|Contents of /a.md:|\n|é| |x){0,30}") {
            let parts = split(&text, &Item::of(Category::UserText));
            prop_assert_eq!(parts.iter().map(|(_, bytes)| bytes).sum::<usize>(), text.len());
        }
    }
}
