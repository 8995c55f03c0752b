//! Which call came before which: the newest calls of each session, in bounded memory.
//!
//! What is said of a call depends only on calls that began before it, and on what had happened by its own end, so that reading a
//! record anew gives what recording gave.

use super::cache::{self, Call, Counts, Prompt, Stated, Verdict};
use protocol::outline::Outline;
use std::collections::{HashMap, VecDeque};
use store::{Exchange, Link, Outcome, Source};
use uuid::Uuid;

/// Calls of one thread that are remembered, however many the others of its session make meanwhile.
const CALLS: usize = 32;

/// Calls of a whole session that are remembered.
const SESSION_CALLS: usize = 512;

/// Parts of prompts that are remembered in all: some 32 bytes each.
const PARTS: usize = 2_000_000;

/// How long after a failure the same call counts as tried again, microseconds.
const RETRY_US: i64 = 15 * 60 * 1_000_000;

/// Kinds of calls that belong to one conversation.
const CONVERSATION: [&str; 4] = ["main", "subagent", "compaction", "workflow"];

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    sessions: HashMap<String, Session>,
    parts: usize,
    uses: u64,
}

#[derive(Debug, Default)]
struct Session {
    calls: VecDeque<Call>,
    used: u64,
}

/// What a call follows from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Linked {
    pub(crate) previous: Option<Link>,
    pub(crate) retry_of: Option<Uuid>,
}

impl Threads {
    /// Whether calls of the exchange's session are remembered.
    pub(crate) fn knows(&self, exchange: &Exchange) -> bool {
        self.sessions.contains_key(&key(exchange))
    }

    /// Takes a call whose request has come; says what it follows from.
    pub(crate) fn asked(&mut self, exchange: &Exchange, outline: &Outline) -> Linked {
        let call = Call {
            id: exchange.id,
            started_us: exchange.started_us,
            in_session: exchange.session.is_some(),
            agent: exchange.agent.as_ref().and_then(|agent| agent.id.clone()),
            class: exchange.request_class.as_ref().map(|class| class.value.clone()),
            client_request_id: client_request_id(exchange),
            prompt: Prompt::of(outline),
            ..Call::default()
        };
        self.uses += 1;
        let session = self.sessions.entry(key(exchange)).or_default();
        session.used = self.uses;
        // Read anew: what was known of it is replaced.
        if let Some(at) = session.calls.iter().position(|known| known.id == call.id)
            && let Some(known) = session.calls.remove(at)
        {
            self.parts -= known.prompt.parts.len();
        }
        let linked = link(&call, &session.calls);
        self.parts += call.prompt.parts.len();
        let one_too_many = session.one_too_many(&call);
        session.calls.push_back(call);
        if let Some(at) = one_too_many
            && let Some(oldest) = session.calls.remove(at)
        {
            self.parts -= oldest.prompt.parts.len();
        }
        self.forget();
        linked
    }

    /// Takes what came of a call; says whether it read from the cache what it could have.
    pub(crate) fn answered(&mut self, exchange: &Exchange, stated: Option<Stated>) -> Option<Verdict> {
        let session = self.sessions.get_mut(&key(exchange))?;
        let at = session.calls.iter().position(|call| call.id == exchange.id)?;
        let call = session.calls.get_mut(at)?;
        let absolute = |us: Option<u64>| Some(exchange.started_us.saturating_add(i64::try_from(us?).ok()?));
        call.answered_us = absolute(exchange.timing.first_byte_us);
        call.ended_us = absolute(exchange.timing.end_us);
        call.failed = exchange.outcome.is_some_and(|outcome| outcome != Outcome::Complete);
        call.message_id.clone_from(&exchange.message_id);
        call.counts = counts(exchange);
        let call = session.calls.get(at)?;
        let previous =
            exchange.previous.and_then(|link| session.calls.iter().find(|known| known.id == link.id));
        let others = session.calls.iter().filter(|other| other.started_us < call.started_us);
        cache::judge(call, stated, previous, others)
    }

