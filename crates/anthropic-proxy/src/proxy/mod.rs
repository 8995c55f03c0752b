//! Decides where a request goes: to the upstream, or to the monitor as one more upstream. Knows neither the store nor the monitor.

mod gate;
mod guard;
mod reply;

use crate::capture::{Capture, Shield};
pub(crate) use gate::Gate;
pub(crate) use guard::LoopGuard;
use relay::{Handler, OnClientDisconnect, Problem, Refusal, Reply, RequestHead, Route, Upstream};
use std::net::SocketAddr;
use std::sync::Arc;

/// Lends the relay what it needs to know about us.
pub(crate) struct Proxy {
    /// Where everything goes that is not ours to answer.
    pub(crate) upstream: Arc<Upstream>,
    /// The upstream's URL, for the record.
    pub(crate) upstream_name: String,
    /// Where our own routes are answered.
    pub(crate) monitor: Arc<Upstream>,
    /// Who may forward; `None`: everybody who reaches it.
    pub(crate) gate: Option<Gate>,
    /// Makes the taps.
    pub(crate) capture: Capture,
    /// What happens upstream when the client leaves.
    pub(crate) on_client_disconnect: OnClientDisconnect,
}

impl Handler for Proxy {
    type Tap = Shield;

    fn route(&self, head: &mut RequestHead<'_>, peer: SocketAddr) -> Route<Shield> {
        if let Some(own) = own_route(head.method, head.path()) {
            return Route {
                upstream: Arc::clone(&self.monitor),
                tap: Shield::deaf(),
                // A page that has gone must end its live stream at once; a script that has only finished sending gets its answer.
                on_client_disconnect: match own {
                    Own::Home => OnClientDisconnect::Drain,
                    Own::Monitor => OnClientDisconnect::Cancel,
                },
            };
        }
        if self.gate.as_ref().is_some_and(|gate| !gate.admits(head)) {
            // The monitor says what is missing; nothing of a stranger is recorded.
            return Route {
                upstream: Arc::clone(&self.monitor),
                tap: Shield::deaf(),
                on_client_disconnect: OnClientDisconnect::Cancel,
            };
        }
        Route {
            upstream: Arc::clone(&self.upstream),
            tap: self.capture.begin(head, peer, &self.upstream_name),
            on_client_disconnect: self.on_client_disconnect,
        }
    }

    fn refused(&self, refusal: &Refusal, received: &[u8], peer: SocketAddr) {
        match &self.gate {
            Some(gate) => self.capture.refused(refusal, &gate.mask(received), peer),
            None => self.capture.refused(refusal, received, peer),
        }
    }

    fn error_reply(&self, status: u16, problem: &Problem) -> Reply {
        reply::error(status, problem)
    }
}

/// A route that is ours to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    /// `/` and `/health`: short answers.
    Home,
    /// The page, its API, and figures: some answers have no end.
    Monitor,
}

/// Which of our own routes a request is for. Everything else is forwarded, `HEAD /` included: clients send it as a first sign of
/// life.
fn own_route(method: &str, path_and_query: &[u8]) -> Option<Own> {
    let path = path_and_query.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    let below = |root: &[u8]| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest[0] == b'/');
    match path {
        b"/" | b"/health" => (method == "GET").then_some(Own::Home),
        b"/metrics" => (method == "GET").then_some(Own::Monitor),
        _ => (below(b"/monitor") || below(b"/api/monitor")).then_some(Own::Monitor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_routes_are_ours() {
        let cases = [
            ("GET", "/", true),
            ("GET", "/?x=1", true),
            ("GET", "/v1/messages?next=/monitor", false),
            ("HEAD", "/", false),
            ("POST", "/", false),
            ("GET", "/health", true),
            ("HEAD", "/health", false),
            ("GET", "/healthy", false),
            ("GET", "/metrics", true),
            ("POST", "/metrics", false),
            ("GET", "/metrics/x", false),
            ("GET", "/monitor", true),
            ("GET", "/monitor/assets/x.js", true),
            ("GET", "/monitors", false),
            ("GET", "/%6donitor", false),
            ("POST", "/api/monitor/clear", true),
            ("DELETE", "/api/monitor", true),
            ("GET", "/api/monitoring", false),
            ("GET", "/v1/messages", false),
            ("GET", "/v1/monitor", false),
            ("OPTIONS", "*", false),
        ];
        for (method, path, expected) in cases {
            assert_eq!(own_route(method, path.as_bytes()).is_some(), expected, "{method} {path}");
        }
    }
}
