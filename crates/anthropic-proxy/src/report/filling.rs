//! What fills the context, in short: the dearest parts, and tools that nothing called.

use super::types::{Context, Filling};
use crate::analysis::context::{Item, Total};
use crate::bills::Summed;
use crate::export::Redactor;
use protocol::pricing::Money;

/// Lines of a list.
const LINES: usize = 12;

/// The report's part of these bills.
pub(super) fn of(bills: &Summed, redactor: Option<&Redactor>) -> Context {
    let line = |item: &Item, total: &Total| Filling {
        category: item.category.as_str(),
        name: redactor.map_or_else(|| item.name.clone(), |redactor| redactor.text(&item.name)),
        requests: total.requests,
        tokens: total.tokens.total(),
        cost: total.cost.to_string(),
    };
    let unused = bills.sum.unused();
    let unused_cost = Money::checked_sum(unused.iter().map(|tool| tool.total.cost));
    Context {
        read: bills.read,
        more: bills.more,
        items: bills.sum.items().into_iter().take(LINES).map(|(item, total)| line(item, total)).collect(),
        unused: unused.iter().take(LINES).map(|tool| line(&tool.item, &tool.total)).collect(),
        unused_cost: unused_cost.unwrap_or(Money::ZERO).to_string(),
    }
}
