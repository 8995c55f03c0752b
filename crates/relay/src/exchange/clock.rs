//! How long the upstream has been silent while it was waited for. One timer an exchange: it is not moved with each
//! read, but looks at the last one when it rings.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

#[derive(Debug)]
pub(super) struct Clock {
    silence: Duration,
    last: Instant,
    was_waiting: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    pub(super) fn new(silence: Duration) -> Self {
        Clock { silence, last: Instant::now(), was_waiting: false, timer: None }
    }

    pub(super) fn silence(&self) -> Duration {
        self.silence
    }

    /// The upstream gave or took something.
    pub(super) fn touch(&mut self) {
        self.last = Instant::now();
    }

    /// Whether the silence is over its limit; `waiting`: whether it is the upstream that is waited for.
    pub(super) fn poll_expired(&mut self, cx: &mut Context<'_>, waiting: bool) -> bool {
        if waiting && !self.was_waiting {
            self.touch();
        }
        self.was_waiting = waiting;
        let silence = self.silence;
        let mut rings_at = self.last.checked_add(silence);
        loop {
            let Some(at) = rings_at else { return false };
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
            if timer.as_mut().poll(cx) == Poll::Pending {
                return false;
            }
            let now = Instant::now();
            if waiting && now >= self.last + silence {
                return true;
            }
            let next = if waiting { self.last.checked_add(silence) } else { now.checked_add(silence) };
            if let Some(next) = next {
                timer.as_mut().reset(next);
            }
            rings_at = next;
        }
    }
}
