//! The monitor as one more upstream: each connection is a pipe in memory with hyper at its other end.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use relay::{Connect, ConnectError, Connection};
use std::future::Future;
use std::pin::Pin;

/// How much may be in the pipe, each way. A browser that reads slowly stops its own answer here and nothing else.
const PIPE: usize = 64 << 10;

/// Connects to the monitor.
pub(crate) struct MonitorServer(pub(crate) Router);

impl Connect for MonitorServer {
    fn connect(&self) -> Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send + '_>> {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let service = TowerToHyperService::new(self.0.clone());
        tokio::spawn(async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                // No `half_close`: a page or a lease that has gone must be noticed before something is written to it.
                .serve_connection(TokioIo::new(theirs), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "a connection to the monitor ended early");
            }
        });
        Box::pin(std::future::ready(Ok(Connection::Boxed(Box::new(ours)))))
    }
}
