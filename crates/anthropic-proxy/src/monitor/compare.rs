//! Two requests side by side.

use super::query::Asked;
use super::requests::{decoded, find};
use super::types::ApiProblem;
use super::view;
use super::view::compare::{CompareAnswer, FieldInfo};
use super::{Failure, Monitor, blocking};
use crate::analysis::compare::{self, Field, Side};
use crate::recorded::Recorded;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use protocol::outline::outline;
use serde::Deserialize;
use std::collections::BTreeMap;
use store::{Exchange, Headers};
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CompareQuery {
    /// Id of the one.
    a: String,
    /// Id of the other.
    b: String,
    /// `show`: a `cache_control` that moved counts as a difference; `ignore` unless told.
    markers: Option<String>,
}

/// What is different between two requests.
#[utoipa::path(get, path = "/api/monitor/compare", params(CompareQuery), responses(
    (status = 200, body = CompareAnswer), (status = 400, body = ApiProblem), (status = 404, body = ApiProblem)))]
pub(super) async fn compare(
    State(monitor): State<Monitor>,
    Asked(asked): Asked<CompareQuery>,
) -> Result<Json<CompareAnswer>, Failure> {
    let markers = match asked.markers.as_deref() {
        None | Some("" | "ignore") => false,
        Some("show") => true,
        Some(other) => {
            let why = format!("markers={other} is not known; use show or ignore");
            return Err(Failure::new(StatusCode::BAD_REQUEST, why));
        }
    };
    let (a, b) = (find(&monitor, &asked.a).await?, find(&monitor, &asked.b).await?);
    blocking(move || Ok(Json(compared(&a, &b, markers)))).await
}

fn compared(a: &Recorded, b: &Recorded, markers: bool) -> CompareAnswer {
    let body = |recorded: &Recorded| {
        recorded.request.as_ref().map(|body| decoded(&recorded.exchange, &body.bytes)).unwrap_or_default()
    };
    let (left, right) = (body(a), body(b));
    let (left_outline, right_outline) = (outline(&left), outline(&right));
    let sections = compare::sections(
        Side { body: &left, outline: &left_outline },
        Side { body: &right, outline: &right_outline },
        markers,
    );
    let parameters: Vec<FieldInfo> =
        compare::parameters(&left, &right).into_iter().map(FieldInfo::from).collect();
    let is_same = |part: &compare::Aligned| part.state == compare::State::Same;
    let same = parameters.iter().all(|field| field.same)
        && sections.iter().all(|section| section.parts.iter().all(is_same));
    CompareAnswer {
        same,
        parameters,
        headers: headers(&a.exchange.request_headers, &b.exchange.request_headers),
        usage: usage(&a.exchange, &b.exchange),
        sections: sections.into_iter().map(Into::into).collect(),
        a: view::row(&a.exchange),
        b: view::row(&b.exchange),
    }
}

fn headers(a: &Headers, b: &Headers) -> Vec<FieldInfo> {
    let mut values: BTreeMap<String, [Option<String>; 2]> = BTreeMap::new();
    for (side, headers) in [a, b].into_iter().enumerate() {
        for (name, value) in headers {
            let slot = &mut values.entry(name.to_ascii_lowercase()).or_default()[side];
            *slot = Some(match slot.take() {
                Some(before) => format!("{before}, {value}"),
                None => value.clone(),
            });
        }
    }
    values.into_iter().map(|(name, values)| Field { name, values }.into()).collect()
}

fn usage(a: &Exchange, b: &Exchange) -> Vec<FieldInfo> {
    let counts = |exchange: &Exchange| {
        let usage = exchange.usage;
        [
            ("input", usage.input),
            ("cacheRead", usage.cache_read),
            ("cacheWrite5m", usage.cache_creation_5m),
            ("cacheWrite1h", usage.cache_creation_1h),
            ("output", usage.output),
            ("thinking", usage.thinking),
        ]
    };
    let text = |count: Option<u64>| count.map(|count| count.to_string());
    counts(a)
        .into_iter()
        .zip(counts(b))
        .map(|((name, a), (_, b))| Field { name: name.to_owned(), values: [text(a), text(b)] }.into())
        .collect()
}
