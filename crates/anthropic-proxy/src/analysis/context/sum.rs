//! The bills of many requests as one: what each item cost in all, what each result has cost since it came in, what was defined and
//! never used.

use super::bill::{Bill, Line, Tokens};
use super::item::{Category, Item, mcp_server};
use protocol::pricing::Money;
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// Items that are told apart; what comes beyond is summed by category.
const ITEMS: usize = 5_000;

/// Results that are followed; those beyond are counted, not followed.
const RESULTS: usize = 50_000;

/// Which request a bill is of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// Its exchange.
    pub(crate) id: Uuid,
    /// When it began, microseconds since the Unix epoch.
    pub(crate) started_us: i64,
    /// Its session, if it has one.
    pub(crate) session: Option<String>,
    /// The tools that its answer calls, each once.
    pub(crate) called: Vec<String>,
}

/// What parts of one item amount to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Total {
    /// Requests that had it.
    pub(crate) requests: u64,
    /// How often it stood in them.
    pub(crate) parts: u64,
    /// Bytes in all of them.
    pub(crate) bytes: u64,
    /// Tokens in all of them.
    pub(crate) tokens: Tokens,
    /// What they cost; what has no price is not in it.
    pub(crate) cost: Money,
}

impl Total {
    fn add(&mut self, other: &Total) {
        self.requests += other.requests;
        self.parts += other.parts;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.tokens.add(&other.tokens);
        self.cost = plus(self.cost, other.cost);
    }

    fn add_line(&mut self, line: &Line) {
        self.add(&Total {
            requests: 0,
            parts: 1,
            bytes: line.bytes.unwrap_or(0),
            tokens: line.tokens.unwrap_or_default(),
            cost: line.cost.unwrap_or_default(),
        });
    }
}

fn plus(one: Money, other: Money) -> Money {
    one.checked_add(other).unwrap_or(one)
}

/// A tool's result and what it has cost since it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Carried {
    /// The call it answers.
    pub(crate) tool_use_id: String,
    /// Its tool.
    pub(crate) item: Item,
    /// The session it stands in.
    pub(crate) session: Option<String>,
    /// The first request that had it, and when that began.
    pub(crate) since: (Uuid, i64),
    /// The last one, and when that began.
    pub(crate) last: (Uuid, i64),
    /// Its bytes and tokens in the last one.
    pub(crate) bytes: u64,
    /// Its input tokens in the last one.
    pub(crate) tokens: u64,
    /// In all requests that had it: their number is the turns for which it was carried.
    pub(crate) total: Total,
}

/// A tool that was defined and that nothing called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unused {
    /// The tool.
    pub(crate) item: Item,
    /// What its definitions amount to.
    pub(crate) total: Total,
}

/// What the tools of an MCP server amount to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its tools that were defined.
    pub(crate) tools: u64,
    /// Of these, those that were called.
    pub(crate) used: u64,
    /// Answers that called one; an answer that called two counts twice.
    pub(crate) calls: u64,
    /// Its definitions.
    pub(crate) definitions: Total,
    /// What its tools were given and gave back.
    pub(crate) traffic: Total,
}

/// The bills of many requests. The order in which they are added is of no matter.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    /// Requests whose bills are in it.
    pub(crate) requests: u64,
    /// Everything together.
    pub(crate) total: Total,
    /// Why requests have no tokens, and how many: they are not in it.
    pub(crate) unmeasured: BTreeMap<String, u64>,
    /// Why requests have no cost, and how many: their tokens are in it.
    pub(crate) unpriced: BTreeMap<String, u64>,
    /// Results that were too many to be followed.
    pub(crate) not_followed: u64,
    /// The first and the last time at which one began.
    pub(crate) span_us: Option<(i64, i64)>,
    items: HashMap<Item, Total>,
    results: HashMap<(Option<String>, String), Carried>,
    /// Answers that call a tool.
    calls: HashMap<String, u64>,
    /// Tools called at any time: also before the first of these requests.
    used: HashSet<String>,
}

impl Sum {
    /// Counts a request that cannot be measured.
    pub(crate) fn leave_out(&mut self, why: &str) {
        *self.unmeasured.entry(why.to_owned()).or_default() += 1;
    }

    /// Adds a bill. One without tokens is left out.
    pub(crate) fn add(&mut self, asked: &Asked, bill: &Bill) {
        for name in &asked.called {
            *self.calls.entry(name.clone()).or_default() += 1;
            self.used.insert(name.clone());
        }
        if bill.tokens.is_none() {
            self.leave_out("the answer reports no usage");
            return;
        }
        if let Err(why) = &bill.cost {
            *self.unpriced.entry(why.to_string()).or_default() += 1;
        }
        self.requests += 1;
        self.total.requests += 1;
        let (first, last) = self.span_us.unwrap_or((asked.started_us, asked.started_us));
        self.span_us = Some((first.min(asked.started_us), last.max(asked.started_us)));
        let mut seen = HashSet::<&Item>::new();
        let mut results = HashMap::<&str, (Total, &Item)>::new();
        for line in &bill.lines {
            self.total.add_line(line);
            let total = slot(&mut self.items, &line.item);
            total.add_line(line);
            total.requests += u64::from(seen.insert(&line.item));
            if line.item.category == Category::ToolInput && !self.used.contains(&line.item.name) {
                self.used.insert(line.item.name.clone());
            }
            if let Some(id) = &line.tool_use_id {
                results.entry(id).or_insert((Total::default(), &line.item)).0.add_line(line);
            }
        }
        for (id, (total, item)) in results {
            self.follow(asked, id, item, Total { requests: 1, ..total });
        }
    }

