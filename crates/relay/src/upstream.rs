//! One place where requests go.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::connect::{Connect, ConnectError};
use crate::handler::Connected;
use crate::head::RequestTarget;
use crate::pool::{Pool, PoolSettings};
use crate::stream::Connection;

/// How requests are sent there.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// Takes the place of the client's `Host`, at its place; `None` leaves the client's.
    pub host: Option<Vec<u8>>,
    /// Put before each path: empty, or `/prefix` without a slash at its end.
    pub base_path: String,
    /// How long it may send nothing while it is waited for.
    pub silence: Duration,
    /// How long a connection may take, TLS included.
    pub connect_timeout: Duration,
    /// Which connections are kept.
    pub pool: PoolSettings,
}

impl Default for UpstreamSettings {
    /// The client's `Host`, no prefix, 10 minutes of silence, 30 s to connect.
    fn default() -> Self {
        UpstreamSettings {
            host: None,
            base_path: String::new(),
            silence: Duration::from_secs(600),
            connect_timeout: Duration::from_secs(30),
            pool: PoolSettings::default(),
        }
    }
}

/// A place where requests go, with its kept connections.
pub struct Upstream {
    settings: UpstreamSettings,
    connector: Arc<dyn Connect>,
    pool: Arc<Pool>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Upstream {
    /// `connector` makes each new connection.
    pub fn new(settings: UpstreamSettings, connector: Arc<dyn Connect>) -> Self {
        let pool = Pool::new(settings.pool);
        Upstream { settings, connector, pool }
    }

    pub(crate) fn target(&self) -> RequestTarget<'_> {
        RequestTarget { base_path: &self.settings.base_path, host: self.settings.host.as_deref() }
    }

    pub(crate) fn silence(&self) -> Duration {
        self.settings.silence
    }

    /// A kept connection or a new one.
    pub(crate) async fn connection(&self) -> Result<(Connection, Connected), ConnectError> {
        let (connection, reused) = match self.pool.take() {
            Some(connection) => (connection, true),
            None => (self.connect().await?, false),
        };
        let how = Connected { reused, remote: connection.remote() };
        Ok((connection, how))
    }

    async fn connect(&self) -> Result<Connection, ConnectError> {
        let limit = self.settings.connect_timeout;
        match tokio::time::timeout(limit, self.connector.connect()).await {
            Ok(result) => result,
            Err(_) => Err(ConnectError::timed_out(&self.connector.describe(), limit)),
        }
    }

    /// Gives back a connection that can carry another request.
    pub(crate) fn keep(&self, connection: Connection) {
        self.pool.put(connection);
    }
}
