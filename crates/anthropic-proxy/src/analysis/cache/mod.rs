//! The cache doctor: whether a call read from the prompt cache what it could have, and if not, why, as far as the bytes prove it.
//!
//! Pure. Who the call before was is found by [`threads`](super::threads); the first byte that differs is shown by [`proof`].

mod call;
pub(crate) mod minimum;
pub(crate) mod proof;
#[cfg(test)]
mod tests;

pub(crate) use call::{Call, Counts, Prompt, Section};

use protocol::outline::Lifetime;
use serde_json::Value;
use store::{CacheCause, VerdictSource};

/// Blocks that a lookup goes back from a mark, the marked one included (Anthropic's prompt caching guide).
const LOOKBACK: usize = 20;

/// Counts of two calls differ by a few tokens for the same prefix.
const TOLERANCE: u64 = 64;

/// What is said of one call. Tokens; `None` is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) cause: CacheCause,
    pub(crate) source: VerdictSource,
    pub(crate) expected_read: Option<u64>,
    pub(crate) actual_read: u64,
    /// Tokens paid for again.
    pub(crate) lost_tokens: u64,
}

/// What the server says of a miss: its name for it, and the tokens that were missed, where it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stated {
    cause: CacheCause,
    missed: Option<u64>,
}

impl Stated {
    /// Reads an answer's `diagnostics`; `None` while it is pending, unavailable, or was not asked for.
    pub(crate) fn read(diagnostics: &Value) -> Option<Stated> {
        let reason = diagnostics.get("cache_miss_reason")?;
        let cause = match reason.get("type")?.as_str()? {
            "model_changed" => CacheCause::ModelChanged,
            "system_changed" => CacheCause::SystemChanged,
            "tools_changed" => CacheCause::ToolsChanged,
            "messages_changed" => CacheCause::MessagesChanged,
            "previous_message_not_found" => CacheCause::PreviousMessageNotFound,
            _ => return None,
        };
        Some(Stated { cause, missed: reason.get("cache_missed_input_tokens").and_then(Value::as_u64) })
    }
}

/// Judges a call that has ended. `previous`: the call before it in its thread; `others`: all calls of its session that began before.
/// `None`: it reports no usage, or nobody asked for caching.
pub(crate) fn judge<'a>(
    call: &Call,
    stated: Option<Stated>,
    previous: Option<&'a Call>,
    others: impl Iterator<Item = &'a Call>,
) -> Option<Verdict> {
    let counts = call.counts?;
    if let Some(stated) = stated {
        return Some(Verdict {
            cause: stated.cause,
            source: VerdictSource::Server,
            expected_read: stated.missed.map(|missed| counts.read.saturating_add(missed)),
            actual_read: counts.read,
            lost_tokens: stated.missed.unwrap_or(0).min(counts.paid()),
        });
    }
    let verdict = |cause, expected_read: Option<u64>| Verdict {
        cause,
        source: VerdictSource::Bytes,
        expected_read,
        actual_read: counts.read,
        // What is not in this call any more was not paid for again.
        lost_tokens: expected_read
            .map_or(0, |expected| expected.saturating_sub(counts.read).min(counts.paid())),
    };
    let Some(previous) = previous else {
        let asks = call.prompt.asks_for_cache() || counts.read + counts.written() > 0;
        let cause = if counts.read == 0 && others.into_iter().any(|other| writes_the_same(other, call)) {
            CacheCause::ConcurrentWrite
        } else if is_too_short(call) {
            CacheCause::BelowMinimum
        } else {
            CacheCause::FirstCall
        };
        return asks.then(|| verdict(cause, None));
    };
    let Some(before) = previous.counts.filter(|_| previous.ended_before_end_of(call)) else {
        let cause = if previous.had_begun_to_answer(call.started_us) || previous.had_written_nothing(call) {
            CacheCause::Unknown
        } else {
            CacheCause::ConcurrentWrite
        };
        return Some(verdict(if counts.read > 0 { CacheCause::Hit } else { cause }, None));
    };
    let cached = before.read.saturating_add(before.written());
    if cached == 0 {
        let asks = call.prompt.asks_for_cache() || previous.prompt.asks_for_cache();
        let short = is_too_short(previous) || is_too_short(call);
        let cause = if short { CacheCause::BelowMinimum } else { CacheCause::Unknown };
        let cause = if counts.read > 0 { CacheCause::Hit } else { cause };
        return asks.then(|| verdict(cause, Some(0)));
    }
    let nearly = cached.saturating_sub(TOLERANCE.max(cached / 100));
    let repeats = call.prompt.common_with(&previous.prompt) > cached_to(&previous.prompt);
    let is_hit = counts.read >= if repeats { nearly } else { cached };
    let cause = if is_hit { CacheCause::Hit } else { cause_of(call, previous, before, &counts) };
    Some(verdict(cause, Some(cached)))
}

