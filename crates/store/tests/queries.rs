//! Lists, figures and walks against a naive model of them.

mod common;

use common::memory;
use jiff::Zoned;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::rc::Rc;
use store::{Cursor, Exchange, Filter, Headers, Outcome, Page, Session, Source, Stats, Status, Usage};
use uuid::Uuid;

fn model() -> impl Strategy<Value = Option<String>> {
    option::of(prop_oneof!["a", "b", "claude-opus-5-5"].prop_map(|name: String| name))
}

fn tokens() -> impl Strategy<Value = Option<u64>> {
    option::of(prop_oneof![0..100_000_u64, Just(0)])
}

fn headers() -> impl Strategy<Value = Headers> {
    vec((".{0,12}", ".{0,20}"), 0..4)
}

prop_compose! {
    fn exchange()(
        started_us in 0..30_i64,
        outcome in option::of(prop::sample::select(Outcome::ALL)),
        statuses in option::of(prop::sample::select(vec![200_u16, 399, 400, 404, 499, 500, 529, 599])),
        models in (model(), model()),
        end_us in option::of(0..2_000_u64),
        counts in (tokens(), tokens(), tokens(), tokens()),
        bytes in (0..1_000_u64, 0..1_000_u64),
        heads in (headers(), headers(), headers(), headers()),
        more in (vec(prop::sample::select(&["Bash", "Bar", "Read"][..]), 0..3), any::<bool>(), option::of(0..1_000_000_000_000_i64), option::of(0..2_000_u64)),
        text in (".{0,20}", option::of(".{0,20}"), option::of(".{0,20}")),
    ) -> Exchange {
        let mut exchange = Exchange {
            id: Uuid::now_v7(),
            started_us,
            url: text.0,
            outcome,
            status: statuses,
            error: text.1.map(|message| store::Failure { kind: "api_error".to_owned(), message }),
            session: text.2.map(|id| Session { id, source: Source::Metadata }),
            model: models.0,
            served_model: models.1,
            usage: Usage { input: counts.0, output: counts.1, cache_read: counts.2, cache_creation: counts.3, ..Usage::default() },
            tools: more.0.iter().map(|tool| (*tool).to_owned()).collect(),
            has_thinking: more.1,
            cost_pico: more.2,
            request_bytes: bytes.0,
            response_bytes: bytes.1,
            request_headers: heads.0,
            request_trailers: heads.1,
            response_headers: heads.2,
            response_trailers: heads.3,
            ..Exchange::default()
        };
        exchange.timing.end_us = end_us;
        exchange.timing.first_token_us = more.3;
        exchange
    }
}

/// A term of the filter language, and what it means.
type Holds = Rc<dyn Fn(&Exchange) -> bool>;

#[derive(Clone)]
struct Asked(String, Holds);

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn asked(text: impl Into<String>, holds: impl Fn(&Exchange) -> bool + 'static) -> Asked {
    Asked(text.into(), Rc::new(holds))
}

fn at(us: i64) -> String {
    format!("1970-01-01T00:00:00.{us:06}Z")
}

fn is_model(one: &Exchange, holds: impl Fn(&str) -> bool) -> bool {
    [&one.model, &one.served_model].into_iter().flatten().any(|model| holds(model))
}

