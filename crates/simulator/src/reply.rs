//! A reply of the simulated API and the shape it is sent in: paced, compressed, split, cut.
//! Turns both into the plain [`Step`]s a script is made of.

use std::time::Duration;

use bytes::Bytes;

use crate::encode::Coding;
use crate::script::Step;

/// A status, headers and a body, before any fault is applied.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Sent with `content-length`.
    Whole(Bytes),
    /// Sent chunked, a frame a chunk.
    Frames(Vec<Frame>),
}

/// One event of a stream and the wait before it.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) after: Duration,
    pub(crate) bytes: Bytes,
}

/// Where a reply breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// After so many frames of the body (a whole body counts as one frame, of which half is sent).
    AfterFrames(usize),
    /// After so many bytes of the wire, the head included.
    AtByte(usize),
}

/// How a reply is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) first_byte: Duration,
    pub(crate) coding: Option<Coding>,
    /// At most so many bytes a write.
    pub(crate) split: Option<usize>,
    /// Each frame gets a write of its own, also when nothing is paced.
    pub(crate) frame_by_frame: bool,
    pub(crate) cut: Option<Cut>,
    /// A cut is a RST instead of a FIN.
    pub(crate) reset: bool,
    /// `connection: close` after a whole answer.
    pub(crate) close: bool,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::whole(status, "application/json", body.to_string())
    }

    pub(crate) fn whole(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status, headers, body: Body::Whole(body.into()) }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The steps that send it. `head_only` answers a HEAD request.
    pub(crate) fn into_steps(self, shape: &Shape, head_only: bool) -> Vec<Step> {
        let (frames, chunked) = self.framed(shape.coding);
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(coding) = shape.coding {
            head.push_str(&format!("content-encoding: {}\r\nvary: Accept-Encoding\r\n", coding.name()));
        }
        if chunked {
            head.push_str("transfer-encoding: chunked\r\n");
        } else {
            let length: usize = frames.iter().map(|frame| frame.bytes.len()).sum();
            head.push_str(&format!("content-length: {length}\r\n"));
        }
        head.push_str(if shape.close {
            "connection: close\r\n\r\n"
        } else {
            "connection: keep-alive\r\n\r\n"
        });

        let mut steps = vec![Step::Pause(shape.first_byte), Step::Send(head.into())];
        if !head_only {
            push_body(&mut steps, &frames, chunked, shape.cut);
        }
        if let Some(Cut::AtByte(limit)) = shape.cut {
            steps = cut_at_byte(steps, limit);
        }
        steps = match shape.split {
            Some(size) => split(steps, size),
            None if shape.frame_by_frame => steps,
            None => merge(steps),
        };
        steps.retain(|step| *step != Step::Pause(Duration::ZERO));
        match (shape.cut, shape.close) {
            (Some(_), _) if shape.reset => steps.push(Step::Reset),
            (Some(_), _) | (None, true) => steps.push(Step::Finish),
            (None, false) => {}
        }
        steps
    }

    /// The body's frames, encoded, and whether they go out chunked.
    fn framed(&self, coding: Option<Coding>) -> (Vec<Frame>, bool) {
        let (mut frames, chunked) = match &self.body {
            Body::Whole(bytes) => (vec![Frame { after: Duration::ZERO, bytes: bytes.clone() }], false),
            Body::Frames(frames) => (frames.clone(), true),
        };
        if let Some(coding) = coding {
            let plain: Vec<&[u8]> = frames.iter().map(|frame| frame.bytes.as_ref()).collect();
            // Encoding into memory cannot fail; were it to, the plain frames would break the client loudly.
            if let Ok(encoded) = coding.encode(&plain) {
                for (frame, bytes) in frames.iter_mut().zip(encoded) {
                    frame.bytes = bytes;
                }
            }
        }
        (frames, chunked)
    }
}

fn push_body(steps: &mut Vec<Step>, frames: &[Frame], chunked: bool, cut: Option<Cut>) {
    let kept = match cut {
        Some(Cut::AfterFrames(count)) => count.min(frames.len()),
        _ => frames.len(),
    };
    if !chunked && matches!(cut, Some(Cut::AfterFrames(_))) {
        let half = frames.first().map(|frame| frame.bytes.slice(..frame.bytes.len() / 2)).unwrap_or_default();
        steps.push(Step::Send(half));
        return;
    }
    // An empty frame would be the last chunk.
    for frame in frames[..kept].iter().filter(|frame| !frame.bytes.is_empty()) {
        steps.push(Step::Pause(frame.after));
        steps.push(Step::Send(if chunked { chunk(&frame.bytes) } else { frame.bytes.clone() }));
    }
    if chunked && !matches!(cut, Some(Cut::AfterFrames(_))) {
        steps.push(Step::Send(Bytes::from_static(b"0\r\n\r\n")));
    }
}

fn chunk(bytes: &Bytes) -> Bytes {
    let mut out = format!("{:x}\r\n", bytes.len()).into_bytes();
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
    out.into()
}

fn cut_at_byte(steps: Vec<Step>, limit: usize) -> Vec<Step> {
    let mut left = limit;
    let mut kept = Vec::new();
    for step in steps {
        match step {
            Step::Send(bytes) if bytes.len() >= left => {
                kept.push(Step::Send(bytes.slice(..left)));
                return kept;
            }
            Step::Send(bytes) => {
                left -= bytes.len();
                kept.push(Step::Send(bytes));
            }
            other => kept.push(other),
        }
    }
    kept
}

fn split(steps: Vec<Step>, size: usize) -> Vec<Step> {
    let mut out = Vec::new();
    for step in steps {
        match step {
            Step::Send(mut bytes) => {
                while !bytes.is_empty() {
                    out.push(Step::Send(bytes.split_to(size.clamp(1, bytes.len()))));
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// Joins writes that follow each other without a wait.
fn merge(steps: Vec<Step>) -> Vec<Step> {
    let mut out = Vec::new();
    let mut open: Vec<u8> = Vec::new();
    for step in steps {
        match step {
            Step::Send(bytes) => open.extend_from_slice(&bytes),
            Step::Pause(Duration::ZERO) => {}
            other => {
                if !open.is_empty() {
                    out.push(Step::Send(std::mem::take(&mut open).into()));
                }
                out.push(other);
            }
        }
    }
    if !open.is_empty() {
        out.push(Step::Send(open.into()));
    }
    out
}

/// The reason phrase of a status.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Payload Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        529 => "Overloaded",
        _ => "Status",
    }
}
