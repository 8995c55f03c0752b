//! What a client asks the simulator to do, from `[sim:…]` in a prompt or the header `x-simulate`.
//! The crate's README lists every directive; an unknown or malformed one is an error that says so.

mod scan;

use std::time::Duration;

use serde_json::Value;

use crate::encode::Coding;
use crate::reply::Cut;

pub(crate) use self::scan::without;

/// What one answer of the tool loop consists of and how it fails.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Turn {
    pub(crate) content: Vec<Content>,
    pub(crate) stop: Option<String>,
    pub(crate) faults: Faults,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Text(String),
    /// Made-up text of about so many words.
    Words(usize),
    Thinking(Option<String>),
    Tool {
        name: String,
        input: Value,
    },
    Agent {
        kind: String,
        prompt: String,
        background: bool,
    },
    Search(String),
    /// Sample blocks: one type, or `all`.
    Blocks(String),
}

/// What goes wrong, or is odd, about an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Faults {
    pub(crate) error: Option<Counted<u16>>,
    pub(crate) error_in_stream: Option<Counted<String>>,
    pub(crate) cut: Option<Counted<Cut>>,
    pub(crate) retry_after: Option<u64>,
    pub(crate) message: Option<String>,
    pub(crate) slow_first_byte: Duration,
    pub(crate) drip: Option<Duration>,
    pub(crate) silence: Duration,
    pub(crate) coding: Option<Coding>,
    pub(crate) split: Option<usize>,
    pub(crate) reset: bool,
    pub(crate) close: bool,
    pub(crate) crlf: bool,
    pub(crate) tight: bool,
    pub(crate) pings: bool,
    pub(crate) no_message_stop: bool,
    pub(crate) cold: bool,
}

/// A fault that happens at the first `times` attempts of a request, or always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counted<T> {
    pub(crate) what: T,
    pub(crate) times: Option<u32>,
}

/// Reads the directives of a text into the turns they stand for. A tool ends a turn, unless `and` follows;
/// a turn without a tool ends the loop, so everything after the last tool belongs to the closing answer.
pub(crate) fn parse(text: &str) -> Result<Vec<Turn>, String> {
    let mut turns = vec![Turn::default()];
    let mut ended = false;
    for written in scan::scan(text) {
        if written.name == "and" {
            ended = false;
            continue;
        }
        if ended {
            turns.push(Turn::default());
        }
        let Some(turn) = turns.last_mut() else { break };
        apply(turn, written.name, written.value).map_err(|problem| {
            format!(
                "simulator: [sim:{} {}]: {problem}; see the simulator's README",
                written.name, written.value
            )
        })?;
        ended = matches!(written.name, "tool" | "agent");
    }
    Ok(turns)
}

fn apply(turn: &mut Turn, name: &str, value: &str) -> Result<(), String> {
    let faults = &mut turn.faults;
    match name {
        "text" => turn.content.push(Content::Text(value.to_owned())),
        "words" => turn.content.push(Content::Words(number(value)?)),
        "thinking" => turn.content.push(Content::Thinking((!value.is_empty()).then(|| value.to_owned()))),
        "tool" => turn.content.push(tool(value)?),
        "agent" => turn.content.push(agent(value)),
        "search" => turn.content.push(Content::Search(value.to_owned())),
        "blocks" => turn.content.push(Content::Blocks(value.to_owned())),
        "stop" => turn.stop = Some(value.to_owned()),
        "error" => faults.error = Some(counted(value, number)?),
        "error-in-stream" => faults.error_in_stream = Some(counted(value, |kind| Ok(kind.to_owned()))?),
        "cut-after" => faults.cut = Some(counted(value, |count| Ok(Cut::AfterFrames(number(count)?)))?),
        "cut-at-byte" => faults.cut = Some(counted(value, |count| Ok(Cut::AtByte(number(count)?)))?),
        "retry-after" => faults.retry_after = Some(number(value)?),
        "message" => faults.message = Some(value.to_owned()),
        "slow-first-byte" => faults.slow_first_byte = Duration::from_millis(number(value)?),
        "drip" => faults.drip = Some(Duration::from_millis(number(value)?)),
        "silence" => faults.silence = Duration::from_millis(number(value)?),
        "encoding" => {
            faults.coding = Some(Coding::parse(value).ok_or("know only gzip, deflate, br and zstd")?);
        }
        "split" => faults.split = Some(number::<usize>(value)?.max(1)),
        "reset" => faults.reset = true,
        "close" => faults.close = true,
        "crlf" => faults.crlf = true,
        "tight" => faults.tight = true,
        "pings" => faults.pings = true,
        "no-message-stop" => faults.no_message_stop = true,
        "cold" => faults.cold = true,
        _ => return Err("no such directive".to_owned()),
    }
    Ok(())
}

