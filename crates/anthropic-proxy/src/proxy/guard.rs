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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::{TcpListener, TcpStream};

    struct To(SocketAddr);

    impl Connect for To {
        fn connect(&self) -> Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send + '_>> {
            Box::pin(async { Ok(Connection::Tcp(TcpStream::connect(self.0).await.unwrap())) })
        }
    }

    #[tokio::test]
    async fn a_connection_to_ourselves_is_refused_whatever_name_led_there() {
        let own = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listening = vec![own.local_addr().unwrap()];
        let port = listening[0].port();
        for (target, allowed) in [
            (format!("127.0.0.1:{port}"), false),
            (format!("127.0.0.2:{port}"), false),
            (other.local_addr().unwrap().to_string(), true),
        ] {
            let inner = Arc::new(To(target.parse().unwrap()));
            let result = LoopGuard { inner, listening: listening.clone() }.connect().await;
            assert_eq!(result.is_ok(), allowed, "{target}");
        }
    }
}