    fn follow(&mut self, asked: &Asked, id: &str, item: &Item, total: Total) {
        let here = (asked.id, asked.started_us);
        let full = self.results.len() >= RESULTS;
        let key = (asked.session.clone(), id.to_owned());
        let Some(carried) = self.results.get_mut(&key) else {
            if full {
                self.not_followed += 1;
                return;
            }
            let carried = Carried {
                tool_use_id: id.to_owned(),
                item: item.clone(),
                session: asked.session.clone(),
                since: here,
                last: here,
                bytes: total.bytes,
                tokens: total.tokens.input(),
                total,
            };
            self.results.insert(key, carried);
            return;
        };
        carried.total.add(&total);
        if here.1 < carried.since.1 {
            carried.since = here;
        }
        if here.1 >= carried.last.1 {
            carried.last = here;
            carried.bytes = total.bytes;
            carried.tokens = total.tokens.input();
        }
        // The call itself may have been compacted away in a later request.
        if carried.item.name.is_empty() {
            carried.item = item.clone();
        }
    }

    /// Every item, the dearest first.
    pub(crate) fn items(&self) -> Vec<(&Item, &Total)> {
        let mut items: Vec<_> = self.items.iter().collect();
        items.sort_by(|(one, first), (two, second)| rank(first, second).then_with(|| one.cmp(two)));
        items
    }

    /// What the items of each category amount to, the dearest first.
    pub(crate) fn categories(&self) -> Vec<(Category, Total)> {
        let mut categories = BTreeMap::<Category, Total>::new();
        for (item, total) in &self.items {
            let sum = categories.entry(item.category).or_default();
            sum.add(total);
            // An item stands in a request once; how many requests have any of them is not kept.
            sum.requests = sum.requests.min(self.requests);
        }
        let mut categories: Vec<_> = categories.into_iter().collect();
        categories.sort_by(|(_, first), (_, second)| rank(first, second));
        categories
    }

    /// Every result, the dearest first.
    pub(crate) fn results(&self) -> Vec<&Carried> {
        let mut results: Vec<_> = self.results.values().collect();
        results.sort_by(|one, two| {
            rank(&one.total, &two.total)
                .then_with(|| (&one.session, &one.tool_use_id).cmp(&(&two.session, &two.tool_use_id)))
        });
        results
    }

    /// Tools that were defined and that nothing called, the dearest first.
    pub(crate) fn unused(&self) -> Vec<Unused> {
        let definitions = self.items().into_iter().filter(|(item, _)| item.category == Category::Tool);
        definitions
            .filter(|(item, _)| !self.used.contains(&item.name))
            .map(|(item, total)| Unused { item: item.clone(), total: *total })
            .collect()
    }

    /// What each MCP server's tools amount to, the dearest first.
    pub(crate) fn servers(&self) -> Vec<(String, Server)> {
        let mut servers = HashMap::<String, Server>::new();
        for (item, total) in &self.items {
            let Some(name) = &item.server else { continue };
            let server = servers.entry(name.clone()).or_default();
            if item.category == Category::Tool {
                server.tools += 1;
                server.used += u64::from(self.used.contains(&item.name));
                server.definitions.add(total);
            } else {
                server.traffic.add(total);
            }
        }
        for (tool, count) in &self.calls {
            if let Some(server) = mcp_server(tool).and_then(|name| servers.get_mut(name)) {
                server.calls += count;
            }
        }
        let mut servers: Vec<_> = servers.into_iter().collect();
        servers.sort_by(|(one, first), (two, second)| {
            let all = |server: &Server| {
                let mut total = server.definitions;
                total.add(&server.traffic);
                total
            };
            rank(&all(first), &all(second)).then_with(|| one.cmp(two))
        });
        servers
    }
}

fn slot<'a>(items: &'a mut HashMap<Item, Total>, item: &Item) -> &'a mut Total {
    let known = items.contains_key(item) || items.len() < ITEMS;
    items.entry(if known { item.clone() } else { Item::named(item.category, "all others") }).or_default()
}

/// By money, then by tokens, then by bytes; the most first.
fn rank(one: &Total, two: &Total) -> std::cmp::Ordering {
    let key = |total: &Total| (total.cost, total.tokens.total(), total.bytes);
    key(two).cmp(&key(one))
}
