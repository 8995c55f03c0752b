//! What could not be read as expected: told beside the value, never instead of it.

use serde::Serialize;

/// How many problems one reading reports at the most; a broken stream repeats itself.
const LIMIT: usize = 50;

/// Something in the bytes that is not as the API documents it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where: a field or an event, such as `messages[2].content` or `content_block_delta`.
    pub at: String,
    /// What is wrong with it, and what was done instead.
    pub what: String,
}

/// A bounded list without repetitions.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
}

impl Problems {
    pub(crate) fn add(&mut self, at: impl Into<String>, what: impl Into<String>) {
        let problem = Problem { at: at.into(), what: what.into() };
        if self.list.len() < LIMIT && !self.list.contains(&problem) {
            self.list.push(problem);
        }
    }

    pub(crate) fn into_list(self) -> Vec<Problem> {
        self.list
    }
}
