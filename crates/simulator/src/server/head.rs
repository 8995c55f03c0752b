//! Reads a request's head. Lenient where HTTP allows it: the simulator tests others, it guards nothing.

use bytes::{Bytes, BytesMut};

/// A head without a limit on its headers would be a parser's problem; no client sends so many.
const MAX_HEADERS: usize = 256;
/// Longer heads than this are refused.
pub(crate) const MAX_HEAD_BYTES: usize = 256 * 1024;

/// A request's head and how its body is framed.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) raw: Bytes,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) framing: Framing,
    pub(crate) keep_alive: bool,
    pub(crate) expects_continue: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
}

/// Takes a whole head off the front of `buffer`; `None` if more bytes are needed.
pub(crate) fn take(buffer: &mut BytesMut) -> Result<Option<Head>, String> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut slots);
    let length = match request.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if buffer.len() > MAX_HEAD_BYTES => {
            return Err("the head is too long".to_owned());
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(format!("the head is malformed: {error}")),
    };
    let headers: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    let method = request.method.unwrap_or_default().to_owned();
    let target = request.path.unwrap_or_default().to_owned();
    let is_http_1_1 = request.version == Some(1);
    let raw = buffer.split_to(length).freeze();

    let mut head = Head {
        raw,
        method,
        target,
        framing: Framing::Length(0),
        keep_alive: is_http_1_1,
        expects_continue: false,
        headers: Vec::new(),
    };
    for (name, value) in &headers {
        match name.to_ascii_lowercase().as_str() {
            "transfer-encoding" => head.framing = Framing::Chunked,
            "content-length" if head.framing != Framing::Chunked => {
                let length =
                    value.trim().parse().map_err(|_| format!("content-length is no number: {value}"))?;
                head.framing = Framing::Length(length);
            }
            "connection" if value.to_ascii_lowercase().contains("close") => head.keep_alive = false,
            "connection" if value.to_ascii_lowercase().contains("keep-alive") => head.keep_alive = true,
            "expect" => head.expects_continue = value.eq_ignore_ascii_case("100-continue"),
            _ => {}
        }
    }
    head.headers = headers;
    Ok(Some(head))
}
