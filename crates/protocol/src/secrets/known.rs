//! Keys of others that are known by how they begin, for bodies: people and tools put them into prompts.

/// The first bytes of all that is looked for: of Anthropic's keys (plain or percent-encoded), of `Bearer`, and of the ones below.
pub(super) const FIRST: &[u8] = b"sS%bBgxAnhr";

/// Whether what begins with one of [`FIRST`] can be looked for, by its second byte: most words are told apart by that.
pub(super) fn may_go_on(text: &[u8]) -> bool {
    match *text {
        [b's' | b'S', second, ..] => matches!(second, b'k' | b'K' | b'%'),
        [b'b' | b'B', second, ..] => matches!(second, b'e' | b'E'),
        [b'g', second, ..] => matches!(second, b'h' | b'i' | b'l'),
        [b'A', second, ..] => matches!(second, b'K' | b'S' | b'I'),
        [b'x', second, ..] => second == b'o',
        [b'n', second, ..] => second == b'p',
        [b'h', second, ..] => second == b'f',
        [b'r', second, ..] => second == b'k',
        [_, _, ..] => true,
        _ => false,
    }
}

/// A key that has a prefix of its own.
struct Known {
    prefix: &'static [u8],
    /// What follows the prefix: at least so many letters, digits, `-` or `_`.
    least: usize,
    /// Exactly so many, and of these signs only.
    exactly: Option<fn(u8) -> bool>,
    kind: &'static str,
}

const fn known(prefix: &'static [u8], least: usize, kind: &'static str) -> Known {
    Known { prefix, least, exactly: None, kind }
}

const KNOWN: [Known; 19] = [
    known(b"ghp_", 30, "GitHub token"),
    known(b"gho_", 30, "GitHub token"),
    known(b"ghu_", 30, "GitHub token"),
    known(b"ghs_", 30, "GitHub token"),
    known(b"ghr_", 30, "GitHub token"),
    known(b"github_pat_", 30, "GitHub token"),
    known(b"glpat-", 20, "GitLab token"),
    known(b"xoxb-", 20, "Slack token"),
    known(b"xoxp-", 20, "Slack token"),
    known(b"xoxa-", 20, "Slack token"),
    known(b"xoxs-", 20, "Slack token"),
    known(b"sk-proj-", 20, "OpenAI key"),
    known(b"sk_live_", 20, "Stripe key"),
    known(b"rk_live_", 20, "Stripe key"),
    known(b"npm_", 36, "npm token"),
    known(b"hf_", 30, "Hugging Face token"),
    Known { prefix: b"AKIA", least: 16, exactly: Some(is_of_aws), kind: "AWS key id" },
    Known { prefix: b"ASIA", least: 16, exactly: Some(is_of_aws), kind: "AWS key id" },
    known(b"AIza", 35, "Google key"),
];

fn is_of_aws(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// The length and kind of the key that begins at `at`, if one does; never in the middle of a word.
pub(super) fn at(text: &[u8], at: usize) -> Option<(usize, &'static str)> {
    let rest = &text[at..];
    let known = KNOWN.iter().find(|known| rest.starts_with(known.prefix))?;
    // The letter of an escape (`\n`) is no part of the word that follows.
    let follows_word = at > 0
        && is_of_token(text[at - 1])
        && !(matches!(text[at - 1], b'n' | b'r' | b't') && at > 1 && text[at - 2] == b'\\');
    let token = rest[known.prefix.len()..].iter().take_while(|byte| is_of_token(**byte)).count();
    let fits = match known.exactly {
        None => token >= known.least,
        Some(is_of) => {
            token == known.least && rest[known.prefix.len()..][..token].iter().all(|byte| is_of(*byte))
        }
    };
    (fits && !follows_word).then_some((known.prefix.len() + token, known.kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_prefix_is_passed_over() {
        let others =
            [&b"sk-ant-"[..], b"SK-ANT-", b"s%6B-ant-", b"%73k-ant-", b"bearer ", b"Bearer ", b"BEARER "];
        for prefix in KNOWN.iter().map(|known| known.prefix).chain(others) {
            let shown = String::from_utf8_lossy(prefix);
            assert!(FIRST.contains(&prefix[0]), "{shown}");
            assert!(may_go_on(prefix), "{shown}");
        }
    }
}
