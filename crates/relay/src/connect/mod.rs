//! New connections to an upstream: directly or through a proxy, plain or in TLS.

mod dial;
mod proxy;
mod tls;
mod url;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::handler::FailureKind;
use crate::stream::Connection;

pub use proxy::{ProxyError, ProxySettings};
pub use tls::{TlsSettings, TlsSetupError};
pub use url::{UpstreamUrl, UrlError};

use dial::Dialer;

/// Makes connections to one upstream.
pub trait Connect: Send + Sync {
    /// A new connection, ready for a request. Dropping the future gives the attempt up.
    fn connect(&self) -> Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send + '_>>;

    /// What is connected to, for messages: `api.anthropic.com:443`.
    fn describe(&self) -> String {
        "the upstream".to_owned()
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ConnectError {
    /// In one word.
    pub kind: FailureKind,
    /// In a sentence that names the host: `could not connect to api.anthropic.com:443: connection refused`.
    pub message: String,
}

impl ConnectError {
    /// An error of `kind` while connecting to `target`.
    pub fn new(kind: FailureKind, target: &str, cause: impl std::fmt::Display) -> Self {
        ConnectError { kind, message: format!("could not connect to {target}: {cause}") }
    }

    pub(crate) fn timed_out(target: &str, limit: Duration) -> Self {
        Self::new(FailureKind::ConnectTimeout, target, format_args!("no connection within {limit:?}"))
    }

    fn from_io(target: &str, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::ConnectionRefused => FailureKind::Refused,
            io::ErrorKind::TimedOut => FailureKind::ConnectTimeout,
            _ => FailureKind::Network,
        };
        Self::new(kind, target, plain(error))
    }
}

/// The words of an error of the operating system without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}

/// Why no connector can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The trust store or an extra certificate.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
    /// The proxy's address.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

/// A connector for `url`: in TLS if it says https, through a proxy if `proxies` has one for it. A loopback address
/// is never reached through a proxy. Names are resolved anew for each connection.
///
/// # Errors
/// If a certificate file cannot be read, or the proxy that would be used is of an unknown kind.
pub fn connector(
    url: &UpstreamUrl,
    tls: &TlsSettings,
    proxies: &ProxySettings,
) -> Result<Arc<dyn Connect>, SetupError> {
    Ok(Arc::new(Dialer::new(url, tls, proxies)?))
}
