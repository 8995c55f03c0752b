//! Why a call has no price.

use jiff::civil::Date;

/// Why a call has no price, as one sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPrice {
    /// Neither request nor answer names a model.
    #[error("no model is named")]
    NoModel,
    /// The table does not know it.
    #[error("the model {model} is not in the price table")]
    Model {
        /// As it was named.
        model: String,
    },
    /// The table knows the model on other days only.
    #[error("the price table has no price of {model} on {day}")]
    ModelOnThatDay {
        /// As it was named.
        model: String,
        /// The day of the call.
        day: Date,
    },
    /// The table has no price for a part that was used.
    #[error("the price table has no price of {model} for {part}")]
    Part {
        /// As it was named.
        model: String,
        /// `cache reads`, …
        part: &'static str,
    },
    /// The answer says no tokens, or only some.
    #[error("the answer reports no usage")]
    NoUsage,
    /// A tier that is not known here.
    #[error("the service tier {tier} has no known price")]
    Tier {
        /// As the answer names it.
        tier: String,
    },
    /// A speed without a price for this model, in this tier.
    #[error("the speed {speed} has no known price for {model} here")]
    Speed {
        /// As it was named.
        model: String,
        /// As the answer names it.
        speed: String,
    },
    /// A place that is not known here.
    #[error("inference in {place} has no known price")]
    Place {
        /// As the answer names it.
        place: String,
    },
    /// Cache writes without a word on how long they live.
    #[error("the answer does not say how long the cached input lives")]
    Lifetime,
    /// A part of a call that went through several does not say all that decides its price.
    #[error("part {} of the answer's usage does not say its {what}", .index + 1)]
    Iteration {
        /// Its index in `iterations`.
        index: usize,
        /// `model`, `tokens`, …
        what: &'static str,
    },
    /// The parts of a call do not make up what the answer says it used.
    #[error("the parts of the answer's usage do not add up to it")]
    Disagreement,
    /// It was refused before any output: most such calls are not billed, some are.
    #[error("it was refused before any output, which is mostly not billed")]
    Refused,
    /// A credit for what a declining model had cached: it is billed by other counts than it reports.
    #[error("a fallback credit applies, so that it is billed otherwise than it reports")]
    Credit,
    /// Beyond what can be counted.
    #[error("its tokens are too many to be counted")]
    TooMuch,
}
