//! What each model of a call used: the call's own counts, or those of its iterations, where it went through several.

use super::{Call, NoPrice};
use crate::usage::Usage;
use serde_json::Value;

/// What one model read and wrote.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) model: String,
    pub(super) tokens: Tokens,
}

/// Tokens by what they cost.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) write_5m: u64,
    pub(super) write_1h: u64,
    pub(super) read: u64,
}

impl Tokens {
    /// All that the model read: it decides the band.
    pub(super) fn prompt(&self) -> u64 {
        self.input.saturating_add(self.write_5m).saturating_add(self.write_1h).saturating_add(self.read)
    }
}

/// The shares of a call.
pub(super) fn shares(call: &Call<'_>) -> Result<Vec<Share>, NoPrice> {
    let usage = call.usage;
    let Some(input) = usage.input_tokens else { return Err(NoPrice::NoUsage) };
    // An answer that broke off may not have come to its output.
    let output = usage.output_tokens.or(call.truncated.then_some(0)).ok_or(NoPrice::NoUsage)?;
    if credit_redeemed(usage) {
        return Err(NoPrice::Credit);
    }
    if let Some(parts) = usage.iterations.as_ref().and_then(Value::as_array).filter(|list| !list.is_empty()) {
        return iterations(call, parts);
    }
    if call.refused && output == 0 {
        return Err(NoPrice::Refused);
    }
    let (write_5m, write_1h) = writes(usage, None)?;
    let read = usage.cache_read_input_tokens.unwrap_or(0);
    let model = call.model.ok_or(NoPrice::NoModel)?.to_owned();
    Ok(vec![Share { model, tokens: Tokens { input, output, write_5m, write_1h, read } }])
}

/// Each iteration is billed on its own, at its own model's price and its own prompt's band. The call's own counts are those of its
/// `message` iterations added up; compactions and advisors come on top.
fn iterations(call: &Call<'_>, parts: &[Value]) -> Result<Vec<Share>, NoPrice> {
    let kind = |part: &Value| part.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let fell_back = parts.iter().any(|part| kind(part) == "fallback_message");
    let mut own = Usage::default();
    let mut shares = Vec::<Share>::new();
    for (index, part) in parts.iter().enumerate() {
        let says_not = |what| NoPrice::Iteration { index, what };
        let usage = Usage::from_value(part.clone());
        let counts = (
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_input_tokens,
            usage.cache_creation_input_tokens,
        );
        let (Some(input), Some(output), Some(read), Some(written)) = counts else {
            return Err(says_not("tokens"));
        };
        let kind = kind(part);
        let named = part.get("model").and_then(Value::as_str);
        let model = match kind.as_str() {
            // With a fallback, the call's model is only the last of those that had a turn.
            "message" | "compaction" if !fell_back => named.or(call.model).ok_or(NoPrice::NoModel)?,
            _ => named.ok_or_else(|| says_not("model"))?,
        };
        // What a model that declined had in its cache is credited to the next: its writes are billed as reads, as far as they go.
        let had_cached = |earlier: &Share| earlier.tokens.read > 0 && earlier.model != model;
        if fell_back && written > 0 && shares.iter().any(had_cached) {
            return Err(NoPrice::Credit);
        }
        if kind == "message" {
            if fell_back && output == 0 {
                return Err(NoPrice::Refused);
            }
            own.input_tokens = add(own.input_tokens, input);
            own.output_tokens = add(own.output_tokens, output);
            own.cache_read_input_tokens = add(own.cache_read_input_tokens, read);
            own.cache_creation_input_tokens = add(own.cache_creation_input_tokens, written);
        }
        let (write_5m, write_1h) = writes(&usage, Some(call.usage))?;
        let tokens = Tokens { input, output, write_5m, write_1h, read };
        shares.push(Share { model: model.to_owned(), tokens });
    }
    if call.refused && shares.iter().all(|share| share.tokens.output == 0) {
        return Err(NoPrice::Refused);
    }
    if !fell_back && !same_counts(&own, call.usage) {
        return Err(NoPrice::Disagreement);
    }
    Ok(shares)
}

fn add(sum: Option<u64>, count: u64) -> Option<u64> {
    Some(sum.unwrap_or(0).saturating_add(count))
}

fn same_counts(one: &Usage, other: &Usage) -> bool {
    let counts = |usage: &Usage| {
        let counts = [
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_input_tokens,
            usage.cache_creation_input_tokens,
        ];
        counts.map(|count| count.unwrap_or(0))
    };
    counts(one) == counts(other)
}

/// What was written for 5 minutes and for 1 hour.
///
/// A stream's corrections bring a new total without its split. Where all that was split lives equally long, in this usage or in
/// that of the `whole` call, so does the rest; otherwise nobody knows.
fn writes(usage: &Usage, whole: Option<&Usage>) -> Result<(u64, u64), NoPrice> {
    let split = |usage: &Usage| (usage.cache_creation_5m.unwrap_or(0), usage.cache_creation_1h.unwrap_or(0));
    let (five_minutes, one_hour) = split(usage);
    let both = five_minutes.checked_add(one_hour).ok_or(NoPrice::TooMuch)?;
    let total = usage.cache_creation_input_tokens.unwrap_or(both);
    if total == both {
        return Ok((five_minutes, one_hour));
    }
    for (five_minutes, one_hour) in [Some(split(usage)), whole.map(split)].into_iter().flatten() {
        match (five_minutes, one_hour) {
            (1.., 0) => return Ok((total, 0)),
            (0, 1..) => return Ok((0, total)),
            _ => {}
        }
    }
    if total == 0 { Ok((0, 0)) } else { Err(NoPrice::Lifetime) }
}

/// `fallback_credit.status.type` is `redeemed` where writes are billed as reads.
fn credit_redeemed(usage: &Usage) -> bool {
    let status = usage.extra.get("fallback_credit").and_then(|credit| credit.get("status"));
    status.and_then(|status| status.get("type")).and_then(Value::as_str) == Some("redeemed")
}
