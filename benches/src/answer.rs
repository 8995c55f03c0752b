//! What the fake upstream answers. The request says which in a header, so that one upstream serves every load.

use crate::words::Words;
use std::time::{Duration, Instant};

/// The header by which a request chooses its answer.
pub(crate) const HEADER: &str = "x-bench-answer";

/// An answer, as a request names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// One JSON message of about so many bytes.
    Message { bytes: usize },
    /// A stream of text deltas, each written by itself, `pace` apart. What they say follows from the seeds.
    Stream { deltas: usize, pace: Duration, seeds: [u64; 2] },
}

impl Answer {
    /// As the header says it.
    pub(crate) fn name(self) -> String {
        match self {
            Answer::Message { bytes } => format!("message:{bytes}"),
            Answer::Stream { deltas, pace, seeds: [one, two] } => {
                format!("stream:{deltas}:{}:{one}:{two}", pace.as_millis())
            }
        }
    }

    /// What [`Answer::name`] said; `None`: nothing of ours.
    pub(crate) fn parse(name: &str) -> Option<Answer> {
        let (kind, rest) = name.split_once(':')?;
        let numbers: Vec<u64> = rest.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
        match (kind, numbers.as_slice()) {
            ("message", [bytes]) => Some(Answer::Message { bytes: usize::try_from(*bytes).ok()? }),
            ("stream", [deltas, pace, one, two]) => Some(Answer::Stream {
                deltas: usize::try_from(*deltas).ok()?,
                pace: Duration::from_millis(*pace),
                seeds: [*one, *two],
            }),
            _ => None,
        }
    }
}

/// One whole answer in JSON, without its head.
pub(crate) fn message(bytes: usize, number: u64) -> String {
    let mut body = format!(
        r#"{{"id":"msg_{number:024}","type":"message","role":"assistant","model":"claude-opus-4-5","content":[{{"type":"text","text":""#
    );
    Words::new(&[0xa5, number % 64]).prose(&mut body, bytes.saturating_sub(380));
    body.push_str(concat!(
        r#""}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":520,"#,
        r#""cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":410}}"#
    ));
    body
}

/// The words of the delta at this place of a stream.
pub(crate) fn delta_text(text: &mut String, seeds: [u64; 2], place: usize) {
    Words::new(&[seeds[0], seeds[1], place as u64]).prose(text, 40);
}

/// One event of a stream, as an HTTP chunk of its own.
pub(crate) fn chunk(out: &mut String, kind: &str, data: &str) {
    use std::fmt::Write as _;
    let length = "event: \ndata: \n\n".len() + kind.len() + data.len();
    // A `String` takes everything.
    let _ = write!(out, "{length:x}\r\nevent: {kind}\ndata: {data}\n\n\r\n");
}

/// What is before a delta's send time, for the client to find it: the delta itself has no field that the API's have not.
pub(crate) const SENT: &str = r#""text":"at "#;

/// Digits of a send time.
pub(crate) const SENT_DIGITS: usize = 12;

/// The delta at this place. It says when it was sent, in microseconds since `epoch`, if one is given.
pub(crate) fn delta(out: &mut String, seeds: [u64; 2], place: usize, epoch: Option<Instant>) {
    let begin = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","#;
    let mut data = match epoch {
        Some(epoch) => format!("{begin}{SENT}{:0SENT_DIGITS$} ", epoch.elapsed().as_micros()),
        None => format!(r#"{begin}"text":""#),
    };
    delta_text(&mut data, seeds, place);
    data.push_str("\"}}");
    chunk(out, "content_block_delta", &data);
}

/// What comes before the first delta.
pub(crate) fn opening(number: u64) -> String {
    let mut out = String::new();
    let start = format!(
        r#"{{"type":"message_start","message":{{"id":"msg_{number:024}","type":"message","role":"assistant","model":"claude-opus-4-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{{"input_tokens":12,"cache_creation_input_tokens":900,"cache_read_input_tokens":15000,"output_tokens":1}}}}}}"#
    );
    chunk(&mut out, "message_start", &start);
    let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    chunk(&mut out, "content_block_start", block);
    out
}

/// What comes after the last delta, with the end of the body.
pub(crate) fn closing(deltas: usize) -> String {
    let mut out = String::new();
    chunk(&mut out, "content_block_stop", r#"{"type":"content_block_stop","index":0}"#);
    let stop = format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"end_turn","stop_sequence":null}},"usage":{{"output_tokens":{}}}}}"#,
        deltas * 11
    );
    chunk(&mut out, "message_delta", &stop);
    chunk(&mut out, "message_stop", r#"{"type":"message_stop"}"#);
    out.push_str("0\r\n\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_what_its_name_says() {
        for answer in [
            Answer::Message { bytes: 2048 },
            Answer::Stream { deltas: 3, pace: Duration::from_millis(10), seeds: [7, 8] },
        ] {
            assert_eq!(Answer::parse(&answer.name()), Some(answer));
        }
        assert_eq!(Answer::parse("stream:1"), None);
    }

    #[test]
    fn answers_are_json_of_the_size_asked_for() {
        let body = message(2048, 5);
        serde_json::from_str::<serde_json::Value>(&body).unwrap();
        assert!((1900..2150).contains(&body.len()), "{}", body.len());
        for epoch in [None, Some(Instant::now())] {
            let mut event = String::new();
            delta(&mut event, [1, 2], 0, epoch);
            let data = event.split_once("data: ").unwrap().1.trim_end();
            serde_json::from_str::<serde_json::Value>(data).unwrap();
            assert_eq!(event.contains(SENT), epoch.is_some());
        }
    }
}
