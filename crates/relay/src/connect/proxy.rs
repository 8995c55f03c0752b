//! Proxies on the way to an upstream: which one, and its handshake (HTTP CONNECT or SOCKS5).

use std::fmt;
use std::io;

use hyper_util::client::proxy::matcher::Matcher;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::dial::dial;
use super::{ConnectError, UpstreamUrl};
use crate::handler::FailureKind;

/// The proxies a machine is set up with.
#[derive(Clone, Default)]
pub struct ProxySettings {
    /// For https upstreams: `http://[user:password@]host:port`, `socks5://…` or `socks5h://…`.
    pub https: Option<String>,
    /// For http upstreams.
    pub http: Option<String>,
    /// For those without one of their own.
    pub all: Option<String>,
    /// Comma list of hosts, domains and networks that are reached directly; `*` for all.
    pub no: Option<String>,
}

impl fmt::Debug for ProxySettings {
    /// Without the values, which hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxySettings")
            .field("https", &self.https.is_some())
            .field("http", &self.http.is_some())
            .field("all", &self.all.is_some())
            .field("no", &self.no)
            .finish()
    }
}

/// Why a proxy cannot be used. Never names the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// Not an address.
    #[error("the proxy for this upstream is not understood; write http://host:port or socks5h://host:port")]
    Malformed,
    /// Neither http nor socks5.
    #[error("proxies are reached by http://, socks5:// or socks5h:// only")]
    UnknownKind,
}

