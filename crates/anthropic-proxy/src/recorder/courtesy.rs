//! Lets the traffic go first when more comes than can be written.
//!
//! A lower priority alone does not: the traffic waits for its client and its upstream again and again, and the recorder takes the
//! processor meanwhile. So once much waits, and the processors are so scarce that the recorder itself has to wait for one, it rests
//! several times as long as it works. What then does not fit into the queue is counted and told, as always.

use std::time::{Duration, Instant};

/// It rests so many times as long as it has worked,
const REST: u32 = 4;

/// but never longer than this: what comes next may be little.
const LONGEST: Duration = Duration::from_millis(100);

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(5);

/// The share of its time for which a thread waits for a processor that makes them scarce, as a divisor.
const SCARCE: u64 = 16;

/// Of the thread that made it.
pub(super) struct Courtesy {
    since: Instant,
    spent: Option<Spent>,
}

/// What the system says of a thread, nanoseconds since it began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Spent {
    running: u64,
    /// Able to run, and without a processor.
    waiting: u64,
}

impl Courtesy {
    pub(super) fn new() -> Courtesy {
        Courtesy { since: Instant::now(), spent: Spent::now() }
    }

    /// Rests, if that is called for. `much`: whether much waits to be recorded.
    pub(super) fn show(&mut self, much: bool) {
        let worked = self.since.elapsed();
        if worked < EVERY {
            return;
        }
        let spent = Spent::now();
        if much && self.spent.zip(spent).is_some_and(|(before, now)| now.is_scarce(before)) {
            std::thread::sleep((worked * REST).min(LONGEST));
        }
        // The rest is no work.
        self.since = Instant::now();
        self.spent = spent;
    }
}

impl Spent {
    /// Only Linux says so.
    fn now() -> Option<Spent> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        Spent::read(&std::fs::read_to_string("/proc/thread-self/schedstat").ok()?)
    }

    /// `running waiting slices`, as proc_schedstat(5) has it.
    fn read(line: &str) -> Option<Spent> {
        let mut numbers = line.split_ascii_whitespace().map(str::parse);
        Some(Spent { running: numbers.next()?.ok()?, waiting: numbers.next()?.ok()? })
    }

    fn is_scarce(self, before: Spent) -> bool {
        let waited = self.waiting.saturating_sub(before.waiting);
        let ran = self.running.saturating_sub(before.running);
        waited * SCARCE > waited + ran
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_scarce_where_a_thread_waits_for_them() {
        let before = Spent { running: 1_000, waiting: 500 };
        for (running, waiting, expected) in [
            (2_000, 500, false),
            (2_000, 550, false),
            (2_000, 700, true),
            (1_000, 501, true),
            (1_000, 500, false),
        ] {
            assert_eq!(Spent { running, waiting }.is_scarce(before), expected, "{running} {waiting}");
        }
        assert_eq!(Spent::read("12 34 5\n"), Some(Spent { running: 12, waiting: 34 }));
        assert_eq!(Spent::read(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells_it() {
        assert!(Spent::now().is_some());
    }
}
