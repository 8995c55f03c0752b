//! Rate limits by credential: the newest state, how it came there, where it is heading, who took it.

use super::{Failure, Monitor, blocking};
use crate::analysis::limits::{self, Point};
use crate::view::iso;
use crate::view::limits::{
    BucketInfo, CredentialInfo, LimitsAnswer, ProjectionInfo, ShareInfo, ThrottledInfo, WindowInfo,
};
use axum::Json;
use axum::extract::State;
use jiff::{Timestamp, Zoned};
use protocol::limits::{Family, Limits};
use std::ops::ControlFlow;
use store::{Exchange, Filter, Store};

/// Newest answers of a credential that are looked through for the newest word of each family.
const NEWEST: usize = 50;

/// Points of a history, and sessions of a window.
const POINTS: usize = 200;
const SESSIONS: usize = 10;

/// Throttled answers that are listed.
const THROTTLED: usize = 100;

const HOUR_MS: i64 = 3_600_000;

/// The limits of each credential.
#[utoipa::path(get, path = "/api/monitor/limits", responses((status = 200, body = LimitsAnswer)))]
pub(super) async fn limits(State(monitor): State<Monitor>) -> Result<Json<LimitsAnswer>, Failure> {
    let store = monitor.store;
    Ok(Json(blocking(move || Ok(of_store(&store, Timestamp::now())?)).await?))
}

/// The limits of each credential as of `now`.
pub(crate) fn of_store(store: &Store, now: Timestamp) -> Result<LimitsAnswer, store::Error> {
    let mut credentials = Vec::new();
    for (credential, newest) in store.credentials(NEWEST)? {
        let mut seen: Vec<Exchange> = Vec::new();
        for id in newest {
            seen.extend(store.get(id)?);
        }
        credentials.extend(of_credential(store, credential, &seen, now)?);
    }
    credentials.sort_by(|one, other| other.last_seen.cmp(&one.last_seen));
    Ok(LimitsAnswer { credentials })
}

fn of_credential(
    store: &Store,
    credential: String,
    seen: &[Exchange],
    now: Timestamp,
) -> Result<Option<CredentialInfo>, store::Error> {
    let Some(newest) = seen.first() else { return Ok(None) };
    // The newest word of each family counts.
    let mut families: Vec<Family> = Vec::new();
    for exchange in seen {
        for family in read(exchange).families {
            if !families.iter().any(|known| known.name == family.name) {
                families.push(family);
            }
        }
    }
    let (windows, others): (Vec<Family>, Vec<Family>) =
        families.into_iter().partition(|family| family.utilization.is_some());
    let (plan, buckets): (Vec<Family>, Vec<Family>) =
        others.into_iter().partition(|family| family.name.starts_with("unified"));
    let windows = windows.into_iter().map(|family| window(store, &credential, family, now));
    Ok(Some(CredentialInfo {
        kind: newest.credential.as_ref().map(|known| known.kind.clone()).unwrap_or_default(),
        last_seen: iso(newest.started_us),
        windows: windows.collect::<Result<_, _>>()?,
        buckets: buckets.into_iter().map(bucket).collect(),
        plan: plan.into_iter().flat_map(told).collect(),
        throttled: throttled(store, &credential)?,
        credential,
    }))
}

fn read(exchange: &Exchange) -> Limits {
    let headers = exchange.response_headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let answered = exchange
        .started_us
        .saturating_add(exchange.timing.first_byte_us.and_then(|us| i64::try_from(us).ok()).unwrap_or(0));
    Limits::read(headers, Timestamp::from_microsecond(answered).unwrap_or(Timestamp::UNIX_EPOCH))
}

fn window(
    store: &Store,
    credential: &str,
    family: Family,
    now: Timestamp,
) -> Result<WindowInfo, store::Error> {
    let name = family.name.strip_prefix("unified-").unwrap_or(&family.name).to_owned();
    let length = if name.starts_with("5h") { 5 * HOUR_MS } else { 7 * 24 * HOUR_MS };
    let reset = family.reset.map(Timestamp::as_millisecond);
    let now_ms = now.as_millisecond();
    let expired = reset.is_some_and(|reset| reset <= now_ms);
    let began_us = reset.unwrap_or(now_ms).saturating_sub(length).saturating_mul(1_000);
    let projection = family
        .utilization
        .zip(reset)
        .and_then(|(spent, reset)| limits::project(spent, now_ms, reset, length));
    let history = match name.as_str() {
        "5h" | "7d" => {
            let of = |spent: &store::Spent| if name == "5h" { spent.five_hours } else { spent.seven_days };
            let points: Vec<Point> = store
                .spent(credential, now.as_microsecond().saturating_sub(length * 1_000))?
                .iter()
                .filter_map(|spent| Some((spent.at_us / 1_000, f64::from(of(spent)?) / 1e6)))
                .collect();
            limits::thinned(&points, POINTS)
        }
        _ => Vec::new(),
    };
    Ok(WindowInfo {
        utilization: family.utilization,
        status: family.status,
        resets_at: family.reset.map(|reset| iso(reset.as_microsecond())),
        expired,
        surpassed_threshold: family.surpassed_threshold,
        history,
        projection: projection.map(|projection| ProjectionInfo {
            per_hour: projection.per_hour,
            exhausted_at: projection.exhausted_at.map(|ms| iso(ms.saturating_mul(1_000))),
            method: "straight line since the window began",
        }),
        sessions: if expired { Vec::new() } else { sessions(store, credential, began_us)? },
        name,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a share of tokens, to be shown")]
fn sessions(store: &Store, credential: &str, since_us: i64) -> Result<Vec<ShareInfo>, store::Error> {
    let (shares, all) = store.shares(credential, since_us, SESSIONS)?;
    shares
        .into_iter()
        .map(|share| {
            let known = store.of_session(&share.session, i64::MAX, 5)?;
            let title = known.into_iter().find_map(|exchange| exchange.opening);
            Ok(ShareInfo {
                session: share.session,
                title,
                tokens: share.tokens,
                share: share.tokens as f64 / all.max(1) as f64,
            })
        })
        .collect()
}

fn bucket(family: Family) -> BucketInfo {
    BucketInfo {
        name: family.name,
        limit: family.limit,
        remaining: family.remaining,
        resets_at: family.reset.map(|reset| iso(reset.as_microsecond())),
    }
}

/// What a family of the plan says that is no window.
fn told(family: Family) -> Vec<(String, String)> {
    let name = family.name;
    let status = family.status.map(|status| (format!("{name}-status"), status));
    let reset = family.reset.map(|reset| (format!("{name}-reset"), iso(reset.as_microsecond())));
    let others = family.others.into_iter().map(|(field, value)| (format!("{name}-{field}"), value));
    status.into_iter().chain(reset).chain(others).collect()
}

fn throttled(store: &Store, credential: &str) -> Result<Vec<ThrottledInfo>, store::Error> {
    let filter = format!("credential:{credential} (http:429 OR http:529)");
    let Ok(filter) = Filter::parse(&filter, &Zoned::now()) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    store.each(&filter, &mut |exchange| {
        found.push(ThrottledInfo {
            id: exchange.id.to_string(),
            time: iso(exchange.started_us),
            status: exchange.status.unwrap_or(0),
            retry_after: read(&exchange).retry_after_ms,
        });
        if found.len() < THROTTLED { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(found)
}
