//! The results of a batch: JSON lines, of which only what decides their price is kept.

use protocol::Problem;
use protocol::usage::Usage;
use serde_json::Value;

/// Beyond this a line is skipped.
const LINE_LIMIT: usize = 64 << 20;

/// A message that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BatchMessage {
    /// The model that answered.
    pub(crate) model: Option<String>,
    /// Why it stopped.
    pub(crate) stop_reason: Option<String>,
    /// What it used.
    pub(crate) usage: Usage,
}

/// Reads results, piece by piece.
#[derive(Debug, Default)]
pub(crate) struct BatchReader {
    line: Vec<u8>,
    too_long: bool,
    number: u64,
    messages: Vec<BatchMessage>,
    problems: Vec<Problem>,
}

impl BatchReader {
    /// Takes a piece of the body.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.take(&bytes[..end]);
            self.end_line();
            bytes = &bytes[end + 1..];
        }
        self.take(bytes);
    }

    /// The body has ended. Returns the messages that succeeded, in their order, and what could not be read.
    pub(crate) fn finish(mut self) -> (Vec<BatchMessage>, Vec<Problem>) {
        self.end_line();
        (self.messages, self.problems)
    }

    fn take(&mut self, bytes: &[u8]) {
        self.too_long |= self.line.len() + bytes.len() > LINE_LIMIT;
        if !self.too_long {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self) {
        self.number += 1;
        let (line, too_long) = (std::mem::take(&mut self.line), std::mem::take(&mut self.too_long));
        if too_long {
            self.problem(&format!("longer than {LINE_LIMIT} bytes: stored, not read"));
        } else if !line.trim_ascii().is_empty() {
            match serde_json::from_slice(&line) {
                Ok(line) => self.messages.extend(succeeded(line)),
                Err(error) => self.problem(&error.to_string()),
            }
        }
    }

    /// The first is enough: what is no JSON is so on every line.
    fn problem(&mut self, what: &str) {
        if self.problems.is_empty() {
            self.problems.push(Problem { at: format!("line {}", self.number), what: what.to_owned() });
        }
    }
}

/// The message of a line; `None` for one that failed, was cancelled or expired, which is not billed.
fn succeeded(mut line: Value) -> Option<BatchMessage> {
    let result = line.get_mut("result").filter(|result| result["type"] == "succeeded")?;
    let message = result.get_mut("message")?;
    let text = |name: &str| message.get(name).and_then(Value::as_str).map(str::to_owned);
    let (model, stop_reason) = (text("model"), text("stop_reason"));
    let usage = Usage::from_value(message.get_mut("usage").map(Value::take).unwrap_or_default());
    Some(BatchMessage { model, stop_reason, usage })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINES: &str = concat!(
        r#"{"custom_id":"a","result":{"type":"succeeded","message":{"model":"m","stop_reason":"end_turn","usage":{"input_tokens":5,"output_tokens":7}}}}"#,
        "\r\n\n",
        r#"{"custom_id":"b","result":{"type":"errored","error":{"type":"error"}}}"#,
        "\n",
        r#"{"custom_id":"c","result":{"type":"succeeded","message":{"model":"n"}}}"#,
    );

    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<BatchMessage>, Vec<Problem>) {
        let mut reader = BatchReader::default();
        pieces.into_iter().for_each(|piece| reader.feed(piece));
        reader.finish()
    }

    #[test]
    fn what_succeeded_is_read() {
        let (messages, problems) = read([LINES.as_bytes()]);
        let found: Vec<_> = messages.iter().map(|it| (it.model.as_deref(), it.usage.output_tokens)).collect();
        assert_eq!(found, [(Some("m"), Some(7)), (Some("n"), None)]);
        assert_eq!(problems, []);
    }

    #[test]
    fn the_first_line_that_is_no_json_is_told() {
        let (messages, problems) = read(["{}\n{\nnothing\n".as_bytes()]);
        assert_eq!((messages.len(), problems.len(), problems[0].at.as_str()), (0, 1, "line 2"));
    }

    proptest! {
        #[test]
        fn any_split_reads_the_same(at in 0..LINES.len(), more in 0..LINES.len()) {
            let (one, rest) = LINES.as_bytes().split_at(at.min(more));
            let (two, three) = rest.split_at(at.abs_diff(more));
            prop_assert_eq!(read([one, two, three]), read([LINES.as_bytes()]));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read([bytes.as_slice()]);
        }
    }
}
