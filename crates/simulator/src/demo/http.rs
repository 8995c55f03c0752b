//! The demo's own small HTTP/1.1 client: exact header order and case, one connection at a time, plain TCP.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Where requests go: `http://host:port` and a path in front of every target.
#[derive(Clone, Debug)]
pub(super) struct Base {
    host: String,
    prefix: String,
}

/// An answer, read to its end or to where the client left.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) retry_after: Option<u64>,
    pub(super) body: Vec<u8>,
}

impl Base {
    pub(super) fn parse(url: &str) -> io::Result<Self> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidInput, format!("no http:// address: {url}"));
        let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
        let (host, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        Ok(Self { host, prefix: if prefix.is_empty() { String::new() } else { format!("/{prefix}") } })
    }
}

/// A keep-alive connection, opened when it is first needed.
#[derive(Debug)]
pub(super) struct Connection {
    base: Base,
    stream: Option<TcpStream>,
}

impl Connection {
    pub(super) fn new(base: Base) -> Self {
        Self { base, stream: None }
    }

    /// Sends a request and reads the answer. With `leave_after` the connection is dropped that long after sending.
    pub(super) async fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: &str,
        leave_after: Option<Duration>,
    ) -> io::Result<Response> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(&self.base.host).await?,
        };
        stream.set_nodelay(true)?;
        let mut head = format!("{method} {}{target} HTTP/1.1\r\n", self.base.prefix);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!(
            "Connection: keep-alive\r\nHost: {}\r\nAccept-Encoding: identity\r\n",
            self.base.host
        ));
        if method == "POST" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;

        let read = read_response(&mut stream, method == "HEAD");
        match leave_after {
            Some(time) => match tokio::time::timeout(time, read).await {
                Ok(response) => response,
                Err(_) => Err(io::Error::new(io::ErrorKind::Interrupted, "the client left")),
            },
            None => {
                let response = read.await?;
                self.stream = Some(stream);
                Ok(response)
            }
        }
    }
}

async fn read_response(stream: &mut TcpStream, head_only: bool) -> io::Result<Response> {
    let mut buffer = Vec::new();
    let (mut response, length, head_length) = loop {
        fill(stream, &mut buffer).await?;
        if let Some(parsed) = parse_head(&buffer)? {
            break parsed;
        }
    };
    buffer.drain(..head_length);
    if head_only {
        return Ok(response);
    }
    if let Some(length) = length {
        while buffer.len() < length {
            fill(stream, &mut buffer).await?;
        }
        response.body = buffer;
        return Ok(response);
    }
    loop {
        let Some(line_end) = buffer.windows(2).position(|pair| pair == b"\r\n") else {
            fill(stream, &mut buffer).await?;
            continue;
        };
        let digits = String::from_utf8_lossy(&buffer[..line_end]).into_owned();
        let size =
            usize::from_str_radix(digits.trim(), 16).map_err(|_| bad(&format!("chunk size {digits:?}")))?;
        let end = line_end + 2 + size;
        while buffer.len() < end + 2 {
            fill(stream, &mut buffer).await?;
        }
        response.body.extend_from_slice(&buffer[line_end + 2..end]);
        buffer.drain(..end + 2);
        if size == 0 {
            return Ok(response);
        }
    }
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(buffer).await? {
        0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer was cut off")),
        _ => Ok(()),
    }
}

/// The head, `content-length` unless chunked, and the head's length; `None` if it is not whole yet.
fn parse_head(buffer: &[u8]) -> io::Result<Option<(Response, Option<usize>, usize)>> {
    let mut slots = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Response::new(&mut slots);
    let head_length = match parsed.parse(buffer).map_err(|error| bad(&error.to_string()))? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let header = |name: &str| {
        let found = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok()
    };
    let retry_after = header("retry-after").and_then(|value| value.parse().ok());
    let chunked = header("transfer-encoding").is_some();
    let length = header("content-length").and_then(|value| value.parse().ok()).filter(|_| !chunked);
    let length = if chunked { None } else { Some(length.unwrap_or(0)) };
    let response = Response { status: parsed.code.unwrap_or(0), retry_after, body: Vec::new() };
    Ok(Some((response, length, head_length)))
}

fn bad(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the answer is malformed: {problem}"))
}
