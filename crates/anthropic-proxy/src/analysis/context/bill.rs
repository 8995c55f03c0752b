//! What one request and its answer are made of, and what each part of them cost.
//!
//! Tokens are measured for the whole only; the parts get theirs by weight, in whole numbers that add up. What of them was read from
//! the cache follows from their order: the cache holds a prefix, so that it was read first, then written (what lives an hour before
//! what lives five minutes, as the API demands), and the rest was neither.

use super::digest::Digests;
use super::item::{Category, Item};
use super::share::{share, share_count};
use protocol::outline::{Kind, Lifetime, Outline, Place};
use protocol::pricing::{Cost, Money, NoPrice};
use protocol::usage::Usage;
use std::collections::HashMap;

/// Tokens by how they were charged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// Input read from the cache.
    pub(crate) read: u64,
    /// Input written to it for an hour.
    pub(crate) written_1h: u64,
    /// Input written to it for five minutes.
    pub(crate) written_5m: u64,
    /// Input that was neither.
    pub(crate) fresh: u64,
    /// Output.
    pub(crate) output: u64,
}

impl Tokens {
    /// All together.
    pub(crate) fn total(&self) -> u64 {
        self.input().saturating_add(self.output)
    }

    /// All that the model read.
    pub(crate) fn input(&self) -> u64 {
        let written = self.written_1h.saturating_add(self.written_5m);
        self.read.saturating_add(written).saturating_add(self.fresh)
    }

    /// Both together.
    pub(crate) fn add(&mut self, other: &Tokens) {
        self.read = self.read.saturating_add(other.read);
        self.written_1h = self.written_1h.saturating_add(other.written_1h);
        self.written_5m = self.written_5m.saturating_add(other.written_5m);
        self.fresh = self.fresh.saturating_add(other.fresh);
        self.output = self.output.saturating_add(other.output);
    }

    /// The input as an answer reports it; `None` if it reports none. Of writes without a lifetime the one that is told is taken,
    /// else five minutes, the API's own default.
    fn measured(usage: &Usage) -> Option<Tokens> {
        let fresh = usage.input_tokens?;
        let told = (usage.cache_creation_5m.unwrap_or(0), usage.cache_creation_1h.unwrap_or(0));
        let both = told.0.saturating_add(told.1);
        let written = usage.cache_creation_input_tokens.unwrap_or(both);
        let written_1h = if told.0 == 0 && told.1 > 0 { written } else { told.1.min(written) };
        Some(Tokens {
            read: usage.cache_read_input_tokens.unwrap_or(0),
            written_1h,
            written_5m: written - written_1h,
            fresh,
            output: usage.output_tokens.unwrap_or(0),
        })
    }
}

/// One line: a part of the request, or of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where in the request it stands; `None` for what belongs to the answer.
    pub(crate) place: Option<Place>,
    /// What it is.
    pub(crate) item: Item,
    /// Of a tool's result: which call it answers.
    pub(crate) tool_use_id: Option<String>,
    /// Its bytes in the request; `None` for what belongs to the answer.
    pub(crate) bytes: Option<u64>,
    /// Its share of what was measured; `None` where nothing was.
    pub(crate) tokens: Option<Tokens>,
    /// Its share of the cost; `None` where there is no price.
    pub(crate) cost: Option<Money>,
}

/// What a request and its answer are made of, in the order of the prompt, the answer last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bill {
    /// The parts.
    pub(crate) lines: Vec<Line>,
    /// What was measured. The tokens of the lines add up to it.
    pub(crate) tokens: Option<Tokens>,
    /// What it cost, or why that is not known. The cost of the lines adds up to it.
    pub(crate) cost: Result<Money, NoPrice>,
}

/// The bill of a request whose parts are outlined, by what its answer reports and what that costs.
pub(crate) fn bill(
    outline: &Outline,
    body: &[u8],
    digests: &mut Digests,
    usage: &Usage,
    cost: Result<&Cost, &NoPrice>,
) -> Bill {
    let (mut lines, weights) = request_lines(outline, body, digests);
    let tokens = Tokens::measured(usage);
    if let Some(tokens) = &tokens {
        let shares = input_shares(outline, &weights, tokens);
        for (line, share) in lines.iter_mut().zip(shares) {
            line.tokens = Some(share);
        }
        lines.extend(answer_lines(usage, tokens));
    }
    if let Ok(cost) = cost {
        charge(&mut lines, cost);
    }
    Bill { lines, tokens, cost: cost.map(|cost| cost.total).map_err(Clone::clone) }
}

/// What a line weighs, and which part of the outline it is of.
struct Weight {
    bytes: u64,
    part: usize,
}

fn request_lines(outline: &Outline, body: &[u8], digests: &mut Digests) -> (Vec<Line>, Vec<Weight>) {
    let mut tools = HashMap::<&str, &str>::new();
    let mut lines = Vec::with_capacity(outline.parts.len());
    let mut weights = Vec::with_capacity(outline.parts.len());
    for (index, part) in outline.parts.iter().enumerate() {
        if let Kind::ToolUse { id, name } = &part.kind {
            tools.insert(id, name);
        }
        let pieces = digests.of(part, body);
        let inner: Vec<u64> = pieces.iter().map(|piece| piece.weight).collect();
        let bytes = share_count(part.range.len() as u64, &inner);
        for (piece, bytes) in pieces.iter().zip(bytes) {
            let mut line = Line {
                place: Some(part.place),
                item: piece.item.clone(),
                tool_use_id: None,
                bytes: Some(bytes),
                tokens: None,
                cost: None,
            };
            if let Kind::ToolResult { tool_use_id } = &part.kind {
                let name = tools.get(tool_use_id.as_str()).copied().unwrap_or_default();
                line.item = Item::of_tool(Category::ToolResult, name);
                line.tool_use_id = Some(tool_use_id.clone());
            }
            lines.push(line);
            weights.push(Weight { bytes: piece.weight, part: index });
        }
    }
    if lines.is_empty() {
        // What was measured has to be somewhere, also where the request could not be read.
        let item = Item::named(Category::Other, "request");
        let bytes = Some(outline.body_len as u64);
        lines.push(Line { place: None, item, tool_use_id: None, bytes, tokens: None, cost: None });
        weights.push(Weight { bytes: 0, part: 0 });
    }
    (lines, weights)
}

