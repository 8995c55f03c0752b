//! What can go wrong between two connections, precise enough to tell a person.

use std::time::Duration;

use crate::body::ChunkError;
use crate::connect::ConnectError;
use crate::head::HeadError;

/// What failed. Its `Display` is one sentence without a full stop.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The head of the request is malformed, too large, or asks for what is not spoken here.
    #[error("the request was refused: {0}")]
    BadRequest(HeadError),
    /// The head of the request did not come in time.
    #[error("the request head did not arrive within {}", seconds(*.0))]
    RequestHeadTimeout(Duration),
    /// The body of the request breaks the chunked coding.
    #[error("the request body was refused: {0}")]
    BadRequestBody(ChunkError),
    /// No connection to the upstream.
    #[error("{0}")]
    Connect(ConnectError),
    /// The upstream closed or reset its connection before it answered.
    #[error("{0}")]
    NoAnswer(String),
    /// The upstream's answer is not HTTP/1.1 as it should be.
    #[error("the upstream's answer is malformed: {0}")]
    BadAnswer(HeadError),
    /// 101 though nobody asked for it.
    #[error("the upstream switched protocols although it was not asked to")]
    UnexpectedUpgrade,
    /// The upstream was silent for longer than allowed.
    #[error("the upstream sent nothing for {}", seconds(*.0))]
    Silence(Duration),
}

impl Problem {
    /// The status of the answer that tells a client.
    pub fn status(&self) -> u16 {
        match self {
            Problem::BadRequest(error) => error.status(),
            Problem::BadRequestBody(_) => 400,
            Problem::RequestHeadTimeout(_) => 408,
            Problem::Connect(_)
            | Problem::NoAnswer(_)
            | Problem::BadAnswer(_)
            | Problem::UnexpectedUpgrade => 502,
            Problem::Silence(_) => 504,
        }
    }
}

/// A request that was not forwarded.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The status of the answer.
    pub status: u16,
    /// Why.
    pub problem: Problem,
}

fn seconds(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{} ms", duration.as_millis())
    }
}
