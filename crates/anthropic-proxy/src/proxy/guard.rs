//! Refuses an upstream connection that ends at this proxy: a loop would eat every socket there is.
//!
//! Checked at each connect, on the address that was really reached, because names change their meaning while the program runs.

use crate::config::reaches;
use relay::{Connect, ConnectError, Connection, FailureKind};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

/// A connector that never connects to one of our own listeners.
pub(crate) struct LoopGuard {
    /// Makes the connections.
    pub(crate) inner: Arc<dyn Connect>,
    /// Where we listen.
    pub(crate) listening: Vec<SocketAddr>,
}

impl Connect for LoopGuard {
    fn connect(&self) -> Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send + '_>> {
        Box::pin(async {
            let connection = self.inner.connect().await?;
            match connection.remote() {
                Some(remote) if self.listening.iter().any(|own| reaches(remote, *own)) => {
                    let cause = "it is this proxy itself, a request would go round in a circle";
                    Err(ConnectError::new(FailureKind::Network, &remote.to_string(), cause))
                }
                _ => Ok(connection),
            }
        })
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}
