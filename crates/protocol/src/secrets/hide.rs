//! Takes secrets out of a body while it comes, without changing its length.
//!
//! Contract: what comes out, joined, does not depend on how what went in was split, as long as no secret is longer than 4 KiB.

use super::{MASKED_HEAD, locate};
use std::collections::BTreeMap;

/// A run of signs that a key could be made of is held back up to here; longer ones are data.
const HELD: usize = 4 << 10;

/// What stands in the place of a secret's signs, after its beginning.
const COVER: u8 = b'*';

/// Replaces secrets by as many signs: their beginning, then asterisks.
#[derive(Debug, Default)]
pub struct Hider {
    /// The end of what came, in which a secret may have begun.
    held: Vec<u8>,
    /// How much of `held` is only there to be looked back at.
    seen: usize,
    found: BTreeMap<&'static str, u64>,
}

impl Hider {
    /// Takes what comes next. Returns what is sure, maybe nothing.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let sure = self.held.len() - open_end(&self.held).min(HELD);
        self.release(sure)
    }

    /// Nothing more comes. Returns the rest.
    pub fn finish(&mut self) -> Vec<u8> {
        self.release(self.held.len())
    }

    /// How many secrets of each kind were replaced.
    pub fn found(&self) -> &BTreeMap<&'static str, u64> {
        &self.found
    }

    fn release(&mut self, mut sure: usize) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.held);
        for (secret, kind) in locate(&text) {
            // More of it may come.
            if secret.end == text.len() && secret.start >= sure {
                break;
            }
            // It has ended, or is no key but data: what is held back begins after it at the earliest.
            sure = sure.max(secret.end);
            // What was looked back at was counted before.
            if secret.end > self.seen {
                *self.found.entry(kind).or_default() += 1;
                let begin = (secret.start + MASKED_HEAD.min(secret.len() / 2)).max(self.seen);
                text[begin..secret.end].fill(COVER);
            }
        }
        let sure = sure.max(self.seen);
        // A word before a key decides whether it is one: two signs are kept to look back at.
        let back = sure.saturating_sub(2);
        self.held = text[back..].to_vec();
        let out = text[self.seen..sure].to_vec();
        self.seen = sure - back;
        out
    }
}

/// How many bytes at the end a secret could have begun in: a run of a token's signs, white space, and the word `Bearer` before that.
fn open_end(text: &[u8]) -> usize {
    let run = |end: usize, belongs: fn(&u8) -> bool| {
        text[..end].iter().rev().take_while(|byte| belongs(byte)).count()
    };
    let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~+/=%".contains(byte);
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let token = run(text.len(), is_of_token);
    let blank = run(text.len() - token, is_blank);
    let word = if blank == 0 { 0 } else { run(text.len() - token - blank, is_of_token) };
    token + blank + word
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hidden(parts: &[&[u8]]) -> (String, BTreeMap<&'static str, u64>) {
        let mut hider = Hider::default();
        let mut out: Vec<u8> = parts.iter().flat_map(|part| hider.feed(part)).collect();
        out.extend(hider.finish());
        (String::from_utf8(out).unwrap(), hider.found().clone())
    }

    #[test]
    fn keys_are_covered_at_their_length() {
        for (text, expected, kind) in [
            ("a sk-ant-api03-abcdefgh z", "a sk-ant-api*********** z", Some("Anthropic key")),
            (
                r#"{"x":"Bearer abcdefghijklmnop"}"#,
                r#"{"x":"Bearer abcdefgh********"}"#,
                Some("bearer token"),
            ),
            (
                "ghp_0123456789abcdefghij0123456789abcdef",
                "ghp_012345******************************",
                Some("GitHub token"),
            ),
            (
                r"\nghp_0123456789abcdefghij0123456789abcdef",
                r"\nghp_012345******************************",
                Some("GitHub token"),
            ),
            ("aghp_0123456789abcdefghij0123456789abcdef", "aghp_0123456789abcdefghij0123456789abcdef", None),
            ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFOD**********", Some("AWS key id")),
            ("AKIAIOSFODNN7EXAMPLES", "AKIAIOSFODNN7EXAMPLES", None),
            (
                "AIzaSyA-0123456789abcdefghijklmnopqrstu",
                "AIzaSyA-01*****************************",
                Some("Google key"),
            ),
            ("the bearer of bad news, and sk-antique", "the bearer of bad news, and sk-antique", None),
        ] {
            let (out, found) = hidden(&[text.as_bytes()]);
            assert_eq!(out, expected);
            assert_eq!(out.len(), text.len());
            assert_eq!(found.keys().next().copied(), kind, "{text}");
        }
    }

    #[test]
    fn a_long_run_of_data_is_not_held_for_ever() {
        let mut hider = Hider::default();
        assert!(hider.feed(&vec![b'a'; 1 << 20]).len() > (1 << 20) - 2 * HELD);
    }

    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let word = prop_oneof![
            "sk-ant-api03-[A-Za-z0-9_-]{0,30}",
            "[Bb]earer +[a-z0-9.]{0,40}",
            "ghp_[a-zA-Z0-9]{28,40}",
            "AKIA[A-Z0-9]{14,18}",
            "xoxb-[0-9-]{15,30}",
            "[ \"a-z%,\\\\n]{0,12}",
        ];
        prop::collection::vec(word, 0..8).prop_map(|words| words.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn how_it_is_cut_makes_no_difference(text in pieces(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.sort_unstable();
            let mut parts = Vec::new();
            let mut begin = 0;
            for end in at.into_iter().chain([text.len()]) {
                parts.push(&text[begin..end]);
                begin = end;
            }
            let whole = hidden(&[&text]);
            prop_assert_eq!(whole.0.len(), text.len());
            prop_assert_eq!(hidden(&parts), whole);
        }
    }
}
