//! Reads a request's JSON as leniently as the API does: real clients send half surrogates.

use serde_json::Value;

/// Parses `body`; escaped surrogates without their other half are read as U+FFFD.
pub(crate) fn parse(body: &[u8]) -> Result<Value, String> {
    match serde_json::from_slice(body) {
        Ok(value) => Ok(value),
        Err(error) => serde_json::from_slice(&mend(body)).map_err(|_| error.to_string()),
    }
}

fn mend(body: &[u8]) -> Vec<u8> {
    let mut out = body.to_vec();
    let mut at = 0;
    while at < out.len() {
        if out[at] != b'\\' {
            at += 1;
            continue;
        }
        match surrogate(&out, at) {
            Some(Half::High) if surrogate(&out, at + 6) == Some(Half::Low) => at += 12,
            Some(_) => {
                out[at + 2..at + 6].copy_from_slice(b"fffd");
                at += 6;
            }
            None => at += 2,
        }
    }
    out
}

#[derive(PartialEq)]
enum Half {
    High,
    Low,
}

/// The half surrogate escaped at `at`, if there is one.
fn surrogate(body: &[u8], at: usize) -> Option<Half> {
    let escape = body.get(at..at + 6)?;
    let hex = escape.strip_prefix(b"\\u").and_then(|hex| std::str::from_utf8(hex).ok())?;
    match u16::from_str_radix(hex, 16).ok()? {
        0xd800..=0xdbff => Some(Half::High),
        0xdc00..=0xdfff => Some(Half::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn half_surrogates_become_replacement_characters() {
        for (body, expected) in [
            (r#""a\ud83d!""#, "a\u{fffd}!"),
            (r#""\ud83d\ude00""#, "\u{1f600}"),
            (r#""\ude00\\ud83d\ud83d\ud83d\ude00""#, "\u{fffd}\\ud83d\u{fffd}\u{1f600}"),
        ] {
            assert_eq!(super::parse(body.as_bytes()).unwrap(), expected);
        }
        assert!(super::parse(b"{\"a\":").is_err());
    }
}
