//! The keys of the language, and how their values are read.

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, ToSpan as _, Zoned};

/// A key of the language, for people who complete it.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As it is written, without the colon.
    pub name: &'static str,
    /// What it asks for.
    pub about: &'static str,
    /// A term with it.
    pub example: &'static str,
}

const fn key(name: &'static str, about: &'static str, example: &'static str) -> Key {
    Key { name, about, example }
}

/// All keys there are.
pub const KEYS: &[Key] = &[
    key("status", "pending, success or error", "status:error"),
    key(
        "outcome",
        "what became of it: complete, upstream_error, truncated, …; none while it runs",
        "outcome:client_aborted",
    ),
    key("model", "the model asked for or served", "model:claude-opus*"),
    key("session", "the conversation", "session:none"),
    key("agent", "an agent's id or type", "agent:Explore"),
    key("class", "the kind of call", "class:subagent"),
    key("tool", "a tool that the answer calls", "tool:Bash"),
    key("stop", "why the model stopped", "stop:max_tokens"),
    key("error", "the kind of an error", "error:overloaded_error"),
    key("project", "the folder that the client works in", "project:*/website"),
    key("prompt", "the id of a person's prompt", "prompt:none"),
    key("client", "the program that sent it", "client:claude-cli"),
    key("version", "the program's version", "version:2.1.*"),
    key("credential", "the short hash of the key or token that paid", "credential:1f2e3d4c"),
    key("cause", "why the prompt cache was read or missed", "cause:tools_changed"),
    key("path", "the path without its query", "path:*/count_tokens"),
    key("id", "the beginning of its id", "id:01a207"),
    key("http", "the answer's status", "http:5xx"),
    key("cost", "US dollars, an estimate", "cost:>0.05"),
    key("ttft", "time to the first token", "ttft:>2s"),
    key("gap", "the longest silence within the answer", "gap:>20s"),
    key("lost", "US dollars lost to cache misses, an estimate", "lost:>0.01"),
    key("duration", "time to the end", "duration:1m..5m"),
    key("tokens", "tokens in and out together", "tokens:>100k"),
    key("input", "tokens in, cached ones too", "input:>50k"),
    key("output", "tokens out", "output:>4k"),
    key("thinking", "tokens of thinking", "thinking:>1k"),
    key("cache", "share of the input that was read from the cache", "cache:<0.5"),
    key("size", "bytes of both bodies", "size:>1mb"),
    key("is", "running, pinned, stream, complete, incomplete, error, retry", "is:running"),
    key("has", "thinking, tools, error, session, agent, cache, cost, compaction", "has:thinking"),
    key("since", "begun at or after", "since:2h"),
    key("until", "begun before, or on that day", "until:2026-11-23"),
    key("text", "words in prompts, answers, thinking, tools", "text:\"out of memory\""),
];

/// What is compared as a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Model,
    Session,
    Agent,
    Class,
    Tool,
    Stop,
    Error,
    Project,
    Prompt,
    Client,
    Version,
    Credential,
    Path,
}

impl Name {
    pub(crate) const ALL: [(Name, &'static str); 13] = [
        (Name::Model, "model"),
        (Name::Session, "session"),
        (Name::Agent, "agent"),
        (Name::Class, "class"),
        (Name::Tool, "tool"),
        (Name::Stop, "stop"),
        (Name::Error, "error"),
        (Name::Project, "project"),
        (Name::Prompt, "prompt"),
        (Name::Client, "client"),
        (Name::Version, "version"),
        (Name::Credential, "credential"),
        (Name::Path, "path"),
    ];
}

/// How a name is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// There is none.
    None,
    /// Parts with anything between them; without case.
    Parts(Vec<String>),
}

impl Pattern {
    /// This name, a `*` in it included.
    pub(crate) fn exactly(name: &str) -> Pattern {
        Pattern::Parts(vec![name.to_owned()])
    }
}

/// What is compared as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Http,
    Cost,
    Lost,
    FirstToken,
    Gap,
    Duration,
    Tokens,
    Input,
    Output,
    Thinking,
    Cache,
    Size,
}

