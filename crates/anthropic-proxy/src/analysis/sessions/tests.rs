use super::*;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use store::{Agent, Known, Outcome, Session, ToolTime, Usage};
use uuid::Uuid;

/// A case: calls, and what is to be said of them. Times are seconds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[expect(dead_code, reason = "for people")]
    about: String,
    calls: Vec<Told>,
    #[serde(default)]
    started_by: HashMap<String, Option<String>>,
    expected: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Told {
    at: f64,
    first: Option<f64>,
    end: f64,
    agent: Option<String>,
    parent: Option<String>,
    class: Option<String>,
    prompt_id: Option<String>,
    asked: Option<String>,
    opening: Option<String>,
    tools: Vec<String>,
    tool_ms: Vec<u64>,
    /// Input in all, output.
    tokens: Option<[u64; 2]>,
    cost: Option<i64>,
    compacted: Option<String>,
}

fn exchange(number: usize, told: Told) -> Exchange {
    let us = |seconds: f64| (seconds * 1e6).round() as i64;
    let after = |seconds: f64| (us(seconds) - us(told.at)).cast_unsigned();
    let mut exchange = Exchange {
        id: Uuid::from_u128(number as u128),
        started_us: us(told.at),
        model: Some("claude-opus-5-5".to_owned()),
        session: Some(Session { id: "s".to_owned(), source: Source::Header }),
        request_class: Some(Known {
            value: told.class.unwrap_or("main".to_owned()),
            source: Source::Inferred,
        }),
        outcome: Some(Outcome::Complete),
        prompt_id: told.prompt_id,
        asked: told.asked,
        opening: told.opening,
        tools: told.tools,
        tool_times: told.tool_ms.into_iter().map(|ms| ToolTime { name: "Bash".to_owned(), ms }).collect(),
        cost_pico: told.cost,
        context_compacted: told.compacted,
        ..Exchange::default()
    };
    exchange.agent = told.agent.map(|id| Agent { id: Some(id), parent_id: told.parent, kind: None });
    exchange.timing.first_token_us = told.first.map(after);
    exchange.timing.end_us = Some(after(told.end));
    if let Some([input, output]) = told.tokens {
        exchange.usage =
            Usage { input: Some(input), total_input: Some(input), output: Some(output), ..Usage::default() };
    }
    exchange
}

fn said(exchanges: &[Exchange], started_by: &HashMap<String, Option<String>>) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "seconds of a test")]
    let seconds = |us: u64| us as f64 / 1e6;
    let source = |source: Source| source.as_str();
    let turns: Vec<Value> = turns(exchanges)
        .iter()
        .map(|turn| {
            serde_json::json!({
                "prompt": turn.prompt, "source": source(turn.source), "calls": turn.calls.len(),
                "waiting": seconds(turn.waiting_us), "streaming": seconds(turn.streaming_us),
                "tools": seconds(turn.tools_us), "tools_source": turn.tools_source.map(source),
                "person": turn.person_us.map(seconds), "context": turn.context, "cost": turn.cost.to_string(),
            })
        })
        .collect();
    fn drawn(nodes: &[AgentNode]) -> Value {
        nodes
            .iter()
            .map(|node| {
                let name = node.id.clone().unwrap_or("main".to_owned());
                let how = node.parent_source.map_or("", Source::as_str);
                (format!("{name} {how}").trim().to_owned(), drawn(&node.children))
            })
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
    let compactions: Vec<Value> = compactions(exchanges)
        .iter()
        .map(|found| serde_json::json!([source(found.source), found.before, found.after]))
        .collect();
    serde_json::json!({"turns": turns, "agents": drawn(&tree(exchanges, started_by)), "compactions": compactions})
}

#[test]
fn every_case_is_said_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/analysis/sessions/cases");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 6);
    for file in files {
        let case: Case = serde_json::from_str(&fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let exchanges: Vec<Exchange> =
            case.calls.into_iter().enumerate().map(|(number, told)| exchange(number, told)).collect();
        let said = said(&exchanges, &case.started_by);
        for (name, expected) in case.expected.as_object().unwrap() {
            assert_eq!(&said[name], expected, "{}: {name}", file.display());
        }
    }
}
