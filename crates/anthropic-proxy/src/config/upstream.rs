//! Chooses where requests go, and refuses or mends what would be a loop.

use super::layers::Layers;
use super::values::unusable;
use relay::connect::UpstreamUrl;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _, UdpSocket};

const DEFAULT: &str = "https://api.anthropic.com";

/// `UPSTREAM_URL`, else `ANTHROPIC_BASE_URL` unless it is ourselves, else Anthropic's API.
///
/// People export `ANTHROPIC_BASE_URL` for the client in the shell where they then start the proxy: that is a notice, not an error.
pub(super) fn choose(
    layers: &Layers<'_>,
    listen: &[SocketAddr],
    notices: &mut Vec<String>,
) -> anyhow::Result<UpstreamUrl> {
    let hint = "write it like https://api.anthropic.com or http://gateway.example:8080/base";
    if let Some(found) = layers.find("UPSTREAM_URL") {
        let url = parse(found.text).map_err(|why| unusable("UPSTREAM_URL", found, &why, hint))?;
        if points_at(&url, listen) {
            return Err(unusable(
                "UPSTREAM_URL",
                found,
                "is the address this proxy listens on: every request would go round in a circle",
                "name the API or gateway to forward to, or choose another PORT",
            ));
        }
        return Ok(url);
    }
    if let Some(found) = layers.find("ANTHROPIC_BASE_URL") {
        let url = parse(found.text).map_err(|why| unusable("ANTHROPIC_BASE_URL", found, &why, hint))?;
        if !points_at(&url, listen) {
            return Ok(url);
        }
        notices.push(format!(
            "ANTHROPIC_BASE_URL={} is this proxy itself, meant for the client; forwarding to {DEFAULT}",
            found.text
        ));
    }
    parse(DEFAULT).map_err(anyhow::Error::msg)
}

fn parse(text: &str) -> Result<UpstreamUrl, String> {
    text.parse::<UpstreamUrl>().map_err(|error| format!("is no usable URL: {error}"))
}

/// Whether any address that the URL's host stands for is one that we listen on. A name that cannot be looked up now is looked at
/// again at each connect (see `proxy::guard`).
fn points_at(url: &UpstreamUrl, listen: &[SocketAddr]) -> bool {
    let Ok(addresses) = (url.host(), url.port()).to_socket_addrs() else { return false };
    addresses.into_iter().any(|address| listen.iter().any(|own| reaches(address, *own)))
}

/// Whether a connection to `target` ends at the listener `own`.
pub(crate) fn reaches(target: SocketAddr, own: SocketAddr) -> bool {
    if target.port() != own.port() || own.port() == 0 {
        return false;
    }
    let (target, own) = (target.ip().to_canonical(), own.ip().to_canonical());
    // 0.0.0.0 as a target means this machine; as a listener it means all of this machine's addresses.
    let to_this_machine = target.is_unspecified() || target.is_loopback() || is_own_address(target);
    target == own
        || (own.is_unspecified() && to_this_machine)
        || (target.is_unspecified() && own.is_loopback())
}

/// Whether an address belongs to this machine: only then can a socket be bound to it.
fn is_own_address(address: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;

    fn chosen(environment: &[(&str, &str)]) -> (Result<String, String>, usize) {
        let flags = Flags::default();
        let layers = Layers::of(&flags, environment, &[]);
        let listen = ["127.0.0.1:8082".parse().unwrap()];
        let mut notices = Vec::new();
        let url = choose(&layers, &listen, &mut notices);
        (url.map(|url| url.to_string()).map_err(|error| error.to_string()), notices.len())
    }

    #[test]
    fn the_clients_variable_that_names_ourselves_is_a_notice() {
        for own in [
            "http://127.0.0.1:8082",
            "http://localhost:8082/",
            "http://0.0.0.0:8082",
            "http://[::ffff:127.0.0.1]:8082",
        ] {
            assert_eq!(chosen(&[("ANTHROPIC_BASE_URL", own)]), (Ok(DEFAULT.to_owned()), 1), "{own}");
        }
        let other = chosen(&[("ANTHROPIC_BASE_URL", "http://127.0.0.1:9999/base")]);
        assert_eq!(other, (Ok("http://127.0.0.1:9999/base".to_owned()), 0));
    }

    #[test]
    fn an_upstream_that_is_ourselves_is_an_error() {
        let (url, _) = chosen(&[("UPSTREAM_URL", "http://localhost:8082")]);
        assert!(url.unwrap_err().contains("go round in a circle"));
    }

    #[test]
    fn every_address_of_this_machine_reaches_a_listener_on_all_of_them() {
        let all = "0.0.0.0:8082".parse().unwrap();
        for (target, expected) in [
            ("127.0.0.1:8082", true),
            ("127.0.0.9:8082", true),
            ("127.0.0.1:8083", false),
            ("192.0.2.1:8082", false),
        ] {
            assert_eq!(reaches(target.parse().unwrap(), all), expected, "{target}");
        }
    }
}
