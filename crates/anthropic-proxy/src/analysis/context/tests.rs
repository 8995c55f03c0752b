//! Golden cases (one file each in `cases`: a request, what its answer reports, and the bill of it) and what holds for any bytes.

use super::item::Category;
use super::*;
use proptest::prelude::*;
use protocol::outline::{Place, outline};
use protocol::pricing::{self, Call, Cost, Money, NoPrice, PriceTable};
use protocol::usage::Usage;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use uuid::Uuid;

fn price(model: Option<&str>, usage: &Usage) -> Result<Cost, NoPrice> {
    let at = jiff::civil::date(2026, 11, 23);
    let call = Call { model, at, usage, batch: false, refused: false, truncated: false };
    pricing::price(PriceTable::builtin(), &call)
}

fn of(body: &[u8], usage: &Usage, digests: &mut Digests) -> (Bill, Option<Cost>) {
    let outline = outline(body);
    let cost = price(outline.model.as_deref(), usage);
    (bill(&outline, body, digests, usage, cost.as_ref()), cost.ok())
}

/// `place category name (server) bytes: tokens by kind, dollars`.
fn written(line: &Line) -> String {
    let mut text = match line.place {
        None => "-".to_owned(),
        Some(Place::Tool { index }) => format!("tools[{index}]"),
        Some(Place::System { index }) => format!("system[{index}]"),
        Some(Place::Message { index, block }) => format!("messages[{index}][{block}]"),
    };
    let _ = write!(text, " {} {:?}", line.item.category.as_str(), line.item.name);
    if let Some(server) = &line.item.server {
        let _ = write!(text, " ({server})");
    }
    if let Some(bytes) = line.bytes {
        let _ = write!(text, " {bytes} bytes");
    }
    if let Some(tokens) = line.tokens {
        let kinds = [
            ("read", tokens.read),
            ("written 1h", tokens.written_1h),
            ("written 5m", tokens.written_5m),
            ("fresh", tokens.fresh),
            ("output", tokens.output),
        ];
        for (kind, count) in kinds.into_iter().filter(|(_, count)| *count > 0) {
            let _ = write!(text, ", {count} {kind}");
        }
    }
    if let Some(cost) = line.cost {
        let _ = write!(text, ", ${cost}");
    }
    text
}

#[test]
fn each_case_gives_its_bill() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/analysis/context/cases");
    let mut seen = 0;
    let mut wrong = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let body = case["request"].to_string();
        let usage = Usage::from_value(case["usage"].clone());
        let (bill, cost) = of(body.as_bytes(), &usage, &mut Digests::default());
        let lines: Vec<String> = bill.lines.iter().map(written).collect();
        if case["expected"] != json!(lines) {
            wrong.push(format!("{}: {}", path.display(), serde_json::to_string_pretty(&lines).unwrap()));
        }
        check_sums(&bill, cost.as_ref());
        seen += 1;
    }
    assert!(seen >= 12, "the cases are there");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check_sums(bill: &Bill, cost: Option<&Cost>) {
    let mut sum = Tokens::default();
    for line in &bill.lines {
        sum.add(&line.tokens.unwrap_or_default());
    }
    assert_eq!(sum, bill.tokens.unwrap_or_default());
    let money = Money::checked_sum(bill.lines.iter().filter_map(|line| line.cost));
    assert_eq!(money, Some(cost.map_or(Money::ZERO, |cost| cost.total)));
    assert!(bill.lines.iter().all(|line| line.cost.is_some() == cost.is_some()));
}

proptest! {
    #[test]
    fn any_bytes_make_a_bill(bytes in proptest::collection::vec(any::<u8>(), 0..300), input in any::<u32>()) {
        let usage = Usage::from_value(json!({"input_tokens": input, "output_tokens": 1}));
        let (bill, cost) = of(&bytes, &usage, &mut Digests::default());
        check_sums(&bill, cost.as_ref());
    }

    #[test]
    fn tokens_and_money_add_up_exactly(
        texts in proptest::collection::vec(("[a-z<é\"\n]{0,40}", any::<bool>(), any::<bool>()), 0..12),
        counts in [0_u64..300_000, 0..300_000, 0..300_000, 0..300_000, 0..9_000],
    ) {
        let block = |(text, marked, of_tool): &(String, bool, bool)| {
            let mut block = if *of_tool {
                json!({"type": "tool_result", "tool_use_id": text, "content": text})
            } else {
                json!({"type": "text", "text": text})
            };
            if *marked {
                block["cache_control"] = json!({"type": "ephemeral"});
            }
            json!({"role": "user", "content": [block]})
        };
        let messages: Vec<Value> = texts.iter().map(block).collect();
        let body = json!({"model": "claude-sonnet-4-5", "messages": messages}).to_string();
        let [fresh, read, five, hour, output] = counts;
        let usage = Usage::from_value(json!({
            "input_tokens": fresh, "cache_read_input_tokens": read, "cache_creation_input_tokens": five + hour,
            "cache_creation": {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour}, "output_tokens": output,
        }));
        let (bill, cost) = of(body.as_bytes(), &usage, &mut Digests::default());
        prop_assert!(cost.is_some());
        check_sums(&bill, cost.as_ref());
    }
}