impl ProxySettings {
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`; the lower-case names win, as in curl.
    pub fn from_env() -> Self {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// As `from_env`, from any source of variables.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let either = |name: &str| {
            let set = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
            set(&name.to_lowercase()).or_else(|| set(name))
        };
        ProxySettings {
            https: either("HTTPS_PROXY"),
            http: either("HTTP_PROXY"),
            all: either("ALL_PROXY"),
            no: either("NO_PROXY"),
        }
    }

    /// The proxy through which `url` is reached.
    pub(super) fn proxy_for(&self, url: &UpstreamUrl) -> Result<Option<Proxy>, ProxyError> {
        let own = if url.is_tls() { &self.https } else { &self.http };
        let Some(setting) = own.as_deref().or(self.all.as_deref()) else { return Ok(None) };
        if url.is_loopback() {
            return Ok(None);
        }
        let destination: http::Uri = url.to_string().parse().map_err(|_| ProxyError::Malformed)?;
        let matcher = |no: &str| Matcher::builder().all(setting.trim().to_owned()).no(no.to_owned()).build();
        if matcher("").intercept(&destination).is_none() {
            return Err(ProxyError::Malformed);
        }
        let no = self.no.as_deref().unwrap_or_default();
        let Some(found) = matcher(no).intercept(&destination) else { return Ok(None) };
        let kind = match found.uri().scheme_str() {
            Some("http") => {
                Kind::Connect { authorization: found.basic_auth().map(|value| value.as_bytes().to_vec()) }
            }
            Some("socks5") => Kind::Socks { login: login(found.raw_auth()), resolve_here: true },
            Some("socks5h") => Kind::Socks { login: login(found.raw_auth()), resolve_here: false },
            _ => return Err(ProxyError::UnknownKind),
        };
        let host = found.uri().host().ok_or(ProxyError::Malformed)?.trim_matches(['[', ']']).to_owned();
        let usual = if matches!(kind, Kind::Socks { .. }) { 1080 } else { 80 };
        Ok(Some(Proxy { host, port: found.uri().port_u16().unwrap_or(usual), kind }))
    }
}

type Login = (String, String);

fn login(raw: Option<(&str, &str)>) -> Option<Login> {
    raw.map(|(user, password)| (user.to_owned(), password.to_owned()))
}

pub(super) struct Proxy {
    host: String,
    port: u16,
    kind: Kind,
}

enum Kind {
    Connect { authorization: Option<Vec<u8>> },
    Socks { login: Option<Login>, resolve_here: bool },
}

impl Proxy {
    /// A connection through the proxy to the upstream.
    pub(super) async fn tunnel(&self, url: &UpstreamUrl) -> Result<TcpStream, ConnectError> {
        let proxy = format!("the proxy {}:{}", self.host, self.port);
        let mut stream = dial(&self.host, self.port, &proxy).await.map_err(|mut error| {
            error.kind = FailureKind::Proxy;
            error
        })?;
        let done = match &self.kind {
            Kind::Connect { authorization } => connect(&mut stream, url, authorization.as_deref()).await,
            Kind::Socks { login, resolve_here } => {
                socks(&mut stream, url, login.as_ref(), *resolve_here).await
            }
        };
        done.map(|()| stream).map_err(|error| {
            let target = url.host_and_port();
            ConnectError::new(FailureKind::Proxy, &target, format_args!("{proxy}: {error}"))
        })
    }
}

/// Asks an HTTP proxy for a tunnel. Reads its answer byte by byte, since what follows it is not ours to read.
async fn connect(stream: &mut TcpStream, url: &UpstreamUrl, authorization: Option<&[u8]>) -> io::Result<()> {
    const ANSWER_BYTES: usize = 16 * 1024;
    let target = url.host_and_port();
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(value) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == ANSWER_BYTES {
            return Err(io::Error::other("its answer is too long"));
        }
        answer.push(stream.read_u8().await?);
    }
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(&answer).map_err(|_| io::Error::other("its answer is not HTTP"))?;
    match response.code {
        Some(200..=299) => Ok(()),
        Some(407) => Err(io::Error::other("it asks for a user name and password (407)")),
        Some(status) => {
            let reason = response.reason.unwrap_or_default();
            Err(io::Error::other(format!("it refused the tunnel: {status} {reason}")))
        }
        None => Err(io::Error::other("its answer is not HTTP")),
    }
}

/// SOCKS5 (RFC 1928) with a user name and password (RFC 1929) if there is one.
async fn socks(
    stream: &mut TcpStream,
    url: &UpstreamUrl,
    login: Option<&Login>,
    resolve_here: bool,
) -> io::Result<()> {
    const VERSION: u8 = 5;
    const NO_LOGIN: u8 = 0;
    const PASSWORD: u8 = 2;
    let method = if login.is_some() { PASSWORD } else { NO_LOGIN };
    stream.write_all(&[VERSION, 1, method]).await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    if chosen != [VERSION, method] {
        return Err(io::Error::other("it does not accept our way to log in"));
    }
    if let Some((user, password)) = login {
        let mut message = vec![1];
        push_short(&mut message, user.as_bytes())?;
        push_short(&mut message, password.as_bytes())?;
        stream.write_all(&message).await?;
        stream.read_exact(&mut chosen).await?;
        if chosen[1] != 0 {
            return Err(io::Error::other("it refused the user name or password"));
        }
    }
    let mut message = vec![VERSION, 1, 0];
    push_address(&mut message, url, resolve_here).await?;
    message.extend_from_slice(&url.port().to_be_bytes());
    stream.write_all(&message).await?;
    read_socks_reply(stream).await
}

async fn push_address(message: &mut Vec<u8>, url: &UpstreamUrl, resolve_here: bool) -> io::Result<()> {
    use std::net::IpAddr;
    let mut address = url.host().parse::<IpAddr>().ok();
    if address.is_none() && resolve_here {
        let mut found = tokio::net::lookup_host((url.host(), url.port())).await?;
        address = found.next().map(|address| address.ip());
    }
    match address {
        Some(IpAddr::V4(address)) => {
            message.push(1);
            message.extend_from_slice(&address.octets());
        }
        Some(IpAddr::V6(address)) => {
            message.push(4);
            message.extend_from_slice(&address.octets());
        }
        None => {
            message.push(3);
            push_short(message, url.host().as_bytes())?;
        }
    }
    Ok(())
}

async fn read_socks_reply(stream: &mut TcpStream) -> io::Result<()> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [_, status, _, kind] = head;
    if status != 0 {
        const REASONS: [&str; 9] = [
            "it did not refuse",
            "general failure",
            "not allowed by its rules",
            "network unreachable",
            "host unreachable",
            "connection refused",
            "it took too long",
            "command not supported",
            "kind of address not supported",
        ];
        let reason = REASONS.get(usize::from(status)).copied().unwrap_or("unknown reason");
        return Err(io::Error::other(format!("it refused the tunnel: {reason}")));
    }
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await?),
        _ => return Err(io::Error::other("its answer is not SOCKS5")),
    };
    let mut address_and_port = [0; 255 + 2];
    stream.read_exact(&mut address_and_port[..length + 2]).await?;
    Ok(())
}

fn push_short(message: &mut Vec<u8>, text: &[u8]) -> io::Result<()> {
    let length = u8::try_from(text.len()).map_err(|_| io::Error::other("a name is longer than 255 bytes"))?;
    message.push(length);
    message.extend_from_slice(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The proxy for `url` with these variables set: `kind host:port`, or `direct`, or the error.
    fn chosen(url: &str, variables: &[(&str, &str)]) -> String {
        let lookup =
            |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        match ProxySettings::from_lookup(lookup).proxy_for(&url.parse().unwrap()) {
            Ok(None) => "direct".to_owned(),
            Ok(Some(Proxy { host, port, kind: Kind::Connect { authorization } })) => {
                let login = if authorization.is_some() { "login " } else { "" };
                format!("connect {login}{host}:{port}")
            }
            Ok(Some(Proxy { host, port, kind: Kind::Socks { login, resolve_here } })) => {
                let login = if login.is_some() { "login " } else { "" };
                format!("socks {login}{} {host}:{port}", if resolve_here { "here" } else { "there" })
            }
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn the_variables_choose_the_proxy() {
        const API: &str = "https://api.anthropic.com";
        for (url, variables, wanted) in [
            (API, &[][..], "direct"),
            (API, &[("HTTPS_PROXY", "http://p:8080")], "connect p:8080"),
            (API, &[("HTTPS_PROXY", "http://u:p@p:8080")], "connect login p:8080"),
            (API, &[("HTTPS_PROXY", "p:8080")], "connect p:8080"),
            (API, &[("HTTPS_PROXY", "http://[::1]")], "connect ::1:80"),
            (API, &[("HTTPS_PROXY", "http://a"), ("https_proxy", "http://b")], "connect b:80"),
            (API, &[("HTTP_PROXY", "http://p")], "direct"),
            ("http://api.test", &[("HTTP_PROXY", "http://p")], "connect p:80"),
            (API, &[("ALL_PROXY", "socks5://p")], "socks here p:1080"),
            (API, &[("all_proxy", "socks5h://u:x@p:9050")], "socks login there p:9050"),
            (API, &[("ALL_PROXY", "http://a"), ("HTTPS_PROXY", "http://b")], "connect b:80"),
            (API, &[("HTTPS_PROXY", "http://p"), ("NO_PROXY", "x, .anthropic.com")], "direct"),
            (API, &[("HTTPS_PROXY", "http://p"), ("NO_PROXY", "*")], "direct"),
            (API, &[("HTTPS_PROXY", "http://p"), ("NO_PROXY", "anthropic.co")], "connect p:80"),
            ("https://10.1.2.3", &[("HTTPS_PROXY", "http://p"), ("NO_PROXY", "10.0.0.0/8")], "direct"),
            ("https://localhost:1", &[("HTTPS_PROXY", "http://p")], "direct"),
            ("https://[::1]", &[("HTTPS_PROXY", "http://p")], "direct"),
            (API, &[("HTTPS_PROXY", "")], "direct"),
            (API, &[("HTTPS_PROXY", "https://p")], "UnknownKind"),
            (API, &[("HTTPS_PROXY", "socks4://p")], "UnknownKind"),
            (API, &[("HTTPS_PROXY", "ftp://p")], "Malformed"),
            (API, &[("HTTPS_PROXY", "not a proxy")], "Malformed"),
        ] {
            assert_eq!(chosen(url, variables), wanted, "{url} {variables:?}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let settings =
            ProxySettings { https: Some("http://u:geheim@p".to_owned()), ..ProxySettings::default() };
        assert!(!format!("{settings:?}").contains("geheim"));
    }
}
