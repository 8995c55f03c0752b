//! What is always taken out, as patterns over text that may be escaped: JSON inside JSON, or a URL.

use regex::bytes::Regex;
use std::ops::Range;

/// What stands where a key stood.
pub(super) const KEY: &str = "[key]";

/// What stands where the id of a device, account or organisation stood.
pub(super) const ID: &str = "[id]";

const EMAIL: &str = "[email]";
const HOME: &str = "~";

/// Headers whose value is an id of an account or device.
const ID_HEADERS: [&str; 5] = [
    "anthropic-organization-id",
    "anthropic-account-id",
    "x-device-id",
    "x-account-uuid",
    "x-organization-uuid",
];

/// Something to take out.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pattern: Regex,
    /// What stands in its place.
    pub(super) with: &'static str,
    /// Only matches of so many bytes count.
    exactly: Option<usize>,
    /// Whether what it finds is taken out wherever else it stands.
    pub(super) names_ids: bool,
}

impl Rule {
    /// What it matches: the first group that took part, or the whole.
    pub(super) fn find(&self, text: &[u8], found: &mut dyn FnMut(Range<usize>)) {
        if self.pattern.captures_len() == 1 {
            for part in self.pattern.find_iter(text) {
                self.take(text, part.range(), found);
            }
            return;
        }
        for groups in self.pattern.captures_iter(text) {
            if let Some(group) = groups.iter().skip(1).flatten().next() {
                self.take(text, group.range(), found);
            }
        }
    }

    fn take(&self, text: &[u8], range: Range<usize>, found: &mut dyn FnMut(Range<usize>)) {
        let range = after_escape(text, range);
        if !range.is_empty() && self.exactly.is_none_or(|length| range.len() == length) {
            found(range);
        }
    }
}

/// The `n` of a `\n` belongs to its backslash, not to the name that follows.
fn after_escape(text: &[u8], range: Range<usize>) -> Range<usize> {
    let escaped = range.start > 0 && text[range.start - 1] == b'\\';
    let skipped = match text.get(range.start) {
        Some(b'n' | b'r' | b't' | b'b' | b'f') if escaped => 1,
        Some(b'u') if escaped => 5,
        _ => 0,
    };
    (range.start + skipped).min(range.end)..range.end
}

/// Whether a header by that name carries an id.
pub(super) fn is_id_header(name: &str) -> bool {
    ID_HEADERS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// All rules.
pub(super) fn all() -> Result<Vec<Rule>, regex::Error> {
    // A separator of folders: plain, escaped once or more, or percent-encoded.
    const SLASH: &str = r"(?:\\*/+|%2[Ff])";
    const EITHER: &str = r"(?:\\*/+|\\+|%2[Ff]|%5[Cc])";
    const NAME: &str = r#"[^\s/\\"'`<>|:*?%$(){}\[\],;&=]+"#;
    let rule = |pattern: &str, with, exactly, names_ids| {
        Ok(Rule { pattern: Regex::new(pattern)?, with, exactly, names_ids })
    };
    Ok(vec![
        // Keys of others that agents come across, by their documented shapes; and keys that were masked when they were recorded.
        rule(r"sk-ant-[A-Za-z0-9_-]*\.\.\.[A-Za-z0-9_-]{0,4}", KEY, None, false)?,
        rule(r"\b(?:sk|rk|pk)[-_](?:proj-|live_|test_)?[A-Za-z0-9_-]{20,}", KEY, None, false)?,
        rule(r"\b(?:gh[pousr]_|github_pat_|glpat-|npm_|hf_)[A-Za-z0-9_-]{16,}", KEY, None, false)?,
        rule(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", KEY, None, false)?,
        rule(r"\bAIza[0-9A-Za-z_-]{35}", KEY, None, false)?,
        rule(r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}", KEY, None, false)?,
        rule(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", KEY, None, false)?,
        rule(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", KEY, None, false)?,
        rule(r"[\w.%+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}", EMAIL, None, false)?,
        // A folder that lies deeper (/mnt/c/Users/x) keeps what leads to it.
        rule(&format!(r"[\w.~-]{SLASH}(?:home|Users){SLASH}({NAME})"), HOME, None, false)?,
        rule(&format!(r"(?:^|[^\w.~/\\-])({SLASH}(?:home|Users){SLASH}{NAME})"), HOME, None, false)?,
        rule(&format!(r"\b[A-Za-z](?::|%3[Aa]){EITHER}Users{EITHER}{NAME}"), HOME, None, false)?,
        // A name with spaces, known by the separator after it.
        rule(
            &format!(r#"\b([A-Za-z](?::|%3[Aa]){EITHER}Users{EITHER}[^\\/:*?"<>|\r\n]{{1,40}}){EITHER}"#),
            HOME,
            None,
            false,
        )?,
        // How Claude Code names the folders of its projects.
        rule(&format!(r#"projects{EITHER}(?:[A-Za-z]-)?-(?:home|Users)-([^\s/\\"'-]+)"#), HOME, None, false)?,
        rule(
            r#"(?:device_id|account_uuid|account_id|organization_uuid|organization_id|user_uuid)\\*"\s*:\s*\\*"([^"\\]+)"#,
            ID,
            None,
            true,
        )?,
        rule(r"_account_([0-9a-fA-F-]{8,})_session_", ID, None, true)?,
        rule(r"[0-9a-fA-F]{64,}", ID, Some(64), false)?,
    ])
}
