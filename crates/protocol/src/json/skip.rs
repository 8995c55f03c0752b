//! Passes over JSON that is known to be valid, as quickly as memory can be read: it was checked once, by serde.

use memchr::{memchr, memchr2};

/// The entries of an object, keys as they are written (with quotes) and values; of what is none, nothing.
pub(super) fn entries(text: &str) -> Vec<(&str, &str)> {
    let mut list = Vec::new();
    let mut at = opened(text, b'{');
    while let Some(begin) = at.map(|at| blank(text, at)) {
        let Some(key) = value(text, begin).filter(|key| key.starts_with('"')) else { break };
        let colon = blank(text, begin + key.len());
        let start = blank(text, colon + 1);
        let Some(found) = value(text, start) else { break };
        list.push((key, found));
        at = next(text, start + found.len());
    }
    list
}

/// The elements of an array; of what is none, nothing.
pub(super) fn elements(text: &str) -> Vec<&str> {
    let mut list = Vec::new();
    let mut at = opened(text, b'[');
    while let Some(begin) = at.map(|at| blank(text, at)) {
        let Some(found) = value(text, begin) else { break };
        list.push(found);
        at = next(text, begin + found.len());
    }
    list
}

/// Where the inside of what `bracket` opens begins.
fn opened(text: &str, bracket: u8) -> Option<usize> {
    let begin = blank(text, 0);
    (text.as_bytes().get(begin) == Some(&bracket)).then_some(begin + 1)
}

/// After the comma that follows, if one does.
fn next(text: &str, at: usize) -> Option<usize> {
    let comma = blank(text, at);
    (text.as_bytes().get(comma) == Some(&b',')).then_some(comma + 1)
}

/// The first byte from `at` on that is no white space.
fn blank(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
}

/// The value that begins at `at`; `None` if none does, or it does not end.
fn value(text: &str, at: usize) -> Option<&str> {
    let bytes = text.as_bytes();
    let end = match bytes.get(at)? {
        b'"' => after_string(bytes, at)?,
        b'{' | b'[' => after_brackets(bytes, at)?,
        b'}' | b']' | b',' | b':' => return None,
        _ => {
            let rest = &bytes[at..];
            let stop = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b':' | b' ' | b'\n' | b'\r' | b'\t');
            at + rest.iter().position(stop).unwrap_or(rest.len())
        }
    };
    text.get(at..end)
}

/// Where the string that begins at `at` has ended.
fn after_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    at += 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Where what the bracket at `at` opens has ended. In valid JSON it is enough to count brackets outside of strings.
fn after_brackets(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = after_string(bytes, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// The string that a value is, where it stands in it as it is: without escapes.
pub(super) fn plain(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    memchr(b'\\', inside.as_bytes()).is_none().then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;
    use std::collections::BTreeMap;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\\\\\"{}\\[\\],: ]{0,9}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|map: BTreeMap<String, Value>| Value::from(serde_json::Map::from_iter(map))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_serde_finds_is_found(value in json(), is_wide: bool) {
            let text = match is_wide {
                true => serde_json::to_string_pretty(&value).unwrap(),
                false => value.to_string(),
            };
            let list: Vec<&RawValue> = serde_json::from_str(&text).unwrap_or_default();
            prop_assert_eq!(elements(&text), list.iter().map(|raw| raw.get()).collect::<Vec<_>>());
            let map: BTreeMap<String, &RawValue> = serde_json::from_str(&text).unwrap_or_default();
            let found = entries(&text).into_iter();
            let found: BTreeMap<String, &str> =
                found.map(|(key, value)| (serde_json::from_str(key).unwrap(), value)).collect();
            prop_assert_eq!(found, map.into_iter().map(|(key, raw)| (key, raw.get())).collect());
        }

        #[test]
        fn anything_is_passed_over(text in "[a\\\\\"{}\\[\\],: ]{0,40}") {
            entries(&text);
            elements(&text);
        }
    }
}