/// Bills of three requests of one session: the result comes in with the second and is carried into the third.
fn session() -> Sum {
    let tools = json!([
        {"name": "Read", "input_schema": {}}, {"name": "mcp__github__list", "input_schema": {}},
        {"name": "mcp__github__close", "input_schema": {}}, {"name": "Write", "input_schema": {}},
    ]);
    let ask = json!({"role": "user", "content": "look"});
    let call = json!({"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "mcp__github__list", "input": {}}]});
    let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x".repeat(200)}]});
    let talk =
        [json!({"role": "assistant", "content": "Well."}), json!({"role": "user", "content": "go on"})];
    let second = vec![ask.clone(), call, result];
    let third = second.iter().chain(&talk).cloned().collect::<Vec<_>>();
    let mut sum = Sum::default();
    let mut digests = Digests::default();
    // The newest first, as the record is walked.
    for (number, messages, called) in
        [(3_u8, third, vec![]), (2, second, vec!["Read"]), (1, vec![ask], vec!["mcp__github__list"])]
    {
        let body = json!({"model": "claude-opus-5-5", "tools": tools, "messages": messages}).to_string();
        let usage = Usage::from_value(json!({"input_tokens": body.len() / 4, "output_tokens": 10}));
        let (bill, _) = of(body.as_bytes(), &usage, &mut digests);
        let asked = Asked {
            id: Uuid::from_bytes([number; 16]),
            started_us: i64::from(number),
            session: Some("s".to_owned()),
            called: called.into_iter().map(str::to_owned).collect(),
        };
        sum.add(&asked, &bill);
    }
    sum
}

#[test]
fn a_result_costs_since_it_came_in() {
    let sum = session();
    let results = sum.results();
    assert_eq!(results.len(), 1);
    let carried = results[0];
    assert_eq!((carried.since.1, carried.last.1, carried.total.requests), (2, 3, 2));
    assert_eq!(carried.item, Item::of_tool(Category::ToolResult, "mcp__github__list"));
    assert!(carried.total.tokens.input() > carried.tokens);
    let rate = 4_000_000; // Opus 5.5, picodollars a token
    assert_eq!(carried.total.cost.pico(), i128::from(carried.total.tokens.fresh) * rate);
}

#[test]
fn tools_defined_and_never_called_are_found_also_by_server() {
    let sum = session();
    let unused: Vec<String> = sum.unused().into_iter().map(|unused| unused.item.name).collect();
    assert_eq!(unused, ["mcp__github__close", "Write"]);
    let servers = sum.servers();
    assert_eq!(servers.len(), 1);
    let (name, server) = &servers[0];
    assert_eq!((name.as_str(), server.tools, server.used, server.calls), ("github", 2, 1, 1));
    assert!(server.definitions.cost > Money::ZERO && server.traffic.cost > Money::ZERO);
}

#[test]
fn categories_and_items_add_up_to_the_whole() {
    let sum = session();
    let of_items = sum.items().into_iter().map(|(_, total)| total.cost);
    assert_eq!(Money::checked_sum(of_items), Some(sum.total.cost));
    let of_categories = sum.categories().into_iter().map(|(_, total)| total.tokens.total());
    assert_eq!(of_categories.sum::<u64>(), sum.total.tokens.total());
    assert_eq!(sum.span_us, Some((1, 3)));
}

#[test]
fn what_reports_no_usage_is_counted_and_left_out() {
    let mut sum = session();
    let (bill, _) = of(b"{}", &Usage::default(), &mut Digests::default());
    sum.add(&Asked::default(), &bill);
    assert_eq!(sum.requests, 3);
    assert_eq!(sum.unmeasured.get("the answer reports no usage"), Some(&1));
}
