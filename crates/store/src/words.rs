//! What of the bytes is text, and the words of a text, for search in any language.
//!
//! A word is a run of letters and digits, without case; where a script writes no spaces (Chinese, Japanese, Thai, …) each character
//! is one. The index knows which pieces have a word, not where: that is looked up in the piece itself.

use crate::error::Error;
use crate::list::{self, EntryRef};
use crate::packs::Kind;
use rusqlite::{Connection, params};
use std::borrow::Cow;
use std::ops::Range;

/// Longer runs are no words but encoded data.
const LONGEST: usize = 64;

/// Names whose short values are structure, not text.
const STRUCTURE: [&str; 16] = [
    "type",
    "role",
    "id",
    "tool_use_id",
    "model",
    "media_type",
    "signature",
    "data",
    "user_id",
    "stop_reason",
    "object",
    "ttl",
    "$schema",
    "file_id",
    "request_id",
    "service_tier",
];

/// The words of a text with a space after each, hardly any twice: what search finds it by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words(String);

/// Lets search find a piece by the words of its text.
pub(crate) fn index(connection: &Connection, place: i64, words: &Words) -> Result<(), Error> {
    if !words.0.is_empty() {
        connection
            .prepare_cached("INSERT INTO text (rowid, words) VALUES (?, ?)")?
            .execute(params![place, words.0])?;
    }
    Ok(())
}

/// Lets search not find a piece any more.
pub(crate) fn forget(connection: &Connection, place: i64) -> Result<(), Error> {
    connection.prepare_cached("DELETE FROM text WHERE rowid = ?")?.execute([place])?;
    Ok(())
}

/// As [`index`], of a text, for a piece that may have said something before.
pub(crate) fn say_anew(connection: &Connection, place: i64, text: &str) -> Result<(), Error> {
    forget(connection, place)?;
    index(connection, place, &Words::of(text))
}

impl Words {
    /// Those of a text.
    pub fn of(text: &str) -> Words {
        let mut gathered = Gathered::of_about(text.len());
        for_each(text, &mut |_, word| gathered.take(word));
        Words(gathered.words)
    }

    /// Those of a piece; `None` if it has no text.
    pub(crate) fn of_piece(kind: Kind, bytes: &[u8]) -> Option<Words> {
        of_piece(kind, bytes).as_deref().map(Words::of)
    }
}

/// Words, hardly any twice.
struct Gathered {
    words: String,
    /// Where in `words` a word of the slot's hash is: its begin and length, or nothing at the begin. Of two words of one slot the later is
    /// kept: the other is then written again, which does no harm.
    seen: Box<[(u32, u32)]>,
}

impl Gathered {
    /// For a text of about so many bytes.
    fn of_about(bytes: usize) -> Gathered {
        let slots = (bytes / 2).next_power_of_two().clamp(64, 16 << 10);
        Gathered { words: String::with_capacity(bytes), seen: vec![(0, 0); slots].into_boxed_slice() }
    }

    fn take(&mut self, word: &str) {
        let slot = hash(word.as_bytes()) as usize & (self.seen.len() - 1);
        let Some(seen) = self.seen.get_mut(slot) else { return };
        let (begin, length) = (seen.0 as usize, seen.1 as usize);
        if length == word.len() && self.words.as_bytes()[begin..begin + length] == *word.as_bytes() {
            return;
        }
        // Beyond what a slot can say, words are written each time.
        if let Ok(begin) = u32::try_from(self.words.len()) {
            *seen = (begin, word.len() as u32);
        }
        self.words.push_str(word);
        self.words.push(' ');
    }
}

/// Quick, and good enough for words: eight bytes at a time.
fn hash(word: &[u8]) -> u64 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (eights, rest) = word.as_chunks::<8>();
    let last = rest.iter().fold(word.len() as u64, |last, byte| last << 8 | u64::from(*byte));
    let mixed = eights.iter().fold(last.wrapping_mul(SPREAD), |hash, eight| {
        (hash ^ u64::from_le_bytes(*eight)).wrapping_mul(SPREAD)
    });
    mixed ^ mixed >> 32
}

