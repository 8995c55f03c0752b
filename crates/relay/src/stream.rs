//! The kinds of connections to an upstream, as one type.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Anything that bytes go through in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to an upstream.
pub enum Connection {
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
    /// Anything else, for example memory. It cannot be checked for an end it has not announced to its reader.
    Boxed(Box<dyn Stream>),
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Connection::Tcp(_) => "Tcp",
            Connection::Tls(_) => "Tls",
            Connection::Boxed(_) => "Boxed",
        })
    }
}

impl Connection {
    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Connection::Tcp(stream) => Some(stream),
            Connection::Tls(stream) => Some(stream.get_ref().0),
            Connection::Boxed(_) => None,
        }
    }

    /// The address of the other end, if there is a network in between.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.tcp()?.peer_addr().ok()
    }

    /// Whether the other side has neither closed nor sent anything since its last answer.
    pub(crate) fn is_idle_and_open(&mut self) -> bool {
        let mut byte = [0];
        let mut cx = Context::from_waker(Waker::noop());
        // For TLS this also takes in what is no answer, such as session tickets.
        if Pin::new(&mut *self).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_ready() {
            return false;
        }
        // The kernel may know more than the runtime has noticed yet.
        self.tcp().is_none_or(|tcp| {
            let peeked = socket2::SockRef::from(tcp).peek(&mut [MaybeUninit::uninit()]);
            matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
        })
    }
}

/// No delay for small writes, and probes that find out when the other end is gone without a word.
pub(crate) fn tune(stream: &TcpStream) {
    const PROBE_AFTER: Duration = Duration::from_secs(60);
    let probes = socket2::TcpKeepalive::new().with_time(PROBE_AFTER);
    let tuned =
        stream.set_nodelay(true).and_then(|()| socket2::SockRef::from(stream).set_tcp_keepalive(&probes));
    if let Err(error) = tuned {
        tracing::debug!(%error, "could not set the options of a socket");
    }
}

/// Makes the coming close of this socket a reset, so that what was cut does not look like an end.
pub(crate) fn reset_on_close(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "could not turn a close into a reset");
    }
}

macro_rules! delegate {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Connection::Tcp($stream) => $call,
            Connection::Tls($stream) => $call,
            Connection::Boxed($stream) => $call,
        }
    };
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (ours, listener.accept().unwrap().0)
    }

    #[tokio::test]
    async fn connections_are_tuned() {
        let (ours, _theirs) = pair().await;
        tune(&ours);
        assert!(ours.nodelay().unwrap());
        assert!(socket2::SockRef::from(&ours).keepalive().unwrap());
    }

    #[tokio::test]
    async fn an_end_is_seen_before_the_runtime_has_noticed_it() {
        let (ours, theirs) = pair().await;
        let mut connection = Connection::Tcp(ours);
        assert!(connection.is_idle_and_open());
        // Nothing is awaited in between.
        drop(theirs);
        assert!(!connection.is_idle_and_open());
    }

    #[tokio::test]
    async fn bytes_that_nobody_asked_for_are_seen() {
        let (ours, mut theirs) = pair().await;
        let mut connection = Connection::Tcp(ours);
        theirs.write_all(b"HTTP/1.1 408 ").unwrap();
        assert!(!connection.is_idle_and_open());
    }
}
