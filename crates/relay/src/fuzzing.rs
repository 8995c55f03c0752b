//! What must hold for any bytes in any pieces. The fuzz targets and the property tests both call these, so that
//! the targets cannot rot. Only compiled for tests and with the feature `fuzzing`.

use crate::body::{Body, ChunkError, Piece};
use crate::head::{
    HeadError, HeadScan, Limits, RequestHead, RequestTarget, ResponseHead, write_request, write_response,
};

const LIMITS: Limits = Limits { bytes: 4096, headers: 32 };

/// Where a stream of requests was cut into messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Messages {
    /// Method and target of each head.
    pub(crate) heads: Vec<(String, Vec<u8>)>,
    /// Of each message: where its head ends and where the message ends.
    ends: Vec<(usize, usize)>,
    pub(crate) payload: Vec<u8>,
    trailers: Vec<u8>,
    refused: Option<Refused>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Refused {
    Head(HeadError),
    Chunk(ChunkError, usize),
}

/// Reads requests, one after another, as a connection does.
#[derive(Default)]
pub(crate) struct Reader {
    inbox: Vec<u8>,
    consumed: usize,
    scan: HeadScan,
    body: Option<(Body, usize)>,
    pub(crate) found: Messages,
}

impl Reader {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
        while self.found.refused.is_none() && self.step() {}
    }

    /// Whether all bytes so far are whole messages.
    #[cfg(test)]
    pub(crate) fn accepted_all(&self) -> bool {
        self.found.refused.is_none() && self.inbox.is_empty() && self.body.is_none()
    }

    /// Whether there may be more to do.
    fn step(&mut self) -> bool {
        let Some((body, head_end)) = &mut self.body else { return self.step_head() };
        let step = body.advance(&self.inbox, |piece| match piece {
            Piece::Payload(bytes) => self.found.payload.extend_from_slice(bytes),
            Piece::Trailer(bytes) => self.found.trailers.extend_from_slice(bytes),
        });
        self.consumed += step.used;
        if let Some(error) = step.error {
            self.found.refused = Some(Refused::Chunk(error, self.consumed));
        }
        assert!(
            step.error.is_some() || body.is_done() || step.used == self.inbox.len(),
            "stopped without reason"
        );
        self.inbox.drain(..step.used);
        let done = body.is_done();
        if done {
            self.found.ends.push((*head_end, self.consumed));
            self.body = None;
        }
        done
    }

    fn step_head(&mut self) -> bool {
        if self.inbox.is_empty() {
            return false;
        }
        match RequestHead::parse(&self.inbox, &mut self.scan, LIMITS) {
            Ok(None) => false,
            Err(error) => {
                self.found.refused = Some(Refused::Head(error));
                false
            }
            Ok(Some((head, length))) => {
                check_forwarded(&head);
                self.found.heads.push((head.method.to_owned(), head.target.to_vec()));
                self.consumed += length;
                self.body = Some((head.body(), self.consumed));
                self.scan = HeadScan::default();
                self.inbox.drain(..length);
                true
            }
        }
    }
}

/// What is forwarded is a head that we would accept ourselves, with the same framing and without hop-by-hop fields.
fn check_forwarded(head: &RequestHead<'_>) {
    let target = RequestTarget { base_path: "/base", host: Some(b"host") };
    let mut out = Vec::new();
    write_request(&mut out, head, target);
    let limits = Limits { bytes: LIMITS.bytes + 64, ..LIMITS };
    let again = RequestHead::parse(&out, &mut HeadScan::default(), limits);
    let Ok(Some((again, length))) = again else { panic!("forwarded {:?}", String::from_utf8_lossy(&out)) };
    assert_eq!(length, out.len());
    assert_eq!(
        (again.method, again.version, again.content_length, again.chunked),
        (head.method, head.version, head.content_length, head.chunked)
    );
    for hop in ["connection", "keep-alive", "proxy-connection", "upgrade"] {
        assert!(again.header(hop).is_none());
    }
    let mut kept = head.headers().filter(|header| !header.name.eq_ignore_ascii_case(b"host"));
    for header in again.headers().filter(|header| !header.name.eq_ignore_ascii_case(b"host")) {
        let te = header.name.eq_ignore_ascii_case(b"te");
        assert!(kept.any(|sent| sent == header || te), "added or reordered {header:?}");
    }
}

/// Requests are found at the same places in the same bytes, however these are split. The first bytes of `data` say
/// how.
pub fn requests(data: &[u8]) {
    let (cuts, bytes) = data.split_at(data.len().min(8));
    let mut whole = Reader::default();
    whole.feed(bytes);
    let mut split = Reader::default();
    for piece in pieces(cuts, bytes) {
        split.feed(piece);
    }
    let (whole, split) = (whole.found, split.found);
    assert_eq!(whole, split);
}

/// The same for the head of a response.
pub fn response(data: &[u8]) {
    let (cuts, bytes) = data.split_at(data.len().min(8));
    let whole = judge_response(bytes, &mut HeadScan::default());
    let (mut scan, mut seen, mut split) = (HeadScan::default(), 0, None);
    for piece in pieces(cuts, bytes) {
        seen += piece.len();
        split = judge_response(&bytes[..seen], &mut scan);
        if split.is_some() {
            break;
        }
    }
    assert_eq!(whole, split);
}

fn judge_response(bytes: &[u8], scan: &mut HeadScan) -> Option<Result<(u16, usize), HeadError>> {
    match ResponseHead::parse(bytes, scan, LIMITS) {
        Ok(None) => None,
        Err(error) => Some(Err(error)),
        Ok(Some((head, length))) => {
            let mut out = Vec::new();
            write_response(&mut out, &head, false);
            let again = ResponseHead::parse(&out, &mut HeadScan::default(), LIMITS);
            assert!(matches!(again, Ok(Some((again, _))) if again.status == head.status));
            let _ = head.framing(false);
            Some(Ok((head.status, length)))
        }
    }
}

