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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const SILENCE: Duration = Duration::from_secs(10);

    async fn is_expired(clock: &mut Clock, waiting: bool) -> bool {
        poll_fn(|cx| Poll::Ready(clock.poll_expired(cx, waiting))).await
    }

    #[tokio::test(start_paused = true)]
    async fn silence_expires_after_its_time_and_not_before() {
        let mut clock = Clock::new(SILENCE);
        assert!(!is_expired(&mut clock, true).await);
        tokio::time::advance(SILENCE - Duration::from_millis(2)).await;
        assert!(!is_expired(&mut clock, true).await);
        tokio::time::advance(Duration::from_millis(4)).await;
        assert!(is_expired(&mut clock, true).await);
    }

    #[tokio::test(start_paused = true)]
    async fn each_byte_begins_it_anew() {
        let mut clock = Clock::new(SILENCE);
        for _ in 0..5 {
            assert!(!is_expired(&mut clock, true).await);
            tokio::time::advance(SILENCE * 2 / 3).await;
            clock.touch();
        }
        tokio::time::advance(SILENCE + Duration::from_millis(2)).await;
        assert!(is_expired(&mut clock, true).await);
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_waits_does_not_count() {
        let mut clock = Clock::new(SILENCE);
        for _ in 0..5 {
            assert!(!is_expired(&mut clock, false).await);
            tokio::time::advance(SILENCE * 3).await;
        }
        assert!(!is_expired(&mut clock, true).await);
        tokio::time::advance(SILENCE + Duration::from_millis(2)).await;
        assert!(is_expired(&mut clock, true).await);
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_its_task_when_the_time_is_over() {
        let mut clock = Clock::new(SILENCE);
        let start = Instant::now();
        poll_fn(|cx| if clock.poll_expired(cx, true) { Poll::Ready(()) } else { Poll::Pending }).await;
        let took = start.elapsed();
        assert!(took >= SILENCE && took < SILENCE + Duration::from_millis(10), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_silence_never_expires() {
        let mut clock = Clock::new(Duration::MAX);
        tokio::time::advance(Duration::from_secs(1 << 30)).await;
        assert!(!is_expired(&mut clock, true).await);
    }
}
