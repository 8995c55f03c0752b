//! `/_simulator/…`: the simulator steered over HTTP, for clients that are not Rust. Never part of the API it plays.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, lock};
use crate::reply::Reply;
use crate::script::ScriptJson;

#[derive(Deserialize)]
struct Advance {
    advance_seconds: u64,
}

/// Answers a control request.
pub(super) fn answer(shared: &Shared, method: &str, path: &str, body: &[u8]) -> Reply {
    match (method, path) {
        ("POST", "/_simulator/script") => match serde_json::from_slice(body)
            .map_err(|error| error.to_string())
            .and_then(ScriptJson::into_script)
        {
            Ok(script) => {
                shared.queue(script);
                done()
            }
            Err(problem) => wrong(&problem),
        },
        ("GET", "/_simulator/received") => {
            let received: Vec<Value> =
                lock(&shared.received).all().iter().map(crate::Received::to_json).collect();
            Reply::json(200, &Value::Array(received))
        }
        ("POST", "/_simulator/clock") => match serde_json::from_slice::<Advance>(body) {
            Ok(step) => {
                shared.api.clock().advance(Duration::from_secs(step.advance_seconds));
                done()
            }
            Err(error) => wrong(&error.to_string()),
        },
        ("POST", "/_simulator/reset") => {
            shared.reset();
            done()
        }
        _ => Reply::json(
            404,
            &json!({"error": format!("no such control: {method} {path}; see the simulator's README")}),
        ),
    }
}

fn done() -> Reply {
    Reply::json(200, &json!({"ok": true}))
}

fn wrong(problem: &str) -> Reply {
    Reply::json(400, &json!({"error": problem}))
}
