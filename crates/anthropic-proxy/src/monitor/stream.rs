//! What changes, as it changes, by server-sent events. A slow page waits in its own pipe and is told what it missed.

use super::types::LiveMessage;
use super::{Monitor, Stopping, stats, view};
use crate::live::{Announcement, Change, Heard, Watcher};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::Instant;

/// How often figures are sent at the most.
const STATS_EVERY: Duration = Duration::from_secs(1);

/// Live messages (`LiveMessage`), each a `data:` line of JSON: figures first, then what changes. The `id:` lines are a cursor;
/// `Last-Event-ID` takes up where it was left, and a `resync` message says that this was not possible.
#[utoipa::path(get, path = "/api/monitor/stream", responses(
    (status = 200, content_type = "text/event-stream", body = LiveMessage)))]
pub(super) async fn stream(
    State(monitor): State<Monitor>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let cursor = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let watcher = monitor.live.watch(cursor);
    let stopping = monitor.stopping.clone();
    let watch = Watch { watcher, stopping, monitor, stats_due: Some(Instant::now()) };
    let events = futures_util::stream::unfold(watch, |mut watch| async move {
        watch.next().await.map(|event| (Ok(event), watch))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(30)).text("alive"))
}

struct Watch {
    monitor: Monitor,
    watcher: Watcher,
    stopping: Stopping,
    /// When the next figures go out. `None`: nothing has ended since the last.
    stats_due: Option<Instant>,
}

enum Happening {
    StatsDue,
    Heard(Heard),
    Ending,
}

impl Watch {
    async fn next(&mut self) -> Option<Event> {
        loop {
            match self.happens().await {
                Happening::Ending => return None,
                Happening::Heard(heard) => return Some(self.tell(heard)),
                Happening::StatsDue => {
                    self.stats_due = None;
                    if let Ok(stats) = stats::of_everything(&self.monitor).await {
                        return Some(event(&LiveMessage::Stats { stats: Box::new(stats) }));
                    }
                }
            }
        }
    }

    async fn happens(&mut self) -> Happening {
        let due = self.stats_due;
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Happening::StatsDue,
            _ = self.stopping.wait_for(|stopping| *stopping) => Happening::Ending,
            heard = self.watcher.next() => heard.map_or(Happening::Ending, Happening::Heard),
        }
    }

    fn tell(&mut self, heard: Heard) -> Event {
        let Announcement { number, change } = match heard {
            Heard::News(news) => news,
            Heard::Missed => return event(&LiveMessage::Resync),
        };
        let message = match change {
            Change::Exchange(exchange) => {
                if exchange.outcome.is_some() {
                    self.stats_due.get_or_insert_with(|| Instant::now() + STATS_EVERY);
                }
                LiveMessage::Request { request: Box::new(view::row(&exchange)) }
            }
            Change::Events { id, started_us, from, events } => LiveMessage::Delta {
                id: id.to_string(),
                from,
                events: events.iter().map(|event| view::chunk(started_us, event)).collect(),
            },
            Change::Cleared => {
                self.stats_due.get_or_insert_with(Instant::now);
                LiveMessage::Cleared
            }
        };
        event(&message).id(self.monitor.live.cursor(number))
    }
}

fn event(message: &LiveMessage) -> Event {
    // Our own types always serialise; a page that gets an empty message ignores it.
    Event::default().data(serde_json::to_string(message).unwrap_or_default())
}
