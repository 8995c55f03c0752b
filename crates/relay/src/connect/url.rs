//! The address of an upstream.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// `http[s]://host[:port][/base/path]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamUrl {
    tls: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    base_path: String,
}

/// Why an address is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Neither http nor https.
    #[error("it must begin with http:// or https://")]
    Scheme,
    /// No host.
    #[error("it names no host")]
    NoHost,
    /// A host with characters that none has.
    #[error("its host is malformed")]
    BadHost,
    /// Not a port.
    #[error("its port is not a number from 1 to 65535")]
    BadPort,
    /// `user:password@`.
    #[error("it holds a user name or password, which would not be sent")]
    UserInfo,
    /// `?` or `#`.
    #[error("it holds a query or a fragment; only a path is kept")]
    QueryOrFragment,
    /// A path with spaces or the like.
    #[error("its path holds a character that must be percent-encoded")]
    BadPath,
}

impl UpstreamUrl {
    /// Whether TLS is spoken.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 80 or 443 if none was given.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What is put before each path: empty, or without a slash at its end.
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// The value of a `Host` header: the port only if it is not the usual one.
    pub fn authority(&self) -> String {
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual { self.bracketed() } else { self.host_and_port() }
    }

    /// `host:port`, for messages and for proxies.
    pub fn host_and_port(&self) -> String {
        format!("{}:{}", self.bracketed(), self.port)
    }

    /// Whether the host is this machine by its name or address; the unspecified address leads here too.
    pub fn is_loopback(&self) -> bool {
        let name = self.host.trim_end_matches('.');
        match name.parse::<IpAddr>() {
            Ok(address) => {
                let address = address.to_canonical();
                address.is_loopback() || address.is_unspecified()
            }
            Err(_) => {
                name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
            }
        }
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.base_path)
    }
}

impl FromStr for UpstreamUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(UrlError::Scheme),
        };
        if rest.contains(['?', '#']) {
            return Err(UrlError::QueryOrFragment);
        }
        let path_at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_at);
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        if path.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(UrlError::BadPath);
        }
        let (host, port) = split_port(authority)?;
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        Ok(UpstreamUrl { tls, host, port, base_path: path.trim_end_matches('/').to_owned() })
    }
}

fn split_port(authority: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or(UrlError::BadHost)?;
            address.parse::<Ipv6Addr>().map_err(|_| UrlError::BadHost)?;
            let port = if after.is_empty() {
                None
            } else {
                after.strip_prefix(':').ok_or(UrlError::BadPort)?.into()
            };
            (address, port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    if host.is_empty() {
        return Err(UrlError::NoHost);
    }
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if !host.bytes().all(fine) {
        return Err(UrlError::BadHost);
    }
    let port = match port {
        None | Some("") => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port != 0).ok_or(UrlError::BadPort)?)
        }
        Some(_) => return Err(UrlError::BadPort),
    };
    Ok((host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood() {
        for (text, authority, host_and_port, base_path) in [
            ("https://api.anthropic.com", "api.anthropic.com", "api.anthropic.com:443", ""),
            ("https://api.anthropic.com/", "api.anthropic.com", "api.anthropic.com:443", ""),
            (" HTTP://Host:8080/a/b/ ", "host:8080", "host:8080", "/a/b"),
            ("https://h:443/x%20y", "h", "h:443", "/x%20y"),
            ("http://[::1]:81", "[::1]:81", "[::1]:81", ""),
            ("http://[::1]", "[::1]", "[::1]:80", ""),
            ("http://h:", "h", "h:80", ""),
        ] {
            let url: UpstreamUrl = text.parse().unwrap();
            assert_eq!(
                (url.authority().as_str(), url.host_and_port().as_str(), url.base_path()),
                (authority, host_and_port, base_path),
                "{text}"
            );
            assert_eq!(url.to_string().parse(), Ok(url));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (text, error) in [
            ("", UrlError::Scheme),
            ("api.anthropic.com", UrlError::Scheme),
            ("ftp://h", UrlError::Scheme),
            ("http://", UrlError::NoHost),
            ("http://:80", UrlError::NoHost),
            ("http:///p", UrlError::NoHost),
            ("http://a b", UrlError::BadHost),
            ("http://[::1", UrlError::BadHost),
            ("http://[x]", UrlError::BadHost),
            ("http://::1", UrlError::NoHost),
            ("http://h:x", UrlError::BadPort),
            ("http://h:0", UrlError::BadPort),
            ("http://h:65536", UrlError::BadPort),
            ("http://[::1]80", UrlError::BadPort),
            ("http://user:pass@h", UrlError::UserInfo),
            ("http://h/?q", UrlError::QueryOrFragment),
            ("http://h#f", UrlError::QueryOrFragment),
            ("http://h/a b", UrlError::BadPath),
        ] {
            assert_eq!(text.parse::<UpstreamUrl>(), Err(error), "{text}");
        }
    }

    #[test]
    fn loopback_is_known_by_all_its_names() {
        for (host, loopback) in [
            ("localhost", true),
            ("LocalHost.", true),
            ("a.localhost", true),
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("localhost.example", false),
            ("10.0.0.1", false),
            ("0.0.0.0", true),
            ("[::]", true),
        ] {
            let url: UpstreamUrl = format!("http://{host}").parse().unwrap();
            assert_eq!(url.is_loopback(), loopback, "{host}");
        }
    }
}
