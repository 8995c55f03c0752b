//! Rate-limit headers: a subscription's unified windows, filling up as tokens are used, and the per-minute families.

use super::message::Usage;
use crate::Clock;

const FIVE_HOURS: u64 = 5 * 3600;
const SEVEN_DAYS: u64 = 7 * 24 * 3600;
/// Shares of a window from which its status is a warning.
const THRESHOLD: f64 = 0.75;

/// The windows, and what was used in them.
#[derive(Debug, Default)]
pub(super) struct Limits {
    five_hours: Window,
    seven_days: Window,
    minute: Window,
    minute_output: u64,
    minute_requests: u64,
}

#[derive(Debug, Default)]
struct Window {
    /// Epoch seconds; 0 before the first use.
    ends: u64,
    tokens: u64,
}

impl Window {
    fn add(&mut self, tokens: u64, length: u64, now: u64) -> bool {
        let renewed = now >= self.ends;
        if renewed {
            *self = Self { ends: now + length, tokens: 0 };
        }
        self.tokens += tokens;
        renewed
    }
}

impl Limits {
    /// Counts a request. Cache reads weigh a tenth.
    pub(super) fn add(&mut self, usage: Usage, now: u64) {
        let tokens = usage.input + usage.cache_5m + usage.cache_1h + usage.cache_read / 10 + usage.output * 5;
        self.five_hours.add(tokens, FIVE_HOURS, now);
        self.seven_days.add(tokens, SEVEN_DAYS, now);
        if self.minute.add(usage.input + usage.cache_5m + usage.cache_1h, 60, now) {
            (self.minute_output, self.minute_requests) = (0, 0);
        }
        self.minute_output += usage.output;
        self.minute_requests += 1;
    }

    /// The headers of an answer; `capacity` is the five-hour window's tokens.
    pub(super) fn headers(&self, capacity: u64, rejected: bool, clock: &Clock) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        let mut put =
            |name: &str, value: String| headers.push((format!("anthropic-ratelimit-{name}"), value));
        let minute = clock.rfc3339(self.minute.ends.saturating_sub(clock.epoch_seconds()));
        let (input, output) = (2_000_000_u64, 400_000_u64);
        let families = [
            ("requests", 4_000, self.minute_requests),
            ("input-tokens", input, self.minute.tokens),
            ("output-tokens", output, self.minute_output),
            ("tokens", input + output, self.minute.tokens + self.minute_output),
        ];
        for (family, limit, used) in families {
            put(&format!("{family}-limit"), limit.to_string());
            put(&format!("{family}-remaining"), limit.saturating_sub(used).to_string());
            put(&format!("{family}-reset"), minute.clone());
        }
        let windows =
            [("5h", &self.five_hours, capacity), ("7d", &self.seven_days, capacity.saturating_mul(9))];
        let mut overall = "allowed";
        for (name, window, capacity) in windows {
            let used = share(window.tokens, capacity);
            let status = if used >= THRESHOLD { "allowed_warning" } else { "allowed" };
            if used >= THRESHOLD {
                overall = status;
                put(&format!("unified-{name}-surpassed-threshold"), THRESHOLD.to_string());
            }
            put(&format!("unified-{name}-status"), status.to_owned());
            put(&format!("unified-{name}-reset"), window.ends.to_string());
            put(&format!("unified-{name}-utilization"), format!("{used:.4}"));
        }
        put("unified-status", (if rejected { "rejected" } else { overall }).to_owned());
        put("unified-reset", self.five_hours.ends.to_string());
        put("unified-representative-claim", "five_hour".to_owned());
        put("unified-fallback-percentage", "0.5".to_owned());
        put("unified-overage-status", "rejected".to_owned());
        put("unified-overage-disabled-reason", "org_level_disabled".to_owned());
        headers
    }
}

fn share(used: u64, capacity: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share for a header with four digits")]
    let share = used as f64 / capacity.max(1) as f64;
    share.min(1.0)
}