fn term() -> impl Strategy<Value = Asked> {
    prop_oneof![
        Just(asked("", |_| true)),
        prop::sample::select(Status::ALL).prop_map(|status| {
            asked(format!("status:{}", status.as_str()), move |one| one.status() == status)
        }),
        prop::sample::select(Outcome::ALL).prop_map(|outcome| {
            asked(format!("outcome:{}", outcome.as_str()), move |one| one.outcome == Some(outcome))
        }),
        Just(asked("outcome:none", |one| one.outcome.is_none())),
        Just(asked("http:4xx", |one| one.status.is_some_and(|status| (400..500).contains(&status)))),
        Just(asked("http:5xx,529", |one| one.status.is_some_and(|status| (500..600).contains(&status)))),
        Just(asked("model:A,b", |one| is_model(one, |model| model == "a" || model == "b"))),
        Just(asked("model:claude*5", |one| is_model(one, |model| model == "claude-opus-5-5"))),
        Just(asked("model:none", |one| one.model.is_none() && one.served_model.is_none())),
        Just(asked("session:none", |one| one.session.is_none())),
        Just(asked("has:session", |one| one.session.is_some())),
        Just(asked("error:api_error", |one| one.error.is_some())),
        Just(asked("has:error", |one| one.error.is_some())),
        Just(asked("is:running", |one| one.outcome.is_none())),
        Just(asked("tool:Ba*", |one| one.tools.iter().any(|tool| tool.starts_with("Ba")))),
        Just(asked("tool:none", |one| one.tools.is_empty())),
        Just(asked("has:thinking", |one| one.has_thinking)),
        (0..2_000_u64).prop_map(|us| {
            asked(format!("duration:>{us}us"), move |one| one.timing.end_us.is_some_and(|end| end > us))
        }),
        (0..2_000_u64).prop_map(|us| {
            asked(format!("ttft:<={us}us"), move |one| one.timing.first_token_us.is_some_and(|at| at <= us))
        }),
        (0..900_u64).prop_map(|bytes| {
            asked(format!("size:{bytes}..1kb"), move |one| {
                (bytes..=1_000).contains(&(one.request_bytes + one.response_bytes))
            })
        }),
        (0..100_i64).prop_map(|cents| {
            asked(format!("cost:<0.{cents:02}"), move |one| {
                one.cost_pico.is_some_and(|cost| cost < cents * 10_000_000_000)
            })
        }),
        (0..30_i64).prop_map(|us| asked(format!("since:{}", at(us)), move |one| one.started_us >= us)),
        (0..30_i64).prop_map(|us| asked(format!("until:{}", at(us)), move |one| one.started_us < us)),
    ]
}

fn filter() -> impl Strategy<Value = Asked> {
    term().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| {
                asked(format!("{} {}", one.0, other.0), move |it| one.1(it) && other.1(it))
            }),
            (inner.clone(), inner.clone())
                .prop_filter("terms on each side", |(one, other)| {
                    !one.0.trim().is_empty() && !other.0.trim().is_empty()
                })
                .prop_map(|(one, other)| {
                    asked(format!("({} OR {})", one.0, other.0), move |it| one.1(it) || other.1(it))
                }),
            inner
                .prop_filter("a term", |it| !it.0.trim().is_empty())
                .prop_map(|one| asked(format!("-({})", one.0), move |it| !one.1(it))),
        ]
    })
}

/// Newest first; of those begun together, the last saved first.
fn expected(filter: &Asked, all: &[Exchange]) -> Vec<Exchange> {
    let mut found: Vec<Exchange> = all.iter().filter(|one| filter.1(one)).cloned().collect();
    found.reverse();
    found.sort_by_key(|one| std::cmp::Reverse(one.started_us));
    found
}

fn figures(found: &[Exchange]) -> Stats {
    let sum = |of: fn(&Usage) -> Option<u64>| found.iter().filter_map(|one| of(&one.usage)).sum();
    let count = |status| found.iter().filter(|one| one.status() == status).count() as u64;
    let ends: Vec<u64> = found.iter().filter_map(|one| one.timing.end_us).collect();
    let firsts: Vec<u64> = found.iter().filter_map(|one| one.timing.first_token_us).collect();
    Stats {
        total: found.len() as u64,
        success: count(Status::Success),
        error: count(Status::Error),
        pending: count(Status::Pending),
        avg_duration_us: (!ends.is_empty()).then(|| ends.iter().sum::<u64>() as f64 / ends.len() as f64),
        p50_duration_us: percentile(&ends, 50),
        p95_duration_us: percentile(&ends, 95),
        p50_first_token_us: percentile(&firsts, 50),
        p95_first_token_us: percentile(&firsts, 95),
        cost_pico: found.iter().filter_map(|one| one.cost_pico).sum(),
        input_tokens: sum(|usage| usage.input),
        output_tokens: sum(|usage| usage.output),
        cache_read: sum(|usage| usage.cache_read),
        cache_write: sum(|usage| usage.cache_creation),
        cache_write_1h: sum(|usage| usage.cache_creation_1h.min(usage.cache_creation)),
        thinking_tokens: sum(|usage| usage.thinking),
        unpriced: found.iter().filter(|one| is_unpriced(one)).count() as u64,
        // Compared apart: kinds of equal number come in the order of their first use.
        error_kinds: Vec::new(),
        total_bytes: found.iter().map(|one| one.request_bytes + one.response_bytes).sum(),
    }
}

