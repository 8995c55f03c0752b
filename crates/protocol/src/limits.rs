//! What an answer's headers say of rate limits. Families are an open list: whatever has a known ending is kept under its own name.
//!
//! Source: Anthropic's API reference for `anthropic-ratelimit-…`; the unified family as subscriptions send it.

use jiff::Timestamp;

/// What one family says. `None`: it does not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Family {
    /// `requests`, `input-tokens`, `unified-5h`, `unified-7d_opus`, `fast-requests`, …
    pub name: String,
    /// How much there is in a window.
    pub limit: Option<u64>,
    /// How much of it is left.
    pub remaining: Option<u64>,
    /// The fraction that is spent; 1 is all, more is possible.
    pub utilization: Option<f64>,
    /// `allowed`, `allowed_warning`, `rejected`, …
    pub status: Option<String>,
    /// When it begins anew.
    pub reset: Option<Timestamp>,
    /// The fraction above which it warns, once that is passed.
    pub surpassed_threshold: Option<f64>,
    /// Whatever else it says, by the rest of the header's name.
    pub others: Vec<(String, String)>,
}

/// What an answer says of limits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// By name, in the order in which they came.
    pub families: Vec<Family>,
    /// How long to wait before asking again, milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Whether asking again makes sense.
    pub should_retry: Option<bool>,
}

/// Endings of header names, with what they are about; what comes before is the family.
const ENDINGS: [&str; 6] =
    ["-limit", "-remaining", "-reset", "-status", "-utilization", "-surpassed-threshold"];

/// What the whole plan says, not one of its windows.
const UNIFIED: &str = "unified";

impl Limits {
    /// Reads an answer's headers; `now` is when it came, for a `retry-after` that names a date.
    pub fn read<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>, now: Timestamp) -> Limits {
        let mut limits = Limits::default();
        for (name, value) in headers {
            let (name, value) = (name.to_ascii_lowercase(), value.trim());
            match name.as_str() {
                "retry-after-ms" => limits.retry_after_ms = value.parse().ok().or(limits.retry_after_ms),
                "retry-after" => {
                    limits.retry_after_ms = limits.retry_after_ms.or_else(|| retry_after(value, now));
                }
                "x-should-retry" => limits.should_retry = value.parse().ok(),
                _ => limits.take(&name, value),
            }
        }
        limits
    }

    /// The family of that name.
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families.iter().find(|family| family.name == name)
    }

    fn take(&mut self, name: &str, value: &str) {
        let rest = match (name.strip_prefix("anthropic-ratelimit-"), name.strip_prefix("anthropic-fast-")) {
            (Some(rest), _) => rest.to_owned(),
            (None, Some(rest)) => format!("fast-{rest}"),
            (None, None) => return,
        };
        let ending = ENDINGS.iter().find(|ending| rest.ends_with(*ending));
        // What is said of the plan in other words stays under its name.
        let (family, field) = match ending {
            Some(ending) => (&rest[..rest.len() - ending.len()], &ending[1..]),
            None => match rest.strip_prefix("unified-") {
                Some(field) => (UNIFIED, field),
                None => (rest.as_str(), ""),
            },
        };
        let at = self.families.iter().position(|known| known.name == family).unwrap_or_else(|| {
            self.families.push(Family { name: family.to_owned(), ..Family::default() });
            self.families.len() - 1
        });
        self.families[at].set(field, value);
    }
}

impl Family {
    fn set(&mut self, field: &str, value: &str) {
        let known = match field {
            "limit" => set(&mut self.limit, value.parse().ok()),
            "remaining" => set(&mut self.remaining, value.parse().ok()),
            "utilization" => set(&mut self.utilization, fraction(value)),
            "surpassed-threshold" => set(&mut self.surpassed_threshold, fraction(value)),
            "status" => set(&mut self.status, Some(value.to_owned())),
            "reset" => set(&mut self.reset, moment(value)),
            _ => false,
        };
        if !known {
            self.others.push((field.to_owned(), value.to_owned()));
        }
    }
}

/// Takes a value that could be read; the first counts. Returns whether it could.
fn set<T>(field: &mut Option<T>, value: Option<T>) -> bool {
    let readable = value.is_some();
    *field = field.take().or(value);
    readable
}

