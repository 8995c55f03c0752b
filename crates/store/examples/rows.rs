//! How long questions take over many exchanges: `cargo run --release -p store --example rows [ROWS] [FOLDER]`.
//!
//! Makes ROWS (100,000) exchanges with short bodies in a folder of its own, which it leaves if it was named.

use jiff::tz::TimeZone;
use std::error::Error;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use store::{
    Capture, Every, Exchange, Filter, Frame, Location, Outcome, Page, Series, SeriesError, SeriesQuery, Side,
    Split, Status, Store, Usage, Writer,
};
use uuid::Uuid;

const MODELS: [&str; 3] = ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let rows: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let named = arguments.next().map(PathBuf::from);
    let scratch = tempfile::tempdir()?;
    let folder = named.unwrap_or_else(|| scratch.path().to_owned());
    let (store, mut writer) = Store::open(&Location::Folder(folder.clone()))?;

    let begun = Instant::now();
    fill(&mut writer, rows)?;
    let took = begun.elapsed();
    println!("{rows} exchanges written in {took:.1?}: {:.0} a second", rows as f64 / took.as_secs_f64());
    println!("on disk: {:.1} MB", store.disk()?.bytes as f64 / 1e6);

    let all = Filter::default();
    let failed = Filter::status(Status::Error);
    let model = Filter::model(MODELS[1]);
    let rare = Filter::model("no such model");
    let page = |number| Page::numbered(number, 50);
    measure("list, first page", || store.list(&all, &page(1)))?;
    measure("list, last page", || store.list(&all, &page(rows / 50)))?;
    measure("list, failed", || store.list(&failed, &page(1)))?;
    measure("list, one model", || store.list(&model, &page(1)))?;
    measure("list, a model nobody used", || store.list(&rare, &page(1)))?;
    measure("stats, all", || store.stats(&all))?;
    measure("stats, one model", || store.stats(&model))?;
    let by_day = SeriesQuery { every: Every::Day, zone: TimeZone::UTC, by: Some(Split::Model), top: 10 };
    let by_hour = SeriesQuery { every: Every::Hour, by: Some(Split::Tool), ..by_day.clone() };
    let by_block = SeriesQuery { every: Every::Block, by: None, ..by_day.clone() };
    measure("usage, days by model", || series(&store, &all, &by_day))?;
    measure("usage, hours by tool", || series(&store, &all, &by_hour))?;
    measure("usage, blocks", || series(&store, &all, &by_block))?;
    measure("models", || store.models())?;
    let some = store.list(&all, &page(rows / 100))?.rows;
    let id = some.first().map_or(Uuid::nil(), |exchange| exchange.id);
    measure("get", || store.get(id))?;
    measure("body", || store.body(id, Side::Request))?;

    let begun = Instant::now();
    let mut seen = 0_u64;
    store.each(&all, &mut |exchange| {
        black_box(exchange);
        seen += 1;
        ControlFlow::Continue(())
    })?;
    println!("{:28} {seen} in {:.2?}", "each, with headers", begun.elapsed());

    drop((store, writer));
    let begun = Instant::now();
    let (store, mut writer) = Store::open(&Location::Folder(folder.clone()))?;
    println!("{:28} {:.2?}", "open again", begun.elapsed());
    if folder == scratch.path() {
        let begun = Instant::now();
        writer.clear()?;
        println!("{:28} {:.2?}, {} bytes left", "clear", begun.elapsed(), store.disk()?.bytes);
    }
    Ok(())
}

fn series(store: &Store, filter: &Filter, query: &SeriesQuery) -> Result<Series, store::Error> {
    match store.series(filter, query) {
        Ok(series) => Ok(series),
        Err(SeriesError::Store(error)) => Err(error),
        Err(SeriesError::TooLong) => unreachable!("the rows are of two days"),
    }
}

fn fill(writer: &mut Writer, rows: u64) -> Result<(), store::Error> {
    for number in 0..rows {
        let headers: Vec<(String, String)> =
            (0..18).map(|n| (format!("X-Stainless-Header-{n}"), format!("some value {n}"))).collect();
        let mut exchange = Exchange {
            id: Uuid::now_v7(),
            started_us: 1_790_000_000_000_000 + number.cast_signed() * 1_000_000,
            method: "POST".to_owned(),
            url: "/v1/messages?beta=true".to_owned(),
            upstream: "https://api.anthropic.com".to_owned(),
            http_version: "HTTP/1.1".to_owned(),
            request_headers: headers.clone(),
            response_headers: headers,
            model: Some(MODELS[number as usize % 3].to_owned()),
            ..Exchange::default()
        };
        writer.save(&exchange)?;
        let body = format!("{{\"model\":\"{number}\",\"messages\":[]}}").repeat(8);
        writer.append_body(exchange.id, Side::Request, body.as_bytes())?;
        writer.finish_body(exchange.id, Side::Request)?;
        writer.append_body(exchange.id, Side::Response, body.as_bytes())?;
        writer.append_frames(exchange.id, &[Frame { len: body.len() as u32, at_us: 900 }])?;
        exchange.status = Some(200);
        exchange.outcome = Some(if number % 10 == 0 { Outcome::UpstreamError } else { Outcome::Complete });
        exchange.capture = Capture { complete: true, reason: None };
        exchange.timing.end_us = Some(number * 7_919 % 60_000_000);
        exchange.usage =
            Usage { input: Some(number % 5_000), output: Some(number % 900), ..Usage::default() };
        exchange.timing.first_token_us = Some(number * 7_919 % 3_000_000);
        exchange.timing.longest_gap_us = Some(number * 104_729 % 25_000_000);
        exchange.cost_pico = Some(number.cast_signed() * 1_000);
        exchange.tools = vec!["Bash".to_owned()];
        exchange.request_bytes = body.len() as u64;
        exchange.response_bytes = body.len() as u64;
        writer.save(&exchange)?;
        if number % 20 == 0 {
            writer.commit()?;
        }
    }
    writer.idle()
}

/// Prints the median and the 95th percentile of 21 runs.
fn measure<T>(name: &str, mut run: impl FnMut() -> Result<T, store::Error>) -> Result<(), store::Error> {
    let mut times = Vec::new();
    for _ in 0..21 {
        let begun = Instant::now();
        black_box(run()?);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let [median, high]: [Duration; 2] = [times[10], times[19]];
    println!("{name:28} median {median:>9.2?}   p95 {high:>9.2?}");
    Ok(())
}
