//! What the doctor knows of a call.

use protocol::outline::{Kind, Lifetime, Outline, Place};
use uuid::Uuid;

/// Which part of the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Tools,
    System,
    Messages,
}

/// One part of a prompt, reduced to what comparing needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) hash: [u8; 16],
    pub(crate) section: Section,
    pub(crate) mark: Option<Lifetime>,
}

/// A prompt as the cache sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) model: Option<String>,
    pub(crate) effort: Option<String>,
    pub(crate) speed: Option<String>,
    pub(crate) previous_message_id: Option<String>,
    /// In prefix order; without the client's attribution line, which is no part of it.
    pub(crate) parts: Vec<Digest>,
}

impl Prompt {
    pub(crate) fn of(outline: &Outline) -> Prompt {
        let section = |place: &Place| match place {
            Place::Tool { .. } => Section::Tools,
            Place::System { .. } => Section::System,
            Place::Message { .. } => Section::Messages,
        };
        let parts = outline.parts.iter().filter(|part| part.kind != Kind::Attribution);
        Prompt {
            model: outline.model.clone(),
            effort: outline.effort.clone(),
            speed: outline.speed.clone(),
            previous_message_id: outline.previous_message_id.clone(),
            parts: parts
                .map(|part| Digest { hash: part.hash, section: section(&part.place), mark: part.mark })
                .collect(),
        }
    }

    /// How many parts at the beginning are the same.
    pub(crate) fn common_with(&self, other: &Prompt) -> usize {
        common(self.parts.iter(), other.parts.iter())
    }

    /// How many messages' parts at the beginning of the conversation are the same, whatever tools and system prompt.
    pub(crate) fn common_messages(&self, other: &Prompt) -> usize {
        common(self.messages(), other.messages())
    }

    /// Whether both say the same; marks aside.
    pub(crate) fn is_same(&self, other: &Prompt) -> bool {
        self.model == other.model
            && self.parts.len() == other.parts.len()
            && self.common_with(other) == self.parts.len()
    }

    fn messages(&self) -> impl Iterator<Item = &Digest> {
        self.parts.iter().filter(|part| part.section == Section::Messages)
    }

    /// Where marks stand, in order.
    pub(crate) fn marks(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.parts.iter().enumerate().filter(|(_, part)| part.mark.is_some()).map(|(at, _)| at)
    }

    pub(crate) fn last_mark(&self) -> Option<usize> {
        self.marks().next_back()
    }

    pub(crate) fn asks_for_cache(&self) -> bool {
        self.last_mark().is_some()
    }
}

fn common<'a>(one: impl Iterator<Item = &'a Digest>, other: impl Iterator<Item = &'a Digest>) -> usize {
    one.zip(other).take_while(|(one, other)| one.hash == other.hash).count()
}

/// Tokens of the input as the answer reported them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) fresh: u64,
    pub(crate) read: u64,
    pub(crate) written_5m: u64,
    pub(crate) written_1h: u64,
}

impl Counts {
    pub(crate) fn written(&self) -> u64 {
        self.written_5m.saturating_add(self.written_1h)
    }

    /// What was paid for as input, or for writing.
    pub(crate) fn paid(&self) -> u64 {
        self.fresh.saturating_add(self.written())
    }

    pub(crate) fn total(&self) -> u64 {
        self.paid().saturating_add(self.read)
    }
}

/// One call. Times are microseconds since the Unix epoch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    pub(crate) id: Uuid,
    pub(crate) started_us: i64,
    /// The head of the answer was there: from then on what it wrote can be read.
    pub(crate) answered_us: Option<i64>,
    pub(crate) ended_us: Option<i64>,
    /// It ended, and not well.
    pub(crate) failed: bool,
    /// Its session is known.
    pub(crate) in_session: bool,
    pub(crate) agent: Option<String>,
    pub(crate) class: Option<String>,
    pub(crate) client_request_id: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) prompt: Prompt,
    /// `None` while it runs, and if the answer reported none.
    pub(crate) counts: Option<Counts>,
}

impl Call {
    pub(crate) fn had_begun_to_answer(&self, by_us: i64) -> bool {
        self.answered_us.is_some_and(|answered| answered <= by_us)
    }

    /// Whether it had ended by then; what is known of it does not depend on when it is asked.
    pub(crate) fn had_ended(&self, by_us: i64) -> bool {
        self.ended_us.is_some_and(|ended| ended <= by_us)
    }

    /// Whether it was known to have written nothing when the other ended.
    pub(crate) fn had_written_nothing(&self, by_end_of: &Call) -> bool {
        self.ended_before_end_of(by_end_of) && self.counts.is_none_or(|counts| counts.written() == 0)
    }

    pub(crate) fn ended_before_end_of(&self, other: &Call) -> bool {
        self.had_ended(other.ended_us.unwrap_or(i64::MAX))
    }
}
