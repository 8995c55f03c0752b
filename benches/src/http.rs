//! As much of HTTP/1.1 as the client and the upstream of a bench need: one message after the other, as quickly as can be.

use anyhow::{Context as _, bail};
use memchr::memmem;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// Reads messages off a connection.
pub(crate) struct Reader {
    stream: TcpStream,
    /// What was read and not yet used.
    buffer: Vec<u8>,
}

/// What the upstream needs to know of a request.
pub(crate) struct Request {
    /// The answer that it names; empty: none.
    pub(crate) answer: String,
    pub(crate) content_length: usize,
}

/// How long the body of an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Bytes(usize),
    Chunked,
}

const READ: usize = 64 << 10;

impl Reader {
    pub(crate) fn new(stream: TcpStream) -> Reader {
        Reader { stream, buffer: Vec::with_capacity(READ) }
    }

    /// The connection, to write to.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    async fn fill(&mut self) -> anyhow::Result<usize> {
        self.buffer.reserve(READ);
        Ok(self.stream.read_buf(&mut self.buffer).await?)
    }

    /// Reads until a head is there, and returns its length; 0 for a connection that ended between two messages.
    async fn head(&mut self) -> anyhow::Result<usize> {
        loop {
            if let Some(at) = memmem::find(&self.buffer, b"\r\n\r\n") {
                return Ok(at + 4);
            }
            if self.fill().await? == 0 {
                if self.buffer.is_empty() {
                    return Ok(0);
                }
                bail!("a connection ended within a head");
            }
        }
    }

    /// The next request's head; `None`: there is no other.
    ///
    /// # Errors
    /// When it is no request with a length.
    pub(crate) async fn request(&mut self) -> anyhow::Result<Option<Request>> {
        let length = self.head().await?;
        if length == 0 {
            return Ok(None);
        }
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Request::new(&mut headers);
        head.parse(&self.buffer[..length])?;
        let mut request = Request { answer: String::new(), content_length: 0 };
        for header in head.headers.iter() {
            if header.name.eq_ignore_ascii_case("content-length") {
                request.content_length = number(header.value)?;
            } else if header.name.eq_ignore_ascii_case(crate::answer::HEADER) {
                request.answer = String::from_utf8_lossy(header.value).into_owned();
            }
        }
        self.buffer.drain(..length);
        Ok(Some(request))
    }

    /// Reads so many bytes away.
    ///
    /// # Errors
    /// When the connection ends before.
    pub(crate) async fn skip(&mut self, mut length: usize) -> anyhow::Result<()> {
        loop {
            let part = length.min(self.buffer.len());
            self.buffer.drain(..part);
            length -= part;
            if length == 0 {
                return Ok(());
            }
            if self.fill().await? == 0 {
                bail!("a connection ended within a body");
            }
        }
    }

    /// Reads a whole answer; hands each piece of its body over as it comes. Returns the length of the body as it was sent.
    ///
    /// # Errors
    /// When it is not 200, or ends early.
    pub(crate) async fn answer(&mut self, mut piece: impl FnMut(&[u8])) -> anyhow::Result<usize> {
        let head = self.head().await?;
        let length = answer_length(&self.buffer[..head]).context("no answer to a request")?;
        self.buffer.drain(..head);
        let mut came = 0;
        // The last bytes so far: the end of a chunked body may come in two reads.
        let mut tail = [0_u8; 5];
        loop {
            came += self.buffer.len();
            piece(&self.buffer);
            let kept = self.buffer.len().min(tail.len());
            tail.rotate_left(kept);
            let whole = tail.len();
            tail[whole - kept..].copy_from_slice(&self.buffer[self.buffer.len() - kept..]);
            self.buffer.clear();
            let ended = match length {
                Length::Bytes(bytes) => came >= bytes,
                // No event of ours has an empty line with carriage returns within.
                Length::Chunked => tail == *b"0\r\n\r\n",
            };
            if ended {
                return Ok(came);
            }
            if self.fill().await? == 0 {
                bail!("a connection ended within an answer");
            }
        }
    }
}

fn answer_length(head: &[u8]) -> anyhow::Result<Length> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut answer = httparse::Response::new(&mut headers);
    answer.parse(head)?;
    if answer.code != Some(200) {
        bail!("answered {:?}: {}", answer.code, String::from_utf8_lossy(head));
    }
    for header in answer.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            return Ok(Length::Bytes(number(header.value)?));
        }
    }
    Ok(Length::Chunked)
}

fn number(value: &[u8]) -> anyhow::Result<usize> {
    Ok(std::str::from_utf8(value)?.trim().parse()?)
}
