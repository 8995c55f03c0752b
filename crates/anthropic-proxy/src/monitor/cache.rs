//! How the prompt cache served: rate, money, causes of misses, and what can still be read.

use super::query::{Asked, Filters};
use super::types::ApiProblem;
use super::{Failure, Monitor, blocking};
use crate::view::cache::{CacheAnswer, OpenThread, answer};
use axum::Json;
use axum::extract::State;
use std::collections::HashMap;
use std::ops::ControlFlow;
use store::{Exchange, Filter};

/// The longest life of what is cached, microseconds.
const HOUR_US: i64 = 3_600_000_000;

/// Exchanges of the last hour that are looked at for open threads, the newest.
const LOOKED_AT: usize = 5_000;

/// How the prompt cache served the exchanges that match.
#[utoipa::path(get, path = "/api/monitor/cache", params(Filters), responses(
    (status = 200, body = CacheAnswer), (status = 400, body = ApiProblem)))]
pub(super) async fn cache(
    State(monitor): State<Monitor>,
    Asked(filters): Asked<Filters>,
) -> Result<Json<CacheAnswer>, Failure> {
    let filter = filters.read()?;
    let now_us = jiff::Timestamp::now().as_microsecond();
    let found = blocking(move || {
        let stats = monitor.store.cached(&filter)?;
        let mut open = Open::default();
        let recent = filter.and(Filter::since_us(now_us.saturating_sub(HOUR_US)));
        monitor.store.each(&recent, &mut |exchange| open.take(&exchange))?;
        Ok(answer(&stats, open.into_threads(now_us)))
    });
    Ok(Json(found.await?))
}

/// The newest call of each thread that used the cache.
#[derive(Default)]
struct Open {
    threads: HashMap<(String, Option<String>), Thread>,
    looked_at: usize,
}

struct Thread {
    used_us: i64,
    cached: u64,
    model: String,
    /// `None`: no call that wrote was seen yet.
    an_hour: Option<bool>,
}

impl Open {
    fn take(&mut self, exchange: &Exchange) -> ControlFlow<()> {
        self.looked_at += 1;
        if self.looked_at > LOOKED_AT {
            return ControlFlow::Break(());
        }
        let usage = &exchange.usage;
        let written = usage.cache_creation.unwrap_or(0);
        let cached = usage.cache_read.unwrap_or(0).saturating_add(written);
        let Some(session) = exchange.session.as_ref().filter(|_| cached > 0) else {
            return ControlFlow::Continue(());
        };
        let agent = exchange.agent.as_ref().and_then(|agent| agent.id.clone());
        let began = i64::try_from(exchange.timing.first_byte_us.unwrap_or(0)).unwrap_or(0);
        let thread = self.threads.entry((session.id.clone(), agent)).or_insert_with(|| Thread {
            used_us: exchange.started_us.saturating_add(began),
            cached,
            model: exchange.served_model.clone().or_else(|| exchange.model.clone()).unwrap_or_default(),
            an_hour: None,
        });
        if written > 0 && thread.an_hour.is_none() {
            thread.an_hour = Some(usage.cache_creation_1h.unwrap_or(0) > 0);
        }
        ControlFlow::Continue(())
    }

    fn into_threads(self, now_us: i64) -> Vec<OpenThread> {
        let mut threads: Vec<(i64, OpenThread)> = self
            .threads
            .into_iter()
            .filter_map(|((session, agent), thread)| {
                let an_hour = thread.an_hour.unwrap_or(false);
                let expires_us = thread.used_us.saturating_add(if an_hour { HOUR_US } else { HOUR_US / 12 });
                (expires_us > now_us).then(|| {
                    (
                        expires_us,
                        OpenThread::new(
                            session,
                            agent,
                            thread.used_us,
                            expires_us,
                            an_hour,
                            thread.cached,
                            thread.model,
                        ),
                    )
                })
            })
            .collect();
        threads.sort_by_key(|(expires_us, _)| *expires_us);
        threads.into_iter().map(|(_, thread)| thread).collect()
    }
}
