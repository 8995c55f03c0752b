//! The agents of a session as a tree.

use super::spans::{Span, union};
use super::{agent_of, end_of};
use protocol::pricing::Money;
use std::collections::HashMap;
use store::{Exchange, Source};

/// One agent, with those that it started.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AgentNode {
    /// `None` is the main one.
    pub(crate) id: Option<String>,
    /// How its parent is known; `None` for the main one, and where nothing tells: it stands under the main one then.
    pub(crate) parent_source: Option<Source>,
    /// `Explore`, `general-purpose`, …
    pub(crate) kind: Option<String>,
    /// The first words it was given.
    pub(crate) opening: Option<String>,
    pub(crate) requests: u64,
    pub(crate) cost: Money,
    /// Calls with usage and without a price.
    pub(crate) unpriced: u64,
    pub(crate) input: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write: u64,
    pub(crate) output: u64,
    /// How long at least one of its calls ran, microseconds.
    pub(crate) time_us: u64,
    /// When its first call began, microseconds since the Unix epoch.
    pub(crate) begun_us: i64,
    pub(crate) children: Vec<AgentNode>,
}

#[derive(Default)]
struct Sum {
    node: Option<AgentNode>,
    parent: Option<(Option<String>, Source)>,
    spans: Vec<Span>,
}

/// Builds the tree of a session's exchanges, which are in the order in which they began. `started_by` tells, by the first words that an
/// agent was given, which agent's call gave them: for clients that do not name the parent.
pub(crate) fn tree(exchanges: &[Exchange], started_by: &HashMap<String, Option<String>>) -> Vec<AgentNode> {
    let mut order: Vec<Option<String>> = Vec::new();
    let mut sums: HashMap<Option<String>, Sum> = HashMap::new();
    for exchange in exchanges {
        let id = agent_of(exchange).map(str::to_owned);
        let sum = sums.entry(id.clone()).or_insert_with(|| {
            order.push(id.clone());
            Sum::default()
        });
        sum.take(&id, exchange);
    }
    for (id, sum) in &mut sums {
        let told =
            sum.node.as_ref().and_then(|node| node.opening.as_ref()).and_then(|words| started_by.get(words));
        if id.is_some() && sum.parent.is_none() {
            sum.parent = told.filter(|parent| *parent != id).map(|parent| (parent.clone(), Source::Inferred));
        }
    }
    let mut nodes: Vec<(Option<String>, Option<String>, AgentNode)> = Vec::new();
    for id in order {
        let Some(Sum { node: Some(mut node), parent, spans }) = sums.remove(&id) else { continue };
        node.time_us = union(spans);
        node.parent_source = parent.as_ref().map(|(_, source)| *source);
        nodes.push((id, parent.and_then(|(parent, _)| parent), node));
    }
    grow(None, &mut nodes, 0)
}

/// Takes what stands under `parent`, and below it; what is left over, as in a circle, stands under the main one.
fn grow(
    parent: Option<&str>,
    nodes: &mut Vec<(Option<String>, Option<String>, AgentNode)>,
    depth: usize,
) -> Vec<AgentNode> {
    const DEEPEST: usize = 32;
    if parent.is_none() {
        let mut roots = Vec::new();
        if let Some(at) = nodes.iter().position(|(id, ..)| id.is_none()) {
            roots.push(nodes.remove(at).2);
        }
        let known: Vec<String> = nodes.iter().filter_map(|(id, ..)| id.clone()).collect();
        let is_top = |of: &Option<String>| of.as_ref().is_none_or(|of| !known.contains(of));
        let mut top = Vec::new();
        while let Some(at) = nodes.iter().position(|(_, of, _)| is_top(of)) {
            let (id, _, mut node) = nodes.remove(at);
            node.children = grow(id.as_deref(), nodes, depth + 1);
            top.push(node);
        }
        top.extend(nodes.drain(..).map(|(_, _, node)| AgentNode { parent_source: None, ..node }));
        return match roots.first_mut() {
            Some(main) => {
                main.children = top;
                roots
            }
            None => top,
        };
    }
    let mut children = Vec::new();
    while let Some(at) = nodes.iter().position(|(_, of, _)| of.as_deref() == parent && depth < DEEPEST) {
        let (id, _, mut node) = nodes.remove(at);
        node.children = grow(id.as_deref(), nodes, depth + 1);
        children.push(node);
    }
    children
}

impl Sum {
    fn take(&mut self, id: &Option<String>, exchange: &Exchange) {
        let agent = exchange.agent.as_ref();
        let node = self.node.get_or_insert_with(|| AgentNode {
            id: id.clone(),
            parent_source: None,
            kind: None,
            opening: exchange.opening.clone(),
            requests: 0,
            cost: Money::ZERO,
            unpriced: 0,
            input: 0,
            cache_read: 0,
            cache_write: 0,
            output: 0,
            time_us: 0,
            begun_us: exchange.started_us,
            children: Vec::new(),
        });
        node.requests += 1;
        node.kind = node.kind.take().or_else(|| agent.and_then(|agent| agent.kind.clone()));
        let usage = &exchange.usage;
        if usage.input.is_some() {
            node.input += usage.input.unwrap_or(0);
            node.cache_read += usage.cache_read.unwrap_or(0);
            node.cache_write += usage.cache_creation.unwrap_or(0);
            node.output += usage.output.unwrap_or(0);
        }
        match exchange.cost_pico {
            Some(pico) => {
                node.cost = node.cost.checked_add(Money::from_pico(pico.into())).unwrap_or(node.cost);
            }
            None => node.unpriced += u64::from(usage.input.is_some()),
        }
        self.spans.push((exchange.started_us, end_of(exchange)));
        if self.parent.is_none()
            && let Some(parent) = agent.and_then(|agent| agent.parent_id.clone())
        {
            self.parent = Some((Some(parent), Source::Header));
        }
    }
}
