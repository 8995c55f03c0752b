//! Answers of the relay's own.

use crate::handler::Reply;

/// The whole answer; `body`: whether the request's method lets an answer have one.
pub(crate) fn encode(status: u16, reply: &Reply, close: bool, body: bool) -> Vec<u8> {
    let connection = if close { "Connection: close\r\n" } else { "" };
    let mut out = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{connection}\r\n",
        reason(status),
        reply.content_type,
        reply.body.len(),
    )
    .into_bytes();
    if body {
        out.extend_from_slice(&reply.body);
    }
    out
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        408 => "Request Timeout",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}