fn number<T: std::str::FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{value:?} is no number that fits"))
}

/// `what` or `what*times`.
fn counted<T>(value: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Counted<T>, String> {
    Ok(match value.rsplit_once('*') {
        Some((what, times)) => Counted { what: read(what)?, times: Some(number(times)?) },
        None => Counted { what: read(value)?, times: None },
    })
}

/// `NAME {json}`; no JSON is an empty input.
fn tool(value: &str) -> Result<Content, String> {
    let (name, input) = value.split_once(char::is_whitespace).unwrap_or((value, "{}"));
    if name.is_empty() {
        return Err("name the tool, then its input as JSON".to_owned());
    }
    let input = serde_json::from_str(input).map_err(|error| format!("the tool's input: {error}"))?;
    Ok(Content::Tool { name: name.to_owned(), input })
}

/// `PROMPT`, with `type=KIND` or `background` before it, or both.
fn agent(value: &str) -> Content {
    let (mut kind, mut background, mut prompt) = ("general-purpose", false, value);
    while let Some((word, rest)) = prompt.split_once(char::is_whitespace) {
        match word.strip_prefix("type=") {
            Some(name) => kind = name,
            None if word == "background" => background = true,
            None => break,
        }
        prompt = rest.trim_start();
    }
    Content::Agent { kind: kind.to_owned(), prompt: prompt.to_owned(), background }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_ends_a_turn_unless_and_follows() {
        let turns = parse(
            r#"[sim:thinking][sim:tool Read {"file_path":"a"}][sim:and][sim:tool Read {"file_path":"b"}]
               [sim:drip=5][sim:tool Bash {"command":"ls"}] [sim:text=done][sim:crlf]"#,
        )
        .unwrap();
        let shape: Vec<_> =
            turns.iter().map(|turn| (turn.content.len(), turn.faults.drip.is_some())).collect();
        assert_eq!(shape, [(3, false), (1, true), (1, false)]);
        assert!(turns[2].faults.crlf);
    }

    #[test]
    fn faults_may_be_counted() {
        let turns = parse("[sim:error=529*2]").unwrap();
        assert_eq!(turns[0].faults.error, Some(Counted { what: 529, times: Some(2) }));
        let turns = parse("[sim:cut-after=3]").unwrap();
        assert_eq!(turns[0].faults.cut, Some(Counted { what: Cut::AfterFrames(3), times: None }));
    }

    #[test]
    fn agents_have_a_type_and_a_prompt() {
        let turns = parse("[sim:agent type=Explore background look around]").unwrap();
        let expected =
            Content::Agent { kind: "Explore".to_owned(), prompt: "look around".to_owned(), background: true };
        assert_eq!(turns[0].content, [expected]);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("[sim:nonsense]", "no such directive"),
            ("[sim:error=many]", "is no number"),
            ("[sim:tool Bash {]", ""),
            ("[sim:tool Bash nothing]", "the tool's input"),
            ("[sim:encoding=lzma]", "know only"),
        ] {
            match parse(text) {
                Err(problem) => assert!(problem.contains(part), "{problem}"),
                Ok(turns) => assert!(part.is_empty(), "{turns:?}"),
            }
        }
    }
}
