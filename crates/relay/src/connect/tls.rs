//! TLS to an upstream: rustls with the system's trust store and the certificates that were added to it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{ConnectError, UpstreamUrl};
use crate::handler::FailureKind;

/// Whom to trust.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// PEM files with certificates that are trusted besides the system's.
    pub extra_ca_files: Vec<PathBuf>,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsSetupError {
    /// A file is not there or not PEM.
    #[error("could not read certificates from {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A file without a certificate.
    #[error("{} holds no certificate", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The trust store.
    #[error("could not set up TLS: {0}")]
    Rustls(#[from] rustls::Error),
    /// The host's name cannot be in a certificate.
    #[error("{0} is no name that a certificate could have")]
    Name(String),
}

/// Speaks TLS to one host.
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
    target: String,
}

impl Tls {
    pub(super) fn new(url: &UpstreamUrl, settings: &TlsSettings) -> Result<Self, TlsSetupError> {
        let name = ServerName::try_from(url.host().to_owned())
            .map_err(|_| TlsSetupError::Name(url.host().to_owned()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Verifier::new_with_extra_roots(extra_roots(settings)?, Arc::clone(&provider))?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls { connector: TlsConnector::from(Arc::new(config)), name, target: url.host_and_port() })
    }

    pub(super) async fn handshake(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, ConnectError> {
        self.connector.connect(self.name.clone(), stream).await.map_err(|error| self.explain(&error))
    }

    fn explain(&self, error: &io::Error) -> ConnectError {
        let unknown_issuer =
            error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some_and(|inner| {
                matches!(inner, rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer))
            });
        let hint = if unknown_issuer {
            "; hint: if a company gateway re-signs traffic, name its CA file in EXTRA_CA_CERTS"
        } else {
            ""
        };
        ConnectError::new(FailureKind::Tls, &self.target, format_args!("TLS: {error}{hint}"))
    }
}

fn extra_roots(settings: &TlsSettings) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let mut roots = Vec::new();
    for path in &settings.extra_ca_files {
        let unreadable = |error: rustls::pki_types::pem::Error| TlsSetupError::File {
            path: path.clone(),
            cause: error.to_string(),
        };
        let before = roots.len();
        for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
            roots.push(certificate.map_err(unreadable)?);
        }
        if roots.len() == before {
            return Err(TlsSetupError::NoCertificate { path: path.clone() });
        }
    }
    Ok(roots)
}
