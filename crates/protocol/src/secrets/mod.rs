//! The one place that masks. Whatever is queued, stored, logged or shown has passed through here.
//!
//! Masks too much rather than too little: a key glued to other letters, or hidden behind percent signs, is still a key.

mod hide;
mod known;

pub use hide::Hider;

use std::ops::Range;

/// How every key of Anthropic's begins.
const KEY_MARK: &[u8] = b"sk-ant-";

/// What follows `Bearer ` is a secret from this length on; shorter words are prose.
const BEARER_LENGTH: usize = 16;

/// How many characters of a long secret are shown before the dots.
const MASKED_HEAD: usize = 10;

const SECRET_HEADERS: [&str; 17] = [
    "x-api-key",
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "cookie2",
    "set-cookie2",
    "api-key",
    "x-goog-api-key",
    "x-amz-security-token",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "cf-access-client-secret",
    "cf-access-jwt-assertion",
    "x-amzn-oidc-data",
    "x-amzn-oidc-accesstoken",
];

/// Parts of a name that tell a secret by themselves.
const SECRET_WORDS: [&str; 11] = [
    "api-key",
    "apikey",
    "api_key",
    "secret",
    "password",
    "passwd",
    "credential",
    "private-key",
    "auth-token",
    "access-token",
    "authorization",
];

/// Names of query values that are secrets, beside those of headers.
const SECRET_PARAMETERS: [&str; 9] =
    ["key", "token", "secret", "password", "sig", "signature", "auth", "pwd", "passphrase"];

/// Masks one value: longer than 20 characters shows its first 10 and last 4, longer than 10 its first 6, the rest nothing.
pub fn mask_value(value: &str) -> String {
    let length = value.chars().count();
    let first = |count: usize| value.chars().take(count).collect::<String>();
    match length {
        0..=10 => "***".to_owned(),
        11..=20 => format!("{}...", first(6)),
        _ => format!("{}...{}", first(MASKED_HEAD), value.chars().skip(length - 4).collect::<String>()),
    }
}

/// Whether all values of a header by that name are secrets.
pub fn is_secret_header(name: &str) -> bool {
    let name = name.trim().as_bytes();
    // Not `…-tokens-remaining`, which counts.
    let is_token = name.last_chunk::<6>().is_some_and(|end| end.eq_ignore_ascii_case(b"-token"));
    let is_known = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
    is_token || SECRET_HEADERS.iter().any(is_known) || has_secret_word(name)
}

/// This is asked of every header of every exchange while its traffic goes on.
fn has_secret_word(name: &[u8]) -> bool {
    let begins = |rest: &[u8], word: &str| {
        rest.get(..word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    };
    (0..name.len()).any(|at| {
        let may_begin = matches!(name[at] | 0x20, b'a' | b's' | b'p' | b'c');
        may_begin && SECRET_WORDS.iter().any(|word| begins(&name[at..], word))
    })
}

/// A header's value as it may be seen. The scheme of a credential (`Bearer`) and the names of cookies stay readable.
pub fn mask_header(name: &str, value: &[u8]) -> String {
    if !is_secret_header(name) {
        let is_url = memchr::memmem::find(value, b"://").is_some();
        return if is_url { mask_url(value) } else { mask_text(value) };
    }
    let text = String::from_utf8_lossy(value);
    let masked = match name.trim().to_ascii_lowercase().as_str() {
        "cookie" | "cookie2" => text.split(';').map(mask_cookie).collect::<Vec<_>>().join("; "),
        "set-cookie" | "set-cookie2" => match text.split_once(';') {
            Some((cookie, attributes)) => format!("{};{attributes}", mask_cookie(cookie)),
            None => mask_cookie(&text),
        },
        _ => mask_credential(&text),
    };
    // A key may stand where no key belongs: in a cookie's name or its attributes.
    mask_text(masked.as_bytes())
}

/// A text such as a URL or an ordinary header's value, with everything masked in it that looks like a key of Anthropic's
/// (percent-encoded too, once or more), and what follows `Bearer`.
pub fn mask_text(text: &[u8]) -> String {
    let found = find(text);
    if found.is_empty() {
        return String::from_utf8_lossy(text).into_owned();
    }
    let mut seen = Vec::with_capacity(text.len());
    let mut at = 0;
    for (secret, masked) in found {
        seen.extend_from_slice(&text[at..secret.start]);
        seen.extend_from_slice(masked.as_bytes());
        at = secret.end;
    }
    seen.extend_from_slice(&text[at..]);
    String::from_utf8_lossy(&seen).into_owned()
}

/// A request target or a URL as it may be seen: as [`mask_text`], and user, password and query values whose name says that they are
/// secret (`key=`, `api_key=`, `token=`, …) masked whatever they look like.
pub fn mask_url(url: &[u8]) -> String {
    let mut url = mask_text(url);
    if let Some(begin) = url.find("://").map(|scheme| scheme + 3) {
        let end = url[begin..].find(['/', '?', '#']).map_or(url.len(), |length| begin + length);
        if let Some(user) = url[begin..end].rfind('@') {
            url.replace_range(begin..begin + user, "…");
        }
    }
    let Some((path, query)) = url.split_once('?') else { return url };
    let query: Vec<String> = query.split('&').map(mask_parameter).collect();
    format!("{path}?{}", query.join("&"))
}

fn mask_parameter(parameter: &str) -> String {
    let Some((name, value)) = parameter.split_once('=') else { return parameter.to_owned() };
    let lower = name.to_ascii_lowercase().replace('_', "-");
    let is_secret = is_secret_header(&lower) || SECRET_PARAMETERS.contains(&lower.as_str());
    let is_masked = value.is_empty() || value.contains("...");
    if is_secret && !is_masked { format!("{name}={}", mask_value(value)) } else { parameter.to_owned() }
}

/// Where a text has what [`mask_text`] masks, and what it shows in that place; in order, without overlaps.
pub fn find(text: &[u8]) -> Vec<(Range<usize>, String)> {
    let masked = |secret: Range<usize>| (secret.clone(), mask_value(&decoded(&text[secret])));
    locate(text).into_iter().map(|(secret, _)| masked(secret)).collect()
}

/// Where secrets are, and what each is; in order, without overlaps.
fn locate(text: &[u8]) -> Vec<(Range<usize>, &'static str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(skipped) = text[at..].iter().position(|byte| MAY_BEGIN[usize::from(*byte)]) {
        at += skipped;
        let rest = &text[at..];
        if !known::may_go_on(rest) {
            at += 1;
            continue;
        }
        let secret = if let Some(length) = key_length(rest) {
            Some((at..at + length, "Anthropic key"))
        } else if let Some((scheme, token)) = bearer_lengths(rest) {
            Some((at + scheme..at + scheme + token, "bearer token"))
        } else {
            known::at(text, at).map(|(length, kind)| (at..at + length, kind))
        };
        match secret {
            Some((secret, kind)) => {
                at = secret.end;
                found.push((secret, kind));
            }
            None => at += 1,
        }
    }
    found
}

