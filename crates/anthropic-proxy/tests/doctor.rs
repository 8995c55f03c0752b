//! The cache doctor end to end: seeded sessions against the simulator's real prefix cache, each with a known cause, none invented.

mod support;

use serde_json::{Value, json};
use simulator::{Options, Simulator};
use std::process::Output;
use support::{Proxy, command};
use tokio::runtime::Runtime;

/// A simulated API, and a proxy before it.
struct Stage {
    proxy: Proxy,
    simulator: Option<Simulator>,
    runtime: Runtime,
}

impl Stage {
    fn new() -> Stage {
        let runtime = Runtime::new().unwrap();
        let simulator = runtime.block_on(Simulator::start(Options::default())).unwrap();
        let proxy = Proxy::start(&simulator.url());
        Stage { proxy, simulator: Some(simulator), runtime }
    }

    fn send(&self, session: &str, call: &Turn) -> u16 {
        send(self.proxy.authority(), session, call)
    }

    /// What is said of the calls of a session, in the order in which they began.
    fn verdicts(&self, session: &str, calls: usize) -> Vec<Value> {
        let path = format!("/api/monitor/requests?q=session:{session}%20-is:running");
        let ids = self.proxy.wait("all calls", || {
            let rows = self.proxy.get(&path)["data"].as_array().unwrap().clone();
            (rows.len() == calls).then(|| rows.iter().rev().map(|row| row["id"].clone()).collect::<Vec<_>>())
        });
        let detail = |id: &Value| self.proxy.get(&format!("/api/monitor/requests/{}", id.as_str().unwrap()));
        ids.iter().map(detail).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(simulator) = self.simulator.take() {
            self.runtime.block_on(simulator.stop());
        }
    }
}

/// One call as Claude Code forms it.
#[derive(Clone)]
struct Turn {
    body: Value,
    agent: Option<&'static str>,
    simulate: Option<&'static str>,
}

fn marked(text: &str) -> Value {
    json!([{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}])
}

/// A conversation whose newest message is marked; the older ones are plain strings, as the client sends them then.
fn turn(prompt: &str, messages: &[&str]) -> Turn {
    let last = messages.len() - 1;
    let messages: Vec<Value> = messages
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let role = if at % 2 == 0 { "user" } else { "assistant" };
            json!({"role": role, "content": if at == last { marked(text) } else { json!(text) }})
        })
        .collect();
    let tools: Vec<Value> = (0..12)
        .map(|number| json!({"name": format!("Tool{number}"), "description": "does ".repeat(100), "input_schema": {"type": "object"}}))
        .collect();
    let system = json!([
        {"type": "text", "text": format!("x-anthropic-billing-header: cc_version=2.1.330.{prompt}; cc_entrypoint=cli;")},
        {"type": "text", "text": "You are careful. ".repeat(200), "cache_control": {"type": "ephemeral"}},
    ]);
    let body = json!({"model": "claude-opus-5-5", "max_tokens": 64, "stream": true, "system": system, "tools": tools, "messages": messages});
    Turn { body, agent: None, simulate: None }
}

impl Turn {
    fn with(mut self, pointer: &str, value: Value) -> Turn {
        *self.body.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        self
    }

    fn field(mut self, name: &str, value: Value) -> Turn {
        self.body[name] = value;
        self
    }

    fn agent(self, agent: &'static str) -> Turn {
        Turn { agent: Some(agent), ..self }
    }

    fn simulate(self, what: &'static str) -> Turn {
        Turn { simulate: Some(what), ..self }
    }
}