    fn forget(&mut self) {
        while self.parts > PARTS && self.sessions.len() > 1 {
            let oldest = self.sessions.iter().min_by_key(|(_, session)| session.used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { return };
            if let Some(session) = self.sessions.remove(&oldest) {
                self.parts -= session.calls.iter().map(|call| call.prompt.parts.len()).sum::<usize>();
            }
        }
    }
}

impl Session {
    /// What must go when the call comes: the oldest of its thread, or of all.
    fn one_too_many(&self, call: &Call) -> Option<usize> {
        let mut of_thread =
            self.calls.iter().enumerate().filter(|(_, known)| is_one_thread(call, known)).map(|(at, _)| at);
        let oldest = of_thread.next();
        if of_thread.count() + 1 >= CALLS {
            return oldest;
        }
        (self.calls.len() >= SESSION_CALLS).then_some(0)
    }
}

/// Calls without a session are kept together by who pays and the program that sends them.
fn key(exchange: &Exchange) -> String {
    if let Some(session) = &exchange.session {
        return session.id.clone();
    }
    let program = exchange.program.as_ref().map_or("", |program| program.name.as_str());
    let credential = exchange.credential.as_ref().map_or("", |credential| credential.hash.as_str());
    format!("\0{credential}\0{program}")
}

fn client_request_id(exchange: &Exchange) -> Option<String> {
    crate::reading::header(&exchange.request_headers, "x-client-request-id").map(str::to_owned)
}

fn counts(exchange: &Exchange) -> Option<Counts> {
    let usage = &exchange.usage;
    let written = usage.cache_creation.unwrap_or(0);
    let written_1h = usage.cache_creation_1h.unwrap_or(0).min(written);
    Some(Counts {
        fresh: usage.input?,
        read: usage.cache_read.unwrap_or(0),
        written_5m: written - written_1h,
        written_1h,
    })
}

/// What a call follows from, among calls that began before it.
fn link(call: &Call, known: &VecDeque<Call>) -> Linked {
    let mut earlier: Vec<&Call> =
        known.iter().filter(|known| (known.started_us, known.id) < (call.started_us, call.id)).collect();
    earlier.sort_by_key(|known| (known.started_us, known.id));
    let retry_of = earlier
        .iter()
        .rev()
        .find(|known| {
            let since = call.started_us.saturating_sub(known.ended_us.unwrap_or(i64::MAX));
            let is_same = known.prompt.is_same(&call.prompt) && !call.prompt.parts.is_empty()
                || call.client_request_id.is_some() && known.client_request_id == call.client_request_id;
            known.failed && (0..RETRY_US).contains(&since) && known.agent == call.agent && is_same
        })
        .map(|known| known.id);
    Linked { previous: previous(call, &earlier), retry_of }
}

fn previous(call: &Call, earlier: &[&Call]) -> Option<Link> {
    if let Some(stated) = &call.prompt.previous_message_id
        && let Some(known) = earlier.iter().rev().find(|known| known.message_id.as_ref() == Some(stated))
    {
        return Some(Link { id: known.id, source: Source::Metadata });
    }
    // A call that failed left nothing to read; the one that tried it is linked apart.
    let candidates = earlier.iter().filter(|known| {
        let is_lost = known.had_ended(call.started_us) && known.counts.is_none();
        !is_lost && known.agent == call.agent && is_one_conversation(call, known)
    });
    let found = candidates.filter_map(|known| {
        let messages = call.prompt.common_messages(&known.prompt);
        let prefix = call.prompt.common_with(&known.prompt);
        // The same conversation: its beginning is the same; or, within a session, what stands before it, as after a compaction.
        (messages > 0 || call.in_session && prefix > 0)
            .then_some(((messages, prefix, known.started_us), known.id))
    });
    let (_, id) = found.max_by_key(|(score, _)| *score)?;
    Some(Link { id, source: Source::Inferred })
}

/// Whether two calls can be turns of one thread. Without a session it is told by its first message.
fn is_one_thread(call: &Call, other: &Call) -> bool {
    let same = call.in_session || call.prompt.common_messages(&other.prompt) > 0;
    same && call.agent == other.agent && is_one_conversation(call, other)
}

/// Titles, searches and probes are nobody's turn before, but of their own kind.
fn is_one_conversation(call: &Call, other: &Call) -> bool {
    let kind = |call: &Call| {
        let class = call.class.as_deref().unwrap_or("main");
        if CONVERSATION.contains(&class) { "conversation".to_owned() } else { class.to_owned() }
    };
    kind(call) == kind(other)
}
