//! Faults applied: which error comes instead of an answer, and the shape an answer is sent in.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::error::ApiError;
use super::{Answer, Api, Request};
use crate::directive::{Counted, Faults};
use crate::reply::Shape;
use crate::server::lock;

impl Api {
    /// The error a request is to get instead of an answer. `attempt` tells apart what is counted separately.
    pub(super) fn failed(
        &self,
        request: &Request<'_>,
        faults: &Faults,
        attempt: &str,
        request_id: &str,
    ) -> Option<Answer> {
        let status = *self.due(request, faults.error.as_ref(), attempt)?;
        let mut error = ApiError::of_status(status);
        if let Some(message) = &faults.message {
            error.message.clone_from(message);
        }
        let reply = error.reply(request_id, faults.retry_after);
        Some(Answer { reply, faults: faults.clone(), first_byte: Duration::ZERO })
    }

    /// What a counted fault does to this attempt: the same session, prompt and turn count together.
    pub(super) fn due<'a, T>(
        &self,
        request: &Request<'_>,
        fault: Option<&'a Counted<T>>,
        attempt: &str,
    ) -> Option<&'a T> {
        let fault = fault?;
        let Some(times) = fault.times else { return Some(&fault.what) };
        let mut hasher = DefaultHasher::new();
        request.header("x-claude-code-session-id").hash(&mut hasher);
        request.header("x-claude-code-agent-id").hash(&mut hasher);
        attempt.hash(&mut hasher);
        std::any::type_name::<T>().hash(&mut hasher);
        let mut attempts = lock(&self.attempts);
        let count = attempts.entry(hasher.finish()).or_default();
        *count = count.saturating_add(1);
        (*count <= times).then_some(&fault.what)
    }
}

/// How an answer is sent.
pub(super) fn shape(answer: &Answer) -> Shape {
    let faults = &answer.faults;
    Shape {
        first_byte: faults.slow_first_byte + answer.first_byte,
        coding: faults.coding,
        split: faults.split,
        frame_by_frame: faults.drip.is_some(),
        cut: faults.cut.as_ref().map(|cut| cut.what),
        reset: faults.reset,
        close: faults.close,
    }
}