/// Why a call read less than the one before had left for it.
fn cause_of(call: &Call, previous: &Call, before: Counts, counts: &Counts) -> CacheCause {
    let (this, that) = (&call.prompt, &previous.prompt);
    if this.model != that.model {
        return CacheCause::ModelChanged;
    }
    if this.effort != that.effort || this.speed != that.speed {
        return CacheCause::EffortChanged;
    }
    let cached_to = cached_to(that);
    let common = this.common_with(that);
    if common <= cached_to {
        let differs = this.parts.get(common).or(that.parts.get(common));
        return match differs.map(|part| part.section) {
            Some(Section::Tools) => CacheCause::ToolsChanged,
            Some(Section::System) => CacheCause::SystemChanged,
            Some(Section::Messages) | None => CacheCause::MessagesChanged,
        };
    }
    if is_expired(call, previous, before) {
        return CacheCause::TtlExpired;
    }
    let reaches = |mark: usize| mark >= cached_to && mark - cached_to < LOOKBACK;
    if this.marks().next().is_some() && !this.marks().any(reaches) {
        return CacheCause::LookbackExceeded;
    }
    if !previous.had_begun_to_answer(call.started_us) {
        return CacheCause::ConcurrentWrite;
    }
    if counts.written() == 0 && is_too_short(call) { CacheCause::BelowMinimum } else { CacheCause::Unknown }
}

/// The last part that was cached. Without a mark nobody knows: to the end, as far as it can be told.
fn cached_to(prompt: &Prompt) -> usize {
    prompt.last_mark().unwrap_or(prompt.parts.len().saturating_sub(1))
}

/// Whether what the call before read or wrote had lived for its time. A read renews it, so its life begins with that call.
fn is_expired(call: &Call, previous: &Call, before: Counts) -> bool {
    let marked = previous.prompt.marks().filter_map(|at| previous.prompt.parts[at].mark).next_back();
    let an_hour = match (before.written_5m, before.written_1h) {
        (0, 1..) => true,
        (1.., 0) => false,
        _ => marked == Some(Lifetime::OneHour),
    };
    let life_us: i64 = if an_hour { 3_600_000_000 } else { 300_000_000 };
    // From the last moment at which it can have been used: the head of the answer.
    let used_us = previous.answered_us.unwrap_or(previous.started_us);
    call.started_us.saturating_sub(used_us) > life_us
}

/// Whether so short a prompt is not cached: it asked for it, nothing was read or written, and it is under the model's minimum.
fn is_too_short(call: &Call) -> bool {
    call.prompt.asks_for_cache()
        && call.counts.is_some_and(|counts| {
            counts.read + counts.written() == 0
                && counts.total() < minimum::tokens(call.prompt.model.as_deref().unwrap_or_default())
        })
}

/// Whether another call was writing a prefix that this one shares, and had not begun to answer when this one began.
fn writes_the_same(other: &Call, call: &Call) -> bool {
    let same = other.prompt.model == call.prompt.model && other.prompt.effort == call.prompt.effort;
    let writing = !other.had_begun_to_answer(call.started_us) && !other.had_written_nothing(call);
    same && writing && {
        let common = call.prompt.common_with(&other.prompt);
        other.prompt.marks().any(|mark| mark < common)
    }
}
