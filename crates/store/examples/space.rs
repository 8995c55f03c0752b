//! How much disk recorded sessions take: `cargo run --release -p store --example space [SESSIONS] [TURNS]`.
//!
//! Each of 20 sessions has 50 turns. A turn sends the whole conversation again: 60 KB at first, 4 KB more each time, of text made of
//! random words; the cache marker wanders, the message it leaves becomes a plain string, the billing block differs in each request.
//! The sessions run side by side. Everything is counted: rows, headers, frame times, answers, the log.

use std::error::Error;
use std::time::{Duration, Instant};
use store::{Capture, Exchange, Frame, Location, Outcome, Session, Side, Source, Store, Timing, Usage};
use uuid::Uuid;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let sessions = arguments.next().transpose()?.unwrap_or(20);
    let turns = arguments.next().transpose()?.unwrap_or(50);
    let folder = tempfile::tempdir()?;
    let (store, mut writer) = Store::open(&Location::Folder(folder.path().to_owned()))?;
    let mut talks: Vec<Talk> = (0..sessions).map(|number| Talk::new(number as u64)).collect();
    let (mut moved, mut plain, mut bodies) = (0_u64, 0_u64, Vec::new());
    let mut spent = Duration::ZERO;
    let mut grown = Vec::new();
    let mut before = 0;
    for turn in 0..turns {
        for talk in &mut talks {
            let (request, answer, text) = talk.turn(turn);
            moved += (request.len() + answer.len()) as u64;
            if turn % 10 == 5 {
                plain += zstd::bulk::compress(&request, 3)?.len() as u64;
                bodies.push(request.len() as u64);
            }
            let begun = Instant::now();
            talk.record(&mut writer, &request, &answer, &text)?;
            spent += begun.elapsed();
        }
        writer.idle()?;
        let bytes = store.disk()?.bytes;
        grown.push((bytes - before) / sessions as u64);
        before = bytes;
    }
    let on_disk = store.disk()?.bytes;
    let index = store.index_bytes()?;
    let share = |bytes: u64| bytes as f64 / moved as f64;
    println!("{sessions} sessions x {turns} turns: {:.1} MB moved", moved as f64 / 1e6);
    println!("each body under zstd -3       {:.4}", plain as f64 / bodies.iter().sum::<u64>() as f64);
    println!("without the search index      {:.4}  (at most 0.030, aim 0.015)", share(on_disk - index));
    println!("with it                       {:.4}  (at most 0.050, aim 0.030)", share(on_disk));
    println!("recording                     {:.0} MB/s", moved as f64 / 1e6 / spent.as_secs_f64());
    let tenth = (turns / 10).max(1);
    let mean = |part: &[u64]| part.iter().sum::<u64>() / part.len().max(1) as u64;
    let growth: Vec<String> = grown.chunks(tenth).map(|part| mean(part).to_string()).collect();
    println!("bytes a turn, by tenths       {}", growth.join(" "));
    for (table, bytes) in store.tables()? {
        println!("  {table:24} {:>9}  {:.4}", bytes, share(bytes));
    }
    let begun = Instant::now();
    let mut restored = 0;
    for talk in &talks {
        for id in &talk.ids {
            restored += store.body(*id, Side::Request)?.map_or(0, |body| body.bytes.len());
        }
    }
    println!(
        "restoring                     {:.0} MB/s",
        restored as f64 / 1e6 / begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Words that look like a language's.
struct Words(u64);

impl Words {
    fn number(&mut self, below: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    fn text(&mut self, length: usize) -> String {
        const SYLLABLES: [&str; 32] = [
            "an", "be", "ca", "do", "er", "fi", "go", "ha", "in", "jo", "ku", "la", "me", "no", "or", "pa",
            "qui", "re", "so", "ta", "un", "ve", "wa", "xi", "yo", "za", "tion", "ing", "ment", "ster", "ly",
            "est",
        ];
        let mut text = String::with_capacity(length + 16);
        while text.len() < length {
            // 3,000 words, the first ones often.
            let word = self.number(3_000).min(self.number(3_000));
            for part in 0..2 + word % 2 {
                text.push_str(SYLLABLES[((word * 7 + part * 13 + word / 32) % 32) as usize]);
            }
            text.push(if self.number(12) == 0 { '\n' } else { ' ' });
        }
        text
    }
}

struct Talk {
    words: Words,
    session: String,
    tools: String,
    system: String,
    /// Each message's role and text.
    messages: Vec<(&'static str, String)>,
    ids: Vec<Uuid>,
}

impl Talk {
    fn new(number: u64) -> Talk {
        let mut words = Words(number * 1_000_003 + 17);
        let session = format!("{:08x}-0000-4000-8000-{:012x}", words.number(1 << 32), words.number(1 << 48));
        // No two sessions have anything in common: tools that all share would only flatter.
        let tool = |words: &mut Words| {
            let (about, name) = (words.text(900), words.number(1 << 20));
            let schema = r#"{"type":"object","properties":{"path":{"type":"string","description":"where"}},"required":["path"]}"#;
            format!(r#"{{"name":"tool_{name}","description":{},"input_schema":{schema}}}"#, quoted(&about))
        };
        let tools = (0..20).map(|_| tool(&mut words)).collect::<Vec<_>>().join(",");
        let system = words.text(18_000);
        let messages = vec![("user", words.text(20_000))];
        Talk { words, session, tools, system, messages, ids: Vec::new() }
    }

    /// The request's body, the answer's, and the answer's text.
    fn turn(&mut self, turn: usize) -> (Vec<u8>, Vec<u8>, String) {
        if turn > 0 {
            let (said, result) = (self.words.text(1_000), self.words.text(3_000));
            self.messages.extend([("assistant", said), ("user", result)]);
        }
        let last = self.messages.len() - 1;
        let messages = self.messages.iter().enumerate().map(|(at, (role, text))| match at == last {
            true => format!(
                r#"{{"role":"{role}","content":[{{"type":"text","text":{},"cache_control":{{"type":"ephemeral"}}}}]}}"#,
                quoted(text)
            ),
            false => format!(r#"{{"role":"{role}","content":{}}}"#, quoted(text)),
        });
        let request = format!(
            r#"{{"model":"claude-opus-5-5","messages":[{}],"system":[{{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.330.{:03x}; cc_entrypoint=sdk-cli;"}},{{"type":"text","text":{},"cache_control":{{"type":"ephemeral"}}}}],"tools":[{}],"metadata":{{"user_id":"{{\"session_id\":\"{}\"}}"}},"max_tokens":64000,"stream":true}}"#,
            messages.collect::<Vec<_>>().join(","),
            self.words.number(4096),
            quoted(&self.system),
            self.tools,
            self.session
        );
        let text = self.words.text(600);
        let mut answer = String::new();
        for part in text.as_bytes().chunks(12) {
            let part = quoted(&String::from_utf8_lossy(part));
            answer.push_str("event: content_block_delta\n");
            answer.push_str(&format!(
                r#"data: {{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":{part}}}}}"#
            ));
            answer.push_str("\n\n");
        }
        (request.into_bytes(), answer.into_bytes(), text)
    }

    fn record(
        &mut self,
        writer: &mut store::Writer,
        request: &[u8],
        answer: &[u8],
        text: &str,
    ) -> Result<(), store::Error> {
        let id = Uuid::now_v7();
        self.ids.push(id);
        let random = self.words.number(u64::MAX);
        let mut exchange = Exchange {
            id,
            started_us: 1_790_000_000_000_000 + self.words.number(1 << 40).cast_signed(),
            method: "POST".to_owned(),
            url: "/v1/messages?beta=true".to_owned(),
            upstream: "https://api.anthropic.com".to_owned(),
            client: Some(format!("127.0.0.1:{}", 40_000 + self.words.number(20_000))),
            http_version: "HTTP/1.1".to_owned(),
            request_headers: request_headers(&self.session, request.len()),
            session: Some(Session { id: self.session.clone(), source: Source::Header }),
            model: Some("claude-opus-5-5".to_owned()),
            stream: true,
            ..Exchange::default()
        };
        writer.save(&exchange)?;
        writer.append_body(id, Side::Request, request)?;
        writer.finish_body(id, Side::Request)?;
        writer.commit()?;
        let mut at_us = 700_000 + self.words.number(900_000);
        for part in answer.chunks(answer.len().div_ceil(50)) {
            at_us += 8_000 + self.words.number(20_000);
            writer.append_body(id, Side::Response, part)?;
            writer.append_frames(id, &[Frame { len: part.len() as u32, at_us }])?;
        }
        writer.set_words(id, Side::Response, store::Words::of(text))?;
        exchange.status = Some(200);
        exchange.reason = Some("OK".to_owned());
        exchange.response_version = Some("HTTP/1.1".to_owned());
        exchange.response_headers = response_headers(random);
        exchange.timing = Timing {
            connect_us: Some(self.words.number(900)),
            connection_reused: Some(true),
            request_end_us: Some(self.words.number(3_000)),
            first_byte_us: Some(690_000 + self.words.number(9_000)),
            first_token_us: Some(700_000 + self.words.number(9_000)),
            end_us: Some(at_us),
            longest_gap_us: Some(30_000 + self.words.number(60_000)),
            longest_gap_at_us: Some(self.words.number(9_000_000)),
        };
        exchange.request_bytes = request.len() as u64;
        exchange.response_bytes = answer.len() as u64;
        exchange.outcome = Some(Outcome::Complete);
        exchange.capture = Capture { complete: true, reason: None };
        exchange.request_id = Some(format!("req_{random:024x}"));
        exchange.message_id = Some(format!("msg_{:024x}", random ^ 0x5555));
        exchange.usage = Usage {
            input: Some(self.words.number(50)),
            output: Some(self.words.number(400)),
            cache_read: Some(self.words.number(90_000)),
            cache_creation: Some(self.words.number(2_000)),
            ..Usage::default()
        };
        writer.save(&exchange)?;
        writer.commit()
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn request_headers(session: &str, length: usize) -> store::Headers {
    let headers = format!(
        "Accept: application/json\nContent-Type: application/json\nUser-Agent: claude-cli/2.1.330 (external, sdk-cli)\n\
         X-Claude-Code-Session-Id: {session}\nX-Stainless-Arch: x64\nX-Stainless-Lang: js\nX-Stainless-OS: Linux\n\
         X-Stainless-Package-Version: 0.94.0\nX-Stainless-Retry-Count: 0\nX-Stainless-Runtime: node\n\
         X-Stainless-Runtime-Version: v26.3.0\nX-Stainless-Timeout: 600\nanthropic-beta: claude-code-20250219,\
         context-1m-2025-08-07,interleaved-thinking-2025-05-14,context-management-2025-06-27\n\
         anthropic-version: 2023-06-01\nx-api-key: sk-ant-api...wxyz\nx-app: cli\nConnection: keep-alive\n\
         Host: 127.0.0.1:8082\nAccept-Encoding: gzip, deflate, br, zstd\nContent-Length: {length}"
    );
    split(&headers)
}

fn response_headers(random: u64) -> store::Headers {
    let headers = format!(
        "Date: Mon, 23 Nov 2026 08:{:02}:{:02} GMT\nContent-Type: text/event-stream; charset=utf-8\n\
         Transfer-Encoding: chunked\nConnection: keep-alive\nCache-Control: no-cache\nrequest-id: req_{random:024x}\n\
         anthropic-organization-id: 11111111-2222-4333-8444-555555555555\n\
         anthropic-ratelimit-unified-status: allowed\nanthropic-ratelimit-unified-5h-utilization: 0.{:04}\n\
         anthropic-ratelimit-unified-reset: 1795433{:03}\nServer: cloudflare\nCF-RAY: {:016x}-FRA",
        random % 60,
        random / 60 % 60,
        random % 9_999,
        random % 999,
        random.rotate_left(17)
    );
    split(&headers)
}

fn split(headers: &str) -> store::Headers {
    let lines = headers.lines().filter_map(|line| line.split_once(": "));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
