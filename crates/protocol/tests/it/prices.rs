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
    /// Told where it can be worked out by hand: the input's rate times what was cached, less what that did cost.
    cache_saving: Option<String>,
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
    if let Some(saving) = &expected.cache_saving {
        assert_eq!(&cost.cache_saving.to_string(), saving, "{name}: cache_saving");
    }
    assert_eq!(cost.partial, expected.partial, "{name}");
    assert_eq!(cost.price_date.to_string(), "2026-11-23", "{name}");
    assert!(cost.price_source.starts_with("Anthropic's list prices"), "{name}");
}

/// The five prices of a million tokens: in, out, 5-minute write, 1-hour write, read.
fn prices_of(model: &str) -> [String; 5] {
    let usages = [
        json!({"input_tokens": 1_000_000, "output_tokens": 0}),
        json!({"input_tokens": 0, "output_tokens": 1_000_000}),
        json!({"input_tokens": 0, "output_tokens": 0, "cache_creation": {"ephemeral_5m_input_tokens": 1_000_000}}),
        json!({"input_tokens": 0, "output_tokens": 0, "cache_creation": {"ephemeral_1h_input_tokens": 1_000_000}}),
        json!({"input_tokens": 0, "output_tokens": 0, "cache_read_input_tokens": 1_000_000}),
    ];
    usages.map(|usage| {
        priced(PriceTable::builtin(), model, &Usage::from_value(usage)).unwrap().total.to_string()
    })
}

fn priced(table: &PriceTable, model: &str, usage: &Usage) -> Result<Cost, NoPrice> {
    let at = "2026-11-20".parse().unwrap();
    price(table, &Call { model: Some(model), at, usage, batch: false, refused: false, truncated: false })
}

#[test]
fn the_table_has_the_list_prices() {
    for (models, prices) in [
        (&["claude-fable-5-2", "claude-mythos-5-2"][..], ["8", "40", "10", "16", "0.2"]),
        (&["claude-fable-5-1", "claude-mythos-5-1"], ["10", "50", "12.5", "20", "0.25"]),
        (&["claude-fable-5", "claude-mythos-5"], ["10", "50", "12.5", "20", "1"]),
        (&["claude-opus-5-5"], ["4", "20", "5", "8", "0.2"]),
        (
            &[
                "claude-opus-5",
                "claude-opus-4-8",
                "claude-opus-4-7",
                "claude-opus-4-6",
                "claude-opus-4-5-20251101",
            ],
            ["5", "25", "6.25", "10", "0.5"],
        ),
        (
            &["claude-opus-4-1", "claude-opus-4-20250514", "claude-opus-4-0", "claude-3-opus-20240229"],
            ["15", "75", "18.75", "30", "1.5"],
        ),
        (&["claude-sonnet-5-5"], ["2", "10", "2.5", "4", "0.1"]),
        (&["claude-sonnet-5"], ["2", "10", "2.5", "4", "0.2"]),
        (
            &["claude-sonnet-4-6", "claude-sonnet-4-5", "claude-sonnet-4-0", "claude-sonnet-4-20250514"],
            ["3", "15", "3.75", "6", "0.3"],
        ),
        (
            &["claude-3-7-sonnet-latest", "claude-3-5-sonnet-20241022", "claude-3-sonnet-20240229"],
            ["3", "15", "3.75", "6", "0.3"],
        ),
        (&["claude-haiku-5-5"], ["0.5", "0.5", "0.625", "1", "0.05"]),
        (&["claude-haiku-4-5"], ["1", "5", "1.25", "2", "0.1"]),
        (&["claude-3-5-haiku-20241022"], ["0.8", "4", "1", "1.6", "0.08"]),
        (&["claude-3-haiku-20240307"], ["0.25", "1.25", "0.3", "0.5", "0.03"]),
    ] {
        for model in models {
            assert_eq!(prices_of(model), prices, "{model}");
        }
    }
}

