//! Message heads: the request or status line and the fields.
//!
//! `scan` finds the end of a head in bytes that come in pieces and refuses line ends that two parsers could read
//! differently; `request` and `response` parse what it found with `httparse` and decide the framing; `forward`
//! writes the head for the other side. Nothing here does I/O or touches bodies.

mod forward;
mod request;
mod response;
mod scan;

pub(crate) use forward::{RequestTarget, write_request, write_response};
pub use request::RequestHead;
pub(crate) use response::ResponseFraming;
pub use response::ResponseHead;
pub use scan::HeadError;
pub(crate) use scan::{HeadScan, Limits, is_token};

use std::fmt;

/// One field line of a head, or of the trailers of a chunked body. Its `Debug` hides the value: it may be a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name in the letter case it came in.
    pub name: &'a [u8],
    /// The value without the whitespace around it.
    pub value: &'a [u8],
}

impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ({} bytes)", String::from_utf8_lossy(self.name), self.value.len())
    }
}

impl<'a> From<httparse::Header<'a>> for Header<'a> {
    fn from(header: httparse::Header<'a>) -> Self {
        Header { name: header.name.as_bytes(), value: header.value }
    }
}

/// The HTTP version a head names. Others are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: no chunks, no reuse of the connection.
    Http10,
    /// HTTP/1.1.
    Http11,
}

impl Version {
    fn from_minor(minor: Option<u8>) -> Self {
        if minor == Some(0) { Version::Http10 } else { Version::Http11 }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        })
    }
}

/// The field lines of a head twice: parsed, and as they were written.
#[derive(Clone)]
struct Fields<'a> {
    parsed: Vec<httparse::Header<'a>>,
    /// Everything between the first line and the empty line, CRLFs included.
    raw: &'a [u8],
    /// Fields of this name are as if they had not come.
    taken: Option<&'static str>,
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> Fields<'a> {
    /// `head` is a whole head that `HeadScan` accepted.
    fn new(parsed: Vec<httparse::Header<'a>>, head: &'a [u8]) -> Self {
        let start = memchr::memchr(b'\n', head).map_or(head.len(), |at| at + 1);
        let end = head.len().saturating_sub(2).max(start);
        Fields { parsed, raw: &head[start..end], taken: None }
    }

    fn iter(&self) -> impl Iterator<Item = Header<'a>> + '_ {
        self.parsed.iter().filter(|header| !self.is_taken(header.name)).map(|header| Header::from(*header))
    }

    fn is_taken(&self, name: &str) -> bool {
        self.taken.is_some_and(|taken| taken.eq_ignore_ascii_case(name))
    }

    /// Each field with its line as it was written, CRLF included.
    fn lines(&self) -> impl Iterator<Item = (Header<'a>, &'a [u8])> + '_ {
        let all = self.parsed.iter().zip(self.raw.split_inclusive(|byte| *byte == b'\n'));
        all.filter(|(header, _)| !self.is_taken(header.name))
            .map(|(header, line)| (Header::from(*header), line))
    }

    fn named<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + 'n {
        let wanted = move |header: &&httparse::Header<'a>| header.name.eq_ignore_ascii_case(name);
        self.parsed.iter().filter(wanted).filter(|header| !self.is_taken(header.name)).map(|h| h.value)
    }

    /// Whether the comma list that the fields of this name make up has the token.
    fn has_token(&self, name: &str, token: &str) -> bool {
        self.named(name).flat_map(list).any(|item| item.eq_ignore_ascii_case(token.as_bytes()))
    }
}

/// The items of a comma list, trimmed, without empty ones.
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

/// What the fields say about the length of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Unsaid,
    Bytes(u64),
    Chunked,
}

/// Reads `Content-Length` and `Transfer-Encoding` so strictly that no other parser can read them differently.
fn length(fields: &Fields<'_>, version: Version) -> Result<Length, HeadError> {
    let mut codings = fields.named("transfer-encoding");
    let coding = codings.next();
    if codings.next().is_some() {
        return Err(HeadError::SeveralTransferEncodings);
    }
    let mut lengths = fields.named("content-length");
    let length = lengths.next();
    if lengths.next().is_some() {
        return Err(HeadError::SeveralContentLengths);
    }
    match (coding, length) {
        (Some(_), Some(_)) => Err(HeadError::BothLengths),
        (Some(_), None) if version == Version::Http10 => Err(HeadError::TransferEncodingInHttp10),
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Length::Chunked),
        (Some(_), None) => Err(HeadError::UnknownTransferEncoding),
        (None, Some(length)) => digits(length).map(Length::Bytes).ok_or(HeadError::BadContentLength),
        (None, None) => Ok(Length::Unsaid),
    }
}

fn digits(value: &[u8]) -> Option<u64> {
    let all_digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    if all_digits { std::str::from_utf8(value).ok()?.parse().ok() } else { None }
}
