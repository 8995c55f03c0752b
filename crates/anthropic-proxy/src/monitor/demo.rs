//! A demonstration beside the record: another proxy of this process, in memory, with simulated traffic.

use super::types::ApiProblem;
use super::{Failure, Monitor};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures_util::future::BoxFuture;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::Mutex;
use utoipa::ToSchema;

/// Starts a demonstration and gives the address of its page.
pub(crate) type StartDemo = Arc<dyn Fn() -> BoxFuture<'static, anyhow::Result<String>> + Send + Sync>;

/// At most one demonstration, which ends with the program.
#[derive(Clone, Default)]
pub(super) struct Demo {
    start: Option<StartDemo>,
    page: Arc<Mutex<Option<String>>>,
}

impl Demo {
    pub(super) fn started_by(start: StartDemo) -> Demo {
        Demo { start: Some(start), page: Arc::default() }
    }
}

/// Where a demonstration is shown.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DemoAnswer {
    /// The address of its page.
    url: String,
}

/// Starts a demonstration: simulated sessions through a proxy of its own, kept in memory only. The record stays as it is.
#[utoipa::path(post, path = "/api/monitor/demo", responses(
    (status = 200, body = DemoAnswer), (status = 409, body = ApiProblem), (status = 500, body = ApiProblem)))]
pub(super) async fn demo(State(monitor): State<Monitor>) -> Result<Json<DemoAnswer>, Failure> {
    let Some(start) = monitor.demo.start else {
        return Err(Failure::new(
            StatusCode::CONFLICT,
            "a demonstration needs a proxy that only this machine reaches; run `anthropic-proxy demo` instead",
        ));
    };
    let mut page = monitor.demo.page.lock().await;
    let url = match &*page {
        Some(url) => url.clone(),
        None => start().await.map_err(|error| {
            Failure::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("the demonstration cannot start: {error:#}"),
            )
        })?,
    };
    *page = Some(url.clone());
    Ok(Json(DemoAnswer { url }))
}
