//! A connection that a client made: plain, or under TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What a TLS connection begins with: a handshake record.
const HANDSHAKE: u8 = 0x16;

/// For who speaks plain HTTP to a port that wants TLS. Read by people, so no other text than this.
const WANTS_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 34\r\nConnection: close\r\n\r\nthis port speaks HTTPS, not HTTP.\n";

/// A certificate with its key, to serve under TLS.
#[derive(Clone)]
pub struct TlsIdentity {
    config: Arc<ServerConfig>,
    certificate: CertificateDer<'static>,
}

impl TlsIdentity {
    /// From PEM: the certificate first, then what it is signed by; the key in any of the usual forms.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<TlsIdentity, String> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("the certificate cannot be read: {error}"))?;
        let Some(certificate) = chain.first().cloned() else {
            return Err("there is no certificate in it (-----BEGIN CERTIFICATE-----)".to_owned());
        };
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the key cannot be read: {error}"))?;
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
                .map_err(|error| format!("certificate and key do not serve: {error}"))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsIdentity { config: Arc::new(config), certificate })
    }

    /// The certificate itself, in DER: what a fingerprint is of.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }
}

/// How long a client may take before it is served.
pub(crate) struct Patience {
    /// To its first byte.
    pub(crate) first_byte: Duration,
    /// From there to the end of the handshake.
    pub(crate) handshake: Duration,
}

/// A client's connection.
pub(crate) enum Incoming {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Incoming {
    /// Under TLS, if the client begins so. Programs of this very machine may do without, all others are told that they may not.
    ///
    /// `None`: there is nobody to serve.
    pub(crate) async fn secure(
        stream: TcpStream,
        peer: SocketAddr,
        identity: &TlsIdentity,
        patience: Patience,
    ) -> Option<Incoming> {
        let mut first = [0];
        let seen = tokio::time::timeout(patience.first_byte, stream.peek(&mut first)).await.ok()?.ok()?;
        if seen == 0 {
            return None;
        }
        if first[0] == HANDSHAKE {
            let acceptor = TlsAcceptor::from(Arc::clone(&identity.config));
            return match tokio::time::timeout(patience.handshake, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => Some(Incoming::Tls(Box::new(stream))),
                Ok(Err(error)) => {
                    tracing::debug!(%peer, %error, "a TLS handshake failed");
                    None
                }
                Err(_) => {
                    tracing::debug!(%peer, "a TLS handshake took too long");
                    None
                }
            };
        }
        let own = stream.local_addr().ok()?;
        if is_of_this_machine(own.ip(), peer.ip()) {
            return Some(Incoming::Tcp(stream));
        }
        tracing::debug!(%peer, "refused: it did not speak TLS");
        let mut stream = stream;
        let _ = tokio::time::timeout(patience.handshake, stream.write_all(WANTS_TLS)).await;
        None
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Incoming::Tcp(stream) => stream,
            Incoming::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// What never leaves this machine needs no TLS.
fn is_of_this_machine(own: IpAddr, peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback() || peer.to_canonical() == own.to_canonical()
}

impl AsyncRead for Incoming {
    /// Under TLS what waits to be sent goes first: whoever waits for its client reads, and may have nothing more to write.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Incoming::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Incoming::Tls(stream) => {
                if let Poll::Ready(Err(error)) = Pin::new(&mut *stream).poll_flush(cx) {
                    return Poll::Ready(Err(error));
                }
                Pin::new(stream).poll_read(cx, buffer)
            }
        }
    }
}

impl AsyncWrite for Incoming {
    /// Under TLS no more is taken before what was taken is sent, so that a client that does not read is not read for.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Incoming::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Incoming::Tls(stream) => {
                ready!(Pin::new(&mut *stream).poll_flush(cx))?;
                Pin::new(stream).poll_write(cx, bytes)
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Incoming::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Incoming::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Incoming::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Incoming::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    fn identity() -> TlsIdentity {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        TlsIdentity::from_pem(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes())
            .unwrap()
    }

    #[test]
    fn only_this_machine_may_do_without() {
        let cases = [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "::ffff:127.0.0.9", true),
            ("::1", "::1", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("::ffff:192.0.2.7", "192.0.2.7", true),
            ("127.0.0.1", "192.0.2.8", false),
        ];
        for (own, peer, expected) in cases {
            assert_eq!(
                is_of_this_machine(own.parse().unwrap(), peer.parse().unwrap()),
                expected,
                "{own} {peer}"
            );
        }
    }

    #[tokio::test]
    async fn another_machine_is_told_to_speak_tls() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client.write_all(b"GET /monitor HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let patience = Patience { first_byte: Duration::from_secs(60), handshake: Duration::from_secs(60) };
        let elsewhere = "203.0.113.9:1234".parse().unwrap();
        assert!(Incoming::secure(stream, elsewhere, &identity(), patience).await.is_none());
        let mut answer = vec![0; WANTS_TLS.len()];
        client.read_exact(&mut answer).await.unwrap();
        let (head, body) = std::str::from_utf8(&answer).unwrap().split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 "));
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    }
}
