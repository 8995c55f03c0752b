//! Conversations to read: prompts, thinking folded, tool calls, results, usage.

use super::conversation::{self, Part, Turn};
use super::{Format, Item, Opening};
use crate::view;
use std::fmt::Write as _;
use std::io::{self, Write};

/// One chapter an exchange.
pub(super) struct Markdown;

impl Format for Markdown {
    fn content_type(&self) -> &'static str {
        "text/markdown; charset=utf-8"
    }

    fn extension(&self) -> &'static str {
        "md"
    }

    fn begin(&mut self, out: &mut dyn Write, opening: &Opening) -> io::Result<()> {
        let redacted = if opening.redacted { " Personal things were taken out." } else { "" };
        writeln!(out, "_Recorded by anthropic-proxy, written {}.{redacted}_", view::iso(opening.made_us))
    }

    fn exchange(&mut self, out: &mut dyn Write, item: &Item<'_>) -> io::Result<()> {
        out.write_all(chapter(item).as_bytes())
    }

    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

fn chapter(item: &Item<'_>) -> String {
    let exchange = &item.recorded.exchange;
    let conversation = conversation::read(item);
    let title = exchange.model.as_deref().unwrap_or("Request");
    let mut text = format!("\n# {} · {}\n\n", line(title), view::iso(exchange.started_us));
    for (name, value) in conversation::facts(exchange) {
        let _ = writeln!(text, "- {name}: {}", code(&value));
    }
    if !conversation.tools.is_empty() {
        let tools: Vec<_> = conversation.tools.iter().map(|tool| code(tool)).collect();
        let _ = writeln!(text, "- tools offered: {}", tools.join(", "));
    }
    for why in &conversation.missing {
        let _ = writeln!(text, "- {}", line(why));
    }
    for turn in &conversation.asked {
        put_turn(&mut text, turn, &turn.who);
    }
    if let Some(turn) = &conversation.answered {
        put_turn(&mut text, turn, "answer");
    }
    if let Some(error) = &exchange.error {
        let _ = write!(text, "\n## error\n\n{}: {}\n", code(&error.kind), line(&error.message));
    }
    text
}

fn put_turn(text: &mut String, turn: &Turn, title: &str) {
    let _ = write!(text, "\n## {}\n", line(title));
    for part in &turn.parts {
        put_part(text, part);
    }
}

fn put_part(text: &mut String, part: &Part) {
    match part {
        // What people and models write is Markdown already; a heading of theirs must not look like one of ours.
        Part::Text(said) => {
            let _ = write!(text, "\n{}\n", as_written(said));
        }
        Part::Thinking(thought) => {
            let _ = write!(
                text,
                "\n<details><summary>thinking</summary>\n\n{}\n</details>\n",
                fenced("", thought)
            );
        }
        Part::Call { name, id, input } => {
            let _ = write!(text, "\n**calls {}** {}\n\n{}", code(name), code(id), fenced("json", input));
        }
        Part::Result { id, failed, parts } => {
            let what = if *failed { "failed" } else { "result" };
            let _ = write!(text, "\n**{what}** {}\n", code(id));
            for part in parts {
                match part {
                    Part::Text(result) => {
                        let _ = write!(text, "\n{}", fenced("", result));
                    }
                    other => put_part(text, other),
                }
            }
        }
        Part::Other { kind, text: inside } => {
            let _ = write!(text, "\n{}\n\n{}", code(kind), fenced("", inside));
        }
    }
}

/// A block of code whose fence is longer than any inside.
pub(crate) fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|sign| sign != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
    format!("{fence}{language}\n{text}{end}{fence}\n")
}

/// A short text as code, on one line.
pub(crate) fn code(text: &str) -> String {
    let longest = text.split(|sign| sign != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    match line(text).as_str() {
        "" => String::new(),
        text => format!("{fence}{pad}{text}{pad}{fence}"),
    }
}

/// A text on one line.
pub(crate) fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is written in Markdown stays so, with two exceptions outside of its own code: headings go three levels down, and what would be
/// markup or load an image is shown as it stands.
fn as_written(text: &str) -> String {
    let mut in_fence = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        let start = line.trim_start();
        let is_fence = start.starts_with("```") || start.starts_with("~~~");
        if is_fence {
            in_fence = !in_fence;
        }
        if is_fence || in_fence {
            lines.push(line.to_owned());
        } else if start.starts_with('#') {
            lines.push(format!("###{}", harmless(start)));
        } else {
            lines.push(harmless(line));
        }
    }
    if in_fence {
        lines.push("```".to_owned());
    }
    lines.join("\n")
}

/// A line without markup, save inside of `code`.
fn harmless(line: &str) -> String {
    let mut safe = String::with_capacity(line.len());
    // A backtick without a second one begins no code.
    for (number, part) in line.split('`').enumerate() {
        if number > 0 {
            safe.push('`');
        }
        let is_code = number % 2 == 1 && line.matches('`').count() > number;
        if is_code {
            safe.push_str(part);
        } else {
            safe.push_str(&part.replace('<', "\\<").replace("![", "!\\["));
        }
    }
    safe
}
