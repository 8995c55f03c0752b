//! What is added up for a report, one exchange after the other, in little memory whatever their number.

use super::types::{
    Cache, Cause, Characters, Context, Line, Model, Period, Report, ReportError, Session, Share, Unpriced,
};
use super::{Options, advice, request::excerpt};
use crate::analysis::{cost, request_type};
use crate::view::{self, types::StatsAnswer};
use protocol::pricing::Money;
use std::collections::{BTreeMap, HashMap};
use store::{CacheCause, Exchange, Outcome};

/// Lines of a list.
const LINES: usize = 10;

/// Requests that are named as evidence.
const EXAMPLES: usize = 5;

/// Sessions that are added up at once; those beyond it are in the other figures only.
const SESSIONS: usize = 100_000;

/// A silence from which on an answer counts as stalled: the client warns then.
pub(super) const STALL_US: u64 = 20_000_000;

/// Up to now.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) requests: u64,
    pub(super) priced: Money,
    first_us: Option<i64>,
    last_us: Option<i64>,
    characters: Characters,
    types: BTreeMap<&'static str, u64>,
    tools: HashMap<String, u64>,
    models: HashMap<String, ModelSum>,
    unpriced: BTreeMap<(String, String), u64>,
    sessions: HashMap<String, SessionSum>,
    cache: CacheSum,
    errors: BTreeMap<String, ErrorSum>,
    slowest: Top,
    dearest: Top,
    pub(super) stalls: Top,
    pub(super) stalled: u64,
    pub(super) cut_short: Examples,
    pub(super) retries: Examples,
    pub(super) throttled: Examples,
}

#[derive(Default)]
struct ModelSum {
    requests: u64,
    input: u64,
    output: u64,
    cost: Money,
    unpriced: u64,
}

#[derive(Default)]
struct SessionSum {
    title: Option<String>,
    project: Option<String>,
    requests: u64,
    cost: Money,
}

#[derive(Default)]
struct CacheSum {
    input: u64,
    read: u64,
    saving: Money,
    causes: HashMap<CacheCause, CauseSum>,
}

#[derive(Default)]
struct CauseSum {
    count: u64,
    tokens: u64,
    cost: Money,
    /// The dearest.
    top: Top,
}

#[derive(Default)]
struct ErrorSum {
    count: u64,
    message: String,
    examples: Vec<String>,
}

/// How many there were, and the newest of them.
#[derive(Default)]
pub(super) struct Examples {
    pub(super) count: u64,
    pub(super) ids: Vec<String>,
}

impl Examples {
    fn add(&mut self, exchange: &Exchange) {
        self.count += 1;
        if self.ids.len() < EXAMPLES {
            self.ids.push(exchange.id.to_string());
        }
    }
}

/// The largest of what was seen.
#[derive(Default)]
pub(super) struct Top(Vec<(i64, Line)>);

impl Top {
    fn add(&mut self, size: i64, exchange: &Exchange, value: impl FnOnce() -> String) {
        if self.0.len() == LINES && self.0.last().is_some_and(|(least, _)| *least >= size) {
            return;
        }
        let at = self.0.partition_point(|(known, _)| *known >= size);
        self.0.insert(at, (size, line(exchange, value())));
        self.0.truncate(LINES);
    }

    fn into_lines(self) -> Vec<Line> {
        self.0.into_iter().map(|(_, line)| line).collect()
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.0.iter().take(EXAMPLES).map(|(_, line)| line.id.clone()).collect()
    }
}

impl Sums {
    /// Adds one.
    pub(super) fn take(&mut self, exchange: &Exchange) {
        self.requests += 1;
        self.last_us = self.last_us.max(Some(exchange.started_us));
        self.first_us =
            Some(self.first_us.map_or(exchange.started_us, |first| first.min(exchange.started_us)));
        self.characters.written += exchange.characters_in;
        self.characters.answered += exchange.characters_out;
        for tool in &exchange.tools {
            *self.tools.entry(tool.clone()).or_default() += 1;
        }
        if exchange.model.is_some() {
            self.take_call(exchange);
        }
        self.take_trouble(exchange);
    }