/// Pieces of lengths that follow from `cuts`, over and over; empty input is one empty piece.
fn pieces<'a>(cuts: &'a [u8], mut bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut lengths = cuts.iter().cycle();
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let length = lengths.next().map_or(1, |cut| usize::from(*cut % 40) + 1).min(bytes.len());
        let (piece, rest) = bytes.split_at(length);
        bytes = rest;
        Some(piece)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    /// Bytes that are often nearly HTTP, because random ones are refused at once.
    fn nearly_http(first: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
        let words: &'static [&'static str] = &[
            "\r\n",
            "\r\n\r\n",
            "\n",
            "\r",
            " ",
            "\t",
            ":",
            ": ",
            ",",
            ";",
            "=",
            "0",
            "1",
            "5",
            "a",
            "F",
            "+",
            "0x",
            "hello",
            "Host: h\r\n",
            "Content-Length: ",
            "Content-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\n",
            "chunked",
            "Connection: close, x\r\n",
            "TE: trailers\r\n",
            "te: gzip, trailers\r\n",
            "x: y\r\n",
            "\0",
            "\u{7f}",
            "\u{e9}",
            "GET / HTTP/1.1\r\n",
            "POST /a?b HTTP/1.0\r\n",
            "OPTIONS * HTTP/1.1\r\n",
            "GET http://h HTTP/1.1\r\n",
            "Expect: 100-continue\r\n\r\n",
            "5\r\nhello\r\n",
            "0\r\n\r\n",
            "1;x=\"y\"\r\nz\r\n",
            "0\r\nt: 1\r\n\r\n",
        ];
        let word = prop_oneof![
            20 => proptest::sample::select(words).prop_map(|word| word.as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 1..6),
        ];
        let rest = proptest::collection::vec(word, 0..24).prop_map(|words| words.concat());
        let cuts = proptest::collection::vec(any::<u8>(), 8);
        let first = proptest::sample::select(first).prop_map(|first| first.as_bytes().to_vec());
        (cuts, first, rest).prop_map(|(cuts, first, rest)| [cuts, first, rest].concat())
    }

    const REQUESTS: &[&str] = &[
        "",
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\n",
    ];
    const RESPONSES: &[&str] =
        &["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 304 \r\n", "HTTP/1.0 200\r\n", "HTTP/1.1 "];

    /// Requests that are well formed but odd, some with one byte changed, left out or put in.
    pub(crate) fn odd_requests() -> impl Strategy<Value = Vec<u8>> {
        let messages = proptest::collection::vec(odd_request(), 1..4).prop_map(|messages| messages.concat());
        let cuts = proptest::collection::vec(any::<u8>(), 8);
        let change = (0..5_u8, any::<proptest::sample::Index>(), any::<u8>());
        (cuts, messages, change).prop_map(|(cuts, mut bytes, (change, at, byte))| {
            let at = at.index(bytes.len());
            match change {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => {}
            }
            [cuts, bytes].concat()
        })
    }

    fn odd_request() -> impl Strategy<Value = Vec<u8>> {
        let first = proptest::sample::select(vec![
            "GET /",
            "POST /a?b=%20",
            "put http://h/x",
            "OPTIONS *",
            "M-1 /~//",
        ]);
        let lines = vec![
            "A:1",
            "a:  \t2 \t",
            "Empty:",
            "TE: trailers",
            "Expect: 100-continue",
            "Connection: x",
            "X: \u{fc}",
            "Upgrade: u",
            "!#$%&'*+-.^_`|~: \"",
        ];
        let lines = proptest::collection::vec(proptest::sample::select(lines), 0..4);
        let payload = proptest::collection::vec(any::<u8>(), 0..20);
        let body = prop_oneof![
            Just(b"\r\n".to_vec()),
            payload.clone().prop_map(|bytes| {
                [format!("content-LENGTH:  0{}\r\n\r\n", bytes.len()).into_bytes(), bytes].concat()
            }),
            (proptest::collection::vec((payload, 0..3_usize), 0..4), any::<bool>()).prop_map(
                |(chunks, trailers)| {
                    let mut body = b"Transfer-encoding: CHUNKED\r\n\r\n".to_vec();
                    for (bytes, oddity) in chunks.iter().filter(|(bytes, _)| !bytes.is_empty()) {
                        let (zeros, extension) = [("", ""), ("000", ""), ("", ";a=\"b;\";c")][*oddity];
                        body.extend(format!("{zeros}{:X}{extension}\r\n", bytes.len()).into_bytes());
                        body.extend_from_slice(bytes);
                        body.extend_from_slice(b"\r\n");
                    }
                    let end: &[u8] = if trailers { b"0\r\nT: 1\r\nu:\r\n\r\n" } else { b"00\r\n\r\n" };
                    body.extend_from_slice(end);
                    body
                }
            ),
        ];
        (first, lines, body).prop_map(|(first, lines, body)| {
            let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            [format!("{first} HTTP/1.1\r\nHost: h\r\n{lines}").as_bytes(), &body].concat()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn requests_are_found_at_the_same_places_however_they_are_split(data in nearly_http(REQUESTS)) {
            super::requests(&data);
        }

        #[test]
        fn odd_requests_too(data in odd_requests()) {
            super::requests(&data);
        }

        #[test]
        fn responses_are_judged_the_same_however_they_are_split(data in nearly_http(RESPONSES)) {
            super::response(&data);
        }

        #[test]
        fn any_bytes_are_survived(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            super::requests(&data);
            super::response(&data);
        }
    }
}
