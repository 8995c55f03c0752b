//! How the API says what fills a context and what it costs.

use super::iso;
use crate::analysis::context::{Carried, Item, Line, Server, Sum, Tokens, Total};
use crate::bills::{Explained, Summed};
use protocol::outline::Place;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Of results, so many are shown: the dearest.
const RESULTS: usize = 200;

/// Tokens by how they were charged. Those of a part are an estimate; together they are what was measured.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContextTokens {
    /// All together.
    pub(crate) total: u64,
    /// Input read from the cache.
    pub(crate) read: u64,
    /// Input written to the cache for five minutes.
    pub(crate) written_5m: u64,
    /// Input written to the cache for an hour.
    pub(crate) written_1h: u64,
    /// Input that was neither.
    pub(crate) fresh: u64,
    /// Output.
    pub(crate) output: u64,
}

/// What a part is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ContextItem {
    /// `tool` (a definition), `attribution`, `system`, `system_message`, `instructions`, `reminder`, `user_text`, `tool_result`,
    /// `assistant_text`, `thinking`, `tool_input`, `image`, `document`, `other`, `answer` or `server_tools`.
    pub(crate) category: &'static str,
    /// A tool's name, a file's path, the number and first words of a system block; empty where the category says it all.
    pub(crate) name: String,
    /// The MCP server that the tool belongs to.
    pub(crate) server: Option<String>,
}

/// A part of one request, or of its answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContextPart {
    #[serde(flatten)]
    pub(crate) item: ContextItem,
    /// Where in the request: `tools[3]`, `system[0]`, `messages[2].content[1]`; null for what belongs to the answer.
    pub(crate) place: Option<String>,
    /// Of a tool's result: which call it answers.
    pub(crate) tool_use_id: Option<String>,
    /// Its bytes in the request; null for what belongs to the answer.
    pub(crate) bytes: Option<u64>,
    /// Its share of what was measured; null where nothing was.
    pub(crate) tokens: Option<ContextTokens>,
    /// Its share of the cost, US dollars, exact; null where there is no price.
    pub(crate) cost: Option<String>,
}

/// What one request and its answer are made of.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContextBill {
    pub(crate) id: String,
    /// Always true: only the whole is measured; its parts have their tokens and money by their bytes, images by their pixels.
    pub(crate) estimate: bool,
    /// What was measured; the tokens of the parts add up to it.
    pub(crate) tokens: Option<ContextTokens>,
    /// Why there are no tokens.
    pub(crate) tokens_reason: Option<String>,
    /// What it cost, US dollars, exact; the cost of the parts adds up to it.
    pub(crate) cost: Option<String>,
    /// Why there is no cost.
    pub(crate) cost_reason: Option<String>,
    /// In the order of the prompt: tools, system, messages; the answer last.
    pub(crate) parts: Vec<ContextPart>,
}

/// What parts amount to over all requests that were read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ContextTotal {
    /// Requests that had it.
    pub(crate) requests: u64,
    /// How often it stood in them.
    pub(crate) parts: u64,
    /// Bytes in all of them.
    pub(crate) bytes: u64,
    pub(crate) tokens: ContextTokens,
    /// US dollars, exact; what has no price is not in it.
    pub(crate) cost: String,
}

/// What the parts of a category amount to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ContextCategory {
    pub(crate) category: &'static str,
    /// How often one stood in a request.
    pub(crate) parts: u64,
    pub(crate) bytes: u64,
    pub(crate) tokens: ContextTokens,
    pub(crate) cost: String,
}

/// What an item amounts to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ContextEntry {
    #[serde(flatten)]
    pub(crate) item: ContextItem,
    #[serde(flatten)]
    pub(crate) total: ContextTotal,
}

/// A tool's result and what it has cost since it came in.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CarriedResult {
    pub(crate) tool_use_id: String,
    /// Its tool; empty if the call it answers is not in the context any more.
    pub(crate) tool: String,
    pub(crate) server: Option<String>,
    pub(crate) session_id: Option<String>,
    /// The first of the requests read that had it.
    pub(crate) since_id: String,
    /// When that began.
    pub(crate) since: String,
    /// The last one.
    pub(crate) last_id: String,
    /// When that began.
    pub(crate) last: String,
    /// Its bytes in the last one.
    pub(crate) bytes: u64,
    /// Its tokens in the last one.
    pub(crate) tokens: u64,
    /// Requests that carried it.
    pub(crate) turns: u64,
    /// Its tokens in all of them added up.
    pub(crate) carried_tokens: u64,
    /// What it cost in all of them, US dollars, exact.
    pub(crate) cost: String,
}

/// What the tools of an MCP server amount to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct McpServer {
    pub(crate) server: String,
    /// Its tools that were defined.
    pub(crate) tools: u64,
    /// Of these, those that were called.
    pub(crate) used: u64,
    /// Answers that called one of its tools; one that called two counts twice.
    pub(crate) calls: u64,
    /// The definitions of its tools.
    pub(crate) definitions: ContextTotal,
    /// What its tools were given and gave back.
    pub(crate) traffic: ContextTotal,
}