    fn take_call(&mut self, exchange: &Exchange) {
        let words = exchange.opening.as_deref().unwrap_or_default();
        *self.types.entry(request_type::of(words, &exchange.tools)).or_default() += 1;
        let usage = &exchange.usage;
        let cost = exchange.cost_pico.map(|pico| Money::from_pico(pico.into()));
        let model = exchange.served_model.clone().or_else(|| exchange.model.clone()).unwrap_or_default();
        let reason =
            if cost.is_none() && exchange.outcome.is_some() { cost::missing(exchange) } else { None };
        let sum = self.models.entry(model.clone()).or_default();
        sum.requests += 1;
        // What count_tokens counted was not spent.
        if usage.input.is_some() {
            sum.input = sum.input.saturating_add(usage.total_input.unwrap_or(0));
            sum.output = sum.output.saturating_add(usage.output.unwrap_or(0));
            self.cache.input = self.cache.input.saturating_add(usage.total_input.unwrap_or(0));
            self.cache.read = self.cache.read.saturating_add(usage.cache_read.unwrap_or(0));
        }
        match (cost, reason) {
            (Some(cost), _) => {
                add(&mut sum.cost, cost);
                add(&mut self.priced, cost);
                let pico = exchange.cost_pico.unwrap_or(0);
                self.dearest.add(pico, exchange, || cost.to_string());
            }
            (None, Some(reason)) if usage.input.is_some() => {
                sum.unpriced += 1;
                *self.unpriced.entry((model, reason.to_string())).or_default() += 1;
            }
            _ => {}
        }
        if let Some(saving) = exchange.cache_saving_pico {
            add(&mut self.cache.saving, Money::from_pico(saving.into()));
        }
        if let Some(verdict) = &exchange.cache {
            let sum = self.cache.causes.entry(verdict.cause).or_default();
            sum.count += 1;
            sum.tokens = sum.tokens.saturating_add(verdict.lost_tokens);
            let lost = verdict.lost_pico.unwrap_or(0);
            add(&mut sum.cost, Money::from_pico(lost.into()));
            sum.top.add(lost, exchange, || Money::from_pico(lost.into()).to_string());
        }
        self.take_session(exchange, cost.unwrap_or(Money::ZERO));
    }

    fn take_session(&mut self, exchange: &Exchange, cost: Money) {
        let Some(session) = &exchange.session else { return };
        if self.sessions.len() >= SESSIONS && !self.sessions.contains_key(&session.id) {
            return;
        }
        let sum = self.sessions.entry(session.id.clone()).or_default();
        sum.requests += 1;
        add(&mut sum.cost, cost);
        let is_main = exchange.request_class.as_ref().is_none_or(|class| class.value == "main");
        // From the newest to the oldest: the first words are those that come last.
        if is_main && exchange.opening.is_some() {
            sum.title.clone_from(&exchange.opening);
        }
        if let Some(project) = &exchange.project {
            sum.project = Some(project.value.clone());
        }
    }

    fn take_trouble(&mut self, exchange: &Exchange) {
        let timing = &exchange.timing;
        if let Some(end) = timing.end_us {
            self.slowest.add(i64::try_from(end).unwrap_or(i64::MAX), exchange, || seconds(end));
        }
        if let Some(gap) = timing.longest_gap_us.filter(|gap| *gap >= STALL_US) {
            self.stalled += 1;
            self.stalls.add(i64::try_from(gap).unwrap_or(i64::MAX), exchange, || seconds(gap));
        }
        if exchange.stop_reason.as_deref() == Some("max_tokens") {
            self.cut_short.add(exchange);
        }
        if exchange.retry_of.is_some() {
            self.retries.add(exchange);
        }
        if matches!(exchange.status, Some(429 | 529)) {
            self.throttled.add(exchange);
        }
        if let Some(error) = exchange.error.as_ref().filter(|_| exchange.outcome != Some(Outcome::Complete)) {
            let sum = self.errors.entry(error.kind.clone()).or_default();
            sum.count += 1;
            if sum.examples.is_empty() {
                sum.message = excerpt(&error.message, 300);
            }
            if sum.examples.len() < EXAMPLES {
                sum.examples.push(exchange.id.to_string());
            }
        }
    }