impl Measure {
    pub(crate) const ALL: [(Measure, &'static str); 12] = [
        (Measure::Http, "http"),
        (Measure::Cost, "cost"),
        (Measure::Lost, "lost"),
        (Measure::FirstToken, "ttft"),
        (Measure::Gap, "gap"),
        (Measure::Duration, "duration"),
        (Measure::Tokens, "tokens"),
        (Measure::Input, "input"),
        (Measure::Output, "output"),
        (Measure::Thinking, "thinking"),
        (Measure::Cache, "cache"),
        (Measure::Size, "size"),
    ];

    /// Units of a value, the plain one first, with how much each counts.
    pub(crate) fn units(self) -> &'static [(&'static str, i128)] {
        match self {
            Measure::Http => &[("", 1)],
            // Picodollars.
            Measure::Cost | Measure::Lost => {
                &[("", 1_000_000_000_000), ("$", 1_000_000_000_000), ("usd", 1_000_000_000_000)]
            }
            // Microseconds; a bare number is milliseconds.
            Measure::FirstToken | Measure::Gap | Measure::Duration => &[
                ("", 1_000),
                ("us", 1),
                ("ms", 1_000),
                ("s", 1_000_000),
                ("m", 60_000_000),
                ("min", 60_000_000),
                ("h", 3_600_000_000),
            ],
            Measure::Tokens | Measure::Input | Measure::Output | Measure::Thinking => {
                &[("", 1), ("k", 1_000), ("m", 1_000_000)]
            }
            // Millionths.
            Measure::Cache => &[("", 1_000_000), ("%", 10_000)],
            Measure::Size => &[
                ("", 1),
                ("b", 1),
                ("k", 1_000),
                ("kb", 1_000),
                ("m", 1_000_000),
                ("mb", 1_000_000),
                ("gb", 1_000_000_000),
            ],
        }
    }

    pub(crate) fn hint(self) -> &'static str {
        match self {
            Measure::Http => "write http:404, http:5xx, http:>=500 or http:400..499",
            Measure::Cost => "write dollars: cost:>0.05 or cost:0.01..1",
            Measure::Lost => "write dollars: lost:>0.05 or lost:0.01..1",
            Measure::FirstToken | Measure::Gap | Measure::Duration => {
                "write 800ms, 2s, 1.5m or 1h, with > or < before it, or 1s..5s"
            }
            Measure::Tokens | Measure::Input | Measure::Output | Measure::Thinking => {
                "write 500, 10k or 1.5m, with > or < before it, or 10k..20k"
            }
            Measure::Cache => "write a share: cache:<0.5 or cache:>=90%",
            Measure::Size => "write 500, 10kb or 1.5mb, with > or < before it, or 1kb..1mb",
        }
    }
}

/// From and to, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
}

/// What an exchange is or has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flag {
    Running,
    Pinned,
    Stream,
    Complete,
    Incomplete,
    IsError,
    Retry,
    Thinking,
    Tools,
    HasError,
    Session,
    Agent,
    Cache,
    Cost,
    Compaction,
}

impl Flag {
    pub(crate) const ALL: [(Flag, &'static str, &'static str); 15] = [
        (Flag::Running, "is", "running"),
        (Flag::Pinned, "is", "pinned"),
        (Flag::Stream, "is", "stream"),
        (Flag::Complete, "is", "complete"),
        (Flag::Incomplete, "is", "incomplete"),
        (Flag::IsError, "is", "error"),
        (Flag::Retry, "is", "retry"),
        (Flag::Thinking, "has", "thinking"),
        (Flag::Tools, "has", "tools"),
        (Flag::HasError, "has", "error"),
        (Flag::Session, "has", "session"),
        (Flag::Agent, "has", "agent"),
        (Flag::Cache, "has", "cache"),
        (Flag::Cost, "has", "cost"),
        (Flag::Compaction, "has", "compaction"),
    ];
}

