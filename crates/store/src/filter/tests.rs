use super::*;
use proptest::prelude::*;

fn now() -> Zoned {
    "2026-11-23T10:30:00+01:00[Europe/Berlin]".parse().unwrap()
}

fn parsed(text: &str) -> Filter {
    Filter::parse(text, &now()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_filter_prints_as_what_was_understood() {
    for (text, expected) in [
        ("", ""),
        ("  status:error ", "status:error"),
        ("status:error,pending", "status:error OR status:pending"),
        ("tool:Read,\"a b,c*\",w*", "tool:\"Read\" OR tool:\"a b,c*\" OR tool:w*"),
        ("STATUS:Error is:Running", "status:error is:running"),
        ("model:claude-opus* -is:pinned", "model:claude-opus* -is:pinned"),
        ("NOT status:error AND has:thinking", "-status:error has:thinking"),
        ("a OR b c", "text:\"a\" OR (text:\"b\" text:\"c\")"),
        ("(a OR b) c", "(text:\"a\" OR text:\"b\") text:\"c\""),
        ("text:\"a \\\"b\\\" (c)\"", "text:\"a \\\"b\\\" (c)\""),
        ("ttft:>2s", "ttft:>=2000001us"),
        ("duration:1.5m..1h", "duration:90000000us..3600000000us"),
        ("duration:800", "duration:800000us"),
        ("gap:9", "gap:9000us"),
        ("lost:5", "lost:5.000000000000"),
        ("cost:<0", "cost:<0.000000000000"),
        ("ttft:4000010333323333", "ttft:4000010333323333000us"),
        ("tokens:>=10k", "tokens:>=10000"),
        ("cost:>$0.05", "cost:>=0.050000000001"),
        ("cost:<0.000000000300", "cost:<=0.000000000299"),
        ("cache:<50%", "cache:<=0.499999"),
        ("size:1.5mb..", "size:>=1500000"),
        ("http:500..599", "http:500..599"),
        ("http:4xx,5XX", "http:400..499 OR http:500..599"),
        ("outcome:None", "outcome:none"),
        ("-outcome:none,complete", "-(outcome:none OR outcome:complete)"),
        ("since:2h", "since:2026-11-23T07:30:00Z"),
        ("since:today until:today", "since:2026-11-22T23:00:00Z until:2026-11-23T23:00:00Z"),
        ("since:2026-07-01", "since:2026-06-30T22:00:00Z"),
        ("until:2026-07-01T12:00", "until:2026-07-01T10:00:00Z"),
        ("since:2026-07-01T12:00:00Z", "since:2026-07-01T12:00:00Z"),
        ("since:1790000000000", "since:2026-09-21T14:13:20Z"),
        ("id:01A2-07", "id:01a207"),
        ("session:none tool:\"none\"", "session:none tool:\"none\""),
        ("http://example", "text:\"http://example\""),
    ] {
        let filter = match Filter::parse(text, &now()) {
            Ok(filter) => filter,
            Err(error) if text.starts_with("http:/") => {
                // A key that takes numbers: the error says to quote text with a colon or to write a number.
                assert!(error.hint.contains("http:404"), "{error}");
                continue;
            }
            Err(error) => panic!("{text}: {error}"),
        };
        assert_eq!(filter.to_string(), expected, "{text}");
        assert_eq!(parsed(expected), filter, "{text}");
    }
}

#[test]
fn every_key_prints_as_what_can_be_read_back() {
    for key in KEYS {
        crate::fuzzing::filter(key.example);
        assert!(Filter::parse(key.example, &now()).is_ok(), "{}", key.example);
    }
    for (measure, key) in Measure::ALL {
        for (unit, _) in measure.units() {
            for range in ["N", "=N", ">N", ">=N", "<N", "<=N", "..N", "N..", "N..N"] {
                for number in ["0", "9", "1.5", "0.000001", "999"] {
                    let text = format!("{key}:{}", range.replace('N', &format!("{number}{unit}")));
                    crate::fuzzing::filter(&text);
                    parsed(&text);
                }
            }
        }
    }
}

#[test]
fn what_the_program_asks_for_prints_as_a_filter_too() {
    for filter in [Filter::since_us(i64::MIN), Filter::until_us(i64::MAX), Filter::model("a \"b\\*, none")] {
        assert_eq!(parsed(&filter.to_string()), filter, "{filter}");
    }
}

#[test]
fn a_filter_has_a_limited_number_of_terms() {
    for term in ["a ", "status:error ", "tool:b OR ", "-http:200 "] {
        assert!(Filter::parse(&format!("{}x", term.repeat(199)), &now()).is_ok(), "{term}");
        assert!(Filter::parse(&format!("{}x", term.repeat(200)), &now()).is_err(), "{term}");
    }
    assert!(Filter::parse(&format!("status:{}", "error,".repeat(201)), &now()).is_err());
}

#[test]
fn what_is_wrong_is_pointed_at() {
    for (text, place, says) in [
        ("status:errr", "errr", "use pending, success or error"),
        ("a statsu:error", "statsu", "did you mean status:?"),
        ("model:x ttft:fast", "fast", "800ms"),
        ("status:error,errr", "errr", "use pending, success or error"),
        ("tool:a,\"b*", "\"b*", "add a \""),
        ("since:9999999d", "9999999d", "yesterday"),
        ("until:999999999999999", "999999999999999", "yesterday"),
        ("(a OR b", "(", "add a )"),
        ("a)", ")", "remove it"),
        ("text:\"a b", "\"a b", "add a \""),
        ("OR a", "OR", "on each side"),
        ("a OR ", "OR", "on each side"),
        ("is:open", "open", "running, pinned"),
        ("outcome:lost", "lost", "refused, or none"),
        ("http:xxx", "xxx", "http:5xx"),
        ("http:50x", "50x", "http:5xx"),
        ("http:>4xx", ">4xx", "http:5xx"),
        ("tokens:4xx", "4xx", "10k"),
        ("cause:miss", "miss", "tools_changed"),
        ("since:soon", "soon", "yesterday"),
        ("-", "-", "-status:error"),
        ("model:", "model:", "model:claude-opus*"),
        ("id:xyz", "xyz", "digits"),
        ("cost:>1e5", ">1e5", "dollars"),
        ("duration:99999999999999999h", "99999999999999999h", "800ms"),
        ("zzzzzzz:1", "zzzzzzz", "put text with a colon into quotes"),
    ] {
        let error = Filter::parse(text, &now()).expect_err(text);
        assert_eq!(&text[error.at.clone()], place, "{text}: {error}");
        assert!(error.hint.contains(says), "{text}: {error}");
    }
    let error = Filter::parse("a statsu:error", &now()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no statsu:\n  a statsu:error\n    ^^^^^^\nhint: did you mean status:?"
    );
    assert!(Filter::parse(&"(".repeat(100_000), &now()).is_err());
    assert!(Filter::parse(&"(".repeat(10_000), &now()).is_err());
    assert!(Filter::parse(&"-".repeat(10_000), &now()).is_err());
}

fn filters() -> impl Strategy<Value = String> {
    let term = prop_oneof![
        "[a-z ()\":\\\\*-]{0,12}",
        Just("status:error".to_owned()),
        Just("tool:B*".to_owned()),
        Just("cost:>0.1".to_owned()),
        Just("ttft:1..5s".to_owned()),
        Just("text:\"a b\"".to_owned()),
        Just("since:2h".to_owned()),
        Just("OR".to_owned()),
        Just("NOT".to_owned()),
        Just("(".to_owned()),
        Just(")".to_owned()),
        ".{0,6}",
    ];
    proptest::collection::vec(term, 0..8).prop_map(|terms| terms.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_is_a_filter_or_an_error_that_points_into_it(text in filters()) {
        crate::fuzzing::filter(&text);
    }
}

#[test]
fn an_error_points_at_whole_characters() {
    let text = format!("{}썍", "(".repeat(63));
    for text in [&text, &format!("({text}"), &"(".repeat(64), &"(".repeat(65)] {
        crate::fuzzing::filter(text);
    }
}