#[test]
fn own_prices_go_before_the_builtin_ones() {
    let own = r#"
        date = "2026-11-01"
        source = "our contract"

        [rules]
        web_search = "5"

        [[price]]
        models = ["Claude-Opus-5-5", "house-model"]
        from = "2026-11-10"
        input = "1"
        output = "2"
        cache_read = "0"
    "#;
    let table = PriceTable::builtin().with_overrides(own).unwrap();
    let usage = |more: serde_json::Value| {
        let mut usage = json!({"input_tokens": 1000, "output_tokens": 1000});
        usage.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Usage::from_value(usage)
    };
    let plain = usage(json!({"cache_read_input_tokens": 7}));
    let cost = priced(&table, "claude-opus-5-5[1m]", &plain).unwrap();
    assert_eq!(
        (cost.total.to_string(), cost.price_date.to_string(), cost.price_source),
        ("0.003".to_owned(), "2026-11-01".to_owned(), "our contract".to_owned())
    );
    let searched = usage(json!({"server_tool_use": {"web_search_requests": 1}}));
    assert_eq!(priced(&table, "house-model", &searched).unwrap().server_tools.to_string(), "0.005");
    // A cache price that the row does not name is not guessed, and not taken from the row below either.
    let written = usage(json!({"cache_creation": {"ephemeral_1h_input_tokens": 1}}));
    let why = priced(&table, "claude-opus-5-5", &written).unwrap_err();
    assert_eq!(why.to_string(), "the price table has no price of claude-opus-5-5 for 1-hour cache writes");
    // Before its first day the built-in price holds; a model of one's own has none.
    let at = "2026-11-09".parse().unwrap();
    let call = |model| Call {
        model: Some(model),
        at,
        usage: &plain,
        batch: false,
        refused: false,
        truncated: false,
    };
    assert_eq!(price(&table, &call("claude-opus-5-5")).unwrap().input.to_string(), "0.004");
    let why = price(&table, &call("house-model")).unwrap_err();
    assert_eq!(why.to_string(), "the price table has no price of house-model on 2026-11-09");
    assert_eq!(priced(&table, "claude-haiku-4-5", &plain).unwrap().input.to_string(), "0.001");
}

#[test]
fn a_wrong_price_file_is_told_by_its_line() {
    let row = "date = \"2026-11-01\"\n[[price]]\nmodels = [\"m\"]\noutput = \"1\"\n";
    for (text, line, what) in [
        ("date = \"2026-11-01\"\n\nx = 1", 3, "unknown field `x`"),
        ("date = \"2026-11-01\"\n[[price]\n", 2, ""),
        (
            &format!("{row}input = \"a few\""),
            5,
            "\"a few\" is no decimal that can be counted exactly\nhint: ",
        ),
        (&format!("{row}input = \"-1\""), 5, "\"-1\" is no decimal"),
        (&format!("{row}input = 0.25"), 5, "hint: put amounts and days in quotes"),
        (&format!("{row}input = \"0.00001\""), 2, "more decimals than are counted"),
        (
            &format!("{row}input = \"1\"\nfrom = \"11/2026\""),
            6,
            "\"11/2026\" is no day\nhint: write it like 2026-11-23",
        ),
        (&format!("{row}input = \"1\"\ncache_raed = \"1\""), 6, "unknown field `cache_raed`"),
        (
            &format!("{row}input = \"1\"\nfrom = \"2026-11-02\"\nbefore = \"2026-11-02\""),
            2,
            "ends before it begins",
        ),
        (row, 2, "missing field `input`"),
        (
            &format!("{row}input = \"1\"\n[[price]]\nmodels = [\"n\", \"M\"]\ninput = \"1\"\noutput = \"1\""),
            6,
            "m has two prices for the same day\nhint: ",
        ),
        (
            "[[price]]\nmodels = [\"m\"]\ninput = \"1\"\noutput = \"1\"",
            1,
            "these prices have no date\nhint: ",
        ),
        (
            "date = \"2026-11-01\"\n[[price]]\nmodels = []\ninput = \"1\"\noutput = \"1\"",
            2,
            "is for no model",
        ),
    ] {
        let TableError { line: at, what: said } = PriceTable::builtin().with_overrides(text).unwrap_err();
        assert_eq!(at, Some(line), "{text}\n{said}");
        assert!(said.contains(what), "{text}\n{said}");
    }
}

#[test]
fn a_day_is_counted_in_utc() {
    for (unix_us, text) in [
        (0, "1970-01-01"),
        (-1, "1969-12-31"),
        (1_773_359_999_999_999, "2026-03-12"),
        (1_773_360_000_000_000, "2026-03-13"),
        (i64::MAX, "9999-12-30"),
        (i64::MIN, "-009999-01-02"),
    ] {
        assert_eq!(day(unix_us).to_string(), text);
    }
}

