//! The certificate that the proxy serves under: the user's own, or one that is made once for each data folder.

use crate::config::{Config, Tls};
use anyhow::{Context as _, anyhow};
use rcgen::{CertificateParams, DnType, KeyPair};
use relay::TlsIdentity;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const CERTIFICATE: &str = "tls-certificate.pem";
const KEY: &str = "tls-key.pem";

/// What precedes the names in the file of a certificate of ours.
const FOR: &str = "for ";

/// What the proxy serves under.
pub(crate) struct Certificate {
    pub(super) identity: TlsIdentity,
    /// SHA-256 of the certificate: pairs of hexadecimal digits, parted by colons.
    pub(crate) fingerprint: String,
    /// What clients have to trust, where nobody else vouches for it.
    pub(crate) to_trust: Option<PathBuf>,
}

impl Certificate {
    /// As the configuration says; `None`: there is to be none.
    ///
    /// # Errors
    /// Which file is missing or wrong, and what it should be.
    pub(super) fn of(config: &Config) -> anyhow::Result<Option<Certificate>> {
        let (identity, to_trust) = match &config.tls {
            None => return Ok(None),
            Some(Tls::Files { certificate, key }) => (from_files(certificate, key)?, None),
            Some(Tls::SelfSigned) => self_signed(config)?,
        };
        let fingerprint = fingerprint(identity.certificate());
        Ok(Some(Certificate { identity, fingerprint, to_trust }))
    }
}

fn from_files(certificate: &Path, key: &Path) -> anyhow::Result<TlsIdentity> {
    let read = |name: &str, path: &Path| {
        fs::read(path).map_err(|error| {
            anyhow!("{name}={} cannot be read: {error}\nhint: give the path of a PEM file that this user may read", path.display())
        })
    };
    let (chain, secret) = (read("TLS_CERT", certificate)?, read("TLS_KEY", key)?);
    TlsIdentity::from_pem(&chain, &secret).map_err(|why| {
        anyhow!(
            "TLS_CERT={} and TLS_KEY={}: {why}\nhint: TLS_CERT holds the certificate and those that signed it, TLS_KEY the key that \
             belongs to it, both as PEM",
            certificate.display(),
            key.display()
        )
    })
}

/// The one in the data folder, if it is for the names that this proxy has; else a new one.
fn self_signed(config: &Config) -> anyhow::Result<(TlsIdentity, Option<PathBuf>)> {
    let names = names(config);
    let title = format!("{FOR}{}\n", names.join(" "));
    let Some(folder) = config.folder() else {
        let (certificate, key) = make(names)?;
        return Ok((identity(&certificate, &key)?, None));
    };
    let (path, key_path) = (folder.join(CERTIFICATE), folder.join(KEY));
    if let (Ok(certificate), Ok(key)) = (fs::read_to_string(&path), fs::read_to_string(&key_path))
        && certificate.starts_with(&title)
        && let Ok(known) = identity(&certificate, &key)
    {
        return Ok((known, Some(path)));
    }
    let (certificate, key) = make(names)?;
    // The key first, and readable by its owner only: a certificate without its key would be made anew.
    for (path, text) in [(&key_path, &key), (&path, &format!("{title}{certificate}"))] {
        let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut draft| {
            draft.write_all(text.as_bytes())?;
            draft.persist(path).map_err(|error| error.error)
        });
        written.with_context(|| {
            format!("cannot write {}\nhint: choose another folder with DATA_DIR", path.display())
        })?;
    }
    Ok((identity(&certificate, &key)?, Some(path)))
}

fn identity(certificate: &str, key: &str) -> anyhow::Result<TlsIdentity> {
    TlsIdentity::from_pem(certificate.as_bytes(), key.as_bytes()).map_err(|why| anyhow!("{why}"))
}

/// Every name and address under which clients may reach it.
fn names(config: &Config) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let addresses = config.listen.iter().map(std::net::SocketAddr::ip).filter(|ip| !ip.is_unspecified());
    names.extend(addresses.map(|ip| ip.to_string()));
    names.extend(config.allowed_hosts.iter().cloned());
    if !config.host.is_empty() && config.host.parse::<std::net::IpAddr>().is_err() {
        names.push(config.host.clone());
    }
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// A certificate and its key, as PEM.
fn make(names: Vec<String>) -> anyhow::Result<(String, String)> {
    let key = KeyPair::generate().context("cannot make a key")?;
    let mut parameters = CertificateParams::new(names)
        .context("cannot make a certificate\nhint: ALLOWED_HOSTS and HOST have to be names or addresses")?;
    parameters.distinguished_name.push(DnType::CommonName, "anthropic-proxy");
    let certificate = parameters.self_signed(&key).context("cannot make a certificate")?;
    Ok((certificate.pem(), key.serialize_pem()))
}

fn fingerprint(certificate: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(certificate) {
        let colon = if text.is_empty() { "" } else { ":" };
        // A `String` takes everything.
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}
