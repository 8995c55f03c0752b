//! Golden cases: a new one is a file in `cases/`. Each tells a few calls, and what is to be said of each.
//!
//! In a prompt a trailing `*` marks a part for 5 minutes, `**` for an hour; `@` begins the client's attribution line; messages begin
//! with their role's first letter. A marked text is a block, one without a mark a plain string, as the real client sends them.

use super::{Stated, Verdict};
use crate::analysis::threads::Threads;
use protocol::outline::outline;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use store::{Agent, Credential, Exchange, Known, Outcome, Session, Source, Usage};
use uuid::Uuid;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[expect(dead_code, reason = "for people")]
    about: String,
    calls: Vec<Told>,
}

/// Times are seconds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    at: f64,
    #[serde(default)]
    first: Option<f64>,
    end: f64,
    prompt: Prompt,
    /// Fresh, read, written for 5 minutes, written for an hour.
    #[serde(default)]
    usage: Option<[u64; 4]>,
    #[serde(default)]
    agent: Option<String>,
    /// It names no session; the hash of the key that pays.
    #[serde(default)]
    without_session: Option<String>,
    #[serde(default = "main")]
    class: String,
    #[serde(default)]
    fails: bool,
    #[serde(default)]
    message_id: Option<String>,
    #[serde(default)]
    diagnostics: Value,
    is: Expected,
}

fn main() -> String {
    "main".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prompt {
    #[serde(default = "model")]
    model: String,
    #[serde(default)]
    effort: Option<String>,
    #[serde(default)]
    tools: Vec<String>,
    #[serde(default)]
    system: Vec<String>,
    messages: Vec<String>,
    #[serde(default)]
    previous_message_id: Option<String>,
}

fn model() -> String {
    "claude-opus-5-5".to_owned()
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Indices of calls.
    #[serde(default)]
    previous: Option<usize>,
    #[serde(default)]
    retry_of: Option<usize>,
    /// `null`: nothing is said.
    cause: Option<String>,
    #[serde(default = "bytes")]
    source: String,
    #[serde(default)]
    expected: Option<u64>,
    #[serde(default)]
    lost: u64,
}

fn bytes() -> String {
    "bytes".to_owned()
}

impl Prompt {
    fn body(&self) -> Vec<u8> {
        let control = |text: &str| match (text.ends_with("**"), text.ends_with('*')) {
            (true, _) => json!({"type": "ephemeral", "ttl": "1h"}),
            (_, true) => json!({"type": "ephemeral"}),
            _ => Value::Null,
        };
        let block = |text: &str| {
            let mut block = json!({"type": "text", "text": text.trim_end_matches('*')});
            if !control(text).is_null() {
                block["cache_control"] = control(text);
            }
            block
        };
        let tools: Vec<Value> = self
            .tools
            .iter()
            .map(|name| {
                let mut tool = json!({"name": name.trim_end_matches('*'), "input_schema": {}});
                if !control(name).is_null() {
                    tool["cache_control"] = control(name);
                }
                tool
            })
            .collect();
        let system: Vec<Value> = self
            .system
            .iter()
            .map(|text| match text.strip_prefix('@') {
                Some(rest) => block(&format!("x-anthropic-billing-header: cc_version=2.1.330.{rest};")),
                None => block(text),
            })
            .collect();
        let messages: Vec<Value> = self
            .messages
            .iter()
            .map(|message| {
                let (role, text) = message.split_once(':').unwrap();
                let role = match role {
                    "a" => "assistant",
                    "s" => "system",
                    _ => "user",
                };
                let content = if text.ends_with('*') { json!([block(text)]) } else { json!(text) };
                json!({"role": role, "content": content})
            })
            .collect();
        let mut body = json!({"model": self.model, "tools": tools, "system": system, "messages": messages});
        if let Some(effort) = &self.effort {
            body["output_config"] = json!({"effort": effort});
        }
        if let Some(id) = &self.previous_message_id {
            body["diagnostics"] = json!({"previous_message_id": id});
        }
        serde_json::to_vec(&body).unwrap()
    }
}

/// The call as the recorder has it; `ended`: what came of it too.
fn exchange(number: usize, told: &Told, ended: bool) -> Exchange {
    let us = |seconds: f64| (seconds * 1e6) as i64;
    let after = |seconds: f64| Some(us(seconds - told.at).cast_unsigned());
    let mut exchange = Exchange {
        id: Uuid::from_u128(number as u128 + 1),
        started_us: us(told.at),
        method: "POST".to_owned(),
        url: "/v1/messages".to_owned(),
        model: Some(told.prompt.model.clone()),
        session: told
            .without_session
            .is_none()
            .then(|| Session { id: "s".to_owned(), source: Source::Header }),
        credential: told.without_session.clone().map(|hash| Credential { hash, kind: "api key".to_owned() }),
        agent: told.agent.clone().map(|id| Agent { id: Some(id), ..Agent::default() }),
        request_class: Some(Known { value: told.class.clone(), source: Source::Inferred }),
        ..Exchange::default()
    };
    if !ended {
        return exchange;
    }
    exchange.timing.first_byte_us = told.first.and_then(after);
    exchange.timing.end_us = after(told.end);
    exchange.outcome = Some(if told.fails { Outcome::UpstreamError } else { Outcome::Complete });
    exchange.message_id.clone_from(&told.message_id);
    if let Some([fresh, read, minutes, hour]) = told.usage {
        exchange.usage = Usage {
            input: Some(fresh),
            cache_read: Some(read),
            cache_creation: Some(minutes + hour),
            cache_creation_5m: Some(minutes),
            cache_creation_1h: Some(hour),
            ..Usage::default()
        };
    }
    exchange
}

/// What is said of each call, in the order in which things happened.
fn run(case: &Case) -> Vec<Expected> {
    let mut happened: Vec<(f64, bool, usize)> = Vec::new();
    for (number, told) in case.calls.iter().enumerate() {
        happened.push((told.at, true, number));
        happened.push((told.end, false, number));
    }
    happened.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    let mut threads = Threads::default();
    let mut linked = vec![Default::default(); case.calls.len()];
    let mut said: Vec<Option<Verdict>> = vec![None; case.calls.len()];
    for (_, begins, number) in happened {
        let told = &case.calls[number];
        if begins {
            let body = told.prompt.body();
            linked[number] = threads.asked(&exchange(number, told, false), &outline(&body));
        } else {
            let linked: crate::analysis::threads::Linked = linked[number];
            let ended = Exchange {
                previous: linked.previous,
                retry_of: linked.retry_of,
                ..exchange(number, told, true)
            };
            said[number] = threads.answered(&ended, Stated::read(&told.diagnostics));
        }
    }
    let index = |id: Uuid| usize::try_from(id.as_u128()).unwrap() - 1;
    said.iter()
        .zip(&linked)
        .map(|(verdict, linked)| Expected {
            previous: linked.previous.map(|link| index(link.id)),
            retry_of: linked.retry_of.map(index),
            cause: verdict.map(|verdict| verdict.cause.as_str().to_owned()),
            source: verdict.map_or_else(bytes, |verdict| verdict.source.as_str().to_owned()),
            expected: verdict.and_then(|verdict| verdict.expected_read),
            lost: verdict.map_or(0, |verdict| verdict.lost_tokens),
        })
        .collect()
}

#[test]
fn every_case_is_judged_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/analysis/cache/cases");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 15, "{files:?}");
    for file in files {
        let case: Case = serde_json::from_str(&fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for (number, (said, told)) in run(&case).iter().zip(&case.calls).enumerate() {
            assert_eq!(said, &told.is, "{}, call {number}", file.display());
        }
    }
}
