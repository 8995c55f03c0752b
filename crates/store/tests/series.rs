//! Figures over time: every row counted once, under the right period and value.

mod common;

use common::{complete, memory, running};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{
    Every, Exchange, Filter, GroupValue, Outcome, Series, SeriesError, SeriesQuery, Split, Store, Usage,
};

fn us(text: &str) -> i64 {
    text.parse::<Timestamp>().expect("a time").as_microsecond()
}

fn call(at: &str, model: &str, cost_pico: Option<i64>, tools: &[&str]) -> Exchange {
    let mut call = complete(&running());
    call.started_us = us(at);
    call.status = Some(200);
    call.model = Some(model.to_owned());
    call.tools = tools.iter().map(|tool| (*tool).to_owned()).collect();
    call.cost_pico = cost_pico;
    call.timing.first_token_us = Some(500);
    call.usage = Usage {
        input: Some(1),
        cache_read: Some(10),
        cache_creation: Some(100),
        cache_creation_1h: Some(60),
        output: Some(1_000),
        ..Usage::default()
    };
    call
}

fn store_of(calls: &[Exchange]) -> Store {
    let (store, mut writer) = memory();
    for call in calls {
        writer.save(call).expect("saves");
    }
    writer.idle().expect("commits");
    store
}

fn ask(store: &Store, every: Every, by: Option<Split>, top: usize) -> Series {
    let query = SeriesQuery { every, zone: TimeZone::get("Asia/Shanghai").expect("a zone"), by, top };
    store.series(&Filter::default(), &query).expect("answers")
}

#[test]
fn days_of_a_zone_hold_what_began_in_them_and_empty_ones_are_there() {
    let store = store_of(&[
        call("2026-11-20T15:59:59Z", "a", Some(5), &[]),
        call("2026-11-20T16:00:00Z", "a", Some(7), &[]),
        call("2026-11-22T17:00:00Z", "b", None, &[]),
    ]);
    let series = ask(&store, Every::Day, Some(Split::Model), 10);
    let counts: Vec<_> = series.buckets.iter().map(|day| day.figures.requests).collect();
    assert_eq!(counts, [1, 1, 0, 1]);
    assert_eq!((series.totals.cost_pico, series.totals.unpriced, series.outside), (12, 1, 0));
    let tokens = series.totals.tokens;
    assert_eq!(
        (tokens.fresh, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h),
        (3, 30, 120, 180)
    );
    assert_eq!(series.unpriced[0].model.as_deref(), Some("b"));
    let values: Vec<_> = series.groups.iter().map(|group| group.value.clone()).collect();
    assert_eq!(values, [GroupValue::Named("a".to_owned()), GroupValue::Named("b".to_owned())]);
    assert_eq!(series.buckets[3].groups.iter().map(|one| one.requests).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_block_begins_with_the_first_call_after_the_one_before() {
    let store = store_of(&[
        call("2026-11-20T10:40:00Z", "a", Some(1), &[]),
        call("2026-11-20T14:59:59Z", "a", Some(1), &[]),
        call("2026-11-20T15:00:00Z", "a", Some(1), &[]),
        call("2026-11-21T09:30:00Z", "a", Some(1), &[]),
    ]);
    let series = ask(&store, Every::Block, None, 10);
    let found: Vec<_> = series
        .buckets
        .iter()
        .map(|block| {
            let start = Timestamp::from_microsecond(block.period.start_us).expect("a time");
            (start.to_string(), block.figures.requests)
        })
        .collect();
    let expected = [("2026-11-20T10:00:00Z", 2), ("2026-11-20T15:00:00Z", 1), ("2026-11-21T09:00:00Z", 1)];
    assert_eq!(found, expected.map(|(start, count)| (start.to_owned(), count)));
    let at = |text| store.block_at(us(text)).expect("answers").map(|block| block.start_us);
    assert_eq!(at("2026-11-20T14:00:00Z"), Some(us("2026-11-20T10:00:00Z")));
    assert_eq!(at("2026-11-20T20:00:00Z"), None);
    assert_eq!(at("2026-11-20T09:00:00Z"), None);
}

#[test]
fn blocks_are_those_of_all_calls_whatever_is_asked_for() {
    let mut failed = running();
    failed.started_us = us("2026-11-20T08:00:00Z");
    failed.model = Some("b".to_owned());
    failed.outcome = Some(Outcome::ConnectError);
    let calls = [
        failed,
        call("2026-11-20T10:40:00Z", "a", Some(1), &[]),
        call("2026-11-20T14:10:00Z", "b", Some(1), &[]),
    ];
    let query = SeriesQuery { every: Every::Block, zone: TimeZone::UTC, by: Some(Split::Model), top: 10 };
    let series = store_of(&calls).series(&Filter::model("b"), &query).expect("answers");
    assert_eq!(series.buckets.len(), 1);
    assert_eq!(series.buckets[0].period.start_us, us("2026-11-20T10:00:00Z"));
    assert_eq!((series.totals.requests, series.outside, series.totals.unpriced), (2, 1, 0));
}

#[test]
fn a_call_counts_under_each_tool_that_it_calls() {
    let store = store_of(&[
        call("2026-11-20T10:00:00Z", "a", Some(1), &["Bash", "Read"]),
        call("2026-11-20T10:01:00Z", "a", Some(1), &["Bash"]),
        call("2026-11-20T10:02:00Z", "a", Some(1), &[]),
    ]);
    let series = ask(&store, Every::Hour, Some(Split::Tool), 10);
    let mut counts: Vec<_> =
        series.groups.iter().map(|group| (group.value.clone(), group.figures.requests)).collect();
    counts.sort();
    let named = |name: &str| GroupValue::Named(name.to_owned());
    assert_eq!(counts, [(named("Bash"), 2), (named("Read"), 1), (GroupValue::None, 1)]);
    assert_eq!(series.totals.requests, 3);
}

#[test]
fn values_beyond_the_top_are_one() {
    let calls: Vec<_> =
        (0..5).map(|n| call("2026-11-20T10:00:00Z", &format!("m{n}"), Some(n), &[])).collect();
    let series = ask(&store_of(&calls), Every::Hour, Some(Split::Model), 2);
    let named = |name: &str| GroupValue::Named(name.to_owned());
    let groups: Vec<_> =
        series.groups.iter().map(|group| (group.value.clone(), group.figures.cost_pico)).collect();
    assert_eq!(groups, [(named("m4"), 4), (named("m3"), 3), (GroupValue::Other { values: 3 }, 3)]);
    assert_eq!(series.buckets[0].groups[2].requests, 3);
}

#[test]
fn nothing_recorded_gives_no_period_and_too_long_a_time_is_refused() {
    assert_eq!(ask(&store_of(&[]), Every::Day, None, 1).buckets, []);
    let calls = [call("1990-01-01T00:00:00Z", "a", None, &[]), call("2026-01-01T00:00:00Z", "a", None, &[])];
    let store = store_of(&calls);
    let query = SeriesQuery { every: Every::Hour, zone: TimeZone::UTC, by: None, top: 1 };
    assert!(matches!(store.series(&Filter::default(), &query), Err(SeriesError::TooLong)));
    assert_eq!(ask(&store, Every::Block, None, 1).buckets.len(), 2);
}
