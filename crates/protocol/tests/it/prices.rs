//! Prices: the golden cases (a new case is a file in `tests/prices`), the whole table, users' own prices, exactness.

use proptest::prelude::*;
use protocol::pricing::{Call, Cost, Money, NoPrice, PriceTable, TableError, day, price};
use protocol::usage::Usage;
use serde::Deserialize;
use serde_json::json;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    model: String,
    day: String,
    usage: String,
    #[serde(default)]
    batch: bool,
    #[serde(default)]
    refused: bool,
    #[serde(default)]
    truncated: bool,
    reason: Option<String>,
    cost: Option<Expected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    total: String,
    input: String,
    output: String,
    #[serde(default = "zero")]
    cache_write_5m: String,
    #[serde(default = "zero")]
    cache_write_1h: String,
    #[serde(default = "zero")]
    cache_read: String,
    #[serde(default = "zero")]
    server_tools: String,
    #[serde(default)]
    partial: bool,
}

fn zero() -> String {
    "0".to_owned()
}

#[test]
fn every_golden_case_costs_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/prices");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let case: Case = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let usage = Usage::from_value(serde_json::from_str(&case.usage).unwrap());
        let call = Call {
            model: Some(&case.model),
            at: case.day.parse().unwrap(),
            usage: &usage,
            batch: case.batch,
            refused: case.refused,
            truncated: case.truncated,
        };
        let name = path.display();
        match (price(PriceTable::builtin(), &call), case.cost, case.reason) {
            (Ok(cost), Some(expected), None) => check(&name, &cost, &expected),
            (Err(why), None, Some(reason)) => assert_eq!(why.to_string(), reason, "{name}"),
            (priced, ..) => panic!("{name}: {priced:?}"),
        }
        seen += 1;
    }
    assert!(seen > 30, "{seen} cases");
}

fn check(name: &dyn std::fmt::Display, cost: &Cost, expected: &Expected) {
    for (part, amount, text) in [
        ("total", cost.total, &expected.total),
        ("input", cost.input, &expected.input),
        ("output", cost.output, &expected.output),
        ("cache_write_5m", cost.cache_write_5m, &expected.cache_write_5m),
        ("cache_write_1h", cost.cache_write_1h, &expected.cache_write_1h),
        ("cache_read", cost.cache_read, &expected.cache_read),
        ("server_tools", cost.server_tools, &expected.server_tools),
    ] {
        assert_eq!(&amount.to_string(), text, "{name}: {part}");
    }
    assert_eq!(cost.partial, expected.partial, "{name}");
    assert_eq!(cost.price_date.to_string(), "2026-11-23", "{name}");
    assert!(cost.price_source.starts_with("Anthropic's list prices"), "{name}");
}
