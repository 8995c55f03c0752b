//! Writes a head for the other side: every line as it was written, in its order, but without the fields that
//! belong to one connection only. The framing fields stay, since the body is relayed in the framing it came in.

use super::{Fields, Header, RequestHead, ResponseHead, Version, list};

/// Fields that a `Connection` field cannot take away: those that frame, route, describe or authorise the message.
const NEVER_NOMINATED: [&str; 16] = [
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "host",
    "proxy-authorization",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "user-agent",
    "x-api-key",
];

/// Where a request goes, as far as its head shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestTarget<'a> {
    /// Put before the path; empty or `/prefix` without a slash at its end.
    pub(crate) base_path: &'a str,
    /// Takes the place of the client's `Host`.
    pub(crate) host: Option<&'a [u8]>,
}

/// Appends the head that goes upstream.
pub(crate) fn write_request(out: &mut Vec<u8>, head: &RequestHead<'_>, target: RequestTarget<'_>) {
    out.extend_from_slice(head.method.as_bytes());
    out.push(b' ');
    write_target(out, head, target.base_path);
    out.extend_from_slice(match head.version {
        Version::Http10 => b" HTTP/1.0\r\n",
        Version::Http11 => b" HTTP/1.1\r\n",
    });
    let nominated = nominated(&head.fields);
    for (header, line) in head.fields.lines() {
        match target.host {
            _ if is_hop_by_hop(header.name, &nominated) => {}
            _ if header.name.eq_ignore_ascii_case(b"te") => write_te(out, header, line),
            Some(host) if header.name.eq_ignore_ascii_case(b"host") => write_value(out, header, line, host),
            _ => out.extend_from_slice(line),
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the head that goes to the client; `close`: say that its connection will be closed afterwards.
pub(crate) fn write_response(out: &mut Vec<u8>, head: &ResponseHead<'_>, close: bool) {
    out.extend_from_slice(head.first_line);
    let nominated = nominated(&head.fields);
    let mut to_say = close;
    for (header, line) in head.fields.lines() {
        if header.name.eq_ignore_ascii_case(b"connection") && to_say {
            write_value(out, header, line, b"close");
            to_say = false;
        } else if !is_hop_by_hop(header.name, &nominated) {
            out.extend_from_slice(line);
        }
    }
    if to_say {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

fn write_target(out: &mut Vec<u8>, head: &RequestHead<'_>, base_path: &str) {
    let path = head.path();
    if path == b"*" || (path.is_empty() && head.method == "OPTIONS") {
        out.push(b'*');
        return;
    }
    out.extend_from_slice(base_path.as_bytes());
    if !path.starts_with(b"/") {
        out.push(b'/');
    }
    out.extend_from_slice(path);
}

/// The names that `Connection` declares to belong to this connection only.
fn nominated<'a>(fields: &Fields<'a>) -> Vec<&'a [u8]> {
    fields
        .named("connection")
        .flat_map(list)
        .filter(|name| !NEVER_NOMINATED.iter().any(|kept| kept.as_bytes().eq_ignore_ascii_case(name)))
        .collect()
}

fn is_hop_by_hop(name: &[u8], nominated: &[&[u8]]) -> bool {
    const ALWAYS: [&str; 4] = ["connection", "keep-alive", "proxy-connection", "upgrade"];
    ALWAYS.iter().any(|hop| hop.as_bytes().eq_ignore_ascii_case(name))
        || nominated.iter().any(|hop| hop.eq_ignore_ascii_case(name))
}

/// `TE` speaks about this connection, except for `trailers`, which we can carry.
fn write_te(out: &mut Vec<u8>, header: Header<'_>, line: &[u8]) {
    if header.value.eq_ignore_ascii_case(b"trailers") {
        out.extend_from_slice(line);
    } else if list(header.value).any(|coding| coding.eq_ignore_ascii_case(b"trailers")) {
        write_value(out, header, line, b"trailers");
    }
}

/// The line with another value: the name and the whitespace after the colon stay.
fn write_value(out: &mut Vec<u8>, header: Header<'_>, line: &[u8], value: &[u8]) {
    let after_colon = &line[header.name.len() + 1..];
    let spaces = after_colon.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    out.extend_from_slice(&line[..header.name.len() + 1 + spaces]);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
