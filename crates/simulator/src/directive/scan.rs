//! Finds `[sim:…]` in a text. Brackets nest, so that a directive can carry a prompt with directives of its own;
//! inside braces JSON strings are respected.

/// A directive as written: its name and what follows `=` or the first space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
}

const OPENING: &str = "[sim:";

/// The directives of a text, in order. One that is never closed is not one.
pub(crate) fn scan(text: &str) -> Vec<Written<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(OPENING) {
        let inner = &rest[at + OPENING.len()..];
        let Some(end) = closing_bracket(inner) else {
            rest = inner;
            continue;
        };
        let directive = &inner[..end];
        let name_end = directive.find(['=', ' ']).unwrap_or(directive.len());
        let value = directive[name_end..].get(1..).unwrap_or_default();
        found.push(Written { name: &directive[..name_end], value: value.trim() });
        rest = &inner[end + 1..];
    }
    found
}

/// The text without its directives.
pub(crate) fn without(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(OPENING) {
        out.push_str(&rest[..at]);
        let inner = &rest[at + OPENING.len()..];
        rest = closing_bracket(inner).map_or("", |end| &inner[end + 1..]);
    }
    out.push_str(rest);
    out
}

/// Where the bracket that was opened before `text` is closed.
fn closing_bracket(text: &str) -> Option<usize> {
    let (mut brackets, mut braces, mut quoted, mut escaped) = (1_u32, 0_u32, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' if braces > 0 => quoted = true,
            b'{' => braces += 1,
            b'}' => braces = braces.saturating_sub(1),
            b'[' => brackets += 1,
            b']' => {
                brackets -= 1;
                if brackets == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let found: Vec<_> = scan(text).into_iter().map(|written| (written.name, written.value)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn finds_names_and_values() {
        check("plain text [simple] ]", &[]);
        check("say [sim:text=hello world] and [sim:crlf]", &[("text", "hello world"), ("crlf", "")]);
        check("[sim:error=529*2]", &[("error", "529*2")]);
    }

    #[test]
    fn brackets_nest_and_json_strings_hide_them() {
        check(
            r#"[sim:tool Bash {"command":"echo ] \" }"}] tail"#,
            &[("tool", r#"Bash {"command":"echo ] \" }"}"#)],
        );
        check(
            r#"[sim:agent look [sim:tool Bash {"command":"ls"}] now]"#,
            &[("agent", r#"look [sim:tool Bash {"command":"ls"}] now"#)],
        );
    }

    #[test]
    fn an_unclosed_directive_is_text() {
        check("[sim:text=never closed", &[]);
        check("[sim:text=a [sim:crlf]", &[("crlf", "")]);
    }
}
