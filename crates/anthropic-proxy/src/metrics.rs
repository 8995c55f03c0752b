//! Figures for Prometheus: what ended since the start, added up as it ends, and what is so at the moment of the question.
//!
//! Contract: a scrape reads no table. Labels are bounded: models beyond the first [`MODELS`] are one.

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::{Atomic, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use store::Exchange;

/// What the answer of a scrape is.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Models with figures of their own.
pub(crate) const MODELS: usize = 50;

/// Bounds of durations, seconds: from a quick refusal to a turn of half an hour.
const SECONDS: [f64; 15] =
    [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];

/// What an exchange came to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Result {
    /// As it was asked for; `none` where none was.
    model: String,
    /// The status of the answer; `none` where none came.
    status: String,
    /// How it ended.
    outcome: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfModel {
    model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tokens {
    model: String,
    /// `input`, `output`, `cache_read`, `cache_write`.
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Way {
    /// `request` or `response`.
    direction: &'static str,
}

/// Money, added up exactly, in picodollars.
#[derive(Debug, Default)]
struct Pico(Mutex<i128>);

impl Pico {
    fn add(&self, pico: i64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += i128::from(pico);
    }
}

impl Atomic<f64> for Pico {
    fn inc(&self) -> f64 {
        self.inc_by(1.0)
    }

    #[expect(clippy::cast_possible_truncation, reason = "nobody adds dollars by halves: see `add`")]
    fn inc_by(&self, dollars: f64) -> f64 {
        let before = self.get();
        self.add((dollars * 1e12) as i64);
        before
    }

    #[expect(clippy::cast_precision_loss, reason = "the last step: a scrape carries no more digits")]
    fn get(&self) -> f64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) as f64 / 1e12
    }
}

/// What is so at this moment, or was counted elsewhere.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Now {
    /// Exchanges that have begun and not ended.
    pub(crate) running: u64,
    /// Bytes that wait to be recorded, and how many may.
    pub(crate) queue: (u64, u64),
    /// Nothing of them was recorded.
    pub(crate) lost: u64,
    /// Something of them was not.
    pub(crate) incomplete: u64,
    /// Defects of the proxy that were caught.
    pub(crate) defects: u64,
    /// Whether what ends is written.
    pub(crate) recording: bool,
    /// Bytes of the database's files.
    pub(crate) disk: u64,
}

/// All figures.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    models: Mutex<HashSet<String>>,
    exchanges: Family<Result, Counter>,
    tokens: Family<Tokens, Counter>,
    cost: Family<OfModel, Counter<f64, Pico>>,
    unpriced: Family<OfModel, Counter>,
    cache_lost: Family<OfModel, Counter>,
    bytes: Family<Way, Counter>,
    duration: Family<OfModel, Histogram>,
    first_token: Family<OfModel, Histogram>,
    lost: Counter,
    incomplete: Counter,
    defects: Counter,
    running: Gauge,
    queue: Gauge,
    queue_limit: Gauge,
    recording: Gauge,
    disk: Gauge,
}

