//! Figures that are summed over exchanges, and what they are split by.

/// What figures are split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// The model that answered; where none did, the one asked for.
    Model,
    /// The conversation.
    Session,
    /// The folder that the client works in.
    Project,
    /// The type of the agent; none: it is not a named agent's.
    AgentType,
    /// The kind of call.
    Class,
    /// The tools that the answer calls: a call counts under each.
    Tool,
    /// The program that sent it.
    Client,
    /// The program's version.
    Version,
    /// The short hash of the key or token that paid.
    Credential,
}

impl Split {
    /// All of them with what they are called.
    pub const ALL: [(Split, &'static str); 9] = [
        (Split::Model, "model"),
        (Split::Session, "session"),
        (Split::Project, "project"),
        (Split::AgentType, "agentType"),
        (Split::Class, "class"),
        (Split::Tool, "tool"),
        (Split::Client, "client"),
        (Split::Version, "version"),
        (Split::Credential, "credential"),
    ];

    /// `model`, `session`, …
    pub fn as_str(self) -> &'static str {
        Split::ALL.iter().find(|(split, _)| *split == self).map_or("", |(_, name)| name)
    }

    /// Reads what [`Split::as_str`] gives.
    pub fn parse(text: &str) -> Option<Split> {
        Split::ALL.iter().find(|(_, name)| *name == text).map(|(split, _)| *split)
    }

    /// The number of the name, as SQL on a row of `exchange`.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Split::Model => "coalesce(served_model, model)",
            Split::Session => "session",
            Split::Project => "project",
            Split::AgentType => "agent_kind",
            Split::Class => "class",
            Split::Tool => "NULL",
            Split::Client => "program",
            Split::Version => "version",
            Split::Credential => "credential",
        }
    }
}

/// Figures over some exchanges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Exchanges.
    pub requests: u64,
    /// Of these, with [`crate::Status::Error`].
    pub errors: u64,
    /// Sum of the estimates, picodollars; exchanges without a price are not in it.
    pub cost_pico: i128,
    /// Answered calls of a model that have no price.
    pub unpriced: u64,
    /// Tokens.
    pub tokens: Tokens,
    /// Time to the end of those that have ended, microseconds.
    pub durations: Times,
    /// Time to the first token, microseconds.
    pub first_tokens: Times,
}

/// Tokens by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Input that was neither read from the cache nor written to it.
    pub fresh: u64,
    /// Input read from the cache.
    pub cache_read: u64,
    /// Input written to the cache for five minutes, or for a time that was not told.
    pub cache_write_5m: u64,
    /// Input written to the cache for an hour.
    pub cache_write_1h: u64,
    /// Output, thinking included.
    pub output: u64,
    /// Of the output, thinking, where that was told.
    pub thinking: u64,
}

impl Tokens {
    /// Input and output.
    pub fn total(&self) -> u64 {
        self.fresh + self.cache_read + self.cache_write_5m + self.cache_write_1h + self.output
    }

    fn add(&mut self, other: &Tokens) {
        self.fresh += other.fresh;
        self.cache_read += other.cache_read;
        self.cache_write_5m += other.cache_write_5m;
        self.cache_write_1h += other.cache_write_1h;
        self.output += other.output;
        self.thinking += other.thinking;
    }
}

/// Times, all of them: percentiles of several together are exact whatever they were split by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Times(Vec<u64>);

impl Times {
    pub(crate) fn extend(&mut self, us: Option<u64>) {
        self.0.extend(us);
    }

    /// By nearest rank: the smallest value that at least so many of 100 do not exceed. `None` without values.
    pub fn percentile(&mut self, percent: usize) -> Option<u64> {
        let rank = (self.0.len() * percent.min(100)).div_ceil(100).max(1) - 1;
        (rank < self.0.len()).then(|| *self.0.select_nth_unstable(rank).1)
    }
}

/// What one row adds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct One {
    pub(crate) error: bool,
    pub(crate) cost_pico: Option<i64>,
    pub(crate) unpriced: bool,
    pub(crate) tokens: Tokens,
    pub(crate) duration_us: Option<u64>,
    pub(crate) first_token_us: Option<u64>,
}

impl Figures {
    pub(crate) fn count(&mut self, one: &One) {
        self.requests += 1;
        self.errors += u64::from(one.error);
        self.cost_pico += i128::from(one.cost_pico.unwrap_or(0));
        self.unpriced += u64::from(one.unpriced);
        self.tokens.add(&one.tokens);
        self.durations.extend(one.duration_us);
        self.first_tokens.extend(one.first_token_us);
    }

    /// Takes what other figures count in addition.
    pub fn add(&mut self, other: Figures) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.cost_pico += other.cost_pico;
        self.unpriced += other.unpriced;
        self.tokens.add(&other.tokens);
        self.durations.0.extend(other.durations.0);
        self.first_tokens.0.extend(other.first_tokens.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_percentile_is_a_value_that_occurred() {
        for (values, percent, expected) in [
            (vec![], 50, None),
            (vec![7], 95, Some(7)),
            (vec![4, 1, 3, 2], 50, Some(2)),
            (vec![4, 1, 3, 2], 95, Some(4)),
            (vec![4, 1, 3, 2], 0, Some(1)),
            (vec![4, 1, 3, 2], 100, Some(4)),
        ] {
            assert_eq!(Times(values.clone()).percentile(percent), expected, "{values:?} {percent}");
        }
    }

    #[test]
    fn names_read_back() {
        for (split, name) in Split::ALL {
            assert_eq!((Split::parse(name), split.as_str()), (Some(split), name));
        }
    }

    proptest! {
        #[test]
        fn parts_together_give_the_figures_of_all(
            rows in prop::collection::vec((any::<bool>(), 0..1_i64 << 50, 0..1_u64 << 40, 0..1_u64 << 40), 0..40),
            cut in 0_usize..40,
        ) {
            let ones = rows.iter().map(|(error, cost, tokens, us)| One {
                error: *error,
                cost_pico: Some(*cost),
                tokens: Tokens { fresh: *tokens, output: *tokens, ..Tokens::default() },
                duration_us: Some(*us),
                ..One::default()
            });
            let sum = |ones: Vec<One>| {
                ones.iter().fold(Figures::default(), |mut sum, one| { sum.count(one); sum })
            };
            let mut all = sum(ones.clone().collect());
            let mut merged = sum(ones.clone().take(cut).collect());
            merged.add(sum(ones.skip(cut).collect()));
            for percent in [50, 95] {
                prop_assert_eq!(all.durations.percentile(percent), merged.durations.percentile(percent));
            }
            all.durations.0.sort_unstable();
            merged.durations.0.sort_unstable();
            prop_assert_eq!(all, merged);
        }
    }
}