/// Sums a million calls forwards, backwards and in halves: floats would drift apart here.
#[test]
fn a_million_calls_add_up_exactly_in_any_order() {
    let amount = |index: u64| {
        let usage = Usage {
            input_tokens: Some(index % 977),
            output_tokens: Some(index % 89),
            cache_read_input_tokens: Some(index % 7919),
            ..Usage::default()
        };
        priced(PriceTable::builtin(), "claude-haiku-5-5", &usage).unwrap().total
    };
    let amounts: Vec<Money> = (0..1_000_000).map(amount).collect();
    // By tokens, at 100,000, 500,000 and 10,000 picodollars each.
    let tokens = |modulus: u64| (0..1_000_000_u64).map(|index| i128::from(index % modulus)).sum::<i128>();
    let expected = Money::from_pico(tokens(977) * 100_000 + tokens(89) * 500_000 + tokens(7919) * 10_000);
    let (first, second) = amounts.split_at(333_333);
    let halves = [first, second].map(|half| Money::checked_sum(half.iter().copied()).unwrap());
    assert_eq!(Money::checked_sum(amounts.iter().copied()), Some(expected));
    assert_eq!(Money::checked_sum(amounts.iter().rev().copied()), Some(expected));
    assert_eq!(Money::checked_sum(halves), Some(expected));
}

fn count() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), (0..400_000_u64).prop_map(Some), any::<u64>().prop_map(Some)]
}

fn word(words: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop::sample::select(words).prop_map(str::to_owned))
}

prop_compose! {
    fn usage()(
        counts in prop::array::uniform7(count()),
        searches in count(),
        tier in word(&["standard", "batch", "priority", "x"]),
        geo in word(&["us", "global", "x"]),
        speed in word(&["standard", "fast", "x"]),
    ) -> Usage {
        let [input, output, read, written, five_minutes, one_hour, thinking] = counts;
        Usage {
            input_tokens: input,
            output_tokens: output,
            cache_read_input_tokens: read,
            cache_creation_input_tokens: written,
            cache_creation_5m: five_minutes,
            cache_creation_1h: one_hour,
            thinking_tokens: thinking,
            web_search_requests: searches,
            service_tier: tier,
            inference_geo: geo,
            speed,
            ..Usage::default()
        }
    }
}

const MODELS: &[&str] =
    &["claude-opus-5-5", "claude-haiku-5-5", "claude-sonnet-4-6", "claude-fable-5-2", "x"];

proptest! {
    #[test]
    fn the_parts_add_up_to_the_total(usage in usage(), model in prop::sample::select(MODELS), truncated: bool) {
        let at = "2026-03-01".parse().unwrap();
        let call = Call { model: Some(model), at, usage: &usage, batch: false, refused: false, truncated };
        if let Ok(cost) = price(PriceTable::builtin(), &call) {
            let Cost { input, output, cache_write_5m, cache_write_1h, cache_read, server_tools, .. } = cost;
            let parts = [input, output, cache_write_5m, cache_write_1h, cache_read, server_tools];
            prop_assert_eq!(Money::checked_sum(parts), Some(cost.total));
            prop_assert_eq!(cost.partial, truncated);
            prop_assert!(parts.iter().all(|part| *part >= Money::ZERO));
        }
    }

    #[test]
    fn more_tokens_never_cost_less(usage in usage(), more in 0..1_000_000_u64, model in prop::sample::select(MODELS)) {
        let larger = Usage { input_tokens: usage.input_tokens.map(|count| count.saturating_add(more)), ..usage.clone() };
        if let Ok(cost) = priced(PriceTable::builtin(), model, &usage) {
            prop_assert!(priced(PriceTable::builtin(), model, &larger).unwrap().total >= cost.total);
        }
    }

    #[test]
    fn no_iterations_panic(
        usage in usage(),
        parts in prop::collection::vec((usage_json(), word(&["message", "compaction", "advisor_message", "fallback_message", "x"]), word(MODELS)), 0..4),
    ) {
        let list = parts.into_iter().map(|(mut part, kind, model)| {
            part["type"] = json!(kind);
            part["model"] = json!(model);
            part
        });
        let usage = Usage { iterations: Some(list.collect()), ..usage };
        let _ = priced(PriceTable::builtin(), "claude-opus-5-5", &usage);
    }

    #[test]
    fn no_price_file_panics(text in "(date = \"[0-9-]{0,10}\"|\\[\\[price\\]\\]|models = \\[\"m\"\\]|(input|output|fast) = \"[0-9.]{0,12}\"|\n|.)*") {
        let _ = PriceTable::builtin().with_overrides(&text);
    }
}

fn usage_json() -> impl Strategy<Value = serde_json::Value> {
    usage().prop_map(|usage| serde_json::to_value(usage).unwrap())
}