/// The words of a text, in order.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for_each(text, &mut |_, word| found.push(word.to_owned()));
    found
}

/// The words of a text with the bytes that they take in it, in order.
pub(crate) fn spans(text: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    for_each(text, &mut |range, word| found.push((range, word.to_owned())));
    found
}

fn for_each(text: &str, each: &mut impl FnMut(Range<usize>, &str)) {
    let bytes = text.as_bytes();
    let mut word = String::new();
    let (mut begin, mut at) = (0, 0);
    let mut end = |word: &mut String, range: Range<usize>| {
        if !word.is_empty() && word.len() <= LONGEST {
            each(range, word);
        }
        word.clear();
    };
    while let Some(byte) = bytes.get(at) {
        if byte.is_ascii() {
            // Nearly all text of agents: a whole run at a time.
            let run = bytes[at..].iter().take_while(|byte| IN_WORD[usize::from(**byte)]).count();
            if run == 0 {
                end(&mut word, begin..at);
                at += 1;
                continue;
            }
            let before = word.len();
            begin = if before == 0 { at } else { begin };
            word.push_str(&text[at..at + run]);
            word[before..].make_ascii_lowercase();
            at += run;
            continue;
        }
        let Some(letter) = text[at..].chars().next() else { break };
        let after = at + letter.len_utf8();
        if letter.is_alphanumeric() {
            let alone = has_no_spaces(letter);
            if alone {
                end(&mut word, begin..at);
            }
            begin = if word.is_empty() { at } else { begin };
            word.extend(letter.to_lowercase());
            if alone {
                end(&mut word, begin..after);
            }
        } else {
            end(&mut word, begin..at);
        }
        at = after;
    }
    end(&mut word, begin..text.len());
}

/// Bytes that are letters or digits of ASCII.
const IN_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

/// Whether a letter belongs to a script that does not part words.
fn has_no_spaces(letter: char) -> bool {
    matches!(u32::from(letter),
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff // Thai, Lao, Burmese, Khmer
        | 0x3040..=0x30ff | 0x31f0..=0x31ff // Japanese
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff // Chinese characters
        | 0xac00..=0xd7af) // Korean
}

/// The inside of a JSON string without its escapes; bytes that are no UTF-8 are replaced.
fn unescape(bytes: &[u8]) -> String {
    let escaped = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
    let mut text = String::with_capacity(escaped.len());
    let mut rest = escaped.as_ref();
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let mut letters = rest[at + 1..].chars();
        match letters.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b' | 'f') => text.push(' '),
            Some('u') => {
                let unit = hex(&mut letters);
                let mut after = letters.clone();
                let pair = (0xd800..0xdc00).contains(&unit)
                    && after.next() == Some('\\')
                    && after.next() == Some('u');
                let low = if pair { hex(&mut after) } else { 0 };
                if pair && (0xdc00..0xe000).contains(&low) {
                    letters = after;
                    let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                    text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                } else {
                    text.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
            }
            Some(other) => text.push(other),
            None => {}
        }
        rest = letters.as_str();
    }
    text.push_str(rest);
    text
}

/// The text of a piece; `None` if it has none.
pub(crate) fn of_piece(kind: Kind, bytes: &[u8]) -> Option<String> {
    match kind {
        Kind::Record => None,
        Kind::List => Some(of_list(bytes)),
        Kind::Text => of_string(bytes),
        Kind::Glue => Some(of_glue(bytes)),
        Kind::Plain => std::str::from_utf8(bytes).ok().map(str::to_owned),
    }
}

/// The text of the inside of a long JSON string; `None` if it is encoded data.
fn of_string(bytes: &[u8]) -> Option<String> {
    let start = &bytes[..bytes.len().min(256)];
    let is_data = start.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte));
    (!is_data).then(|| unescape(bytes))
}

