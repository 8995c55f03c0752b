//! HTTP by hand: a client and an upstream that send exactly the bytes they are told.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use super::PATIENCE;

/// A connection to the proxy.
pub struct Client(pub TcpStream);

impl Client {
    pub fn connect(authority: &str) -> Client {
        let stream = TcpStream::connect(authority).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(stream)
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.0.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Everything up to the end of the connection; what came before a reset.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.0.read_to_end(&mut bytes);
        bytes
    }

    /// Everything up to and with `mark`.
    pub fn read_until(&mut self, mark: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(mark) {
            assert_eq!(
                self.0.read(&mut byte).unwrap(),
                1,
                "ended before {:?}: {:?}",
                mark,
                String::from_utf8_lossy(&bytes)
            );
            bytes.push(byte[0]);
        }
        bytes
    }

    /// Sends no more, reads on.
    pub fn finish(&self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }
}

/// One request that asks for the end of the connection, and all that comes back.
pub fn exchange(authority: &str, request: impl AsRef<[u8]>) -> Vec<u8> {
    let mut client = Client::connect(authority);
    client.send(request);
    client.read_to_end()
}

/// The body of an answer whose head ends at the first blank line.
pub fn body_of(answer: &[u8]) -> &[u8] {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    &answer[end..]
}

/// An upstream that does to each connection what it is told.
pub struct Upstream {
    pub address: SocketAddr,
    pub thread: JoinHandle<()>,
}

impl Upstream {
    /// Serves as many connections as there are scripts, one after another.
    pub fn start(scripts: Vec<Box<dyn FnOnce(Client) + Send>>) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            for script in scripts {
                let (stream, _) = listener.accept().unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.set_nodelay(true).unwrap();
                script(Client(stream));
            }
        });
        Upstream { address, thread }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Reads one request with a `content-length` (or none) from a connection: head and body.
pub fn read_request(client: &mut Client) -> (String, Vec<u8>) {
    let head = String::from_utf8(client.read_until(b"\r\n\r\n")).unwrap();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse::<usize>().unwrap());
    let mut body = vec![0; length];
    client.0.read_exact(&mut body).unwrap();
    (head, body)
}

/// An upstream that answers each request of each connection with `answer`, and keeps what it was sent.
pub struct Echoing {
    pub url: String,
    pub received: std::sync::mpsc::Receiver<(String, Vec<u8>)>,
}

impl Echoing {
    pub fn start(answer: impl Into<Vec<u8>>) -> Echoing {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, received) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (sender, answer) = (sender.clone(), answer.clone());
                std::thread::spawn(move || {
                    let mut client = Client(stream.unwrap());
                    // The peek tells an idle end of the connection from a request.
                    while client.0.peek(&mut [0]).is_ok_and(|read| read > 0) {
                        let request = read_request(&mut client);
                        if sender.send(request).is_err() || client.0.write_all(&answer).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Echoing { url, received }
    }
}

/// Events of a short message as the API streams it.
pub fn stream_events() -> Vec<String> {
    let start = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-5-5","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":3},"output_tokens":1}}}"#;
    let mut events = vec![format!("event: message_start\ndata: {start}\n\n")];
    events.push("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n".to_owned());
    for word in ["Hello", ", ", "世界"] {
        events.push(format!("event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{word}\"}}}}\n\n"));
    }
    events.push(
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n".to_owned(),
    );
    events.push("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":42}}\n\n".to_owned());
    events.push("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n".to_owned());
    events
}

/// Bytes as one HTTP chunk.
pub fn chunk(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

pub const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nrequest-id: req_1\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A model call with this JSON body, as a client would send it.
pub fn call(body: &str) -> String {
    format!(
        "POST /v1/messages?beta=true HTTP/1.1\r\nHost: h\r\nX-Claude-Code-Session-Id: s-1\r\nx-api-key: sk-ant-api03-TopSecretTopSecret\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub const BODY: &str = r#"{"model":"claude-opus-5-5","stream":true,"max_tokens":64,"messages":[{"role":"user","content":"hi \ud83d"}], "x" : 1.0}"#;