/// The input of each line.
///
/// The last mark of an hour says where the prefix ends that lives an hour, the last mark of all where the cached prefix ends: so what
/// was charged in one way is shared out among the lines that it was charged for. Without marks only the order says it.
fn input_shares(outline: &Outline, weights: &[Weight], measured: &Tokens) -> Vec<Tokens> {
    let bytes: Vec<u64> = weights.iter().map(|weight| weight.bytes).collect();
    let mut counts = Vec::with_capacity(weights.len());
    for (end, tokens) in stretches(outline, weights, measured) {
        counts.extend(share_count(tokens, &bytes[counts.len()..end]));
    }
    let mut left = *measured;
    counts.into_iter().map(|count| take(&mut left, count)).collect()
}

/// Where each stretch of lines ends whose tokens are known together, and how many these are. No stretch is without lines, and all
/// lines are in one.
fn stretches(outline: &Outline, weights: &[Weight], measured: &Tokens) -> Vec<(usize, u64)> {
    let end_of = |wanted: fn(Lifetime) -> bool| {
        let last = outline.parts.iter().rposition(|part| part.mark.is_some_and(wanted));
        last.map_or(0, |last| weights.partition_point(|weight| weight.part <= last))
    };
    let hour_end = end_of(|lifetime| lifetime == Lifetime::OneHour);
    let cached_end = end_of(|_| true);
    let cached = measured.input() - measured.fresh;
    // Reads may go beyond what lives an hour; only where that was written they cannot.
    let hour = if measured.written_1h > 0 && hour_end > 0 { cached - measured.written_5m } else { 0 };
    let mut found = Vec::<(usize, u64)>::new();
    let mut begin = 0;
    let mut carried = 0_u64;
    for (end, tokens) in [(hour_end, hour), (cached_end, cached - hour), (weights.len(), measured.fresh)] {
        carried = carried.saturating_add(tokens);
        if tokens > 0 && end > begin {
            found.push((end, std::mem::take(&mut carried)));
            begin = end;
        }
    }
    // What has no lines of its own belongs to those before it, and the other way round.
    match found.last_mut() {
        Some((end, tokens)) => {
            *end = weights.len();
            *tokens = tokens.saturating_add(carried);
        }
        None => found.push((weights.len(), carried)),
    }
    found
}

/// Takes so many tokens from what is left, in the order of the prompt.
fn take(left: &mut Tokens, mut count: u64) -> Tokens {
    let mut some = |left: &mut u64| {
        let taken = count.min(*left);
        *left -= taken;
        count -= taken;
        taken
    };
    Tokens {
        read: some(&mut left.read),
        written_1h: some(&mut left.written_1h),
        written_5m: some(&mut left.written_5m),
        fresh: some(&mut left.fresh),
        output: 0,
    }
}

fn answer_lines(usage: &Usage, tokens: &Tokens) -> Vec<Line> {
    let line = |category, name: &str, output| Line {
        place: None,
        item: Item::named(category, name),
        tool_use_id: None,
        bytes: None,
        tokens: Some(Tokens { output, ..Tokens::default() }),
        cost: None,
    };
    let thinking = usage.thinking_tokens.unwrap_or(0).min(tokens.output);
    let mut lines = Vec::new();
    if thinking > 0 {
        lines.push(line(Category::Answer, "thinking", thinking));
    }
    lines.push(line(Category::Answer, "text and tool calls", tokens.output - thinking));
    if usage.web_search_requests.unwrap_or(0) > 0 {
        lines.push(line(Category::ServerTools, "web search", 0));
    }
    lines
}

/// How much of a kind of tokens a line has.
type Count = fn(&Line) -> u64;

/// Shares each kind of cost out by the tokens of that kind, so that all lines together cost what the call cost.
fn charge(lines: &mut [Line], cost: &Cost) {
    let kinds: [(Money, Count); 6] = [
        (cost.input, |line| line.tokens.map_or(0, |tokens| tokens.fresh)),
        (cost.cache_read, |line| line.tokens.map_or(0, |tokens| tokens.read)),
        (cost.cache_write_5m, |line| line.tokens.map_or(0, |tokens| tokens.written_5m)),
        (cost.cache_write_1h, |line| line.tokens.map_or(0, |tokens| tokens.written_1h)),
        (cost.output, |line| line.tokens.map_or(0, |tokens| tokens.output)),
        (cost.server_tools, |line| u64::from(line.item.category == Category::ServerTools)),
    ];
    let mut sums = vec![0_i128; lines.len()];
    for (amount, count) in kinds {
        if amount == Money::ZERO {
            continue;
        }
        let mut counts: Vec<u64> = lines.iter().map(count).collect();
        if counts.iter().all(|count| *count == 0) {
            // A part of the call that the counts leave out, such as a compaction on the way: all that was read shares it.
            counts = lines.iter().map(|line| line.tokens.map_or(0, |tokens| tokens.total())).collect();
        }
        for (sum, share) in sums.iter_mut().zip(share(amount.pico(), &counts)) {
            *sum += share;
        }
    }
    for (line, sum) in lines.iter_mut().zip(sums) {
        line.cost = Some(Money::from_pico(sum));
    }
}