/// The next four digits; what is none counts as 0.
fn hex(letters: &mut std::str::Chars<'_>) -> u32 {
    let digits = letters.by_ref().take(4);
    digits.fold(0, |value, digit| value << 4 | digit.to_digit(16).unwrap_or(0))
}

/// Stands between texts that do not belong together: no phrase goes over it.
pub(crate) const BREAK: char = '\0';

/// The text of JSON between long strings: the values of its short strings, parted by [`BREAK`].
fn of_glue(bytes: &[u8]) -> String {
    let mut text = String::new();
    // After a long string the first quote is that string's end.
    let ends_one = bytes.first() == Some(&b'"')
        && bytes.get(1).is_none_or(|next| next.is_ascii_whitespace() || b",}]:".contains(next));
    let mut at = usize::from(ends_one);
    let mut name: &[u8] = &[];
    while let Some(begin) = memchr::memchr(b'"', &bytes[at..]).map(|found| at + found + 1) {
        let Some(end) = end_of_string(bytes, begin) else { break };
        let value = &bytes[begin..end];
        at = end + 1;
        let follows = bytes[at..].iter().find(|byte| !byte.is_ascii_whitespace());
        if follows == Some(&b':') {
            name = value;
        } else if !STRUCTURE.iter().any(|known| known.as_bytes() == name) {
            text.push_str(&unescape(value));
            text.push(BREAK);
        }
    }
    text
}

fn end_of_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[found] == b'"' {
            return Some(found);
        }
        at = found + 2;
    }
}

/// The text of a list of pieces: that of its literals.
fn of_list(bytes: &[u8]) -> String {
    let mut text = String::new();
    for entry in list::decode(bytes) {
        if let Ok(EntryRef::Literal(literal)) = entry {
            text.push_str(&of_glue(literal));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_of_any_language() {
        for (text, expected) in [
            ("Fix the Bug-42, please!", vec!["fix", "the", "bug", "42", "please"]),
            ("缓存命中 cache", vec!["缓", "存", "命", "中", "cache"]),
            ("Größe ÉTÉ", vec!["größe", "été"]),
            ("パス名", vec!["パ", "ス", "名"]),
            ("snake_case src/main.rs", vec!["snake", "case", "src", "main", "rs"]),
            ("", vec![]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        assert_eq!(words(&"x".repeat(LONGEST + 1)), Vec::<String>::new());
    }

    #[test]
    fn a_word_that_comes_again_is_gathered_once() {
        assert_eq!(Words::of(&"to be or not to be, ".repeat(50)).0, "to be or not ");
    }

    #[test]
    fn escapes_come_off() {
        for (escaped, expected) in [
            (r"a\nb\tc", "a\nb\tc"),
            (r#"say \"hi\" \\ \/"#, "say \"hi\" \\ /"),
            (r"\u7f13\u5b58", "缓存"),
            (r"\ud83d\ude00 \ud83d!", "😀 \u{fffd}!"),
            (r"\u00", "\0"),
            ("\\", ""),
        ] {
            assert_eq!(unescape(escaped.as_bytes()), expected, "{escaped}");
        }
    }

    #[test]
    fn only_values_are_text() {
        let glue = br#"","role":"user","content":[{"type":"text","text":"fix it"},{"name":"Bash","input":{"command":"ls -l"}}],"x":""#;
        assert_eq!(of_glue(glue), "fix it\0Bash\0ls -l\0");
        assert_eq!(of_glue(br#"{"text":"a \" b"}"#), "a \" b\0");
    }

    proptest! {
        #[test]
        fn gathered_are_all_words_and_no_other(texts in prop::collection::vec("([a-c]{1,3}|[ -~]{0,9}|\\PC{0,9}) ", 0..60)) {
            let text = texts.concat();
            let gathered = Words::of(&text).0;
            let mut gathered: Vec<&str> = gathered.split(' ').filter(|word| !word.is_empty()).collect();
            let mut expected = words(&text);
            gathered.sort_unstable();
            gathered.dedup();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(gathered, expected);
        }

        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            unescape(&bytes);
            of_glue(&bytes);
            of_list(&bytes);
        }
    }
}
