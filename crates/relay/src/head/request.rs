//! A request head, parsed and judged.

use std::fmt;

use super::scan::check_opening;
use super::{Fields, HeadError, HeadScan, Header, Length, Limits, Version, length};
use crate::body::Body;

/// The head of a request that is well formed, as it came.
#[derive(Clone)]
pub struct RequestHead<'a> {
    /// The method in its letter case; any token, known or not.
    pub method: &'a str,
    /// The target as it was received: a path with its query, an http URL, or `*`.
    pub target: &'a [u8],
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// The length of the body, if it is said in bytes.
    pub content_length: Option<u64>,
    /// Whether the body comes in chunks.
    pub chunked: bool,
    pub(super) fields: Fields<'a>,
}

impl fmt::Debug for RequestHead<'_> {
    /// Without the target and the values of the fields: both may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("target_bytes", &self.target.len())
            .field("version", &self.version)
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

impl<'a> RequestHead<'a> {
    /// Parses the head at the start of `bytes`; `scan` remembers between calls what was already looked at.
    /// The answer is `None` while the head is incomplete, else the head and its length in bytes.
    pub(crate) fn parse(
        bytes: &'a [u8],
        scan: &mut HeadScan,
        limits: Limits,
    ) -> Result<Option<(RequestHead<'a>, usize)>, HeadError> {
        check_opening(&bytes[..bytes.len().min(OPENING)])?;
        let Some(end) = scan.advance(bytes, limits)? else { return Ok(None) };
        let head = &bytes[..end];
        let mut headers = vec![httparse::EMPTY_HEADER; scan.headers()];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(head) {
            Ok(httparse::Status::Complete(parsed)) if parsed == end => {}
            Ok(_) => return Err(HeadError::BadFirstLine),
            Err(error) => return Err(head_error(error, head)),
        }
        let (Some(method), Some(target)) = (request.method, request.path) else {
            return Err(HeadError::BadFirstLine);
        };
        let version = Version::from_minor(request.version);
        let fields = Fields::new(headers, head);
        let request = Self::judge(method, target.as_bytes(), version, fields)?;
        Ok(Some((request, end)))
    }

    fn judge(
        method: &'a str,
        target: &'a [u8],
        version: Version,
        fields: Fields<'a>,
    ) -> Result<Self, HeadError> {
        if method == "CONNECT" {
            return Err(HeadError::ConnectMethod);
        }
        if path_of(target).is_none() {
            return Err(HeadError::BadTarget);
        }
        check_host(&fields, version)?;
        let length = length(&fields, version)?;
        Ok(RequestHead {
            method,
            target,
            version,
            content_length: if let Length::Bytes(bytes) = length { Some(bytes) } else { None },
            chunked: length == Length::Chunked,
            fields,
        })
    }

    /// The fields in order, duplicates included.
    pub fn headers(&self) -> impl Iterator<Item = Header<'a>> + '_ {
        self.fields.iter()
    }

    /// The value of the first field with this name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.named(name).next()
    }

    /// Takes out a field that is meant for the proxy alone: it is neither forwarded nor seen any more. Returns the first
    /// value. Only one name can be taken.
    pub fn take(&mut self, name: &'static str) -> Option<&'a [u8]> {
        let value = self.fields.named(name).next();
        self.fields.taken = Some(name);
        value
    }

    /// Goes on with another target: a path with its query.
    pub fn set_target(&mut self, target: &'a [u8]) {
        self.target = target;
    }

    /// The path and query that is forwarded: the target without scheme and authority.
    pub fn path(&self) -> &'a [u8] {
        path_of(self.target).unwrap_or(self.target)
    }

    pub(crate) fn body(&self) -> Body {
        match self.content_length {
            _ if self.chunked => Body::chunked(),
            Some(length) => Body::sized(length),
            None => Body::sized(0),
        }
    }

    /// Whether the client wants its connection closed after the answer.
    pub(crate) fn wants_close(&self) -> bool {
        self.version == Version::Http10 || self.fields.has_token("connection", "close")
    }

    /// Whether the client waits for `100 Continue` before it sends its body.
    pub(crate) fn awaits_continue(&self) -> bool {
        self.fields.has_token("expect", "100-continue")
    }
}

/// No method that anybody uses is longer; what is looked at before the first line is whole.
const OPENING: usize = 24;

/// The path and query of a target, `*` as it is; `None` if it is neither.
fn path_of(target: &[u8]) -> Option<&[u8]> {
    if target.starts_with(b"/") || target == b"*" {
        return Some(target);
    }
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))?;
    let rest = &target[scheme.len()..];
    let authority = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    if authority == 0 { None } else { Some(&rest[authority..]) }
}

fn check_host(fields: &Fields<'_>, version: Version) -> Result<(), HeadError> {
    let mut hosts = fields.named("host");
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Err(HeadError::SeveralHosts),
        (None, None) if version == Version::Http11 => Err(HeadError::NoHost),
        (Some(host), None) if host.iter().any(|byte| b" \t,/\\@?#\"<>".contains(byte)) => {
            Err(HeadError::BadHost)
        }
        _ => Ok(()),
    }
}

fn head_error(error: httparse::Error, head: &[u8]) -> HeadError {
    let names_a_version = || memchr::memmem::find(head, b" HTTP/").is_some();
    match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue => HeadError::BadHeader,
        httparse::Error::Version if names_a_version() => HeadError::UnknownVersion,
        _ => HeadError::BadFirstLine,
    }
}