fn of_seconds() -> Histogram {
    Histogram::new(SECONDS)
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("anthropic_proxy"),
            models: Mutex::default(),
            exchanges: Family::default(),
            tokens: Family::default(),
            cost: Family::default(),
            unpriced: Family::default(),
            cache_lost: Family::default(),
            bytes: Family::default(),
            duration: Family::new_with_constructor(of_seconds),
            first_token: Family::new_with_constructor(of_seconds),
            lost: Counter::default(),
            incomplete: Counter::default(),
            defects: Counter::default(),
            running: Gauge::default(),
            queue: Gauge::default(),
            queue_limit: Gauge::default(),
            recording: Gauge::default(),
            disk: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "build",
            "The version that runs",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register(
            "exchanges",
            "Exchanges that ended, by model, status and outcome",
            self.exchanges.clone(),
        );
        registry.register("tokens", "Tokens that answers reported, by model and kind", self.tokens.clone());
        registry.register("cost_dollars", "Cost by list price in US dollars, by model", self.cost.clone());
        registry.register(
            "unpriced",
            "Answers with tokens that have no price, by model",
            self.unpriced.clone(),
        );
        registry.register(
            "cache_lost_tokens",
            "Tokens that the cache had and that were not read from it, by model",
            self.cache_lost.clone(),
        );
        registry.register(
            "body_bytes",
            "Bytes of bodies that went through, by direction",
            self.bytes.clone(),
        );
        registry.register(
            "duration_seconds",
            "From the request's head to the end of the exchange, by model",
            self.duration.clone(),
        );
        registry.register(
            "first_token_seconds",
            "From the request's head to the first token of a streamed answer, by model",
            self.first_token.clone(),
        );
        registry.register("lost", "Exchanges of which nothing was recorded", self.lost.clone());
        registry.register("incomplete", "Exchanges whose record misses something", self.incomplete.clone());
        registry.register(
            "defects",
            "Defects of the proxy itself that were caught; the log says where",
            self.defects.clone(),
        );
        registry.register("running", "Exchanges that have begun and not ended", self.running.clone());
        registry.register("queue_bytes", "Bytes that wait to be recorded", self.queue.clone());
        registry.register("queue_limit_bytes", "How many may wait", self.queue_limit.clone());
        registry.register(
            "recording",
            "1 while the record is written, 0 while the disk refuses it",
            self.recording.clone(),
        );
        registry.register("disk_bytes", "What the record takes on the disk", self.disk.clone());
    }

    /// Adds an exchange that has ended.
    pub(crate) fn ended(&self, exchange: &Exchange) {
        let model = self.name_of(exchange.model.as_deref());
        let of_model = OfModel { model: model.clone() };
        let status = exchange.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let outcome = exchange.outcome.map_or("none", store::Outcome::as_str).to_owned();
        self.exchanges.get_or_create(&Result { model: model.clone(), status, outcome }).inc();
        self.bytes.get_or_create(&Way { direction: "request" }).inc_by(exchange.request_bytes);
        self.bytes.get_or_create(&Way { direction: "response" }).inc_by(exchange.response_bytes);
        let usage = &exchange.usage;
        let kinds = [
            ("input", usage.input),
            ("output", usage.output),
            ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_creation),
        ];
        for (kind, count) in kinds {
            if let Some(count) = count {
                self.tokens.get_or_create(&Tokens { model: model.clone(), kind }).inc_by(count);
            }
        }
        match exchange.cost_pico {
            Some(pico) => self.cost.get_or_create(&of_model).inner().add(pico),
            None if usage.output.is_some() => {
                self.unpriced.get_or_create(&of_model).inc();
            }
            None => {}
        }
        if let Some(cache) = &exchange.cache {
            self.cache_lost.get_or_create(&of_model).inc_by(cache.lost_tokens);
        }
        if let Some(us) = exchange.timing.end_us {
            self.duration.get_or_create(&of_model).observe(seconds(us));
        }
        if let Some(us) = exchange.timing.first_token_us {
            self.first_token.get_or_create(&of_model).observe(seconds(us));
        }
    }

    /// Bounded: names come from clients.
    fn name_of(&self, model: Option<&str>) -> String {
        let Some(model) = model else { return "none".to_owned() };
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        if !models.contains(model) {
            if models.len() >= MODELS || model.len() > 100 {
                return "other".to_owned();
            }
            models.insert(model.to_owned());
        }
        model.to_owned()
    }

    /// All figures as Prometheus reads them.
    pub(crate) fn text(&self, now: Now) -> String {
        use std::sync::atomic::Ordering::Relaxed;
        for (counter, count) in
            [(&self.lost, now.lost), (&self.incomplete, now.incomplete), (&self.defects, now.defects)]
        {
            counter.inner().store(count, Relaxed);
        }
        for (gauge, value) in [
            (&self.running, now.running),
            (&self.queue, now.queue.0),
            (&self.queue_limit, now.queue.1),
            (&self.recording, u64::from(now.recording)),
            (&self.disk, now.disk),
        ] {
            gauge.set(value.cast_signed());
        }
        let mut out = String::new();
        // A `String` takes everything.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}

/// One figure, for the reference.
pub(crate) struct Figure {
    /// As it is served.
    pub(crate) name: String,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub(crate) kind: String,
    pub(crate) labels: Vec<String>,
    pub(crate) about: String,
}

/// Every figure, as it is served after one exchange that had everything.
pub(crate) fn list() -> Vec<Figure> {
    let metrics = Metrics::default();
    metrics.ended(&everything());
    metrics.ended(&Exchange { cost_pico: None, ..everything() });
    let text = metrics.text(Now::default());
    let mut about = String::new();
    let mut figures = Vec::new();
    for line in text.lines() {
        let Some((what, rest)) = line.strip_prefix("# ").and_then(|line| line.split_once(' ')) else {
            continue;
        };
        let Some((name, said)) = rest.split_once(' ') else { continue };
        if what == "HELP" {
            about = said.trim_end_matches('.').to_owned();
            continue;
        }
        let labels = text.lines().filter(|line| line.starts_with(name)).find_map(|line| line.split_once('{'));
        let labels = labels.and_then(|(_, labels)| labels.split_once('}')).map_or("", |(labels, _)| labels);
        let names =
            labels.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name.to_owned());
        let ending = match said {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        figures.push(Figure {
            name: format!("{name}{ending}"),
            kind: said.to_owned(),
            labels: names.filter(|name| name != "le").collect(),
            about: about.clone(),
        });
    }
    figures
}

/// An exchange that adds to every figure.
fn everything() -> Exchange {
    let one = Some(1);
    Exchange {
        usage: store::Usage {
            input: one,
            output: one,
            cache_read: one,
            cache_creation: one,
            ..store::Usage::default()
        },
        cost_pico: Some(1),
        cache: Some(store::CacheVerdict {
            cause: store::CacheCause::ModelChanged,
            source: store::VerdictSource::Bytes,
            expected_read: Some(1),
            actual_read: 0,
            lost_tokens: 1,
            lost_pico: None,
        }),
        timing: store::Timing { end_us: one, first_token_us: one, ..store::Timing::default() },
        ..Exchange::default()
    }
}

#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^53 microseconds")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_clients_make_up_are_bounded() {
        let metrics = Metrics::default();
        for number in 0..200 {
            let model = Some(format!("model-{number}"));
            metrics.ended(&Exchange { model, ..Exchange::default() });
        }
        let text = metrics.text(Now::default());
        assert!(
            text.contains("exchanges_total{model=\"other\",status=\"none\",outcome=\"none\"} 150"),
            "{text}"
        );
        assert_eq!(text.lines().filter(|line| line.contains("exchanges_total{")).count(), MODELS + 1);
    }

    #[test]
    fn money_is_added_up_without_loss() {
        let metrics = Metrics::default();
        for _ in 0..1_000 {
            metrics.ended(&Exchange { cost_pico: Some(100_000_000_001), ..Exchange::default() });
        }
        let text = metrics.text(Now::default());
        assert!(text.contains("cost_dollars_total{model=\"none\"} 100.000000001\n"), "{text}");
    }
}
