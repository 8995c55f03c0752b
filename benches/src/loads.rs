//! The loads, and the requests that they are made of. All requests of a run are made before its clock starts.

use crate::answer::{self, Answer};
use crate::words::Words;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// What is asked for how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) kind: Kind,
    /// Connections, each with one request at a time.
    pub(crate) connections: usize,
    /// Requests of one connection in one round.
    pub(crate) each: usize,
    pub(crate) rounds: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// 2 KB in, 2 KB out, 32 connections
    Small,
    /// 200 KB in, a stream of 300 deltas out, 16 connections
    Turns,
    /// 100 KB in, 100 deltas 10 ms apart out, 200 connections
    Paced,
    /// 5 MB in, 2 MB out, 4 connections
    Large,
    /// 20 sessions of 50 turns, 60 KB and 4 KB more each turn
    Sessions,
    /// Small ones, one after the other over one connection
    One,
    /// Small ones, as fast as they can be sent, more than the recorder writes
    Overload,
}

impl Load {
    /// The load of this kind; a quick one has fewer requests and rounds, and figures that scatter more.
    pub(crate) fn new(kind: Kind, quick: bool) -> Load {
        let (connections, each, rounds) = match (kind, quick) {
            (Kind::Small, false) => (32, 300, 7),
            (Kind::Small, true) => (32, 60, 3),
            (Kind::Turns, false) => (16, 40, 5),
            (Kind::Turns, true) => (16, 10, 3),
            (Kind::Paced, false) => (200, 3, 3),
            (Kind::Paced, true) => (200, 1, 1),
            (Kind::Large, false) => (4, 20, 5),
            (Kind::Large, true) => (4, 5, 3),
            (Kind::Sessions, false) => (20, 50, 3),
            (Kind::Sessions, true) => (20, 50, 1),
            (Kind::One, false) => (1, 3000, 7),
            (Kind::One, true) => (1, 500, 3),
            (Kind::Overload, false) => (32, 1500, 5),
            (Kind::Overload, true) => (32, 300, 3),
        };
        Load { kind, connections, each, rounds }
    }

    /// Requests of one round.
    pub(crate) fn requests(self) -> usize {
        self.connections * self.each
    }

    /// Whether the client waits while the recorder's queue fills, so that nothing is lost.
    pub(crate) fn is_lossless(self) -> bool {
        self.kind != Kind::Overload
    }

    /// The requests of one connection in one round. No two rounds say the same.
    pub(crate) fn make(self, round: usize, connection: usize) -> Vec<Request> {
        let seeds = [self.kind as u64, round as u64, connection as u64];
        match self.kind {
            Kind::Small | Kind::One | Kind::Overload => small(self.each, seeds),
            Kind::Turns => talk(self.each, seeds, &Talk { length: 200_000, deltas: 300, pace: 0 }),
            Kind::Paced => talk(self.each, seeds, &Talk { length: 100_000, deltas: 100, pace: 10 }),
            Kind::Large => large(self.each, seeds),
            Kind::Sessions => session(self.each, seeds),
        }
    }
}

/// One request, ready to be sent: head, the first bytes of what it shares with others, the rest.
pub(crate) struct Request {
    pub(crate) head: Vec<u8>,
    pub(crate) shared: Arc<String>,
    pub(crate) shared_length: usize,
    pub(crate) rest: Vec<u8>,
}

impl Request {
    fn new(answer: Answer, session: u64, shared: &Arc<String>, rest: String) -> Request {
        let shared_length = shared.len();
        Request::part(answer, session, (shared, shared_length), rest)
    }

    fn part(
        answer: Answer,
        session: u64,
        (shared, shared_length): (&Arc<String>, usize),
        rest: String,
    ) -> Request {
        let head = format!(
            "POST /v1/messages?beta=true HTTP/1.1\r\nHost: bench.invalid\r\nAccept: application/json\r\n\
             X-Stainless-Lang: js\r\nX-Stainless-Runtime: node\r\nanthropic-version: 2023-06-01\r\n\
             anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14\r\nx-api-key: sk-ant-bench\r\n\
             User-Agent: claude-cli/2.1.0 (external, cli)\r\nx-app: cli\r\n\
             X-Claude-Code-Session-Id: 00000000-0000-4000-8000-{session:012x}\r\n\
             Content-Type: application/json\r\n{}: {}\r\nContent-Length: {}\r\n\r\n",
            answer::HEADER,
            answer.name(),
            shared_length + rest.len(),
        );
        Request {
            head: head.into_bytes(),
            shared: Arc::clone(shared),
            shared_length,
            rest: rest.into_bytes(),
        }
    }

    /// Bytes of its body.
    pub(crate) fn body(&self) -> usize {
        self.shared_length + self.rest.len()
    }
}

