//! The filters that every route understands: the filter language in `q`, and the original's `status`, `model` and `timeRange`.

use super::Failure;
use crate::monitor::Monitor;
use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::Zoned;
use serde::{Deserialize, Serialize};
use store::{Filter, Status};
use utoipa::IntoParams;

/// Bytes of a filter at the most. People write some hundred.
const LONGEST: usize = 8 << 10;

/// Which exchanges are meant. An empty value counts as none.
#[derive(Debug, Clone, Default, Deserialize, Serialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct Filters {
    /// The filter language: `status:error ttft:>2s -is:pinned`; `/api/monitor/filter` lists its keys. What else is given must hold too.
    pub(super) q: Option<String>,
    /// `success`, `error` or `pending`.
    pub(super) status: Option<String>,
    /// A model's exact id, asked for or served.
    pub(super) model: Option<String>,
    /// `1h`, `24h` or `7d`.
    pub(super) time_range: Option<String>,
}

impl Filters {
    /// The filter for the store, as of now.
    ///
    /// # Errors
    /// 400 that names the value and what may stand there; of `q`, also the place.
    pub(super) fn read(&self) -> Result<Filter, Failure> {
        let length = self.q.as_ref().map_or(0, String::len);
        if length > LONGEST {
            let why = format!("the filter is {length} bytes long; {LONGEST} are the most");
            return Err(Failure::new(StatusCode::BAD_REQUEST, why));
        }
        let status = match set(self.status.as_deref()) {
            None => None,
            Some("success") => Some(Status::Success),
            Some("error") => Some(Status::Error),
            Some("pending") => Some(Status::Pending),
            Some(other) => return Err(wrong("status", other, "success, error or pending")),
        };
        let hours = match set(self.time_range.as_deref()) {
            None => None,
            Some("1h") => Some(1),
            Some("24h") => Some(24),
            Some("7d") => Some(7 * 24),
            Some(other) => return Err(wrong("timeRange", other, "1h, 24h or 7d")),
        };
        let now = Zoned::now();
        let since = hours.map(|hours: i64| now.timestamp().as_microsecond() - hours * 3_600_000_000);
        let beside = [
            status.map(Filter::status),
            set(self.model.as_deref()).map(Filter::model),
            since.map(Filter::since_us),
        ];
        let filter = Filter::parse(self.q.as_deref().unwrap_or_default(), &now)?;
        Ok(beside.into_iter().flatten().fold(filter, Filter::and))
    }

    /// The filters that are set, for people: `status success, model x`.
    pub(super) fn describe(&self) -> String {
        let named = [("status", &self.status), ("model", &self.model), ("time range", &self.time_range)];
        let set =
            named.into_iter().filter_map(|(name, text)| Some(format!("{name} {}", set(text.as_deref())?)));
        self.asked().map(|q| format!("filter {q}")).into_iter().chain(set).collect::<Vec<_>>().join(", ")
    }

    /// Whether anything is filtered.
    pub(super) fn any(&self) -> bool {
        let beside = [&self.status, &self.model, &self.time_range];
        self.asked().is_some() || beside.into_iter().any(|text| set(text.as_deref()).is_some())
    }

    fn asked(&self) -> Option<&str> {
        self.q.as_deref().map(str::trim).filter(|q| !q.is_empty())
    }
}

fn set(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty() && *text != "all")
}

fn wrong(name: &str, value: &str, allowed: &str) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, format!("{name}={value} is not known; use {allowed}"))
}

/// A query string read into `T`; what is wrong with it is said in our own shape.
pub(super) struct Asked<T>(pub(super) T);

impl<T: serde::de::DeserializeOwned> FromRequestParts<Monitor> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Monitor) -> Result<Self, Failure> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Asked(asked)),
            Err(error) => Err(Failure::new(StatusCode::BAD_REQUEST, error.body_text())),
        }
    }
}
