//! An exchange that comes whole, from a file: read by the very code that reads what comes over the wire.

use super::conversations::Conversations;
use super::exchange::OpenExchange;
use crate::capture::note::{Began, Ended, ResponseHead};
use relay::End;
use store::{Exchange, Frame};

/// An exchange with its bodies, to be read at once.
pub(crate) struct Whole<'a> {
    pub(crate) began: Began,
    /// The request's body, with its content coding undone.
    pub(crate) request: Vec<u8>,
    /// The answer's head and its body, likewise.
    pub(crate) response: Option<(ResponseHead, Vec<u8>)>,
    /// When what of the answer's body came; all of it, in order.
    pub(crate) frames: &'a [Frame],
    /// When the connection, the end of the request, the answer's head and the end were there: microseconds since it began.
    pub(crate) times_us: [u64; 4],
    /// How it ended.
    pub(crate) end: End,
}

/// The row of an exchange: model, session, usage, outcome and all else that its bytes say.
pub(crate) fn read(whole: Whole<'_>) -> (Exchange, Vec<u8>, Option<Vec<u8>>) {
    let Whole { began, request, response, frames, times_us: [connected, sent, answered, ended], end } = whole;
    let mut open = OpenExchange::new(began);
    open.connected(connected, false);
    open.request_body(&request);
    let mut alone = Conversations::default();
    open.request_ended(sent, Vec::new(), &mut alone);
    let mut body = None;
    if let Some((head, bytes)) = response {
        open.answered(answered, head);
        let mut rest = bytes.as_slice();
        for frame in frames {
            let (part, after) = rest.split_at(rest.len().min(frame.len as usize));
            open.response_body(part, frame.at_us);
            rest = after;
        }
        body = Some(bytes);
    }
    let end = Ended {
        end,
        request_bytes: request.len() as u64,
        response_bytes: body.as_ref().map_or(0, |body| body.len() as u64),
        lost_request_bytes: 0,
        lost_response_bytes: 0,
        lost_notes: false,
        defect: false,
    };
    open.ended(ended, &end, &mut alone);
    (open.row, request, body)
}
