//! The program that sent a request, by its user agent and by Claude Code's attribution text.

/// Claude Code's name in its user agent.
pub(super) const CLAUDE_CODE: &str = "claude-cli";

/// How many tool durations are kept.
const DURATIONS_LIMIT: usize = 200;

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Such as `claude-cli`, `Anthropic/Python`, `curl`.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// How Claude Code was started: `cli`, `sdk-cli`, `sdk-py`.
    pub entrypoint: Option<String>,
}

impl Client {
    /// `claude-cli/2.1.197 (external, sdk-cli)`, `Anthropic/Python 2.12.0`, `curl/8.5`: name, version, entry point.
    pub(super) fn from_user_agent(value: &str) -> Client {
        let mut words = value.split_whitespace();
        let product = words.next().unwrap_or_default();
        let is_version = |text: &&str| text.starts_with(|first: char| first.is_ascii_digit());
        let (name, version) = match product.rsplit_once('/').filter(|(_, version)| is_version(version)) {
            Some((name, version)) => (name, Some(version)),
            None => (product, words.next().filter(is_version)),
        };
        let entrypoint = value
            .split_once("(external,")
            .and_then(|(_, rest)| rest.split([',', ')']).next())
            .map(str::trim)
            .filter(|entrypoint| !entrypoint.is_empty());
        Client {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            entrypoint: entrypoint.map(str::to_owned),
        }
    }
}

/// What the block says that Claude Code puts first into `system`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Attribution {
    pub(super) version: Option<String>,
    pub(super) entrypoint: Option<String>,
    pub(super) is_subagent: bool,
}

impl Attribution {
    /// `x-anthropic-billing-header: cc_version=2.1.197.3fa; cc_entrypoint=cli; cc_is_subagent=true;`
    pub(super) fn read(text: &str) -> Attribution {
        let field = |name: &str| {
            let (_, after) = text.split_once(name)?;
            let value = after.strip_prefix('=')?.split([';', ' ', '\n']).next()?;
            (!value.is_empty()).then(|| value.to_owned())
        };
        Attribution {
            version: field("cc_version").map(|version| without_hash(&version).to_owned()),
            entrypoint: field("cc_entrypoint"),
            is_subagent: field("cc_is_subagent").is_some_and(|value| value != "false" && value != "0"),
        }
    }
}

/// The fourth part of the version is a hash of the prompt.
fn without_hash(version: &str) -> &str {
    match version.match_indices('.').nth(2) {
        Some((at, _)) => &version[..at],
        None => version,
    }
}

/// `Bash=742;Read=9`, milliseconds; names are percent-encoded. Entries of another form are left out.
pub(super) fn tool_durations(value: &str) -> Vec<(String, u64)> {
    value
        .split(';')
        .filter_map(|entry| {
            let (name, milliseconds) = entry.split_once('=')?;
            Some((percent_decoded(name.trim()), milliseconds.trim().parse().ok()?))
        })
        .take(DURATIONS_LIMIT)
        .collect()
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                at += 3;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}
