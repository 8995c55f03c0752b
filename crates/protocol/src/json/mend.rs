//! Repairs on JSON text, before it is parsed again.

/// Where the text has to end for a closing quote to complete it; `None` when no string is open.
pub(super) fn open_string(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut open = false;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => open = !open,
            b'\\' if open => {
                let length = if bytes.get(at + 1) == Some(&b'u') { 6 } else { 2 };
                if at + length > bytes.len() {
                    return Some(at);
                }
                at += length - 1;
            }
            _ => {}
        }
        at += 1;
    }
    open.then_some(bytes.len())
}

/// `None` when there are none. Outside strings JSON has no backslashes, so no state is needed.
pub(super) fn replace_lone_surrogates(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut mended = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = memchr::memchr(b'\\', &bytes[at..]) {
        let escape = at + found;
        at = match unicode_escape(bytes, escape) {
            Some(0xd800..0xdc00)
                if unicode_escape(bytes, escape + 6).is_some_and(|low| (0xdc00..0xe000).contains(&low)) =>
            {
                escape + 12
            }
            Some(0xd800..0xe000) => {
                mended.push_str(&text[copied..escape]);
                mended.push_str("\\ufffd");
                copied = escape + 6;
                copied
            }
            Some(_) => escape + 6,
            None => (escape + 2).min(bytes.len()),
        };
    }
    (copied > 0).then(|| {
        mended.push_str(&text[copied..]);
        mended
    })
}

fn unicode_escape(bytes: &[u8], at: usize) -> Option<u32> {
    let escape = bytes.get(at..at + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
}
