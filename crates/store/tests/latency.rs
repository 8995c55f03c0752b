//! How long things took: percentiles of what was recorded, and answers that stood still.

mod common;

use common::{complete, memory, running};
use store::{Filter, GroupValue, Split};

#[test]
fn percentiles_are_of_each_model_and_of_all() {
    let (store, mut writer) = memory();
    for n in 1..=100_u64 {
        let mut call = complete(&running());
        call.started_us += n.cast_signed();
        call.model = Some(if n % 4 == 0 { "slow" } else { "quick" }.to_owned());
        call.timing.first_token_us = Some(n * 10);
        call.timing.end_us = Some(n * 10 + 1_000_000);
        call.timing.longest_gap_us = Some(if n > 98 { 20_000_000 + n } else { 5 });
        call.usage.output = Some(n);
        writer.save(&call).expect("saves");
    }
    writer.save(&running()).expect("saves");
    writer.idle().expect("commits");

    let found = store.latency(&Filter::default(), Split::Model).expect("answers");
    let shape: Vec<_> = found.groups.iter().map(|(value, it)| (value.clone(), it.requests)).collect();
    let named = |name: &str| GroupValue::Named(name.to_owned());
    assert_eq!(shape, [(named("quick"), 75), (named("slow"), 25)]);
    assert_eq!(found.all.first_token.percentile(50.0), Some(500));
    assert_eq!(found.all.first_token.percentile(95.0), Some(950));
    assert_eq!(found.groups[1].1.first_token.percentile(50.0), Some(520));
    assert_eq!(found.all.connect.percentile(50.0), None);
    // Thousandths of a token a second.
    assert_eq!(found.groups[1].1.rate.len(), 25);
    assert!((100_000..=100_100).contains(&found.all.rate.max().expect("some")));
    assert_eq!(found.stalled, 2);
    assert_eq!(found.stalls.iter().map(|stall| stall.gap_us).collect::<Vec<_>>(), [20_000_100, 20_000_099]);
    assert_eq!(found.stalls[0].model.as_deref(), Some("slow"));
}

#[test]
fn values_beyond_the_first_twenty_are_one() {
    let (store, mut writer) = memory();
    for n in 0..25 {
        let mut call = complete(&running());
        call.model = Some(format!("m{n:02}"));
        writer.save(&call).expect("saves");
    }
    writer.idle().expect("commits");
    let found = store.latency(&Filter::default(), Split::Model).expect("answers");
    assert_eq!(found.groups.len(), 21);
    let (value, rest) = &found.groups[20];
    assert_eq!((value, rest.requests), (&GroupValue::Other { values: 5 }, 5));
    assert_eq!(found.all.end.len(), 25);
}