fn fraction(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

/// Seconds since the Unix epoch, or RFC 3339.
fn moment(text: &str) -> Option<Timestamp> {
    match text.parse::<f64>() {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole seconds; what is beyond the calendar is refused"
        )]
        Ok(seconds) if seconds.is_finite() && seconds.abs() < 1e12 => {
            Timestamp::from_second(seconds as i64).ok()
        }
        _ => text.parse().ok(),
    }
}

/// Seconds, or an HTTP date.
fn retry_after(text: &str, now: Timestamp) -> Option<u64> {
    if let Some(seconds) = fraction(text).filter(|seconds| *seconds < 1e9) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be in range"
        )]
        return Some((seconds * 1000.0).round() as u64);
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    u64::try_from(date.timestamp().as_millisecond().saturating_sub(now.as_millisecond())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(headers: &[(&str, &str)]) -> Limits {
        Limits::read(headers.iter().copied(), Timestamp::from_second(1_795_000_000).unwrap())
    }

    #[test]
    fn each_family_is_kept_under_its_name() {
        let limits = read(&[
            ("anthropic-ratelimit-requests-limit", "50"),
            ("Anthropic-RateLimit-Requests-Remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "2026-11-23T12:00:00Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "1000"),
            ("anthropic-ratelimit-unified-status", "allowed"),
            ("anthropic-ratelimit-unified-representative-claim", "five_hour"),
            ("anthropic-ratelimit-unified-5h-utilization", "0.42"),
            ("anthropic-ratelimit-unified-5h-reset", "1795003600"),
            ("anthropic-ratelimit-unified-7d_opus-surpassed-threshold", "0.75"),
            ("anthropic-fast-requests-limit", "5"),
            ("anthropic-ratelimit-something-new", "x"),
            ("content-type", "text/plain"),
        ]);
        let names: Vec<&str> = limits.families.iter().map(|family| family.name.as_str()).collect();
        let expected = [
            "requests",
            "input-tokens",
            "unified",
            "unified-5h",
            "unified-7d_opus",
            "fast-requests",
            "something-new",
        ];
        assert_eq!(names, expected);
        let requests = limits.family("requests").unwrap();
        assert_eq!((requests.limit, requests.remaining), (Some(50), Some(49)));
        assert_eq!(requests.reset.unwrap().to_string(), "2026-11-23T12:00:00Z");
        let unified = limits.family("unified").unwrap();
        assert_eq!(unified.status.as_deref(), Some("allowed"));
        assert_eq!(unified.others, [("representative-claim".to_owned(), "five_hour".to_owned())]);
        let window = limits.family("unified-5h").unwrap();
        assert_eq!((window.utilization, window.reset.unwrap().as_second()), (Some(0.42), 1_795_003_600));
        assert_eq!(limits.family("unified-7d_opus").unwrap().surpassed_threshold, Some(0.75));
    }

    #[test]
    fn when_to_ask_again_is_told_in_four_ways() {
        for (headers, expected) in [
            (&[("retry-after", "2")][..], Some(2_000)),
            (&[("retry-after", "0.5")], Some(500)),
            (&[("retry-after", "9"), ("retry-after-ms", "1500")], Some(1_500)),
            (&[("retry-after-ms", "1500"), ("retry-after", "9")], Some(1_500)),
            (&[("retry-after", "Wed, 18 Nov 2026 10:26:50 GMT")], Some(10_000)),
            (&[("retry-after", "soon")], None),
            (&[], None),
        ] {
            let now = jiff::fmt::rfc2822::parse("Wed, 18 Nov 2026 10:26:40 GMT").unwrap().timestamp();
            assert_eq!(Limits::read(headers.iter().copied(), now).retry_after_ms, expected, "{headers:?}");
        }
        assert_eq!(read(&[("x-should-retry", "false")]).should_retry, Some(false));
    }

    proptest! {
        #[test]
        fn nothing_fails(name in "(anthropic-ratelimit-|anthropic-fast-|retry-after)?[a-z0-9_-]{0,40}", value in ".{0,40}") {
            let _ = read(&[(&name, &value)]);
        }
    }
}
