//! One session: its prompts, each worked on in a loop of answers and tool results, and what happens beside them.

use std::io;
use std::pin::Pin;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::http::{Base, Connection, Response};
use super::{DemoOptions, answer, headers, pause, prompt};
use crate::mix;
use crate::stories::{self, Story};

const PROJECTS: [(&str, &str); 3] = [
    ("ledger-api", "/home/mei/src/ledger-api"),
    ("shop-frontend", "/home/jonas/work/shop-frontend"),
    ("数据平台", "/home/wei/data-platform"),
];
const MODELS: [&str; 5] =
    ["claude-opus-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-fable-5-2", "claude-opus-4-8"];
const SMALL_MODEL: &str = "claude-haiku-5-5";

/// A client's session.
pub(super) struct Session {
    base: Base,
    number: usize,
    speed: f64,
    dice: u64,
    id: String,
    model: &'static str,
    /// 1-hour caching instead of 5 minutes.
    long_cache: bool,
    gained_tool: bool,
    /// The user edited the project's notes: the system prompt is another one from here on.
    changed_notes: bool,
    main: Connection,
}

/// Who speaks: the session itself or one of its sub-agents.
struct Speaker {
    agent_id: Option<String>,
    agent_type: String,
    prompt_id: String,
    messages: Vec<Value>,
    last_tools: Option<String>,
}

/// What goes wrong during a prompt.
#[derive(Clone, Copy, PartialEq)]
enum Mishap {
    None,
    Fault(&'static str),
    Escape,
}

impl Session {
    pub(super) fn new(base: Base, number: usize, options: &DemoOptions) -> Self {
        let dice = mix(options.seed ^ mix(number as u64));
        Self {
            main: Connection::new(base.clone()),
            base,
            number,
            speed: options.speed,
            dice,
            id: uuid_of(dice),
            model: MODELS[number % MODELS.len()],
            long_cache: number % 4 == 2,
            gained_tool: false,
            changed_notes: false,
        }
    }

    pub(super) async fn run(&mut self) -> io::Result<()> {
        let (project, directory) = PROJECTS[self.number % PROJECTS.len()];
        Connection::new(self.base.clone()).send("HEAD", "/", &probe_headers(), "", None).await?;
        let mut speaker = Speaker::main();
        for (at, story) in stories::of_project(project).into_iter().enumerate() {
            speaker.prompt_id = uuid_of(self.roll());
            if at == 0 {
                self.title(story).await?;
            }
            if at == 2 && self.number % 3 == 1 {
                self.gained_tool = true;
            }
            if at == 1 && self.number % 4 == 3 {
                self.changed_notes = true;
            }
            if at == 2 && self.number % 5 == 3 {
                self.model = "claude-sonnet-5";
            }
            speaker.messages.push(user_text(&story.prompt));
            self.work(&mut speaker, story, directory, self.mishap(at)).await?;
            if self.number.is_multiple_of(3) && at == 1 {
                self.count_tokens(&speaker, directory).await?;
            }
            self.wait(4_000, 9_000).await;
        }
        Ok(())
    }

    /// Answers and tool results until the model has no more calls.
    async fn work(
        &mut self,
        speaker: &mut Speaker,
        story: &Story,
        directory: &str,
        mishap: Mishap,
    ) -> io::Result<()> {
        let mut mishap = mishap;
        loop {
            let body = self.body(speaker, directory);
            let Some(content) = self.call(speaker, &body, mishap).await? else {
                // Esc: the client says so and the user goes on.
                speaker
                    .messages
                    .push(json!({"role": "assistant", "content": [{"type": "text", "text": "…"}]}));
                speaker.messages.push(user_text("[Request interrupted by user]"));
                return Ok(());
            };
            mishap = Mishap::None;
            let calls: Vec<Value> =
                content.iter().filter(|block| block["type"] == "tool_use").cloned().collect();
            speaker.messages.push(json!({"role": "assistant", "content": content}));
            if calls.is_empty() {
                return Ok(());
            }
            let results = self.use_tools(speaker, story, &calls, directory).await?;
            speaker.messages.push(json!({"role": "user", "content": results}));
        }
    }