fn is_unpriced(one: &Exchange) -> bool {
    let is_answered = one.status.is_some_and(|status| (200..300).contains(&status));
    one.outcome.is_some() && is_answered && one.usage.output.is_some() && one.cost_pico.is_none()
}

fn percentile(values: &[u64], percent: usize) -> Option<u64> {
    let mut values = values.to_vec();
    values.sort_unstable();
    (values.len() * percent).div_ceil(100).checked_sub(1).map(|index| values[index])
}

/// As the store answers, except that values of equal number come in the order of their first use there.
fn facets(found: &[Exchange]) -> Vec<(&'static str, BTreeMap<String, u64>)> {
    let count = |values: &dyn Fn(&Exchange) -> Vec<String>| {
        let mut counted = BTreeMap::new();
        for value in found.iter().flat_map(|one| values(one).into_iter().collect::<BTreeSet<_>>()) {
            *counted.entry(value).or_default() += 1;
        }
        counted
    };
    let path = |one: &Exchange| vec![one.url.split('?').next().unwrap_or_default().to_owned()];
    vec![
        ("status", count(&|one| vec![one.status().as_str().to_owned()])),
        ("outcome", count(&|one| one.outcome.iter().map(|outcome| outcome.as_str().to_owned()).collect())),
        ("model", count(&|one| [&one.model, &one.served_model].into_iter().flatten().cloned().collect())),
        ("session", count(&|one| one.session.iter().map(|session| session.id.clone()).collect())),
        ("agent", BTreeMap::new()),
        ("class", BTreeMap::new()),
        ("tool", count(&|one| one.tools.clone())),
        ("stop", BTreeMap::new()),
        ("error", count(&|one| one.error.iter().map(|error| error.kind.clone()).collect())),
        ("path", count(&path)),
        ("http", count(&|one| one.status.iter().map(u16::to_string).collect())),
    ]
}

fn without_headers(mut exchange: Exchange) -> Exchange {
    exchange.request_headers.clear();
    exchange.request_trailers.clear();
    exchange.response_headers.clear();
    exchange.response_trailers.clear();
    exchange
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_question_is_answered_as_a_naive_model_does(
        all in vec(exchange(), 0..40),
        filters in vec(filter(), 1..6),
        size in 1..12_u64,
    ) {
        let (store, mut writer) = memory();
        for one in &all {
            writer.save(one).unwrap();
        }
        writer.commit().unwrap();
        for one in &all {
            let found = store.get(one.id).unwrap();
            prop_assert_eq!(found.as_ref(), Some(one));
        }
        let models: BTreeSet<String> =
            all.iter().flat_map(|one| [one.model.clone(), one.served_model.clone()]).flatten().collect();
        prop_assert_eq!(store.models().unwrap(), models.into_iter().collect::<Vec<_>>());
        let now: Zoned = "2026-11-23T10:30:00Z[UTC]".parse().unwrap();
        for asked in &filters {
            let expected = expected(asked, &all);
            let filter = &Filter::parse(&asked.0, &now).unwrap();
            let mut stats = store.stats(filter).unwrap();
            let kinds = std::mem::take(&mut stats.error_kinds);
            prop_assert_eq!(stats, figures(&expected));
            prop_assert!(kinds.windows(2).all(|pair| pair[0].count >= pair[1].count));
            let kinds: BTreeMap<_, _> = kinds.into_iter().map(|kind| (kind.value, kind.count)).collect();
            let mut expected_kinds = BTreeMap::new();
            for error in expected.iter().filter_map(|one| one.error.as_ref()) {
                *expected_kinds.entry(error.kind.clone()).or_default() += 1;
            }
            prop_assert_eq!(kinds, expected_kinds);
            let mut listed = Vec::new();
            for number in 1.. {
                let listing = store.list(filter, &Page::numbered(number, size)).unwrap();
                prop_assert_eq!(listing.total, expected.len() as u64);
                if listing.rows.is_empty() {
                    break;
                }
                listed.extend(listing.rows);
            }
            prop_assert_eq!(listed, expected.iter().cloned().map(without_headers).collect::<Vec<_>>());
            let (mut listed, mut after) = (Vec::new(), None);
            loop {
                let listing = store.list(filter, &Page { after, ..Page::numbered(1, size) }).unwrap();
                prop_assert_eq!(listing.total, expected.len() as u64);
                listed.extend(listing.rows);
                after = listing.next.map(|next| next.to_string().parse::<Cursor>().unwrap());
                if after.is_none() {
                    break;
                }
            }
            prop_assert_eq!(listed, expected.iter().cloned().map(without_headers).collect::<Vec<_>>());
            let facets_found = store.facets(filter).unwrap().into_iter().map(|(key, values)| {
                assert!(values.is_sorted_by_key(|value| std::cmp::Reverse(value.count)));
                (key, values.into_iter().map(|value| (value.value, value.count)).collect::<BTreeMap<_, _>>())
            });
            prop_assert_eq!(facets_found.collect::<Vec<_>>(), facets(&expected));
            let mut walked = Vec::new();
            store.each(filter, &mut |one| { walked.push(one); ControlFlow::Continue(()) }).unwrap();
            prop_assert_eq!(walked, expected);
        }
    }
}