/// What fills the context of many requests.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContextAnswer {
    /// Requests whose bills are summed.
    pub(crate) requests: u64,
    /// Requests that were looked at, the newest first.
    pub(crate) read: u64,
    /// Whether older ones that match were not looked at, because `limit` was reached.
    pub(crate) more: bool,
    pub(crate) limit: u64,
    /// When the oldest and the newest of them began.
    pub(crate) from: Option<String>,
    pub(crate) until: Option<String>,
    /// Always true: see a single request's bill.
    pub(crate) estimate: bool,
    pub(crate) tokens: ContextTokens,
    /// US dollars, exact.
    pub(crate) cost: String,
    /// Why requests are left out altogether, and how many.
    pub(crate) unmeasured: BTreeMap<String, u64>,
    /// Why requests have tokens and no cost here, and how many.
    pub(crate) unpriced: BTreeMap<String, u64>,
    /// The dearest first, as all lists here.
    pub(crate) categories: Vec<ContextCategory>,
    pub(crate) items: Vec<ContextEntry>,
    /// The 200 dearest results.
    pub(crate) results: Vec<CarriedResult>,
    /// How many results there are.
    pub(crate) results_total: u64,
    /// Places of results that were too many to be followed.
    pub(crate) results_not_followed: u64,
    /// Tools that were defined and that nothing called.
    pub(crate) unused_tools: Vec<ContextEntry>,
    pub(crate) servers: Vec<McpServer>,
}

/// The bill of one exchange.
pub(crate) fn bill(id: String, explained: Explained) -> ContextBill {
    let Explained { bill, no_tokens, no_cost } = explained;
    ContextBill {
        id,
        estimate: true,
        tokens: bill.tokens.as_ref().map(tokens),
        tokens_reason: no_tokens.map(str::to_owned),
        cost: bill.cost.ok().map(|cost| cost.to_string()),
        cost_reason: no_cost,
        parts: bill.lines.into_iter().map(part).collect(),
    }
}

/// The bills of many.
pub(crate) fn answer(summed: &Summed, limit: u64) -> ContextAnswer {
    let sum: &Sum = &summed.sum;
    let results = sum.results();
    ContextAnswer {
        requests: sum.requests,
        read: summed.read,
        more: summed.more,
        limit,
        from: sum.span_us.map(|(first, _)| iso(first)),
        until: sum.span_us.map(|(_, last)| iso(last)),
        estimate: true,
        tokens: tokens(&sum.total.tokens),
        cost: sum.total.cost.to_string(),
        unmeasured: sum.unmeasured.clone(),
        unpriced: sum.unpriced.clone(),
        categories: sum
            .categories()
            .into_iter()
            .map(|(category, total)| ContextCategory {
                category: category.as_str(),
                parts: total.parts,
                bytes: total.bytes,
                tokens: tokens(&total.tokens),
                cost: total.cost.to_string(),
            })
            .collect(),
        items: sum.items().into_iter().map(|(item, total)| entry(item, total)).collect(),
        results_total: results.len() as u64,
        results: results.into_iter().take(RESULTS).map(carried).collect(),
        results_not_followed: sum.not_followed,
        unused_tools: sum.unused().iter().map(|unused| entry(&unused.item, &unused.total)).collect(),
        servers: sum.servers().into_iter().map(server).collect(),
    }
}

fn part(line: Line) -> ContextPart {
    ContextPart {
        item: item(&line.item),
        place: line.place.as_ref().map(place),
        tool_use_id: line.tool_use_id,
        bytes: line.bytes,
        tokens: line.tokens.as_ref().map(tokens),
        cost: line.cost.map(|cost| cost.to_string()),
    }
}

fn place(place: &Place) -> String {
    match place {
        Place::Tool { index } => format!("tools[{index}]"),
        Place::System { index } => format!("system[{index}]"),
        Place::Message { index, block } => format!("messages[{index}].content[{block}]"),
    }
}

fn item(item: &Item) -> ContextItem {
    ContextItem { category: item.category.as_str(), name: item.name.clone(), server: item.server.clone() }
}

fn tokens(tokens: &Tokens) -> ContextTokens {
    ContextTokens {
        total: tokens.total(),
        read: tokens.read,
        written_5m: tokens.written_5m,
        written_1h: tokens.written_1h,
        fresh: tokens.fresh,
        output: tokens.output,
    }
}

fn total(total: &Total) -> ContextTotal {
    ContextTotal {
        requests: total.requests,
        parts: total.parts,
        bytes: total.bytes,
        tokens: tokens(&total.tokens),
        cost: total.cost.to_string(),
    }
}

fn entry(of: &Item, amounts: &Total) -> ContextEntry {
    ContextEntry { item: item(of), total: total(amounts) }
}

fn carried(carried: &Carried) -> CarriedResult {
    CarriedResult {
        tool_use_id: carried.tool_use_id.clone(),
        tool: carried.item.name.clone(),
        server: carried.item.server.clone(),
        session_id: carried.session.clone(),
        since_id: carried.since.0.to_string(),
        since: iso(carried.since.1),
        last_id: carried.last.0.to_string(),
        last: iso(carried.last.1),
        bytes: carried.bytes,
        tokens: carried.tokens,
        turns: carried.total.requests,
        carried_tokens: carried.total.tokens.input(),
        cost: carried.total.cost.to_string(),
    }
}

fn server((name, server): (String, Server)) -> McpServer {
    McpServer {
        server: name,
        tools: server.tools,
        used: server.used,
        calls: server.calls,
        definitions: total(&server.definitions),
        traffic: total(&server.traffic),
    }
}
