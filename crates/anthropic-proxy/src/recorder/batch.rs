//! What a batch used and cost, put into the row of the exchange that fetched its results.

use crate::analysis::cost;
use crate::reading::BatchMessage;
use protocol::pricing::Money;
use store::{Exchange, Usage};

/// Takes what the messages used together, and the model where it is one.
pub(super) fn take_usage(row: &mut Exchange, messages: &[BatchMessage]) {
    let Some(first) = messages.first() else { return };
    row.served_model = first.model.clone().filter(|_| messages.iter().all(|it| it.model == first.model));
    let sum = |of: fn(&protocol::usage::Usage) -> Option<u64>| {
        messages.iter().filter_map(|message| of(&message.usage)).reduce(u64::saturating_add)
    };
    row.usage = Usage {
        input: sum(|usage| usage.input_tokens),
        output: sum(|usage| usage.output_tokens),
        cache_read: sum(|usage| usage.cache_read_input_tokens),
        cache_creation: sum(|usage| usage.cache_creation_input_tokens),
        cache_creation_5m: sum(|usage| usage.cache_creation_5m),
        cache_creation_1h: sum(|usage| usage.cache_creation_1h),
        thinking: sum(|usage| usage.thinking_tokens),
        total_input: sum(protocol::usage::Usage::total_input),
    };
}

/// Takes what the messages cost together. One without a price leaves all without: a part of a sum is no sum.
pub(super) fn take_cost(row: &mut Exchange, messages: &[BatchMessage]) {
    if messages.is_empty() {
        return;
    }
    let costs: Option<Vec<_>> = messages.iter().map(|message| cost::of_batch(row, message).ok()).collect();
    let sum = |of: fn(&protocol::pricing::Cost) -> Money| {
        Money::checked_sum(costs.as_ref()?.iter().map(of))?.pico_i64()
    };
    row.cost_pico = sum(|cost| cost.total);
    row.cache_saving_pico = sum(|cost| cost.cache_saving);
}
