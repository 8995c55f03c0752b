//! What one event brought: enough for whoever follows a stream to know what to look at again.

/// What an event changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// `message_start`.
    Started,
    /// `content_block_start`.
    BlockStarted {
        /// The block's index.
        index: u64,
    },
    /// `content_block_delta`.
    Content {
        /// The block's index.
        index: u64,
        /// What it adds to.
        kind: ContentKind,
        /// Whether it brings at least one token, and is not only an empty beginning.
        carries: bool,
    },
    /// `content_block_stop`.
    BlockStopped {
        /// The block's index.
        index: u64,
    },
    /// `message_delta`: usage, stop reason.
    MessageDelta,
    /// `message_stop`.
    Stopped,
    /// `ping`: nothing but a sign of life.
    Ping,
    /// `error`: the call failed.
    Error,
    /// An event that is not known here.
    Unknown,
}

/// What a delta adds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentKind {
    /// Text of the answer.
    Text,
    /// Thinking; with thinking omitted, the count of its tokens.
    Thinking,
    /// A tool's input, as JSON text.
    ToolInput,
    /// A compaction's summary.
    Compaction,
    /// The signature of a thinking block.
    Signature,
    /// A citation.
    Citation,
    /// A delta that is not known here.
    Other,
}

impl Update {
    /// Whether this carries tokens that the model made: the first such update of a stream is its first token.
    pub fn is_first_content(&self) -> bool {
        use ContentKind::{Compaction, Text, Thinking, ToolInput};
        matches!(self, Update::Content { kind: Text | Thinking | ToolInput | Compaction, carries: true, .. })
    }
}
