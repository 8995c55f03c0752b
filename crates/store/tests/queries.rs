//! Lists, figures and walks against a naive model of them.

mod common;

use common::memory;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use store::{Exchange, Filter, Headers, Outcome, Page, Session, Source, Stats, Status, Usage};
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
        models in (model(), model()),
        end_us in option::of(0..2_000_u64),
        counts in (tokens(), tokens(), tokens(), tokens()),
        bytes in (0..1_000_u64, 0..1_000_u64),
        heads in (headers(), headers(), headers(), headers()),
        text in (".{0,20}", option::of(".{0,20}"), option::of(".{0,20}")),
    ) -> Exchange {
        let mut exchange = Exchange {
            id: Uuid::now_v7(),
            started_us,
            url: text.0,
            outcome,
            error: text.1.map(|message| store::Failure { kind: "api_error".to_owned(), message }),
            session: text.2.map(|id| Session { id, source: Source::Metadata }),
            model: models.0,
            served_model: models.1,
            usage: Usage { input: counts.0, output: counts.1, cache_read: counts.2, cache_creation: counts.3, ..Usage::default() },
            request_bytes: bytes.0,
            response_bytes: bytes.1,
            request_headers: heads.0,
            request_trailers: heads.1,
            response_headers: heads.2,
            response_trailers: heads.3,
            ..Exchange::default()
        };
        exchange.timing.end_us = end_us;
        exchange
    }
}

prop_compose! {
    fn filter()(
        status in option::of(prop::sample::select(Status::ALL)),
        model in model(),
        since_us in option::of(0..30_i64),
        until_us in option::of(0..30_i64),
    ) -> Filter {
        Filter { status, model, since_us, until_us }
    }
}

fn matches(filter: &Filter, one: &Exchange) -> bool {
    filter.status.is_none_or(|status| one.status() == status)
        && filter
            .model
            .as_ref()
            .is_none_or(|model| one.model.as_ref() == Some(model) || one.served_model.as_ref() == Some(model))
        && filter.since_us.is_none_or(|since| one.started_us >= since)
        && filter.until_us.is_none_or(|until| one.started_us < until)
}

/// Newest first; of those begun together, the last saved first.
fn expected(filter: &Filter, all: &[Exchange]) -> Vec<Exchange> {
    let mut found: Vec<Exchange> = all.iter().filter(|one| matches(filter, one)).cloned().collect();
    found.reverse();
    found.sort_by_key(|one| std::cmp::Reverse(one.started_us));
    found
}

fn figures(found: &[Exchange]) -> Stats {
    let sum = |of: fn(&Usage) -> Option<u64>| found.iter().filter_map(|one| of(&one.usage)).sum();
    let count = |status| found.iter().filter(|one| one.status() == status).count() as u64;
    let mut ends: Vec<u64> = found.iter().filter_map(|one| one.timing.end_us).collect();
    ends.sort_unstable();
    let rank = (ends.len() * 95).div_ceil(100);
    Stats {
        total: found.len() as u64,
        success: count(Status::Success),
        error: count(Status::Error),
        pending: count(Status::Pending),
        avg_duration_us: (!ends.is_empty()).then(|| ends.iter().sum::<u64>() as f64 / ends.len() as f64),
        p95_duration_us: rank.checked_sub(1).map(|index| ends[index]),
        input_tokens: sum(|usage| usage.input),
        output_tokens: sum(|usage| usage.output),
        cache_read: sum(|usage| usage.cache_read),
        cache_write: sum(|usage| usage.cache_creation),
        total_bytes: found.iter().map(|one| one.request_bytes + one.response_bytes).sum(),
    }
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
        for filter in &filters {
            let expected = expected(filter, &all);
            prop_assert_eq!(store.stats(filter).unwrap(), figures(&expected));
            let mut listed = Vec::new();
            for number in 1.. {
                let listing = store.list(filter, &Page { number, size }).unwrap();
                prop_assert_eq!(listing.total, expected.len() as u64);
                if listing.rows.is_empty() {
                    break;
                }
                listed.extend(listing.rows);
            }
            prop_assert_eq!(listed, expected.iter().cloned().map(without_headers).collect::<Vec<_>>());
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
        writer.save(&one).unwrap();
        assert_eq!(store.get(one.id).unwrap(), Some(one));
    }
    let stats = store.stats(&Filter::default()).unwrap();
    assert!(stats.total == 4 && stats.input_tokens > 1 << 40);
    assert_eq!(store.list(&Filter::default(), &Page { number: u64::MAX, size: u64::MAX }).unwrap().total, 4);
    assert!(store.list(&Filter::default(), &Page { number: 0, size: 0 }).unwrap().rows.is_empty());
}