/// Bytes that a secret can begin with: all others are passed over at once.
const MAY_BEGIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < known::FIRST.len() {
        table[known::FIRST[at] as usize] = true;
        at += 1;
    }
    table
};

fn mask_cookie(cookie: &str) -> String {
    match cookie.trim().split_once('=') {
        Some((name, value)) => format!("{name}={}", mask_value(value)),
        None => mask_value(cookie.trim()),
    }
}

/// `Bearer TOKEN` and the like; a value of one word is the secret itself.
fn mask_credential(value: &str) -> String {
    let value = value.trim();
    match value.split_once(' ') {
        Some((scheme, secret))
            if scheme.len() <= 20 && scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) =>
        {
            format!("{scheme} {}", mask_value(secret.trim()))
        }
        _ => mask_value(value),
    }
}

/// How many bytes a key at the beginning of `text` takes. What is masked already is no key: masking twice changes nothing.
fn key_length(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    for expected in KEY_MARK {
        let (byte, length) = character(&text[at..])?;
        if !byte.eq_ignore_ascii_case(expected) {
            return None;
        }
        at += length;
    }
    at += token_length(&text[at..], |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let is_masked = at == MASKED_HEAD && [b"...", b"***"].iter().any(|mark| text[at..].starts_with(*mark));
    (!is_masked).then_some(at)
}

/// The lengths of `Bearer` with its spaces, and of a token after it that is long enough to be one.
fn bearer_lengths(text: &[u8]) -> Option<(usize, usize)> {
    let word = text.get(..6).filter(|word| word.eq_ignore_ascii_case(b"bearer"))?.len();
    let mut at = word;
    while let Some((b' ' | b'+' | b'\t', length)) = character(&text[at..]) {
        at += length;
    }
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~+/=".contains(&byte);
    let token = token_length(&text[at..], is_token);
    let is_masked = text[at..at + token].windows(3).any(|part| part == b"...");
    (at > word && token >= BEARER_LENGTH && !is_masked).then_some((at, token))
}

fn token_length(text: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    let mut at = 0;
    while let Some((byte, length)) = character(&text[at..]) {
        if !belongs(byte) {
            break;
        }
        at += length;
    }
    at
}

/// The first character of a text that may be percent-encoded, and how many bytes it takes: `-`, `%2D`, `%252D`, ….
fn character(text: &[u8]) -> Option<(u8, usize)> {
    let first = *text.first()?;
    if first != b'%' {
        return Some((first, 1));
    }
    // Each further encoding turns the percent sign into `%25`.
    let mut at = 1;
    while text.get(at..at + 2) == Some(b"25") {
        at += 2;
    }
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    match (digit(at), digit(at + 1)) {
        (Some(high), Some(low)) => Some((u8::try_from(high * 16 + low).unwrap_or(b'%'), at + 2)),
        _ => Some((b'%', 1)),
    }
}

fn decoded(text: &[u8]) -> String {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some((byte, length)) = character(&text[at..]) {
        plain.push(byte);
        at += length;
    }
    String::from_utf8_lossy(&plain).into_owned()
}
