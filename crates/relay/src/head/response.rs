//! A response head, parsed and judged.

use super::{Fields, HeadError, HeadScan, Header, Length, Limits, Version, length};
use crate::body::Body;

/// The head of a response, as it came.
#[derive(Debug, Clone)]
pub struct ResponseHead<'a> {
    /// The status, 100 to 999.
    pub status: u16,
    /// The reason phrase; often empty.
    pub reason: &'a [u8],
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// The first line with its CRLF.
    pub(super) first_line: &'a [u8],
    pub(super) fields: Fields<'a>,
}

/// How the body of a response ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseFraming {
    pub(crate) body: Body,
    /// The connection can carry another request afterwards.
    pub(crate) reusable: bool,
}

impl<'a> ResponseHead<'a> {
    /// Parses the head at the start of `bytes`, as `RequestHead::parse` does.
    pub(crate) fn parse(
        bytes: &'a [u8],
        scan: &mut HeadScan,
        limits: Limits,
    ) -> Result<Option<(ResponseHead<'a>, usize)>, HeadError> {
        let opening = bytes.len().min(b"HTTP/1.".len());
        if bytes[..opening] != b"HTTP/1."[..opening] {
            return Err(HeadError::BadFirstLine);
        }
        let Some(end) = scan.advance(bytes, limits)? else { return Ok(None) };
        let head = &bytes[..end];
        let mut headers = vec![httparse::EMPTY_HEADER; scan.headers()];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(head) {
            Ok(httparse::Status::Complete(parsed)) if parsed == end => {}
            Err(httparse::Error::HeaderName | httparse::Error::HeaderValue) => {
                return Err(HeadError::BadHeader);
            }
            _ => return Err(HeadError::BadFirstLine),
        }
        let status = response.code.filter(|code| *code >= 100).ok_or(HeadError::BadFirstLine)?;
        let version = Version::from_minor(response.version);
        let first_line = &head[..memchr::memchr(b'\n', head).map_or(head.len(), |at| at + 1)];
        let fields = Fields::new(headers, head);
        Ok(Some((ResponseHead { status, reason: reason(first_line), version, first_line, fields }, end)))
    }

    /// The fields in order, duplicates included.
    pub fn headers(&self) -> impl Iterator<Item = Header<'a>> + '_ {
        self.fields.iter()
    }

    /// The value of the first field with this name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.named(name).next()
    }

    /// How the body that follows ends; `to_head`: this answers a HEAD request.
    pub(crate) fn framing(&self, to_head: bool) -> Result<ResponseFraming, HeadError> {
        let lasting = self.version == Version::Http11 && !self.fields.has_token("connection", "close");
        if to_head || matches!(self.status, 100..=199 | 204 | 304) {
            return Ok(ResponseFraming { body: Body::sized(0), reusable: lasting });
        }
        Ok(match length(&self.fields, self.version)? {
            Length::Chunked => ResponseFraming { body: Body::chunked(), reusable: lasting },
            Length::Bytes(length) => ResponseFraming { body: Body::sized(length), reusable: lasting },
            Length::Unsaid => ResponseFraming { body: Body::until_close(), reusable: false },
        })
    }
}

/// The part of a status line after the code. httparse hides reasons with bytes outside of ASCII; we do not.
fn reason(first_line: &[u8]) -> &[u8] {
    let reason = first_line.get(b"HTTP/1.1 200".len()..).unwrap_or_default();
    let reason = reason.strip_prefix(b" ").unwrap_or(reason);
    reason.strip_suffix(b"\r\n").unwrap_or(reason)
}
