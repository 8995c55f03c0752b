//! Replies given byte for byte: what a test queues when it wants one exact answer, or one exact failure.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Deserialize;

/// One thing done to the client's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Writes these bytes with a write of their own.
    Send(Bytes),
    /// Waits, watching for the client to leave.
    Pause(Duration),
    /// Closes the connection in good order (FIN). Steps after it are not done.
    Finish,
    /// Resets the connection (RST). Steps after it are not done.
    Reset,
}

/// A reply, byte for byte, and the requests it is for. After its steps the connection stays open for the next
/// request, unless they end in [`Step::Finish`] or [`Step::Reset`].
#[derive(Clone, Debug, Default)]
pub struct Script {
    method: Option<String>,
    path: Option<String>,
    times: Option<u64>,
    early: bool,
    steps: Vec<Step>,
}

impl Script {
    /// A script that answers the next request of any kind, once.
    pub fn new() -> Self {
        Self::default()
    }

    /// A whole reply: status line, `headers`, `content-length` (left out if `headers` frame the body) and `body`.
    pub fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let mut head = format!("HTTP/1.1 {status} {}\r\n", crate::reply::reason(status));
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let framed = |name: &str| {
            name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding")
        };
        if !headers.iter().any(|(name, _)| framed(name)) {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        Self::new().send(head).send(body)
    }

    /// Answers only requests of this method.
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Answers only requests whose target, without its query, is `path`.
    pub fn path(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Answers `times` requests (1 unless said; 0 answers none).
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Starts to answer when the request's head is there, without waiting for its body.
    pub fn early(mut self) -> Self {
        self.early = true;
        self
    }

    /// Then writes `bytes`.
    pub fn send(self, bytes: impl Into<Bytes>) -> Self {
        self.step(Step::Send(bytes.into()))
    }

    /// Then writes `bytes` in pieces of at most `size` bytes (at least 1), each with a write of its own.
    pub fn send_split(mut self, bytes: impl Into<Bytes>, size: usize) -> Self {
        let mut rest = bytes.into();
        while !rest.is_empty() {
            let piece = rest.split_to(size.clamp(1, rest.len()));
            self.steps.push(Step::Send(piece));
        }
        self
    }

    /// Then waits.
    pub fn pause(self, time: Duration) -> Self {
        self.step(Step::Pause(time))
    }

    /// Then closes the connection in good order.
    pub fn finish(self) -> Self {
        self.step(Step::Finish)
    }

    /// Then resets the connection.
    pub fn reset(self) -> Self {
        self.step(Step::Reset)
    }

    /// Then does `step`.
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub(crate) fn fits(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|own| own == method)
            && self.path.as_deref().is_none_or(|own| own == path)
    }

    pub(crate) fn starts_early(&self) -> bool {
        self.early
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Counts one use; true while more are left.
    pub(crate) fn use_up(&mut self) -> bool {
        let left = self.times.unwrap_or(1).saturating_sub(1);
        self.times = Some(left);
        left > 0
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.times == Some(0)
    }
}

/// The JSON form of `POST /_simulator/script`; either `steps`, or `status` with `headers` and `body`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScriptJson {
    method: Option<String>,
    path: Option<String>,
    times: Option<u64>,
    #[serde(default)]
    early: bool,
    steps: Option<Vec<StepJson>>,
    status: Option<u16>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StepJson {
    Text(String),
    Base64(String),
    PauseMs(u64),
    Finish,
    Reset,
}

impl ScriptJson {
    pub(crate) fn into_script(self) -> Result<Script, String> {
        let mut script = match (self.steps, self.status) {
            (Some(steps), None) => steps.into_iter().try_fold(Script::new(), |script, step| {
                Ok::<_, String>(match step {
                    StepJson::Text(text) => script.send(text),
                    StepJson::Base64(text) => {
                        let bytes = BASE64.decode(&text).map_err(|error| format!("step base64: {error}"))?;
                        script.send(bytes)
                    }
                    StepJson::PauseMs(ms) => script.pause(Duration::from_millis(ms)),
                    StepJson::Finish => script.finish(),
                    StepJson::Reset => script.reset(),
                })
            })?,
            (None, Some(status)) => {
                let headers: Vec<_> =
                    self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                Script::reply(status, &headers, self.body)
            }
            _ => return Err("give either `steps` or `status` (with `headers` and `body`)".to_owned()),
        };
        script.method = self.method;
        script.path = self.path;
        script.times = self.times;
        script.early = self.early;
        Ok(script)
    }
}
