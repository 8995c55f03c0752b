//! How many tokens of context a model takes: by itself, and when the long window is asked for.
//!
//! The rows are those of the model catalog in Claude Code 2.1.330.

use crate::pricing::names;

/// What asks for the long window: the beta in `anthropic-beta`, without its date.
const LONG_BETA: &str = "context-1m";

/// The ending of a model's name that asks for it; the client takes it off before it sends the name.
const LONG_SUFFIX: &str = "[1m]";

const SHORT: u64 = 200_000;
const LONG: u64 = 1_000_000;

/// Models, the window they have by themselves, and the one they have when it is asked for.
const WINDOWS: [(&[&str], u64, u64); 3] = [
    (
        &[
            "claude-3-haiku",
            "claude-3-sonnet",
            "claude-3-opus",
            "claude-3-5-haiku",
            "claude-3-5-sonnet",
            "claude-3-7-sonnet",
            "claude-haiku-4-5",
            "claude-opus-4",
            "claude-opus-4-0",
            "claude-opus-4-1",
            "claude-opus-4-5",
        ],
        SHORT,
        SHORT,
    ),
    (
        &[
            "claude-sonnet-4",
            "claude-sonnet-4-0",
            "claude-sonnet-4-5",
            "claude-sonnet-4-6",
            "claude-opus-4-6",
        ],
        SHORT,
        LONG,
    ),
    (
        &[
            "claude-haiku-5-5",
            "claude-sonnet-5",
            "claude-sonnet-5-5",
            "claude-opus-4-7",
            "claude-opus-4-8",
            "claude-opus-5",
            "claude-opus-5-5",
            "claude-fable-5",
            "claude-fable-5-1",
            "claude-fable-5-2",
            "claude-mythos-5",
            "claude-mythos-5-1",
            "claude-mythos-5-2",
        ],
        LONG,
        LONG,
    ),
];

/// The windows of a model, tokens of input and output together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// What it takes by itself.
    pub standard: u64,
    /// What it takes when the long window is asked for; the same where there is no longer one.
    pub long: u64,
}

/// The windows of a model; `None`: the model is not known.
pub fn of(model: &str) -> Option<Window> {
    names(model).find_map(|name| {
        let (_, standard, long) = WINDOWS.iter().find(|(models, ..)| models.contains(&name.as_str()))?;
        Some(Window { standard: *standard, long: *long })
    })
}

/// The window of one call: what its model takes, given whether the long one was asked for; `None`: the model is not known.
pub fn of_call(model: &str, asks_for_long: bool) -> Option<u64> {
    of(model).map(|window| if asks_for_long { window.long } else { window.standard })
}

/// Whether a call asks for the long window: by its model's name, or by a value of its `anthropic-beta` headers.
pub fn asks_for_long<'a>(model: &str, betas: impl IntoIterator<Item = &'a str>) -> bool {
    let is_long = |beta: &str| {
        beta.trim().strip_prefix(LONG_BETA).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    model.trim().to_ascii_lowercase().ends_with(LONG_SUFFIX)
        || betas.into_iter().any(|header| header.split(',').any(is_long))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_known_by_the_name_of_the_model() {
        for (model, expected) in [
            ("claude-opus-4-8", Some((LONG, LONG))),
            ("claude-opus-4-8[1m]", Some((LONG, LONG))),
            ("claude-sonnet-4-5-20250929", Some((SHORT, LONG))),
            ("Claude-Sonnet-4-6", Some((SHORT, LONG))),
            ("claude-haiku-4-5-20251001", Some((SHORT, SHORT))),
            ("claude-haiku-5-5", Some((LONG, LONG))),
            ("claude-3-5-haiku-latest", Some((SHORT, SHORT))),
            ("claude-opus-9", None),
            ("", None),
        ] {
            assert_eq!(of(model).map(|window| (window.standard, window.long)), expected, "{model}");
        }
        assert_eq!(of_call("claude-sonnet-4-5", false), Some(SHORT));
        assert_eq!(of_call("claude-sonnet-4-5", true), Some(LONG));
    }

    #[test]
    fn every_model_with_a_price_has_a_window() {
        for line in include_str!("pricing/prices.toml").lines().filter(|line| line.starts_with("models")) {
            for model in line.split('"').skip(1).step_by(2) {
                assert!(of(model).is_some(), "{model}");
            }
        }
    }

    #[test]
    fn the_long_window_is_asked_for_by_name_or_by_beta() {
        for (model, betas, expected) in [
            ("claude-opus-4-8[1m]", &[][..], true),
            ("claude-opus-4-8", &["claude-code-20250219,context-1m-2025-08-07,effort-2025-11-24"][..], true),
            ("claude-opus-4-8", &["claude-code-20250219", "context-1m-2025-08-07"][..], true),
            ("claude-opus-4-8", &["context-1m"][..], true),
            ("claude-opus-4-8", &["context-10m-2025-08-07, context-management-2025-06-27"][..], false),
            ("claude-opus-4-8", &[][..], false),
        ] {
            assert_eq!(asks_for_long(model, betas.iter().copied()), expected, "{model} {betas:?}");
        }
    }
}
