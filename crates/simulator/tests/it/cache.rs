//! The prompt cache, against what the API documents and against a naive model of it.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use serde_json::{Value, json};
use simulator::{Clock, Options, Simulator};

use crate::support::ask;

/// A block of about 2,000 tokens.
fn block(name: &str, mark: Option<&str>) -> Value {
    let mut block = json!({"type": "text", "text": format!("{name} {}", "x".repeat(8_000))});
    if let Some(ttl) = mark {
        block["cache_control"] = json!({"type": "ephemeral", "ttl": ttl});
    }
    block
}

fn body(blocks: &[Value]) -> Value {
    json!({"model": "claude-opus-5-5", "max_tokens": 1, "messages": [{"role": "user", "content": blocks}]})
}

async fn frozen() -> (Simulator, Clock) {
    let clock = Clock::frozen(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    (Simulator::start(Options { clock: clock.clone(), ..Options::default() }).await.unwrap(), clock)
}

/// Input, read, 5-minute write and 1-hour write, in blocks of about 2,000 tokens.
async fn usage(simulator: &Simulator, body: &Value) -> [u64; 4] {
    let usage = ask(simulator, body).await.json()["usage"].clone();
    let of = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64).unwrap() / 2_000;
    [
        of("/input_tokens"),
        of("/cache_read_input_tokens"),
        of("/cache_creation/ephemeral_5m_input_tokens"),
        of("/cache_creation/ephemeral_1h_input_tokens"),
    ]
}

#[tokio::test]
async fn prefixes_are_written_read_and_extended() {
    let (simulator, _) = frozen().await;
    let first = [block("a", None), block("b", Some("5m")), block("c", None)];
    assert_eq!(usage(&simulator, &body(&first)).await, [1, 0, 2, 0]);
    assert_eq!(usage(&simulator, &body(&first)).await, [1, 2, 0, 0]);
    let longer = [block("a", None), block("b", None), block("c", None), block("d", Some("5m"))];
    assert_eq!(usage(&simulator, &body(&longer)).await, [0, 2, 2, 0], "found by looking back");
    let changed = [block("A", None), block("b", Some("5m"))];
    assert_eq!(usage(&simulator, &body(&changed)).await, [0, 0, 2, 0]);
    let mut other_model = body(&first);
    other_model["model"] = "claude-sonnet-5-5".into();
    assert_eq!(usage(&simulator, &other_model).await, [1, 0, 2, 0]);
}

#[tokio::test]
async fn entries_live_as_long_as_they_are_read() {
    let (simulator, clock) = frozen().await;
    let short = body(&[block("a", Some("1h")), block("b", Some("5m"))]);
    assert_eq!(usage(&simulator, &short).await, [0, 0, 1, 1]);
    for _ in 0..3 {
        clock.advance(Duration::from_secs(299));
        assert_eq!(usage(&simulator, &short).await, [0, 2, 0, 0]);
    }
    clock.advance(Duration::from_secs(300));
    assert_eq!(usage(&simulator, &short).await, [0, 1, 1, 0], "five minutes are over, the hour is not");
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(usage(&simulator, &short).await, [0, 0, 1, 1]);
}

#[tokio::test]
async fn a_lookup_goes_back_twenty_blocks_and_no_further() {
    for (between, read) in [(19, 1), (20, 0)] {
        let (simulator, _) = frozen().await;
        usage(&simulator, &body(&[block("a", Some("5m"))])).await;
        let mut blocks = vec![block("a", None)];
        blocks.extend((1..between).map(|at| json!({"type": "text", "text": format!("small {at}")})));
        blocks.push(json!({"type": "text", "text": "end", "cache_control": {"type": "ephemeral"}}));
        assert_eq!(usage(&simulator, &body(&blocks)).await[1], read, "{between} blocks on");
    }
}

#[tokio::test]
async fn short_prefixes_forms_and_too_many_marks() {
    let (simulator, _) = frozen().await;
    let small = body(&[json!({"type": "text", "text": "small", "cache_control": {"type": "ephemeral"}})]);
    assert_eq!(usage(&simulator, &small).await, [0, 0, 0, 0]);
    // The same text as a marked block and, a turn later, as a plain string.
    let text = "y".repeat(8_000);
    let marked = json!([{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]);
    let with = |content: Value, more: Value| json!({"model": "claude-opus-5-5", "max_tokens": 1, "messages": [{"role": "user", "content": content}, more]});
    usage(&simulator, &with(marked, json!({"role": "assistant", "content": "ok"}))).await;
    let more = json!({"role": "user", "content": [block("n", Some("5m"))]});
    assert_eq!(usage(&simulator, &with(text.into(), more)).await[1], 1);
    let five: Vec<Value> = (0..5).map(|at| block(&at.to_string(), Some("5m"))).collect();
    assert_eq!(ask(&simulator, &body(&five)).await.status(), 400);
}

/// A naive cache: lists of block names with their end of life.
#[derive(Default)]
struct Naive {
    entries: Vec<(Vec<u8>, u64)>,
}

impl Naive {
    fn charge(&mut self, blocks: &[u8], mark: usize, now: u64) -> [u64; 4] {
        self.entries.retain(|(_, end)| *end > now);
        let known =
            (0..=mark).rev().find(|at| self.entries.iter().any(|(entry, _)| *entry == blocks[..=*at]));
        let read = known.map_or(0, |at| at + 1);
        for (entry, end) in &mut self.entries {
            if *entry == blocks[..read] {
                *end = now + 300;
            }
        }
        if read <= mark {
            self.entries.push((blocks[..=mark].to_vec(), now + 300));
        }
        [blocks.len() - mark - 1, read, mark + 1 - read, 0].map(|count| count as u64)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn agrees_with_a_naive_model(
        requests in prop::collection::vec((prop::collection::vec(0_u8..3, 1..6), any::<prop::sample::Index>(), 0_u64..400), 1..12)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (simulator, clock) = frozen().await;
            let (mut naive, mut now) = (Naive::default(), 0);
            for (names, mark, step) in &requests {
                let mark = mark.index(names.len());
                now += step;
                clock.advance(Duration::from_secs(*step));
                let blocks: Vec<Value> = names
                    .iter()
                    .enumerate()
                    .map(|(at, name)| block(&name.to_string(), (at == mark).then_some("5m")))
                    .collect();
                assert_eq!(usage(&simulator, &body(&blocks)).await, naive.charge(names, mark, now), "{requests:?}");
            }
        });
    }
}