    async fn use_tools(
        &mut self,
        speaker: &mut Speaker,
        story: &Story,
        calls: &[Value],
        directory: &str,
    ) -> io::Result<Vec<Value>> {
        // Agents of one answer work at the same time, each on connections of its own.
        let mut agents = JoinSet::new();
        for (at, call) in calls.iter().enumerate().filter(|(_, call)| call["name"] == "Agent") {
            let agent = self.agent(call["input"].clone(), directory.to_owned());
            agents.spawn(async move { (at, agent.await) });
        }
        let mut agent_texts = vec![String::new(); calls.len()];
        while let Some(Ok((at, text))) = agents.join_next().await {
            agent_texts[at] = text?;
        }

        let mut results = Vec::new();
        let mut durations = Vec::new();
        for (call, agent_text) in calls.iter().zip(agent_texts) {
            let name = call["name"].as_str().unwrap_or_default();
            let told = stories::call(story, name, &call["input"]);
            let text = if name == "Agent" {
                agent_text
            } else {
                told.map(|call| call.result.clone()).unwrap_or_default()
            };
            if name == "WebSearch" {
                self.web_search(call["input"]["query"].as_str().unwrap_or_default()).await?;
            }
            let took = 30 + self.roll() % 2_500;
            tokio::time::sleep(pause(self.speed, took)).await;
            durations.push(format!("{name}={took}"));
            let mut result = json!({"tool_use_id": call["id"], "type": "tool_result", "content": text});
            if told.is_some_and(|call| call.is_error) {
                result["is_error"] = true.into();
            }
            results.push(result);
        }
        speaker.last_tools = Some(durations.join(";"));
        Ok(results)
    }

    /// A sub-agent's whole work; its answer is the tool's result.
    fn agent(
        &mut self,
        input: Value,
        directory: String,
    ) -> Pin<Box<dyn Future<Output = io::Result<String>> + Send>> {
        let mut own =
            Self { main: Connection::new(self.base.clone()), dice: self.roll(), ..self.clone_quiet() };
        let mut speaker = Speaker::agent(&input, own.roll());
        Box::pin(async move {
            let text = input["prompt"].as_str().unwrap_or_default();
            let Some(story) = stories::of_prompt(text) else { return Ok("Nothing found.".to_owned()) };
            speaker.messages.push(user_text(text));
            own.work(&mut speaker, story, &directory, Mishap::None).await?;
            Ok(story.answer.clone())
        })
    }

    fn clone_quiet(&self) -> Self {
        Self {
            main: Connection::new(self.base.clone()),
            base: self.base.clone(),
            id: self.id.clone(),
            ..*self
        }
    }

