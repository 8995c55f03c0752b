//! Who may forward: whoever has the proxy's token, if there is one. It comes as a header or in the path of the base URL, and is taken out
//! before anything is forwarded or recorded.

use relay::RequestHead;

/// The header that carries the token.
const HEADER: &str = "x-proxy-token";

/// Before the token in a path: `/t/TOKEN/v1/messages`.
const PREFIX: &[u8] = b"/t/";

/// What stands in the place of a token in what is recorded.
const MASK: &[u8] = b"***";

/// Decides who may forward.
pub(crate) struct Gate {
    /// Hashes are compared, so that the time it takes tells nothing about the token.
    hash: blake3::Hash,
    token: String,
}

impl Gate {
    /// A gate that this token opens.
    pub(crate) fn new(token: &str) -> Gate {
        Gate { hash: blake3::hash(token.as_bytes()), token: token.to_owned() }
    }

    /// Whether the request has the token; whatever it has of one is taken out of its head.
    pub(super) fn admits(&self, head: &mut RequestHead<'_>) -> bool {
        let by_header = head.take(HEADER).is_some_and(|token| self.is_right(token));
        let Some((token, rest)) = in_path(head.path()) else { return by_header };
        let by_path = self.is_right(token);
        if by_path {
            head.set_target(if rest.is_empty() { b"/" } else { rest });
        }
        by_path || by_header
    }

    fn is_right(&self, token: &[u8]) -> bool {
        blake3::hash(token) == self.hash
    }

    /// What was received of a head, without the token.
    pub(super) fn mask(&self, received: &[u8]) -> Vec<u8> {
        let mut masked = Vec::with_capacity(received.len());
        let mut rest = received;
        while let Some(at) = memchr::memmem::find(rest, self.token.as_bytes()) {
            masked.extend_from_slice(&rest[..at]);
            masked.extend_from_slice(MASK);
            rest = &rest[at + self.token.len()..];
        }
        masked.extend_from_slice(rest);
        masked
    }
}

/// The token in a path and what follows it.
fn in_path(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let after = path.strip_prefix(PREFIX)?;
    let end = after.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(after.len());
    Some(after.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_in_the_path() {
        let cases: [(&str, Option<(&str, &str)>); 6] = [
            ("/t/abc/v1/messages?x=1", Some(("abc", "/v1/messages?x=1"))),
            ("/t/abc", Some(("abc", ""))),
            ("/t/abc?x=1", Some(("abc", "?x=1"))),
            ("/t/", Some(("", ""))),
            ("/v1/t/abc", None),
            ("/tabc/v1", None),
        ];
        for (path, expected) in cases {
            let expected = expected.map(|(token, rest)| (token.as_bytes(), rest.as_bytes()));
            assert_eq!(in_path(path.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn a_malformed_head_is_recorded_without_the_token() {
        let gate = Gate::new("open-sesame-1234");
        let head = b"GET /t/open-sesame-1234/v1 HTTP/9\r\nx-proxy-token: open-sesame-1234\r\n";
        assert_eq!(gate.mask(head), b"GET /t/***/v1 HTTP/9\r\nx-proxy-token: ***\r\n");
        assert_eq!(gate.mask(b""), b"");
    }
}