fn send(authority: &str, session: &str, turn: &Turn) -> u16 {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent
        .post(format!("http://{authority}/v1/messages?beta=true"))
        .header("x-api-key", "sk-ant-test")
        .header("anthropic-version", "2023-06-01")
        .header("user-agent", "claude-cli/2.1.330 (external, cli)")
        .header("x-claude-code-session-id", session);
    if let Some(agent) = turn.agent {
        request = request.header("x-claude-code-agent-id", agent);
    }
    if let Some(what) = turn.simulate {
        request = request.header("x-simulate", what);
    }
    let mut answer = request.send_json(&turn.body).unwrap();
    let _ = answer.body_mut().read_to_vec().unwrap();
    answer.status().as_u16()
}

const TWO: [&str; 3] = ["hi", "ok", "more"];

#[test]
fn twelve_sessions_with_known_causes_are_judged_right() {
    let stage = Stage::new();
    let first = || turn("aaa", &["hi"]);
    let many: Vec<String> = (0..27).map(|number| format!("block {number}")).collect();
    let many: Vec<&str> = std::iter::once("hi").chain(many[1..].iter().map(String::as_str)).collect();
    let unmarked = json!([{"type": "text", "text": "You are careful. ".repeat(200)}]);
    let other_tools = {
        let mut tools = turn("aaa", &["hi"]).body["tools"].clone();
        tools.as_array_mut().unwrap().push(json!({"name": "mcp__db__query", "input_schema": {}}));
        tools
    };
    let short = |messages: &[&str]| {
        turn("aaa", messages).field("tools", json!([])).field("system", json!("Be brief."))
    };
    let sessions: Vec<(&str, Vec<Turn>, Vec<&str>)> = vec![
        (
            "wandering",
            vec![first(), turn("aaa", &TWO), turn("aaa", &["hi", "ok", "more", "ok", "again"])],
            vec!["first_call", "hit", "hit"],
        ),
        (
            "attribution",
            vec![first(), turn("bbb", &TWO), turn("ccc", &["hi", "ok", "more", "ok", "again"])],
            vec!["first_call", "hit", "hit"],
        ),
        (
            "model",
            vec![first(), turn("aaa", &TWO).field("model", json!("claude-sonnet-5-5"))],
            vec!["first_call", "model_changed"],
        ),
        (
            "effort",
            vec![first(), turn("aaa", &TWO).field("output_config", json!({"effort": "low"}))],
            vec!["first_call", "effort_changed"],
        ),
        (
            "tools",
            vec![first(), turn("aaa", &TWO).field("tools", other_tools)],
            vec!["first_call", "tools_changed"],
        ),
        (
            "system",
            vec![first(), turn("aaa", &TWO).with("/system/1/text", json!("You are careless. ".repeat(200)))],
            vec!["first_call", "system_changed"],
        ),
        (
            "messages",
            vec![turn("aaa", &TWO), turn("aaa", &["hi", "changed", "more", "ok", "again"])],
            vec!["first_call", "messages_changed"],
        ),
        (
            "compaction",
            vec![turn("aaa", &TWO), turn("aaa", &["a summary of what was said"])],
            vec!["first_call", "messages_changed"],
        ),
        (
            "lookback",
            vec![first().field("system", unmarked.clone()), turn("aaa", &many).field("system", unmarked)],
            vec!["first_call", "lookback_exceeded"],
        ),
        ("minimum", vec![short(&["hi"]), short(&TWO)], vec!["below_minimum", "below_minimum"]),
        (
            "retry",
            vec![first(), turn("aaa", &TWO).simulate("[sim:error=529]"), turn("aaa", &TWO)],
            vec!["first_call", "", "hit"],
        ),
        (
            "agents",
            vec![
                first(),
                turn("aaa", &["look"]).agent("a1"),
                turn("aaa", &["look", "ok", "on"]).agent("a1"),
                turn("aaa", &TWO),
            ],
            vec!["first_call", "first_call", "hit", "hit"],
        ),
        ("unknown", vec![first(), turn("aaa", &TWO).simulate("[sim:cold]")], vec!["first_call", "unknown"]),
    ];
    assert!(sessions.len() >= 12);
    for (session, turns, _) in &sessions {
        // A session has a prefix of its own: nobody reads what another wrote.
        for one in turns {
            let mut one = one.clone();
            let tools = one.body["tools"].as_array_mut().unwrap();
            if !tools.is_empty() {
                tools.insert(0, json!({"name": format!("Of{session}"), "input_schema": {}}));
            }
            stage.send(session, &one);
        }
    }
    for (session, turns, expected) in &sessions {
        let details = stage.verdicts(session, turns.len());
        let causes: Vec<&str> =
            details.iter().map(|detail| detail["cache"]["cause"].as_str().unwrap_or("")).collect();
        assert_eq!(
            &causes,
            expected,
            "{session}: {:?}",
            details.iter().map(|detail| &detail["cache"]).collect::<Vec<_>>()
        );
        for detail in &details {
            check(session, detail);
        }
    }
    let retried = &stage.verdicts("retry", 3);
    assert_eq!(retried[2]["retryOf"], retried[1]["id"]);
    assert_eq!(retried[2]["previousId"], retried[0]["id"]);

    let cache = stage.proxy.get("/api/monitor/cache");
    let causes: Vec<&str> =
        cache["causes"].as_array().unwrap().iter().map(|cause| cause["cause"].as_str().unwrap()).collect();
    for cause in
        ["hit", "model_changed", "tools_changed", "system_changed", "messages_changed", "lookback_exceeded"]
    {
        assert!(causes.contains(&cause), "{causes:?}");
    }
    let costs: Vec<f64> = cache["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| cause["lostCost"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(costs.is_sorted_by(|one, other| one >= other) && costs[0] > 0.0, "{costs:?}");
    assert!(
        cache["rate"].as_f64().unwrap() > 0.0 && !cache["threads"].as_array().unwrap().is_empty(),
        "{cache}"
    );
    assert_eq!(stage.proxy.get("/api/monitor/requests?q=cause:tools_changed")["total"], 1);
}

/// What holds of every verdict: it adds up, and a miss shows its proof.
fn check(session: &str, detail: &Value) {
    let cache = &detail["cache"];
    if cache.is_null() {
        return;
    }
    assert_eq!(cache["actualRead"], detail["metrics"]["cacheReadTokens"], "{session}: {cache}");
    assert_eq!(cache["source"], "bytes");
    let lost = cache["lostTokens"].as_u64().unwrap();
    if let Some(expected) = cache["expectedRead"].as_u64() {
        assert!(lost <= expected.saturating_sub(cache["actualRead"].as_u64().unwrap()), "{session}: {cache}");
    }
    assert!(
        lost == 0 || cache["lostCost"].as_str().unwrap().parse::<f64>().unwrap() > 0.0,
        "{session}: {cache}"
    );
    let place = cache["proof"]["place"].as_str().unwrap_or_default();
    let expected = match cache["cause"].as_str().unwrap() {
        "tools_changed" => "tools[13] (mcp__db__query)",
        "system_changed" => "system[1]",
        "messages_changed" if session == "compaction" => "messages[0].content[0]",
        "messages_changed" => "messages[1].content[0]",
        _ => return,
    };
    // A tool more stands where the system prompt stood.
    assert!(place == expected, "{session}: {place}");
    assert!(!cache["proof"]["this"]["differs"].as_str().unwrap().is_empty(), "{session}: {cache}");
}

#[test]
fn agents_that_begin_at_once_write_the_same_twice() {
    let stage = Stage::new();
    let authority = stage.proxy.authority().to_owned();
    let slow = std::thread::spawn(move || {
        send(
            &authority,
            "parallel",
            &turn("aaa", &["one"]).agent("a1").simulate("[sim:slow-first-byte=1500]"),
        )
    });
    stage.proxy.wait("the first to be on its way", || {
        (stage.proxy.get("/api/monitor/requests?q=is:running")["total"] == 1).then_some(())
    });
    stage.send("parallel", &turn("aaa", &["two"]).agent("a2").simulate("[sim:cold]"));
    assert_eq!(slow.join().unwrap(), 200);
    let details = stage.verdicts("parallel", 2);
    let causes: Vec<&Value> = details.iter().map(|detail| &detail["cache"]["cause"]).collect();
    assert_eq!(causes, [&json!("first_call"), &json!("concurrent_write")]);
}

#[test]
fn a_proxy_that_was_started_anew_knows_what_came_before() {
    let mut stage = Stage::new();
    stage.send("on", &turn("aaa", &["hi"]));
    for agent in ["a1", "a2", "a3", "a4"] {
        for _ in 0..3 {
            stage.send("on", &turn("aaa", &["look"]).agent(agent));
        }
    }
    stage.verdicts("on", 13);
    let folder = tempfile::tempdir().unwrap();
    let upstream = stage.simulator.as_ref().unwrap().url();
    stage.proxy.signal(rustix::process::Signal::TERM);
    stage.proxy.ended();
    copy(&stage.proxy.folder, folder.path());
    stage.proxy = Proxy::in_folder(&upstream, folder.path(), &[]);

    stage.send("on", &turn("aaa", &["look", "ok", "on"]).agent("a2"));
    stage.send("on", &turn("aaa", &TWO).simulate("[sim:cold]"));
    let details = stage.verdicts("on", 15);
    let said = |at: usize| (details[at]["cache"]["cause"].as_str().unwrap(), &details[at]["previousId"]);
    assert_eq!(said(13), ("hit", &details[6]["id"]));
    assert_eq!(said(14), ("unknown", &details[0]["id"]));
    assert!(details[14]["cache"]["lostTokens"].as_u64().unwrap() > 0);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_record_that_is_read_anew_says_the_same_and_time_is_part_of_the_proof() {
    let stage = Stage::new();
    stage.send("anew", &turn("aaa", &["hi"]));
    stage.send("anew", &turn("aaa", &TWO));
    stage.send("anew", &turn("aaa", &["hi", "ok", "more", "ok", "again"]).simulate("[sim:cold]"));
    let before: Vec<Value> = stage.verdicts("anew", 3).iter().map(|detail| detail["cache"].clone()).collect();
    let folder = stage.proxy.folder.to_str().unwrap().to_owned();
    let said = |output: Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let again = said(command(&["reindex", "--data-dir", &folder]).output().unwrap());
    assert!(again.contains("3 requests read anew, 0 corrected"), "{again}");
    let after: Vec<Value> = stage.verdicts("anew", 3).iter().map(|detail| detail["cache"].clone()).collect();
    assert_eq!(after, before);

    // The same traffic, had the last call come six minutes later: what was written had expired.
    let mut har = stage.proxy.get("/api/monitor/export?format=har");
    let entries = har["log"]["entries"].as_array_mut().unwrap();
    let newest =
        entries.iter_mut().max_by_key(|entry| entry["startedDateTime"].as_str().unwrap().to_owned()).unwrap();
    let at: jiff::Timestamp = newest["startedDateTime"].as_str().unwrap().parse().unwrap();
    newest["startedDateTime"] = json!((at + jiff::SignedDuration::from_secs(400)).to_string());
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("later.har");
    std::fs::write(&file, har.to_string()).unwrap();
    let data = elsewhere.path().join("data");
    let data = data.to_str().unwrap();
    said(command(&["import", file.to_str().unwrap(), "--data-dir", data]).output().unwrap());
    said(command(&["reindex", "--data-dir", data]).output().unwrap());
    let rows = said(command(&["list", "--json", "--data-dir", data]).output().unwrap());
    let causes: Vec<Value> = rows
        .lines()
        .map(|row| serde_json::from_str::<Value>(row).unwrap()["cache"]["cause"].clone())
        .collect();
    assert_eq!(causes, [json!("ttl_expired"), json!("hit"), json!("first_call")]);
}
