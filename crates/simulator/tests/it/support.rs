//! A client of a few lines: writes bytes, reads an answer to its end, decodes chunks.

use serde_json::{Value, json};
use simulator::{Options, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) async fn start() -> Simulator {
    Simulator::start(Options::default()).await.unwrap()
}

/// What came back, and whether it ended in a reset.
pub(crate) struct Answer {
    pub(crate) raw: Vec<u8>,
    pub(crate) reset: bool,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        String::from_utf8_lossy(&self.raw)[9..12].parse().unwrap()
    }

    pub(crate) fn head(&self) -> String {
        let end = self.raw.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        String::from_utf8_lossy(&self.raw[..end]).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = self.head();
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    }

    /// The body without chunk framing; a cut one as far as it came.
    pub(crate) fn body(&self) -> Vec<u8> {
        let raw = &self.raw[self.head().len() + 4..];
        if self.header("transfer-encoding").is_none() {
            return raw.to_vec();
        }
        let (mut rest, mut out) = (raw, Vec::new());
        while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
            let from = (end + 2).min(rest.len());
            let to = (from + size).min(rest.len());
            out.extend_from_slice(&rest[from..to]);
            rest = &rest[(to + 2).min(rest.len())..];
        }
        out
    }

    pub(crate) fn ended_well(&self) -> bool {
        self.raw.ends_with(b"0\r\n\r\n")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body()).unwrap()
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        let text = String::from_utf8(self.body()).unwrap();
        let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
        data.map(|data| serde_json::from_str(data).unwrap()).collect()
    }
}

/// Sends bytes and reads until the simulator closes.
pub(crate) async fn exchange(simulator: &Simulator, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(simulator.addr()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut raw = Vec::new();
    let reset = stream.read_to_end(&mut raw).await.is_err();
    Answer { raw, reset }
}

/// A request of its own connection, with a key.
pub(crate) async fn call(
    simulator: &Simulator,
    method: &str,
    target: &str,
    headers: &str,
    body: &[u8],
) -> Answer {
    let mut request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {}\r\nx-api-key: k\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        simulator.addr(),
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    exchange(simulator, &request).await
}

pub(crate) async fn ask(simulator: &Simulator, body: &Value) -> Answer {
    call(simulator, "POST", "/v1/messages?beta=true", "", body.to_string().as_bytes()).await
}

pub(crate) fn prompt(text: &str, stream: bool) -> Value {
    json!({"model": "claude-opus-5-5", "max_tokens": 4096, "stream": stream,
        "messages": [{"role": "user", "content": text}]})
}