fn session_number(seeds: [u64; 3]) -> u64 {
    seeds[0] << 32 | seeds[1] << 16 | seeds[2]
}

/// A body's beginning, up to its first message.
fn opening(stream: bool) -> String {
    format!(r#"{{"model":"claude-opus-4-5","max_tokens":32000,"stream":{stream},"messages":["#)
}

fn say(text: &mut String, role: &str, words: &mut Words, length: usize) {
    // A `String` takes everything.
    let _ = write!(text, r#"{{"role":"{role}","content":""#);
    words.prose(text, length);
    text.push_str("\"}");
}

fn small(count: usize, seeds: [u64; 3]) -> Vec<Request> {
    let mut words = Words::new(&seeds);
    let nothing = Arc::default();
    let requests = (0..count).map(|_| {
        let mut body = opening(false);
        say(&mut body, "user", &mut words, 1_900);
        body.push_str("]}");
        Request::new(Answer::Message { bytes: 2_048 }, session_number(seeds), &nothing, body)
    });
    requests.collect()
}

#[derive(Clone, Copy)]
struct Talk {
    /// Bytes that all the requests share.
    length: usize,
    deltas: usize,
    /// Milliseconds between deltas.
    pace: u64,
}

/// Requests that share a long conversation and end in a question of their own.
fn talk(count: usize, seeds: [u64; 3], talk: &Talk) -> Vec<Request> {
    let mut words = Words::new(&seeds);
    let mut shared = opening(true);
    let mut role = "user";
    while shared.len() < talk.length - 4_000 {
        say(&mut shared, role, &mut words, 4_000);
        shared.push(',');
        role = if role == "user" { "assistant" } else { "user" };
    }
    let shared = Arc::new(shared);
    let requests = (0..count).map(|place| {
        let mut rest = String::new();
        say(&mut rest, "user", &mut words, 2_000);
        rest.push_str("]}");
        let seeds = [session_number(seeds), place as u64];
        let pace = Duration::from_millis(talk.pace);
        let answer = Answer::Stream { deltas: talk.deltas, pace, seeds };
        Request::new(answer, seeds[0], &shared, rest)
    });
    requests.collect()
}

/// Questions about a document that is sent along each time.
fn large(count: usize, seeds: [u64; 3]) -> Vec<Request> {
    let mut words = Words::new(&seeds);
    let mut shared = opening(false);
    shared.push_str(
        r#"{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":""#,
    );
    words.document(&mut shared, 5_000_000);
    shared.push_str("\"}},{\"type\":\"text\",\"text\":\"");
    let shared = Arc::new(shared);
    let requests = (0..count).map(|_| {
        let mut rest = String::new();
        words.prose(&mut rest, 200);
        rest.push_str("\"}]}]}");
        Request::new(Answer::Message { bytes: 2_000_000 }, session_number(seeds), &shared, rest)
    });
    requests.collect()
}

/// Deltas of an answer within a session: about 2 KB of words.
const ANSWER_DELTAS: usize = 50;

/// A session of an agent: each turn sends all that was said before, what was answered too.
fn session(turns: usize, seeds: [u64; 3]) -> Vec<Request> {
    let number = session_number(seeds);
    let mut words = Words::new(&seeds);
    let mut said = opening(true);
    say(&mut said, "user", &mut words, 58_000);
    let mut lengths = Vec::with_capacity(turns);
    for turn in 0..turns {
        lengths.push(said.len());
        said.push_str(r#",{"role":"assistant","content":""#);
        for place in 0..ANSWER_DELTAS {
            answer::delta_text(&mut said, [number, turn as u64], place);
        }
        said.push_str("\"},");
        say(&mut said, "user", &mut words, 2_000);
    }
    let said = Arc::new(said);
    let requests = lengths.into_iter().enumerate().map(|(turn, length)| {
        let seeds = [number, turn as u64];
        let answer = Answer::Stream { deltas: ANSWER_DELTAS, pace: Duration::ZERO, seeds };
        Request::part(answer, number, (&said, length), "]}".to_owned())
    });
    requests.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn every_request_is_json_of_the_length_that_its_head_says() {
        for kind in Kind::value_variants() {
            let load = Load { each: 2, ..Load::new(*kind, true) };
            let mut bodies = Vec::new();
            for round in 0..2 {
                for request in load.make(round, 1) {
                    let mut body = request.shared.as_bytes()[..request.shared_length].to_vec();
                    body.extend(&request.rest);
                    serde_json::from_slice::<serde_json::Value>(&body).unwrap();
                    let head = String::from_utf8(request.head).unwrap();
                    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
                    bodies.push(body);
                }
            }
            bodies.sort();
            bodies.dedup();
            assert_eq!(bodies.len(), 4, "{kind:?}: each is another");
        }
    }
}
