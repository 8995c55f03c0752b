//! How long a prompt must be for the cache to take it. Source: Anthropic's prompt caching guide, as of November 2026.

/// The first name that a model's begins with decides; tokens.
const MINIMUM: [(&str, u64); 7] = [
    ("claude-haiku-4-5", 4096),
    ("claude-opus-4-5", 4096),
    ("claude-opus-4-6", 4096),
    ("claude-3-haiku", 2048),
    ("claude-haiku-3", 2048),
    ("claude-3-5-haiku", 2048),
    ("claude-3-7", 1024),
];

/// Of models that are not in the table: the smallest of all, so that a longer prompt is never called too short.
const SMALLEST: u64 = 1024;

/// The shortest prompt of that model that is cached.
pub(crate) fn tokens(model: &str) -> u64 {
    MINIMUM.iter().find(|(name, _)| model.starts_with(name)).map_or(SMALLEST, |(_, tokens)| *tokens)
}
