//! One connection: addresses tried in turn, then the proxy's handshake if there is one, then TLS.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::proxy::{Proxy, ProxySettings};
use super::tls::{Tls, TlsSettings};
use super::{Connect, ConnectError, SetupError, UpstreamUrl};
use crate::handler::FailureKind;
use crate::stream::{Connection, tune};

/// How long one address may take while there are others to try.
const ATTEMPT: Duration = Duration::from_secs(3);

pub(super) struct Dialer {
    url: UpstreamUrl,
    proxy: Option<Proxy>,
    tls: Option<Tls>,
}

impl Dialer {
    pub(super) fn new(
        url: &UpstreamUrl,
        tls: &TlsSettings,
        proxies: &ProxySettings,
    ) -> Result<Self, SetupError> {
        let tls = if url.is_tls() { Some(Tls::new(url, tls)?) } else { None };
        Ok(Dialer { url: url.clone(), proxy: proxies.proxy_for(url)?, tls })
    }

    async fn dial(&self) -> Result<Connection, ConnectError> {
        let stream = match &self.proxy {
            Some(proxy) => proxy.tunnel(&self.url).await?,
            None => dial(self.url.host(), self.url.port(), &self.url.host_and_port()).await?,
        };
        match &self.tls {
            Some(tls) => Ok(Connection::Tls(Box::new(tls.handshake(stream).await?))),
            None => Ok(Connection::Tcp(stream)),
        }
    }
}

impl Connect for Dialer {
    fn connect(&self) -> Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send + '_>> {
        Box::pin(self.dial())
    }

    fn describe(&self) -> String {
        self.url.host_and_port()
    }
}

/// Resolves the name and tries each of its addresses; the error is the last address's.
pub(super) async fn dial(host: &str, port: u16, target: &str) -> Result<TcpStream, ConnectError> {
    let addresses = tokio::net::lookup_host((host, port)).await.map_err(|error| {
        ConnectError::new(FailureKind::Dns, target, format_args!("the name could not be resolved: {error}"))
    })?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut addresses = addresses.peekable();
    while let Some(address) = addresses.next() {
        let connecting = TcpStream::connect(address);
        let connected = if addresses.peek().is_some() {
            // An address that swallows packets must not use up the time of those after it.
            timeout(ATTEMPT, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        } else {
            connecting.await
        };
        match connected {
            Ok(stream) => {
                tune(&stream);
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(ConnectError::from_io(target, &last))
}