#[test]
fn a_later_save_replaces_the_earlier_everywhere() {
    let (store, mut writer) = memory();
    let mut one = common::running();
    writer.save(&one).unwrap();
    writer.commit().unwrap();
    assert_eq!(store.stats(&Filter::default()).unwrap().pending, 1);
    one.usage.output = Some(7);
    one.served_model = Some("m".to_owned());
    one.response_headers = vec![("a".to_owned(), "b".to_owned())];
    writer.save(&common::complete(&one)).unwrap();
    writer.commit().unwrap();
    let stats = store.stats(&Filter::default()).unwrap();
    assert_eq!((stats.total, stats.pending, stats.success, stats.output_tokens), (1, 0, 1, 7));
    assert_eq!(store.get(one.id).unwrap(), Some(common::complete(&one)));
}

#[test]
fn a_walk_over_many_ends_where_it_is_told() {
    let (store, mut writer) = memory();
    for number in 0..1_000 {
        let started_us = number / 7;
        writer.save(&Exchange { started_us, ..common::complete(&common::running()) }).unwrap();
    }
    writer.commit().unwrap();
    let mut seen = 0;
    store
        .each(&Filter::default(), &mut |_| {
            seen += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(seen, 1_000);
    seen = 0;
    let stop = &mut |_| {
        seen += 1;
        if seen == 300 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    store.each(&Filter::default(), stop).unwrap();
    assert_eq!(seen, 300);
}

#[test]
fn claims_beyond_reason_do_not_break_the_sums() {
    let (store, mut writer) = memory();
    for _ in 0..4 {
        let mut one = common::complete(&common::running());
        let most = Some(u64::MAX);
        one.usage =
            Usage { input: most, output: most, cache_read: most, cache_creation: most, ..Usage::default() };
        one.request_bytes = u64::MAX;
        one.response_bytes = u64::MAX;
        one.timing.end_us = most;
        one.cost_pico = Some(i64::MAX);
        writer.save(&one).unwrap();
        assert_eq!(store.get(one.id).unwrap(), Some(one));
    }
    let stats = store.stats(&Filter::default()).unwrap();
    assert!(stats.total == 4 && stats.input_tokens > 1 << 40);
    assert_eq!(store.list(&Filter::default(), &Page::numbered(u64::MAX, u64::MAX)).unwrap().total, 4);
    assert!(store.list(&Filter::default(), &Page::numbered(0, 0)).unwrap().rows.is_empty());
}

#[test]
fn the_longest_filters_are_answered() {
    let (store, mut writer) = memory();
    writer.save(&common::complete(&common::running())).unwrap();
    let now = jiff::Zoned::now();
    for text in [
        format!("{}is:running", "is:complete OR ".repeat(199)),
        "is:complete ".repeat(200),
        format!("{}is:running{}", "-(".repeat(30), ")".repeat(30)),
        format!("http:{}", "200,".repeat(200)),
    ] {
        let filter = Filter::parse(&text, &now).unwrap();
        assert!(store.list(&filter, &Page::numbered(1, 1)).is_ok(), "{text}");
        assert!(store.facets(&filter).is_ok(), "{text}");
    }
}
