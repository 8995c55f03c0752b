//! The HTTP API under `/api/monitor`, the page under `/monitor`, `/health` and `/`. What they carry is made by `view`.

mod access;
mod assets;
mod cache;
mod client;
mod compare;
mod context;
mod demo;
mod door;
mod export;
mod facets;
mod home;
mod import;
mod keeping;
mod latency;
mod limits;
mod places;
mod query;
mod report;
mod requests;
mod server;
mod sessions;
mod stats;
mod stream;
mod usage;
mod veil;

use crate::capture::Capture;
use crate::config::{Config, Token};
use crate::live::Live;
use crate::recorder::Recorder;
use crate::view::{self, types};
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
pub(crate) use context::LIMIT as CONTEXT_LIMIT;
pub(crate) use demo::StartDemo;
use door::Door;
pub(crate) use import::ImportState;
pub(crate) use limits::of_store as limits_of_record;
use places::Places;
pub(crate) use server::MonitorServer;
pub(crate) use stats::stats_of_record;
use std::net::SocketAddr;
use std::sync::Arc;
use store::Store;
use types::{ApiProblem, Deleted, FilterPlace};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the monitor reads from. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Monitor {
    pub(crate) store: Store,
    pub(crate) live: Live,
    pub(crate) recorder: Recorder,
    pub(crate) capture: Capture,
    pub(crate) config: Arc<Config>,
    pub(crate) leases: Leases,
    /// Turns true when the program ends: answers without end do so then.
    pub(crate) stopping: Stopping,
    door: Door,
    stats: stats::StatsCache,
    reindexing: keeping::Reindexing,
    importing: import::Importing,
    demo: demo::Demo,
    /// Places for live streams, and for files that are written.
    watchers: Places,
    /// Places for what is asked and answered at once.
    readers: Places,
    writers: Places,
}

/// Counts the clients that keep this proxy in use (`run`).
pub(crate) type Leases = tokio::sync::watch::Sender<usize>;

/// Turns true when the program ends.
pub(crate) type Stopping = tokio::sync::watch::Receiver<bool>;

impl Monitor {
    /// A monitor over these parts.
    pub(crate) fn new(
        store: Store,
        live: Live,
        recorder: Recorder,
        capture: Capture,
        config: Arc<Config>,
        leases: Leases,
        stopping: Stopping,
    ) -> Monitor {
        let port = config.listen.first().map_or(0, SocketAddr::port);
        let door = Door::new(config.monitor_token.as_ref().map(Token::reveal), port, config.tls.is_some());
        Monitor {
            store,
            live,
            recorder,
            capture,
            config,
            leases,
            stopping,
            door,
            stats: stats::StatsCache::default(),
            reindexing: keeping::Reindexing::default(),
            importing: import::Importing::default(),
            demo: demo::Demo::default(),
            watchers: Places::new(256, "live streams are open"),
            readers: Places::new(32, "calls of the monitoring API are worked on"),
            writers: Places::new(8, "exports and reports are being written"),
        }
    }

    /// The same with a way to start a demonstration, for the page's button.
    pub(crate) fn with_demo(self, start: StartDemo) -> Monitor {
        Monitor { demo: demo::Demo::started_by(start), ..self }
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "anthropic-proxy",
        description = "What went through the proxy, and how it runs. Served to pages of the same origin only."
    ),
    components(schemas(types::LiveMessage))
)]
struct ApiDoc;