/// `>5`, `>=5`, `<5`, `<=5`, `=5`, `5`, `1..5`, `1..`, `..5`; of statuses also `5xx`.
pub(crate) fn bounds(measure: Measure, text: &str) -> Option<Bounds> {
    if measure == Measure::Http
        && let [first @ b'1'..=b'9', b'x' | b'X', b'x' | b'X'] = text.as_bytes()
    {
        let hundreds = i64::from(first - b'0') * 100;
        return Some(Bounds { min: Some(hundreds), max: Some(hundreds + 99) });
    }
    let number = |text: &str| number(measure, text.trim());
    if let Some((from, to)) = text.split_once("..") {
        let min = if from.is_empty() { None } else { Some(number(from)?) };
        let max = if to.is_empty() { None } else { Some(number(to)?) };
        return (min.is_some() || max.is_some()).then_some(Bounds { min, max });
    }
    let (min, max) = if let Some(rest) = text.strip_prefix(">=") {
        (Some(number(rest)?), None)
    } else if let Some(rest) = text.strip_prefix("<=") {
        (None, Some(number(rest)?))
    } else if let Some(rest) = text.strip_prefix('>') {
        (Some(number(rest)?.checked_add(1)?), None)
    } else if let Some(rest) = text.strip_prefix('<') {
        (None, Some(number(rest)?.checked_sub(1)?))
    } else {
        let exact = number(text.strip_prefix('=').unwrap_or(text))?;
        (Some(exact), Some(exact))
    };
    Some(Bounds { min, max })
}

/// A number with its unit, exact; beyond what the unit divides into is cut off.
fn number(measure: Measure, text: &str) -> Option<i64> {
    let text = text.to_ascii_lowercase();
    let text = if matches!(measure, Measure::Cost | Measure::Lost) {
        text.strip_prefix('$').unwrap_or(&text)
    } else {
        &text
    };
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let (_, worth) = measure.units().iter().find(|(name, _)| *name == unit)?;
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && part.is_empty() || whole.len() > 19 || part.len() > 18 {
        return None;
    }
    let parse = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<i128>().ok() };
    let scale = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let value = parse(whole)?.checked_mul(*worth)?.checked_add(parse(part)?.checked_mul(*worth)? / scale)?;
    i64::try_from(value).ok()
}

/// A time as microseconds since the Unix epoch. `end`: of a day its end is meant, not its beginning.
pub(crate) fn time(text: &str, now: &Zoned, end: bool) -> Option<i64> {
    // Whatever is read can be printed as a date again.
    moment(text, now, end).filter(|us| Timestamp::from_microsecond(*us).is_ok())
}

fn moment(text: &str, now: &Zoned, end: bool) -> Option<i64> {
    let day = |day: Date| {
        let day = if end { day.checked_add(1.day()).ok()? } else { day };
        let midnight = day.to_zoned(now.time_zone().clone()).ok()?;
        Some(midnight.timestamp().as_microsecond())
    };
    match text.to_ascii_lowercase().as_str() {
        "now" => return Some(now.timestamp().as_microsecond()),
        "today" => return day(now.date()),
        "yesterday" => return day(now.date().yesterday().ok()?),
        _ => {}
    }
    if let Some(ago) = ago(text) {
        return now.timestamp().as_microsecond().checked_sub(ago);
    }
    if text.len() >= 10 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<i64>().ok()?.checked_mul(1_000);
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp.as_microsecond());
    }
    if let Ok(date) = text.parse::<Date>()
        && !text.contains(['T', 't', ' '])
    {
        return day(date);
    }
    let civil = text.parse::<DateTime>().ok()?;
    Some(civil.to_zoned(now.time_zone().clone()).ok()?.timestamp().as_microsecond())
}

/// `90s`, `30m`, `2h`, `7d`, `2w` as microseconds.
fn ago(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let number: i64 = text[..text.len() - 1].parse().ok().filter(|number| *number >= 0)?;
    number.checked_mul(seconds)?.checked_mul(1_000_000)
}