    /// One call of the model, made again as Claude Code does; `None` if the user pressed Esc.
    async fn call(
        &mut self,
        speaker: &Speaker,
        body: &Value,
        mishap: Mishap,
    ) -> io::Result<Option<Vec<Value>>> {
        let mut body = body.clone();
        let mut wait = 600;
        let mut left = match mishap {
            Mishap::Escape => Some(pause(self.speed.min(1.5), 1_800)),
            _ => None,
        };
        for _ in 0..6 {
            let mut headers =
                headers::of_message(&self.id, &headers::Who::from(speaker), body["stream"] == true);
            if let Mishap::Fault(directive) = mishap {
                headers.push(("x-simulate".to_owned(), directive.to_owned()));
            }
            let target = "/v1/messages?beta=true";
            let answer = self.main.send("POST", target, &headers, &body.to_string(), left.take()).await;
            match answer {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
                Ok(Response { status: 200, body: answer, .. }) => match answer::content(&answer) {
                    Ok(content) => return Ok(Some(content)),
                    Err(_) => without_stream(&mut body),
                },
                Ok(Response { status: 429 | 500.., retry_after, .. }) => {
                    let seconds = retry_after.map_or(wait, |seconds| seconds * 1_000);
                    tokio::time::sleep(pause(self.speed, seconds)).await;
                    wait *= 2;
                }
                Ok(Response { status, .. }) => return Err(io::Error::other(format!("status {status}"))),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => without_stream(&mut body),
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("gave up after six attempts"))
    }

    fn body(&self, speaker: &Speaker, directory: &str) -> Value {
        let agent = speaker.agent_id.is_some();
        let mark = self.mark();
        let mut messages = speaker.messages.clone();
        if let Some(block) =
            messages.last_mut().and_then(|last| last["content"].as_array_mut()).and_then(|all| all.last_mut())
        {
            block["cache_control"] = mark.clone();
        }
        json!({
            "model": if speaker.agent_type == "Explore" { SMALL_MODEL } else { self.model },
            "messages": messages,
            "system": prompt::system(directory, agent, self.changed_notes, &mark),
            "tools": prompt::tools(agent, self.gained_tool),
            "metadata": self.metadata(),
            "max_tokens": if agent { 32_000 } else { 128_000 },
            "thinking": if agent { json!({"type": "disabled"}) } else { json!({"type": "adaptive", "display": "omitted"}) },
            "output_config": {"effort": "medium"},
            "stream": true,
        })
    }

    fn mark(&self) -> Value {
        if self.long_cache { json!({"type": "ephemeral", "ttl": "1h"}) } else { json!({"type": "ephemeral"}) }
    }

    fn metadata(&self) -> Value {
        let device = "9f2c".repeat(16);
        json!({"user_id": json!({"device_id": device, "account_uuid": "", "session_id": self.id}).to_string()})
    }

    /// Asks the small model for a title.
    async fn title(&mut self, story: &Story) -> io::Result<()> {
        let body = json!({
            "model": SMALL_MODEL, "messages": [user_text(&story.prompt)],
            "system": [{"type": "text", "text": "Write a short title for this coding session, in sentence case, as JSON with one field `title`."}],
            "tools": [], "metadata": self.metadata(), "max_tokens": 32_000, "temperature": 1,
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "object",
                "properties": {"title": {"type": "string"}}, "required": ["title"], "additionalProperties": false}}},
            "stream": true,
        });
        self.aside(&body, "/v1/messages?beta=true").await
    }

    async fn web_search(&mut self, query: &str) -> io::Result<()> {
        let body = json!({
            "model": self.model, "messages": [user_text(&format!("Perform a web search for the query: {query}"))],
            "system": [{"type": "text", "text": "You are an assistant for performing a web search tool use"}],
            "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}],
            "tool_choice": {"type": "tool", "name": "web_search"},
            "metadata": self.metadata(), "max_tokens": 32_000, "thinking": {"type": "disabled"}, "stream": true,
        });
        self.aside(&body, "/v1/messages?beta=true").await
    }

    /// `/context`: each part of the prompt is counted by a call of its own.
    async fn count_tokens(&mut self, speaker: &Speaker, directory: &str) -> io::Result<()> {
        let whole = self.body(speaker, directory);
        let model = &whole["model"];
        let ask = json!([user_text("count")]);
        let system = whole["system"].clone();
        let tools = whole["tools"].as_array().cloned().unwrap_or_default();
        let mut counted = vec![
            json!({"model": model, "messages": whole["messages"]}),
            json!({"model": model, "messages": ask, "system": system}),
        ];
        counted.extend(tools.chunks(3).map(|some| json!({"model": model, "messages": ask, "tools": some})));
        for body in counted {
            self.aside(&body, "/v1/messages/count_tokens?beta=true").await?;
        }
        Ok(())
    }

    /// A call beside the conversation, on a connection of its own.
    async fn aside(&mut self, body: &Value, target: &str) -> io::Result<()> {
        let who = headers::Who { class: "auxiliary", ..headers::Who::default() };
        let headers = headers::of_message(&self.id, &who, body["stream"] == true);
        let mut connection = Connection::new(self.base.clone());
        connection.send("POST", target, &headers, &body.to_string(), None).await.map(|_| ())
    }

    /// What goes wrong at the session's prompt number `at`: mostly nothing.
    fn mishap(&self, at: usize) -> Mishap {
        match (self.number % 8, at) {
            (1, 1) => Mishap::Fault("[sim:error=529*2]"),
            (2, 1) => Mishap::Fault("[sim:cold]"),
            (3, 2) => Mishap::Fault("[sim:error=429*1][sim:retry-after=2]"),
            (4, 1) => Mishap::Escape,
            (5, 0) => Mishap::Fault("[sim:error-in-stream=overloaded_error*1]"),
            (6, 2) => Mishap::Fault("[sim:slow-first-byte=2500]"),
            (7, 1) => Mishap::Fault("[sim:cut-after=12*1]"),
            _ => Mishap::None,
        }
    }

    async fn wait(&mut self, least: u64, spread: u64) {
        let ms = least + self.roll() % spread;
        tokio::time::sleep(pause(self.speed, ms)).await;
    }

    fn roll(&mut self) -> u64 {
        self.dice = mix(self.dice);
        self.dice >> 8
    }
}

impl Speaker {
    fn main() -> Self {
        Self {
            agent_id: None,
            agent_type: String::new(),
            prompt_id: String::new(),
            messages: Vec::new(),
            last_tools: None,
        }
    }

    fn agent(input: &Value, dice: u64) -> Self {
        Self {
            agent_id: Some(format!("a{:016x}", mix(dice))),
            agent_type: input["subagent_type"].as_str().unwrap_or("general-purpose").to_owned(),
            prompt_id: uuid_of(dice),
            ..Self::main()
        }
    }
}

impl<'a> From<&'a Speaker> for headers::Who<'a> {
    fn from(speaker: &'a Speaker) -> Self {
        Self {
            class: if speaker.agent_id.is_some() { "subagent" } else { "main" },
            agent_id: speaker.agent_id.as_deref(),
            agent_type: (!speaker.agent_type.is_empty()).then_some(speaker.agent_type.as_str()),
            prompt_id: Some(&speaker.prompt_id),
            tools: speaker.last_tools.as_deref(),
        }
    }
}

/// Claude Code asks once more without a stream when one broke.
fn without_stream(body: &mut Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.shift_remove("stream");
    }
}

fn user_text(text: &str) -> Value {
    json!({"role": "user", "content": [{"type": "text", "text": text}]})
}

fn uuid_of(dice: u64) -> String {
    let bits = (u128::from(mix(dice)) << 64) | u128::from(mix(!dice));
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
}

/// What the runtime's own probe at the start sends.
pub(super) fn probe_headers() -> Vec<(String, String)> {
    vec![("User-Agent".to_owned(), "Bun/1.4.0".to_owned()), ("Accept".to_owned(), "*/*".to_owned())]
}
