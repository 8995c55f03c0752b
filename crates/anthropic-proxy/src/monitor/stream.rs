//! What changes, as it changes, by server-sent events. A slow page waits in its own pipe and is told what it missed.

use super::query::Asked;
use super::types::{ApiProblem, LiveMessage};
use super::{Failure, Monitor, Stopping, stats, view};
use crate::live::{Announcement, Change, Heard, Watcher};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use utoipa::IntoParams;
use uuid::Uuid;

/// How often figures are sent at the most.
const STATS_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StreamQuery {
    /// Whose events are told while they come: `all` (unless told), `none`, or the id of a request, of which alone is told then.
    events: Option<String>,
}

/// What of all that happens is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interest {
    Everything,
    /// All but the events of answers.
    Rows,
    /// One exchange.
    Only(Uuid),
}

impl StreamQuery {
    fn interest(&self) -> Result<Interest, Failure> {
        match self.events.as_deref() {
            None | Some("" | "all") => Ok(Interest::Everything),
            Some("none") => Ok(Interest::Rows),
            Some(id) => id.parse().map(Interest::Only).map_err(|_| {
                let why = format!("events={id} is not known; use all, none, or the id of a request");
                Failure::new(StatusCode::BAD_REQUEST, why)
            }),
        }
    }
}

impl Interest {
    fn is_in(self, change: &Change) -> bool {
        match (self, change) {
            (Interest::Everything, _) | (_, Change::Cleared) | (Interest::Rows, Change::Exchange(_)) => true,
            (Interest::Rows, Change::Events { .. }) => false,
            (Interest::Only(id), Change::Exchange(exchange)) => exchange.id == id,
            (Interest::Only(id), Change::Events { id: of, .. }) => *of == id,
        }
    }
}

/// Live messages (`LiveMessage`), each a `data:` line of JSON: figures first, then what changes. The `id:` lines are a cursor;
/// `Last-Event-ID` takes up where it was left, and a `resync` message says that this was not possible.
#[utoipa::path(get, path = "/api/monitor/stream", params(StreamQuery), responses(
    (status = 200, content_type = "text/event-stream", body = LiveMessage), (status = 400, body = ApiProblem),
    (status = 503, body = ApiProblem)))]
pub(super) async fn stream(
    State(monitor): State<Monitor>,
    Asked(asked): Asked<StreamQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let interest = asked.interest()?;
    let place = monitor.watchers.take()?;
    let cursor = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let watcher = monitor.live.watch(cursor);
    let stopping = monitor.stopping.clone();
    let stats_due = (!matches!(interest, Interest::Only(_))).then(Instant::now);
    let watch = Watch { watcher, stopping, monitor, interest, stats_due, _place: place };
    let events = futures_util::stream::unfold(watch, |mut watch| async move {
        watch.next().await.map(|event| (Ok(event), watch))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(30)).text("alive")))
}

struct Watch {
    monitor: Monitor,
    watcher: Watcher,
    stopping: Stopping,
    interest: Interest,
    _place: OwnedSemaphorePermit,
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
                Happening::Heard(heard) => {
                    if let Some(event) = self.tell(heard) {
                        return Some(event);
                    }
                }
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

    fn tell(&mut self, heard: Heard) -> Option<Event> {
        let Announcement { number, change } = match heard {
            Heard::News(news) => news,
            Heard::Missed => return Some(event(&LiveMessage::Resync)),
        };
        if !self.interest.is_in(&change) {
            return None;
        }
        let wants_stats = !matches!(self.interest, Interest::Only(_));
        let message = match change {
            Change::Exchange(exchange) => {
                if exchange.outcome.is_some() && wants_stats {
                    self.stats_due.get_or_insert_with(|| Instant::now() + STATS_EVERY);
                }
                LiveMessage::Request { request: Box::new(view::row(&exchange)) }
            }
            Change::Events { id, started_us, from, events } => LiveMessage::Delta {
                id: id.to_string(),
                from,
                events: events.iter().map(|event| view::chunk(started_us, event)).collect(),
            },
            Change::Cleared if !wants_stats => LiveMessage::Cleared,
            Change::Cleared => {
                self.stats_due.get_or_insert_with(Instant::now);
                LiveMessage::Cleared
            }
        };
        Some(event(&message).id(self.monitor.live.cursor(number)))
    }
}

fn event(message: &LiveMessage) -> Event {
    // Our own types always serialise; a page that gets an empty message ignores it.
    let text = serde_json::to_string(message).unwrap_or_default();
    // Recorded text is shown masked, here as in every answer that is to be read.
    Event::default().data(protocol::secrets::mask_text(text.as_bytes()))
}
