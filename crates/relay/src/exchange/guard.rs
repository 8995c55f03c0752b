//! A tap that is told the end exactly once, even if its connection's task is dropped, and a flush only after news.

use crate::handler::{Connected, End, Reply, Tap};
use crate::head::{Header, ResponseHead};
use crate::lifecycle::Lifecycle;

#[derive(Debug)]
pub(super) struct Guard<'a, T: Tap> {
    tap: T,
    lifecycle: &'a Lifecycle,
    ended: bool,
    /// Something was handed over since the last flush.
    news: bool,
}

impl<'a, T: Tap> Guard<'a, T> {
    pub(super) fn new(tap: T, lifecycle: &'a Lifecycle) -> Self {
        Guard { tap, lifecycle, ended: false, news: false }
    }

    pub(super) fn request_body(&mut self, payload: &[u8]) {
        self.news().request_body(payload);
    }

    pub(super) fn request_trailers(&mut self, trailers: &[Header<'_>]) {
        self.news().request_trailers(trailers);
    }

    pub(super) fn request_end(&mut self) {
        self.news().request_end();
    }

    pub(super) fn connected(&mut self, how: &Connected) {
        self.news().connected(how);
    }

    pub(super) fn informational(&mut self, head: &ResponseHead<'_>) {
        self.news().informational(head);
    }

    pub(super) fn response_head(&mut self, head: &ResponseHead<'_>) {
        self.news().response_head(head);
    }

    pub(super) fn response_body(&mut self, payload: &[u8]) {
        self.news().response_body(payload);
    }

    pub(super) fn response_trailers(&mut self, trailers: &[Header<'_>]) {
        self.news().response_trailers(trailers);
    }

    pub(super) fn replied(&mut self, status: u16, reply: &Reply) {
        self.news().replied(status, reply);
    }

    pub(super) fn flush(&mut self) {
        if self.news {
            self.news = false;
            self.tap.flush();
        }
    }

    pub(super) fn end(&mut self, end: &End) {
        self.flush();
        self.ended = true;
        self.tap.end(end);
    }

    fn news(&mut self) -> &mut T {
        self.news = true;
        &mut self.tap
    }
}

impl<T: Tap> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if !self.ended {
            let end = if self.lifecycle.is_killed() { End::Shutdown } else { End::Aborted };
            self.end(&end);
        }
    }
}
