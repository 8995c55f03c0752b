//! What could be done, each with what was seen that says so. A rule says nothing where nothing was seen.

use super::sums::Sums;
use super::types::{Advice, Cache, Cause, Context};
use protocol::pricing::Money;

/// What the figures suggest: first what money says, the dearest first, then the rest.
pub(super) fn give(sums: &Sums, cache: &Cache, context: &Context) -> Vec<Advice> {
    let mut advice: Vec<Advice> = cache.causes.iter().filter_map(of_cache).collect();
    advice.extend(of_unused(context));
    let plain = |kind, count, what: &str, evidence: String, examples: &[String]| Advice {
        kind,
        count,
        tokens: None,
        names: Vec::new(),
        what: what.to_owned(),
        evidence,
        examples: examples.to_vec(),
        cost: None,
    };
    if sums.throttled.count > 0 {
        advice.push(plain(
            "throttled",
            sums.throttled.count,
            "Spread the work: fewer agents at once, or another time of day",
            format!("{} answers said 429 or 529; the client waits and asks again", sums.throttled.count),
            &sums.throttled.ids,
        ));
    }
    if sums.stalled > 0 {
        advice.push(plain(
            "stalled",
            sums.stalled,
            "Look at the answers that fell silent: the client warns after 20 s and gives up after 5 min",
            format!("{} answers had a silence of 20 s or longer", sums.stalled),
            &sums.stalls.ids(),
        ));
    }
    if sums.cut_short.count > 0 {
        advice.push(plain(
            "cut_short",
            sums.cut_short.count,
            "Raise max_tokens, or ask for shorter answers",
            format!("{} answers ended because they had reached max_tokens", sums.cut_short.count),
            &sums.cut_short.ids,
        ));
    }
    if sums.retries.count > 0 {
        advice.push(plain(
            "retries",
            sums.retries.count,
            "See why calls had to be asked again: each sends its whole context once more",
            format!("{} calls repeat one that had failed", sums.retries.count),
            &sums.retries.ids,
        ));
    }
    advice
}

/// What to do about a cause of misses, if anything was lost by it.
fn of_cache(cause: &Cause) -> Option<Advice> {
    let what = match cause.cause {
        "model_changed" => {
            "Stay with one model within a session: each change pays for the whole context again"
        }
        "effort_changed" => {
            "Choose effort and speed before a session: a change pays for the whole context again"
        }
        "tools_changed" => {
            "Connect MCP servers before a session begins: a changed list of tools misses the whole cache"
        }
        "system_changed" => {
            "Find what changes in the system prompt (a date, a status line, a path) and take it out"
        }
        "messages_changed" => {
            "Find what rewrites earlier messages (compaction, edited context, a hook): all after it is paid for again"
        }
        "ttl_expired" => {
            "Ask again within the cache's lifetime, or let the client write for one hour: pauses were longer than it lived"
        }
        "lookback_exceeded" => "Let fewer blocks come between two calls: the cache looks back over 20 only",
        "concurrent_write" => {
            "Start parallel agents after the first answer has begun: until then there is nothing to read"
        }
        _ => return None,
    };
    let lost = cause.lost_tokens > 0;
    lost.then(|| Advice {
        kind: cause.cause,
        count: cause.count,
        tokens: Some(cause.lost_tokens),
        names: Vec::new(),
        what: what.to_owned(),
        evidence: format!(
            "{} calls missed the cache for this cause ({}); {} tokens were paid for again",
            cause.count, cause.cause, cause.lost_tokens
        ),
        examples: cause.examples.clone(),
        cost: (cause.lost_cost != Money::ZERO.to_string()).then(|| cause.lost_cost.clone()),
    })
}

/// Tools that are sent with every call and that nothing called.
fn of_unused(context: &Context) -> Option<Advice> {
    let names: Vec<&str> = context.unused.iter().take(6).map(|tool| tool.name.as_str()).collect();
    let tokens: u64 = context.unused.iter().map(|tool| tool.tokens).sum();
    (!names.is_empty() && tokens > 0).then(|| Advice {
        kind: "unused_tools",
        count: context.unused.len() as u64,
        tokens: Some(tokens),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        what: "Leave out tools that nothing calls: disconnect MCP servers, or let the client search for tools (ENABLE_TOOL_SEARCH)"
            .to_owned(),
        evidence: format!(
            "In {} requests {} tools were defined and never called, such as {}; their definitions took some {tokens} tokens",
            context.read,
            context.unused.len(),
            names.join(", ")
        ),
        examples: Vec::new(),
        cost: (context.unused_cost != Money::ZERO.to_string()).then(|| context.unused_cost.clone()),
    })
}
