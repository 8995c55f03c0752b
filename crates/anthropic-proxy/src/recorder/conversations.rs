//! The newest requests of each conversation, so that the next is read from where it grew.

use protocol::conversation::Conversation;
use std::collections::VecDeque;
use std::sync::Arc;
use store::{Exchange, LONGEST_PREPARED, Prepared};

/// Bodies beyond this are read anew each time, bytes.
const LONGEST: usize = 2 << 20;

/// What all that is remembered may take, bytes.
const WEIGHT: usize = 6 << 20;

/// How many of one session and agent are remembered: calls for titles and the like go between.
const EACH: usize = 3;

/// What is remembered, the newest last.
#[derive(Default)]
pub(super) struct Conversations {
    recent: VecDeque<Known>,
    weight: usize,
}

/// Session and agent, as the head of a call tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key(Option<String>, Option<String>);

impl Key {
    pub(super) fn of(exchange: &Exchange) -> Key {
        let session = exchange.session.as_ref().map(|session| session.id.clone());
        Key(session, exchange.agent.as_ref().and_then(|agent| agent.id.clone()))
    }
}

/// A request that was read.
pub(super) struct Known {
    key: Key,
    /// What it asks for.
    pub(super) conversation: Conversation,
    /// Its body's hash and segments; `None` if it is too long for that.
    pub(super) prepared: Option<Arc<Prepared>>,
}

impl Known {
    fn read(key: Key, body: Vec<u8>, earlier: Option<(&Known, usize)>) -> Known {
        let prepared = (body.len() <= LONGEST_PREPARED).then(|| {
            let earlier = earlier.and_then(|(earlier, common)| Some((earlier.prepared.as_deref()?, common)));
            Arc::new(Prepared::new(&body, earlier))
        });
        let conversation = Conversation::read(body, earlier.map(|(earlier, _)| &earlier.conversation));
        Known { key, conversation, prepared }
    }

    fn weight(&self) -> usize {
        self.conversation.weight() + self.prepared.as_ref().map_or(0, |prepared| prepared.weight())
    }
}

impl Conversations {
    /// Reads a request with the help of the one that it has most in common with, and hands it to `take`.
    pub(super) fn read(&mut self, key: Key, body: Vec<u8>, take: impl FnOnce(&Known)) {
        let siblings = self.recent.iter().enumerate().filter(|(_, known)| known.key == key);
        let nearest = siblings.map(|(at, earlier)| (earlier.conversation.common(&body), at)).max();
        let nearest = nearest.filter(|(common, _)| *common > 0);
        let earlier = nearest.and_then(|(common, at)| Some((self.recent.get(at)?, common)));
        let grew = earlier.is_some_and(|(earlier, common)| common * 2 > earlier.conversation.len());
        let known = Known::read(key, body, earlier);
        take(&known);
        if known.weight() > LONGEST {
            return;
        }
        // It takes the place of the one that it goes on from.
        let is_sibling = |other: &Known| other.key == known.key;
        if let Some((_, at)) = nearest.filter(|_| grew) {
            self.forget(at);
        } else if self.recent.iter().filter(|other| is_sibling(other)).count() >= EACH {
            let oldest = self.recent.iter().position(is_sibling);
            oldest.into_iter().for_each(|at| self.forget(at));
        }
        self.weight += known.weight();
        self.recent.push_back(known);
        while self.weight > WEIGHT {
            self.forget(0);
        }
    }

    fn forget(&mut self, at: usize) {
        let forgotten = self.recent.remove(at);
        self.weight -= forgotten.map_or(0, |known| known.weight());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(session: &str) -> Key {
        Key(Some(session.to_owned()), None)
    }

    fn body(messages: usize, filler: usize) -> Vec<u8> {
        let text = "x".repeat(filler);
        let messages: Vec<String> =
            (0..messages).map(|at| format!(r#"{{"role":"user","content":"{at}{text}"}}"#)).collect();
        let mut body = format!(r#"{{"messages":[{}]}}"#, messages.join(",")).into_bytes();
        body.shrink_to_fit();
        body
    }

    #[test]
    fn what_grew_takes_the_place_of_what_it_grew_from() {
        let mut known = Conversations::default();
        for messages in 1..20 {
            known.read(key("a"), body(messages, 100), |read| {
                assert_eq!(read.conversation.request.message_count, messages);
            });
        }
        known.read(key("b"), body(1, 100), |_| ());
        assert_eq!(known.recent.len(), 2);
        known.read(key("a"), br#"{"model":"haiku"}"#.to_vec(), |_| ());
        assert_eq!(known.recent.len(), 3, "another call of the session forgets nothing");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut known = Conversations::default();
        for number in 0..60 {
            known.read(key(&number.to_string()), body(1, 300_000), |_| ());
        }
        assert!(known.weight <= WEIGHT && known.recent.len() > 10, "{}", known.recent.len());
        assert_eq!(known.weight, known.recent.iter().map(Known::weight).sum::<usize>());
        known.read(key("long"), body(1, LONGEST), |_| ());
        assert!(known.recent.iter().all(|read| read.weight() <= LONGEST));
        for number in 0..9 {
            known.read(key("one"), format!("{number}").into_bytes(), |_| ());
        }
        let of_one = known.recent.iter().filter(|known| known.key.0.as_deref() == Some("one"));
        assert_eq!(of_one.count(), EACH);
    }
}
