//! The API played: which endpoint a request is for, who may call, what every answer carries.

mod batches;
mod blocks;
mod cache;
mod compose;
mod conversation;
mod error;
mod faults;
mod files;
mod json;
mod limits;
mod message;
mod messages;
mod models;
mod prose;
mod stream;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde_json::json;

use self::error::ApiError;
use crate::directive::{self, Faults, Turn};
use crate::reply::{Reply, Shape};
use crate::server::lock;
use crate::{Clock, Options, mix};

/// A request as an endpoint sees it.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: Bytes,
}

/// The API's state.
#[derive(Debug)]
pub(crate) struct Api {
    options: Options,
    addr: SocketAddr,
    ids: AtomicU64,
    /// How often each counted fault has happened.
    attempts: Mutex<HashMap<u64, u32>>,
    cache: Mutex<cache::PrefixCache>,
    limits: Mutex<limits::Limits>,
    files: Mutex<Vec<files::File>>,
    batches: Mutex<Vec<batches::Batch>>,
}

/// An endpoint's answer and the faults it is to be sent with.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) faults: Faults,
    pub(crate) first_byte: std::time::Duration,
}

impl Request<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

impl Answer {
    pub(crate) fn plain(reply: Reply) -> Self {
        Self { reply, faults: Faults::default(), first_byte: std::time::Duration::ZERO }
    }
}

impl Api {
    pub(crate) fn new(options: Options, addr: SocketAddr) -> Self {
        Self {
            options,
            addr,
            ids: AtomicU64::new(0),
            attempts: Mutex::default(),
            cache: Mutex::default(),
            limits: Mutex::default(),
            files: Mutex::default(),
            batches: Mutex::default(),
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.options.clock
    }

    pub(crate) fn reset(&self) {
        lock(&self.attempts).clear();
        lock(&self.cache).clear();
        lock(&self.files).clear();
        lock(&self.batches).clear();
        *lock(&self.limits) = limits::Limits::default();
    }

    /// Answers a request, whatever it is.
    pub(crate) fn answer(&self, request: &Request<'_>) -> (Reply, Shape) {
        let request_id = self.new_id("req");
        let answer = match self.route(request, &request_id) {
            Ok(answer) => answer,
            Err(error) => Answer::plain(error.reply(&request_id, None)),
        };
        let shape = faults::shape(&answer);
        (self.with_common_headers(answer.reply, &request_id), shape)
    }

    fn route(&self, request: &Request<'_>, request_id: &str) -> Result<Answer, ApiError> {
        let path = request.path();
        if !path.starts_with("/v1/") {
            return match (request.method, path) {
                ("HEAD" | "GET", "/") => Ok(Answer::plain(Reply::json(200, &json!({})))),
                ("HEAD" | "GET", "/api/hello") => {
                    Ok(Answer::plain(Reply::json(200, &json!({"message": "hello"}))))
                }
                _ => Err(ApiError::not_found("Not found")),
            };
        }
        if request.header("x-api-key").is_none() && request.header("authorization").is_none() {
            let message = "x-api-key header is required".to_owned();
            return Err(ApiError { message, ..ApiError::of_status(401) });
        }
        let asked =
            request.header("x-simulate").map(directive::parse).transpose().map_err(ApiError::invalid)?;
        if (request.method, path) == ("POST", "/v1/messages") {
            return self.messages(request, asked, request_id);
        }
        let faults = asked.and_then(|turns| turns.into_iter().next()).unwrap_or_else(Turn::default).faults;
        if let Some(failed) = self.failed(request, &faults, request.target, request_id) {
            return Ok(failed);
        }
        let reply = self.other_endpoint(request, path)?;
        Ok(Answer { reply, faults, first_byte: std::time::Duration::ZERO })
    }

    fn other_endpoint(&self, request: &Request<'_>, path: &str) -> Result<Reply, ApiError> {
        let query = request.target.split_once('?').map_or("", |(_, query)| query);
        // A path's rest, without the slash in front; `None` for another path.
        let under = |base: &str| {
            let rest = path.strip_prefix(base)?;
            if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
        };
        if (request.method, path) == ("POST", "/v1/messages/count_tokens") {
            return self.count_tokens(request);
        }
        if let Some(rest) = under("/v1/messages/batches") {
            return self.batches(request, rest);
        }
        if let Some(rest) = under("/v1/files") {
            return self.files(request, rest);
        }
        match (request.method, under("/v1/models")) {
            ("GET", Some("")) => Ok(models::list(query)),
            ("GET", Some(id)) => models::get(id),
            _ => Err(ApiError::not_found(format!("Not found: {} {path}", request.method))),
        }
    }

    fn with_common_headers(&self, reply: Reply, request_id: &str) -> Reply {
        let mut reply = reply;
        let limits =
            lock(&self.limits).headers(self.options.five_hour_tokens, reply.status == 429, self.clock());
        reply.headers.extend(limits);
        let organization = "5d1a7c2e-0f64-4b8e-9a5c-6f3f1c0e8b11";
        reply
            .header("date", self.clock().http_date())
            .header("request-id", request_id)
            .header("anthropic-organization-id", organization)
            .header("server", "cloudflare")
            .header("cf-cache-status", "DYNAMIC")
    }

    /// A new id such as `msg_01…`, the same in every run for the same seed and order of calls.
    pub(crate) fn new_id(&self, prefix: &str) -> String {
        const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
        let count = self.ids.fetch_add(1, Ordering::Relaxed);
        let mut state = mix(self.options.seed ^ mix(count.wrapping_add(1)));
        let mut id = format!("{prefix}_01");
        for _ in 0..22 {
            state = mix(state);
            let at = usize::try_from(state >> 33).unwrap_or_default() % ALPHABET.len();
            id.push(char::from(ALPHABET[at]));
        }
        id
    }
}
