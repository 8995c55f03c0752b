//! Tells whoever watches what changed, as it changes.
//!
//! Contract: announcing never waits. A watcher that is too slow loses announcements and is told so ([`Heard::Missed`]); one that
//! comes back with the cursor of its last announcement gets what it missed, as long as that is still remembered.

use crate::reading::TimedEvent;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::Exchange;
use tokio::sync::broadcast;
use uuid::Uuid;

/// Announcements that a watcher may lag behind.
const BACKLOG: usize = 1024;

/// Announcements that are remembered for those who come back.
const REMEMBERED: usize = 1024;

/// Something that changed.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// An exchange began, went on, or ended.
    Exchange(Arc<Exchange>),
    /// Events of an answer that is still coming; `from` is the index of the first.
    Events { id: Uuid, started_us: i64, from: u64, events: Arc<Vec<TimedEvent>> },
    /// Everything that had ended was deleted.
    Cleared,
}

/// A change with its place in the order of all changes of this run.
#[derive(Debug, Clone)]
pub(crate) struct Announcement {
    /// Counts up by one from 1.
    pub(crate) number: u64,
    pub(crate) change: Change,
}

/// What a watcher hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The next change.
    News(Announcement),
    /// Changes were missed: whatever is shown should be fetched anew.
    Missed,
}

/// The announcer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Live {
    sender: broadcast::Sender<Announcement>,
    memory: Arc<Mutex<Memory>>,
    /// Tells the cursors of this run from those of an earlier one.
    run: u64,
}

#[derive(Default)]
struct Memory {
    last: u64,
    recent: VecDeque<Announcement>,
}

/// One who watches.
pub(crate) struct Watcher {
    replay: VecDeque<Announcement>,
    missed: bool,
    receiver: broadcast::Receiver<Announcement>,
}

impl Live {
    /// An announcer that nobody watches yet. `run` names this run of the program.
    pub(crate) fn new(run: u64) -> Live {
        Live { sender: broadcast::Sender::new(BACKLOG), memory: Arc::default(), run }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody would hear an announcement now.
    pub(crate) fn is_watched(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Announces a change.
    pub(crate) fn announce(&self, change: Change) {
        let mut memory = self.memory();
        memory.last += 1;
        let announcement = Announcement { number: memory.last, change };
        // Events are only of use while the answer is shown; its next fetch has them.
        if !matches!(announcement.change, Change::Events { .. }) {
            if memory.recent.len() == REMEMBERED {
                memory.recent.pop_front();
            }
            memory.recent.push_back(announcement.clone());
        }
        // Sent under the lock, so that numbers and order agree. Nobody listening is no error.
        let _ = self.sender.send(announcement);
    }

    /// The cursor that stands for an announcement.
    pub(crate) fn cursor(&self, number: u64) -> String {
        format!("{:x}-{number}", self.run)
    }

    /// Starts to watch, after the announcement that `cursor` names or from now on.
    pub(crate) fn watch(&self, cursor: Option<&str>) -> Watcher {
        let memory = self.memory();
        let receiver = self.sender.subscribe();
        let Some(cursor) = cursor else {
            return Watcher { replay: VecDeque::new(), missed: false, receiver };
        };
        let seen = cursor
            .split_once('-')
            .filter(|(run, _)| *run == format!("{:x}", self.run))
            .and_then(|(_, number)| number.parse::<u64>().ok());
        let forgotten = memory.recent.front().map_or(memory.last + 1, |oldest| oldest.number);
        // Numbers below the oldest remembered one may have been events only; that cannot be told any more.
        let whole = memory.recent.len() < REMEMBERED;
        match seen {
            Some(seen) if seen <= memory.last && (whole || seen + 1 >= forgotten) => {
                let replay = memory.recent.iter().filter(|news| news.number > seen).cloned().collect();
                Watcher { replay, missed: false, receiver }
            }
            _ => Watcher { replay: VecDeque::new(), missed: true, receiver },
        }
    }
}

impl Watcher {
    /// Waits for the next change. `None`: the program ends.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        if std::mem::take(&mut self.missed) {
            return Some(Heard::Missed);
        }
        if let Some(news) = self.replay.pop_front() {
            return Some(Heard::News(news));
        }
        match self.receiver.recv().await {
            Ok(news) => Some(Heard::News(news)),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Heard::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn numbers(watcher: &mut Watcher, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            match watcher.next().await {
                Some(Heard::News(news)) => numbers.push(news.number),
                Some(Heard::Missed) => numbers.push(0),
                None => break,
            }
        }
        numbers
    }

    #[tokio::test]
    async fn a_cursor_brings_back_what_was_missed() {
        let live = Live::new(7);
        for _ in 0..5 {
            live.announce(Change::Cleared);
        }
        let mut watcher = live.watch(Some(&live.cursor(3)));
        live.announce(Change::Cleared);
        assert_eq!(numbers(&mut watcher, 3).await, [4, 5, 6]);
    }

    #[tokio::test]
    async fn a_cursor_of_another_run_or_too_old_asks_for_a_fresh_start() {
        let live = Live::new(7);
        for _ in 0..REMEMBERED as u64 + 5 {
            live.announce(Change::Cleared);
        }
        for cursor in ["8-3", "7-1", "7-99999", "nonsense", ""] {
            assert_eq!(numbers(&mut live.watch(Some(cursor)), 1).await, [0], "{cursor}");
        }
        assert_eq!(numbers(&mut live.watch(Some("7-1028")), 1).await, [1029]);
    }

    #[tokio::test]
    async fn a_slow_watcher_is_told_and_goes_on() {
        let live = Live::new(1);
        let mut watcher = live.watch(None);
        for _ in 0..BACKLOG + 10 {
            live.announce(Change::Cleared);
        }
        assert_eq!(numbers(&mut watcher, 2).await[0], 0);
    }
}