/// The list of the API: one line a route.
fn api() -> OpenApiRouter<Monitor> {
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        .routes(routes!(requests::list))
        .routes(routes!(requests::detail))
        .routes(routes!(requests::events))
        .routes(routes!(requests::body))
        .routes(routes!(keeping::clear))
        .routes(routes!(keeping::prune))
        .routes(routes!(keeping::pin))
        .routes(routes!(keeping::pin_session))
        .routes(routes!(keeping::reindex))
        .routes(routes!(import::import, import::import_state))
        .routes(routes!(context::of_request))
        .routes(routes!(context::of_many))
        .routes(routes!(stats::stats))
        .routes(routes!(stats::models))
        .routes(routes!(cache::cache))
        .routes(routes!(limits::limits))
        .routes(routes!(sessions::sessions))
        .routes(routes!(sessions::session))
        .routes(routes!(compare::compare))
        .routes(routes!(client::client))
        .routes(routes!(usage::usage))
        .routes(routes!(latency::latency))
        .routes(routes!(facets::facets))
        .routes(routes!(facets::filter_keys))
        .routes(routes!(stream::stream))
        .routes(routes!(export::export))
        .routes(routes!(report::analyze))
        .routes(routes!(demo::demo))
        .routes(routes!(home::config))
        .routes(routes!(home::lease))
        .routes(routes!(home::openapi))
}

/// Everything that is ours to answer.
pub(crate) fn router(monitor: Monitor) -> Router {
    let (api, _document) = api().split_for_parts();
    let own = api
        .layer(middleware::from_fn(veil::veil))
        .layer(middleware::from_fn_with_state(monitor.clone(), places::in_turn))
        .merge(assets::routes())
        .route("/metrics", axum::routing::get(stats::metrics))
        .route("/monitor/login", axum::routing::post(door::login))
        .layer(middleware::from_fn_with_state(monitor.clone(), door::let_in))
        .layer(middleware::from_fn_with_state(monitor.clone(), access::same_origin_only));
    Router::new()
        .merge(own)
        .merge(home::routes())
        .fallback(no_such_route)
        .layer(middleware::from_fn(access::harden))
        .with_state(monitor)
}

/// The OpenAPI document, made from the code.
///
/// # Errors
/// Never in practice: when it cannot be written as JSON.
pub(crate) fn openapi_json() -> serde_json::Result<String> {
    let (_routes, document) = api().split_for_parts();
    document.to_pretty_json()
}

/// What is none of our routes comes here only where forwarding needs a token that it did not have.
async fn no_such_route(State(monitor): State<Monitor>) -> Response {
    if monitor.config.proxy_token.is_some() {
        let message = "anthropic-proxy: this proxy forwards only with its token (PROXY_TOKEN)\nhint: set \
             ANTHROPIC_BASE_URL=http://HOST:PORT/t/TOKEN, or send the header x-proxy-token";
        let error = serde_json::json!({"type": "error", "error": {"type": "authentication_error", "message": message}});
        return (StatusCode::UNAUTHORIZED, Json(error)).into_response();
    }
    Failure::new(StatusCode::NOT_FOUND, "there is no such route; /api/monitor/openapi.json lists them")
        .into_response()
}

/// The one place where errors become HTTP answers.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    message: String,
    /// Of a filter: what is wrong where, and what to write instead.
    filter: Option<(FilterPlace, String)>,
    /// Of a request that was here.
    deleted: Option<Deleted>,
}

impl Failure {
    fn new(status: StatusCode, message: impl Into<String>) -> Failure {
        Failure { status, message: message.into(), filter: None, deleted: None }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (at, hint) = self.filter.unzip();
        (self.status, Json(ApiProblem { error: self.message, at, hint, deleted: self.deleted }))
            .into_response()
    }
}

impl From<store::FilterError> for Failure {
    fn from(error: store::FilterError) -> Failure {
        let units = |end: usize| error.text.get(..end).unwrap_or(&error.text).encode_utf16().count() as u64;
        let at = FilterPlace { start: units(error.at.start), end: units(error.at.end) };
        let filter = Some((at, error.hint));
        Failure { status: StatusCode::BAD_REQUEST, message: error.message, filter, deleted: None }
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Failure {
        tracing::error!(%error, "the store cannot be read");
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the store cannot be read: {error}"))
    }
}

/// Runs what reads from the disk where it holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "an answer of the monitor failed");
        Err(Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the answer could not be made; the log says more",
        ))
    })
}