    /// The report, all but its requests.
    pub(super) fn into_report(
        mut self,
        totals: StatsAnswer,
        context: Context,
        options: &Options,
        shown: u64,
    ) -> Report {
        let cache = self.cache();
        let advice = advice::give(&self, &cache, &context);
        let iso = view::iso;
        let period = self.first_us.zip(self.last_us);
        let mut models: Vec<(String, ModelSum)> = self.models.into_iter().collect();
        models.sort_by(|a, b| {
            b.1.cost.cmp(&a.1.cost).then(b.1.requests.cmp(&a.1.requests)).then(a.0.cmp(&b.0))
        });
        let mut sessions: Vec<(String, SessionSum)> = self.sessions.into_iter().collect();
        sessions.sort_by(|a, b| {
            b.1.cost.cmp(&a.1.cost).then(b.1.requests.cmp(&a.1.requests)).then(a.0.cmp(&b.0))
        });
        sessions.truncate(LINES);
        let mut errors: Vec<ReportError> = self
            .errors
            .into_iter()
            .map(|(kind, sum)| ReportError {
                kind,
                count: sum.count,
                message: sum.message,
                examples: sum.examples,
            })
            .collect();
        errors.sort_by_key(|error| std::cmp::Reverse(error.count));
        let named = &options.filters;
        Report {
            title: if named.is_empty() {
                "Analysis report".to_owned()
            } else {
                format!("Analysis report: {named}")
            },
            made: iso(jiff::Timestamp::now().as_microsecond()),
            filters: named.clone(),
            period: period.map(|(from, to)| Period { from: iso(from), to: iso(to) }),
            totals,
            characters: self.characters,
            types: shares(self.types.into_iter().map(|(name, count)| (name.to_owned(), count))),
            tools: shares(self.tools),
            models: models.into_iter().map(|(name, sum)| sum.named(name)).collect(),
            unpriced: self
                .unpriced
                .into_iter()
                .map(|((model, reason), requests)| Unpriced { model, requests, reason })
                .collect(),
            sessions: sessions.into_iter().map(|(id, sum)| sum.named(id)).collect(),
            cache,
            context,
            errors,
            slowest: self.slowest.into_lines(),
            dearest: self.dearest.into_lines(),
            stalls: self.stalls.into_lines(),
            advice,
            shown: shown.min(self.requests),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share of tokens, to be shown")]
    fn cache(&mut self) -> Cache {
        let sum = std::mem::take(&mut self.cache);
        let mut lost = (0_u64, Money::ZERO);
        let mut causes: Vec<(CacheCause, CauseSum)> = sum.causes.into_iter().collect();
        causes.sort_by(|a, b| {
            b.1.cost.cmp(&a.1.cost).then(b.1.count.cmp(&a.1.count)).then(a.0.as_str().cmp(b.0.as_str()))
        });
        for (_, cause) in &causes {
            lost.0 = lost.0.saturating_add(cause.tokens);
            add(&mut lost.1, cause.cost);
        }
        Cache {
            rate: (sum.input > 0).then(|| sum.read as f64 / sum.input as f64),
            net_saving: sum.saving.to_string(),
            lost_tokens: lost.0,
            lost_cost: lost.1.to_string(),
            causes: causes
                .into_iter()
                .map(|(cause, sum)| Cause {
                    cause: cause.as_str(),
                    count: sum.count,
                    lost_tokens: sum.tokens,
                    lost_cost: sum.cost.to_string(),
                    examples: sum.top.ids(),
                })
                .collect(),
        }
    }
}

impl ModelSum {
    fn named(self, name: String) -> Model {
        Model {
            name,
            requests: self.requests,
            input_tokens: self.input,
            output_tokens: self.output,
            cost: self.cost.to_string(),
            unpriced: self.unpriced,
        }
    }
}

impl SessionSum {
    fn named(self, id: String) -> Session {
        Session {
            id,
            title: self.title,
            project: self.project,
            requests: self.requests,
            cost: self.cost.to_string(),
        }
    }
}

fn add(sum: &mut Money, amount: Money) {
    // Beyond what 128 bits of picodollars hold nobody adds up.
    *sum = sum.checked_add(amount).unwrap_or(*sum);
}

fn line(exchange: &Exchange, value: String) -> Line {
    let words = exchange.asked.as_deref().or(exchange.opening.as_deref()).unwrap_or_default();
    Line {
        id: exchange.id.to_string(),
        timestamp: view::iso(exchange.started_us),
        model: exchange.model.clone().unwrap_or_else(|| format!("{} {}", exchange.method, exchange.url)),
        words: excerpt(words, 120),
        value,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time to be shown")]
fn seconds(us: u64) -> String {
    format!("{:.1} s", us as f64 / 1e6)
}

#[expect(clippy::cast_precision_loss, reason = "a share of a count, to be shown")]
fn shares(counts: impl IntoIterator<Item = (String, u64)>) -> Vec<Share> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    counts
        .into_iter()
        .map(|(name, count)| Share { name, count, share: count as f64 / all.max(1) as f64 })
        .collect()
}
