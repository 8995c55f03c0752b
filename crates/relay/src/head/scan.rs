//! Finds where a head ends, in bytes that come in any pieces, and refuses at once what must not be forwarded:
//! bare CR or LF, folded lines, a first byte that no HTTP request has, too much of anything.

use memchr::memchr2;

/// How large a head may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes, the empty line included.
    pub(crate) bytes: usize,
    /// Field lines.
    pub(crate) headers: usize,
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// A TLS handshake on a plain port.
    #[error("this looks like TLS, but plain HTTP is spoken here; use an http:// address")]
    LooksLikeTls,
    /// The HTTP/2 preface.
    #[error("HTTP/2 is not spoken here; use HTTP/1.1")]
    Http2,
    /// Any other version.
    #[error("only HTTP/1.1 and HTTP/1.0 are spoken here")]
    UnknownVersion,
    /// A CR without its LF.
    #[error("a carriage return without a line feed in the head")]
    BareCr,
    /// An LF without its CR.
    #[error("a line feed without a carriage return in the head")]
    BareLf,
    /// A field line that begins with whitespace.
    #[error("a folded header line")]
    FoldedLine,
    /// The first line is not `METHOD target HTTP/1.x`, or not a status line.
    #[error("the first line is malformed")]
    BadFirstLine,
    /// A field line is not `name: value`, or has a byte that none may have.
    #[error("a header line is malformed")]
    BadHeader,
    /// A target that is neither a path, an http URL nor `*`.
    #[error("the request target is neither a path nor an http URL")]
    BadTarget,
    /// More bytes than allowed.
    #[error("the head is larger than {0} bytes")]
    TooLarge(usize),
    /// More field lines than allowed.
    #[error("the head has more than {0} header lines")]
    TooManyHeaders(usize),
    /// Both ways to say a length.
    #[error("both Content-Length and Transfer-Encoding")]
    BothLengths,
    /// More than one Content-Length line.
    #[error("more than one Content-Length")]
    SeveralContentLengths,
    /// Not a plain decimal number.
    #[error("Content-Length is not a plain number")]
    BadContentLength,
    /// More than one Transfer-Encoding line.
    #[error("more than one Transfer-Encoding")]
    SeveralTransferEncodings,
    /// Anything but `chunked`.
    #[error("a Transfer-Encoding other than chunked")]
    UnknownTransferEncoding,
    /// HTTP/1.0 has no Transfer-Encoding.
    #[error("Transfer-Encoding in an HTTP/1.0 message")]
    TransferEncodingInHttp10,
    /// HTTP/1.1 wants a Host.
    #[error("no Host header")]
    NoHost,
    /// Only one Host is allowed.
    #[error("more than one Host header")]
    SeveralHosts,
    /// A Host that names no host.
    #[error("the Host header is malformed")]
    BadHost,
    /// CONNECT asks for a tunnel.
    #[error("CONNECT is not supported; this is no tunnel")]
    ConnectMethod,
}

impl HeadError {
    /// The status that says so to a client.
    pub fn status(self) -> u16 {
        match self {
            HeadError::TooLarge(_) | HeadError::TooManyHeaders(_) => 431,
            HeadError::ConnectMethod => 501,
            HeadError::Http2 | HeadError::UnknownVersion => 505,
            _ => 400,
        }
    }
}

/// Where the search for the end of a head stands. Every byte is looked at once, however the bytes are split.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HeadScan {
    /// Bytes known to be fine.
    seen: usize,
    line_start: usize,
    lines: usize,
}

impl HeadScan {
    /// `bytes` are all the bytes of the head so far; the answer is the length of the head once it is whole.
    pub(crate) fn advance(&mut self, bytes: &[u8], limits: Limits) -> Result<Option<usize>, HeadError> {
        // Beyond the limit nothing is looked at, so that what is found does not depend on how much was read at once.
        let (length, bytes) = (bytes.len(), &bytes[..bytes.len().min(limits.bytes)]);
        while let Some(found) = memchr2(b'\r', b'\n', &bytes[self.seen..]) {
            let at = self.seen + found;
            if bytes[at] == b'\n' {
                return Err(HeadError::BareLf);
            }
            match bytes.get(at + 1) {
                None => {
                    self.seen = at;
                    return self.unfinished(length, limits);
                }
                Some(b'\n') => {}
                Some(_) => return Err(HeadError::BareCr),
            }
            let line = &bytes[self.line_start..at];
            (self.seen, self.line_start) = (at + 2, at + 2);
            if line.is_empty() {
                return Ok(Some(self.seen));
            }
            if self.lines > 0 && matches!(line[0], b' ' | b'\t') {
                return Err(HeadError::FoldedLine);
            }
            self.lines += 1;
            if self.lines > limits.headers + 1 {
                return Err(HeadError::TooManyHeaders(limits.headers));
            }
        }
        self.seen = bytes.len();
        self.unfinished(length, limits)
    }

    fn unfinished(&self, length: usize, limits: Limits) -> Result<Option<usize>, HeadError> {
        if length >= limits.bytes { Err(HeadError::TooLarge(limits.bytes)) } else { Ok(None) }
    }

    /// Field lines of the head that was found.
    pub(super) fn headers(&self) -> usize {
        self.lines.saturating_sub(1)
    }
}

/// Whether these first bytes of a request can still become one; so that a client that speaks something else is
/// answered at once instead of when its time is over.
pub(super) fn check_opening(bytes: &[u8]) -> Result<(), HeadError> {
    const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n";
    if bytes.starts_with(HTTP2) {
        return Err(HeadError::Http2);
    }
    if bytes.first() == Some(&0x16) {
        return Err(HeadError::LooksLikeTls);
    }
    let method = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
    let whole = method.len() < bytes.len();
    if method.iter().all(|byte| is_token(*byte)) && !(whole && method.is_empty()) {
        Ok(())
    } else {
        Err(HeadError::BadFirstLine)
    }
}

/// The bytes a method or a field name is made of (RFC 9110, 5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
