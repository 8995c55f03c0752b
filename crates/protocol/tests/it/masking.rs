//! No secret gets through.

use proptest::prelude::*;
use protocol::secrets::{is_secret_header, mask_header, mask_text, mask_value};

const KEY: &str = "sk-ant-api03-AbCdEfGhIjKlMnOpQrStUvWxYz-0123456789_AbCd";
const SHOWN: &str = "sk-ant-api...AbCd";

#[test]
fn values_are_masked_as_the_original_did() {
    for (value, shown) in [
        ("", "***"),
        ("short", "***"),
        ("1234567890", "***"),
        ("12345678901", "123456..."),
        ("12345678901234567890", "123456..."),
        ("123456789012345678901", "1234567890...8901"),
        (KEY, SHOWN),
        ("äöüäöüäöüäöüäöüäöüäöü", "äöüäöüäöüä...üäöü"),
    ] {
        assert_eq!(mask_value(value), shown, "{value}");
    }
}

#[test]
fn secret_headers_are_known_in_any_case() {
    for name in [
        "x-api-key",
        "X-Api-Key",
        "Authorization",
        "cookie",
        "Set-Cookie",
        "Proxy-Authorization",
        "X-Goog-Api-Key",
        "api-key",
        "x-litellm-api-key",
        "X-My-Secret",
        "x-auth-token",
        " x-api-key ",
    ] {
        assert!(is_secret_header(name), "{name}");
    }
    for name in [
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-input-tokens-limit",
        "anthropic-version",
        "content-type",
        "request-id",
        "x-claude-code-session-id",
        "user-agent",
        "",
    ] {
        assert!(!is_secret_header(name), "{name}");
    }
}

#[test]
fn headers_keep_what_is_no_secret() {
    let bearer = format!("Bearer {KEY}");
    let cookies = format!("theme=dark; session={KEY}");
    let set_cookie = format!("session={KEY}; Path=/; HttpOnly");
    let inside = format!("key {KEY}, and more");
    for (name, value, shown) in [
        ("x-api-key", KEY, SHOWN.to_owned()),
        ("x-api-key", "dummy", "***".to_owned()),
        ("Authorization", bearer.as_str(), format!("Bearer {SHOWN}")),
        ("authorization", "Basic dXNlcjpwYXNzd29yZA==", "Basic dXNlcj...".to_owned()),
        ("authorization", KEY, SHOWN.to_owned()),
        ("cookie", cookies.as_str(), format!("theme=***; session={SHOWN}")),
        ("set-cookie", set_cookie.as_str(), format!("session={SHOWN}; Path=/; HttpOnly")),
        ("x-custom", inside.as_str(), format!("key {SHOWN}, and more")),
        ("x-upstream", bearer.as_str(), format!("Bearer {SHOWN}")),
        ("www-authenticate", "Bearer realm=\"x\"", "Bearer realm=\"x\"".to_owned()),
        ("content-type", "application/json", "application/json".to_owned()),
    ] {
        assert_eq!(mask_header(name, value.as_bytes()), shown, "{name}: {value}");
    }
}

#[test]
fn urls_are_searched_for_keys() {
    let encoded = KEY.replace('-', "%2D");
    let twice = KEY.replace('-', "%252d");
    let all: String = KEY.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for (url, shown) in [
        (format!("/v1/messages?key={KEY}&beta=true"), format!("/v1/messages?key={SHOWN}&beta=true")),
        (format!("/v1/messages?key={encoded}&beta=true"), format!("/v1/messages?key={SHOWN}&beta=true")),
        (format!("/v1/messages?key={twice}#x"), format!("/v1/messages?key={SHOWN}#x")),
        (format!("/{all}/x"), format!("/{SHOWN}/x")),
        (format!("/a{}", KEY.to_uppercase()), "/aSK-ANT-API...ABCD".to_owned()),
        (format!("/{KEY}/{KEY}"), format!("/{SHOWN}/{SHOWN}")),
        (format!("/?auth=Bearer%20{}", "t".repeat(30)), "/?auth=Bearer%20tttttttttt...tttt".to_owned()),
        ("/?q=bearer of news".to_owned(), "/?q=bearer of news".to_owned()),
        ("/%zz%2/%".to_owned(), "/%zz%2/%".to_owned()),
        ("/sk-ant-".to_owned(), "/***".to_owned()),
    ] {
        assert_eq!(mask_text(url.as_bytes()), shown, "{url}");
    }
    assert_eq!(mask_text(b"/\xff?x"), "/\u{fffd}?x");
}

fn key() -> impl Strategy<Value = String> {
    "sk-ant-(api03|oat01|admin01|sid01)-[A-Za-z0-9_-]{12,100}"
}

fn encode(key: &str, choices: &[bool]) -> String {
    let encode = |(byte, choice): (u8, &bool)| {
        if *choice { format!("%{byte:02X}") } else { char::from(byte).to_string() }
    };
    key.bytes().zip(choices.iter().cycle()).map(encode).collect()
}

proptest! {
    #[test]
    fn no_key_gets_through(
        key in key(),
        before in prop::collection::vec(any::<u8>(), 0..40),
        after in prop::collection::vec(any::<u8>(), 0..40),
        name in prop::sample::select(vec![
            "x-api-key", "authorization", "cookie", "set-cookie", "proxy-authorization", "x-custom", "referer",
        ]),
        choices in prop::collection::vec(any::<bool>(), 1..60),
    ) {
        for written in [key.clone(), encode(&key, &choices)] {
            let value = [&before[..], written.as_bytes(), &after[..]].concat();
            for shown in [mask_header(name, &value), mask_text(&value)] {
                prop_assert!(!shown.contains(&written), "{}", shown);
                // Not even most of it.
                prop_assert!(!shown.contains(&key[..key.len() - 5]), "{}", shown);
                prop_assert!(!shown.contains(&key[11..]), "{}", shown);
            }
        }
    }

    #[test]
    fn masking_twice_changes_nothing(
        key in key(),
        before in "[ -~]{0,20}",
        after in "[ -~]{0,20}",
        name in prop::sample::select(vec!["x-custom", "x-upstream"]),
        bearer in prop::sample::select(vec!["", "Bearer "]),
    ) {
        let once = mask_header(name, format!("{before}{bearer}{key}{after}").as_bytes());
        prop_assert_eq!(mask_text(once.as_bytes()), once);
    }

    #[test]
    fn no_secret_header_shows_its_value(value in "[!-~]{1,80}", name in prop::sample::select(vec![
        "x-api-key", "authorization", "proxy-authorization", "x-my-secret",
    ])) {
        prop_assert!(!mask_header(name, value.as_bytes()).contains(&value) || value.chars().all(|c| c == '*'));
        let bearer = format!("Bearer {value}");
        prop_assert!(!mask_header(name, bearer.as_bytes()).contains(&value) || "Bearer ***".contains(&value));
    }

    #[test]
    fn what_holds_no_secret_is_unchanged(text in "[a-z0-9/?&=%. ]{0,60}") {
        prop_assume!(!text.contains("bearer"));
        prop_assert_eq!(mask_text(text.as_bytes()), text);
    }
}
