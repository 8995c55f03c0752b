//! What can be filtered by: the values that occur, and the keys of the filter language.

use super::query::{Asked, Filters};
use super::types::{ApiProblem, FacetInfo, FacetValue, FacetsAnswer, FilterKey, FilterKeys};
use super::{Failure, Monitor, blocking};
use axum::Json;
use axum::extract::State;

/// The values that occur among the exchanges that match, and how often.
#[utoipa::path(get, path = "/api/monitor/facets", params(Filters), responses(
    (status = 200, body = FacetsAnswer), (status = 400, body = ApiProblem)))]
pub(super) async fn facets(
    State(monitor): State<Monitor>,
    Asked(filters): Asked<Filters>,
) -> Result<Json<FacetsAnswer>, Failure> {
    let filter = filters.read()?;
    let facets = blocking(move || Ok(monitor.store.facets(&filter)?)).await?;
    let data = facets.into_iter().map(|(key, values)| FacetInfo {
        key,
        values: values
            .into_iter()
            .map(|facet| FacetValue { value: facet.value, count: facet.count })
            .collect(),
    });
    Ok(Json(FacetsAnswer { data: data.collect() }))
}

/// The keys of the filter language, for whoever completes it.
#[utoipa::path(get, path = "/api/monitor/filter", responses((status = 200, body = FilterKeys)))]
pub(super) async fn filter_keys() -> Json<FilterKeys> {
    let data =
        store::KEYS.iter().map(|key| FilterKey { name: key.name, about: key.about, example: key.example });
    Json(FilterKeys { data: data.collect() })
}
