//! A text is found in every exchange whose bodies have it, in whatever language, and in no other.

mod common;

use common::{complete, running};
use proptest::prelude::*;
use store::{Exchange, Location, Session, Side, Source, Store, Writer};
use uuid::Uuid;

fn memory() -> (Store, Writer) {
    Store::open(&Location::Memory).unwrap()
}

/// Records a call with these messages in a session.
fn record(writer: &mut Writer, session: &str, messages: &[String]) -> Uuid {
    let messages: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(at, text)| match at + 1 == messages.len() {
            true => serde_json::json!({"role": "user", "content": [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]}),
            false => serde_json::json!({"role": "user", "content": text}),
        })
        .collect();
    let body = serde_json::json!({"model": "m", "messages": messages}).to_string();
    let session = Session { id: session.to_owned(), source: Source::Header };
    let exchange = Exchange { session: Some(session), ..running() };
    writer.save(&exchange).unwrap();
    writer.append_body(exchange.id, Side::Request, body.as_bytes()).unwrap();
    writer.finish_body(exchange.id, Side::Request).unwrap();
    writer.save(&complete(&exchange)).unwrap();
    writer.commit().unwrap();
    exchange.id
}

fn found(store: &Store, ids: &[Uuid], text: &str) -> Vec<bool> {
    store.excerpts(ids, text, 3).unwrap().iter().map(|excerpts| !excerpts.is_empty()).collect()
}

#[test]
fn what_is_said_once_is_found_in_every_turn_that_sends_it_again() {
    let (store, mut writer) = memory();
    let long = |word: &str| format!("{word} {}", "and so on, at some length ".repeat(40));
    let mut messages = vec![long("alpha"), "short beta".to_owned(), long("提示缓存命中率")];
    let mut ids = vec![record(&mut writer, "one", &messages[..1])];
    for turn in 1..3 {
        ids.push(record(&mut writer, "one", &messages[..=turn]));
    }
    messages.push(format!("{} omega", "x y z ".repeat(60_000)));
    ids.push(record(&mut writer, "one", &messages));
    // The long message has filled the pack; what follows links to it from another.
    messages.push("the last".to_owned());
    ids.push(record(&mut writer, "one", &messages));
    ids.push(record(&mut writer, "two", &[long("gamma")]));
    for (text, expected) in [
        ("alpha", [true, true, true, true, true, false]),
        ("short beta", [false, true, true, true, true, false]),
        ("beta short", [false; 6]),
        ("缓存命中", [false, false, true, true, true, false]),
        ("命缓", [false; 6]),
        ("omega", [false, false, false, true, true, false]),
        ("the last", [false, false, false, false, true, false]),
        ("gam*", [false, false, false, false, false, true]),
        ("at some length", [true; 6]),
        ("user", [false; 6]),
        ("", [false; 6]),
    ] {
        assert_eq!(found(&store, &ids, text), expected, "{text}");
    }
    writer.clear().unwrap();
    let id = record(&mut writer, "one", &messages[..1]);
    assert_eq!(found(&store, &[id, ids[5]], "alpha"), [true, false]);
}

#[test]
fn an_answers_text_is_found_though_its_bytes_scatter_it() {
    let (store, mut writer) = memory();
    store.read_answers_with(|_, bytes| {
        Some(String::from_utf8_lossy(bytes).replace("data: ", "").replace('\n', ""))
    });
    let stream = b"data: the an\ndata: swer is\ndata:  forty two\n";
    let mut ids = Vec::new();
    for _ in 0..2 {
        let exchange = running();
        writer.save(&exchange).unwrap();
        writer.append_body(exchange.id, Side::Response, stream).unwrap();
        writer.set_words(exchange.id, Side::Response, store::Words::of("the answer is forty two")).unwrap();
        writer.save(&complete(&exchange)).unwrap();
        writer.commit().unwrap();
        ids.push(exchange.id);
    }
    for (text, expected) in
        [("answer", true), ("answer is forty", true), ("is answer", false), ("data", false)]
    {
        assert_eq!(found(&store, &ids, text), [expected; 2], "{text}");
    }
    let excerpts = &store.excerpts(&ids[..1], "answer is", 3).unwrap()[0];
    assert_eq!(
        (excerpts[0].side, &excerpts[0].text[excerpts[0].marks[0].clone()]),
        (Side::Response, "answer is")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn search_finds_what_looking_through_everything_finds(
        talks in proptest::collection::vec(
            proptest::collection::vec(proptest::collection::vec(0_usize..7, 1..90), 1..5), 1..4),
        asked in proptest::collection::vec(0_usize..7, 1..4),
    ) {
        const WORDS: [&str; 7] = ["red", "green", "blue", "缓存", "命中", "été", "x1"];
        let text = |words: &[usize]| words.iter().map(|word| WORDS[*word]).collect::<Vec<_>>().join(" ");
        let (store, mut writer) = memory();
        let (mut ids, mut expected) = (Vec::new(), Vec::new());
        let asked = text(&asked);
        for (number, talk) in talks.iter().enumerate() {
            let messages: Vec<String> = talk.iter().map(|words| text(words)).collect();
            for turn in 0..messages.len() {
                ids.push(record(&mut writer, &number.to_string(), &messages[..=turn]));
                let has = |message: &String| format!(" {message} ").contains(&format!(" {asked} "));
                expected.push(messages[..=turn].iter().any(has));
            }
        }
        prop_assert_eq!(found(&store, &ids, &asked), expected, "{}", asked);
    }
}
