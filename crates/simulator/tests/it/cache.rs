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
        // A mark on the old block itself is a lookup of its own.
        blocks[0] = block("a", Some("5m"));
        blocks[between]["text"] = "another end".into();
        assert_eq!(usage(&simulator, &body(&blocks)).await[1], 1, "{between} blocks on, marked");
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

/// Blocks of a request: their names, and the lifetime (seconds) each marks, if any.
type Blocks = Vec<(u8, Option<u64>)>;

/// A naive cache: prefixes as lists of names, each with its lifetime and its end (seconds).
#[derive(Default)]
struct Naive {
    entries: Vec<(Vec<u8>, u64, u64)>,
}

impl Naive {
    /// Input, read, 5-minute and 1-hour writes, in blocks.
    fn charge(&mut self, blocks: &Blocks, now: u64) -> [u64; 4] {
        self.entries.retain(|(.., end)| *end > now);
        let names: Vec<u8> = blocks.iter().map(|(name, _)| *name).collect();
        let last_mark = blocks.iter().rposition(|(_, mark)| mark.is_some()).map_or(0, |at| at + 1);
        let is_known = |length: &usize| self.entries.iter().any(|(known, ..)| known[..] == names[..*length]);
        let read = (1..=last_mark).rev().find(is_known).unwrap_or(0);
        for length in 1..=read {
            let marked = blocks[length - 1].1.is_some() || length == read;
            for (known, lifetime, end) in &mut self.entries {
                if marked && known[..] == names[..length] {
                    *end = now + *lifetime;
                }
            }
        }
        let (mut charged, mut written) = (read, [0, 0]);
        for length in read + 1..=blocks.len() {
            if let Some(lifetime) = blocks[length - 1].1 {
                written[usize::from(lifetime == 3_600)] += length - charged;
                self.entries.push((names[..length].to_vec(), lifetime, now + lifetime));
                charged = length;
            }
        }
        [blocks.len() - charged, read, written[0], written[1]].map(|count| count as u64)
    }
}

fn some_blocks() -> impl Strategy<Value = Blocks> {
    let mark = prop_oneof![3 => Just(None), 2 => Just(Some(300)), 1 => Just(Some(3_600))];
    // At most four blocks, so at most four marks.
    prop::collection::vec((0_u8..2, mark), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    // Steps that add up to exactly the ends of lifetimes, as well as any others.
    #[test]
    fn agrees_with_a_naive_model(
        requests in prop::collection::vec((some_blocks(), prop_oneof![4 => Just(150_u64), 1 => Just(3_300), 1 => 0_u64..400]), 1..16)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (simulator, clock) = frozen().await;
            let (mut naive, mut now) = (Naive::default(), 0);
            for (blocks, step) in &requests {
                now += step;
                clock.advance(Duration::from_secs(*step));
                let sent: Vec<Value> = blocks
                    .iter()
                    .map(|(name, mark)| {
                        block(&name.to_string(), mark.map(|seconds| if seconds == 300 { "5m" } else { "1h" }))
                    })
                    .collect();
                assert_eq!(usage(&simulator, &body(&sent)).await, naive.charge(blocks, now), "{requests:?}");
            }
        });
    }
}
