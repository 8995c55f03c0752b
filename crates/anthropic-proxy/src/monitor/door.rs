//! Who may see the record where others can reach the proxy: whoever has the token. As a link, by a form, or as a bearer for scripts.
//!
//! What a browser keeps is not the token but a key derived from it, in a cookie that no script and no other site can use.

use super::{Failure, Monitor};
use askama::Template;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Wrong tokens within [`WINDOW`] after which no more are looked at until it is over. Who has the cookie stays in.
const ATTEMPTS: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// How long a browser stays known, seconds.
const REMEMBERED: u32 = 30 * 24 * 3600;

/// What the cookie's key is derived for.
const COOKIE_PURPOSE: &str = "anthropic-proxy 2026-11 monitor cookie";

/// Decides who gets in. Cheap to clone.
#[derive(Clone)]
pub(super) struct Door(Arc<Inner>);

struct Inner {
    /// `None`: nobody but this machine reaches the proxy, so everybody may come in.
    keys: Option<Keys>,
    failed: Mutex<(Option<Instant>, u32)>,
}

struct Keys {
    /// Hashes are compared, so that the time it takes tells nothing about the token.
    token: blake3::Hash,
    cookie: blake3::Hash,
    cookie_name: String,
    /// Under TLS a browser shall not show the cookie without it.
    secure: &'static str,
}

/// What was presented as a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong,
    /// Too many were wrong.
    Later,
}

impl Door {
    /// `port` tells apart the cookies of several proxies under one host name.
    pub(super) fn new(token: Option<&str>, port: u16, tls: bool) -> Door {
        let keys = token.map(|token| Keys {
            token: blake3::hash(token.as_bytes()),
            cookie: blake3::Hash::from_bytes(blake3::derive_key(COOKIE_PURPOSE, token.as_bytes())),
            cookie_name: format!("anthropic_proxy_{port}"),
            secure: if tls { "; Secure" } else { "" },
        });
        Door(Arc::new(Inner { keys, failed: Mutex::default() }))
    }

    /// Whether whoever sends these headers may see what is recorded.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(keys) = &self.0.keys else { return true };
        keys.cookie_is_in(headers)
            || bearer(headers).is_some_and(|token| self.try_token(token) == Verdict::Right)
    }

    fn try_token(&self, token: &str) -> Verdict {
        let Some(keys) = &self.0.keys else { return Verdict::Right };
        let mut failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.0.is_none_or(|since| since.elapsed() >= WINDOW) {
            *failed = (None, 0);
        }
        if failed.1 >= ATTEMPTS {
            return Verdict::Later;
        }
        if blake3::hash(token.as_bytes()) == keys.token {
            return Verdict::Right;
        }
        failed.0.get_or_insert_with(Instant::now);
        failed.1 += 1;
        Verdict::Wrong
    }

    fn welcome(&self, to: &str) -> Response {
        let mut response = Redirect::to(to).into_response();
        if let Some(keys) = &self.0.keys {
            let cookie = format!(
                "{}={}; HttpOnly; SameSite=Strict; Path=/; Max-Age={REMEMBERED}{}",
                keys.cookie_name,
                keys.cookie.to_hex(),
                keys.secure
            );
            response
                .headers_mut()
                .extend(HeaderValue::from_str(&cookie).map(|value| (header::SET_COOKIE, value)));
        }
        response
    }
}

impl Keys {
    fn cookie_is_in(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.cookie_name)
            .filter_map(|(_, value)| blake3::Hash::from_hex(value).ok())
            .any(|value| value == self.cookie)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Lets a request through if its sender may see the record; else asks for the token.
pub(super) async fn let_in(State(monitor): State<Monitor>, request: Request, next: Next) -> Response {
    let door = &monitor.door;
    if door.admits(request.headers()) {
        return next.run(request).await;
    }
    let path = request.uri().path();
    let is_page = path == "/monitor" || path.starts_with("/monitor/");
    if path == "/monitor/login" && request.method() == axum::http::Method::POST {
        return next.run(request).await;
    }
    if let Some((token, rest)) = token_in(request.uri()).filter(|_| is_page) {
        return match door.try_token(&token) {
            Verdict::Right => door.welcome(&rest),
            verdict => login_page(verdict),
        };
    }
    if is_page && wants_html(request.headers()) {
        return login_page(Verdict::Right);
    }
    let why = "this proxy can be reached by others, so its record needs the token\nhint: send Authorization: Bearer and \
               the token that it printed when it started (or MONITOR_TOKEN), or open the link it printed";
    let mut response = Failure::new(StatusCode::UNAUTHORIZED, why).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// The form of the login page.
pub(super) async fn login(State(monitor): State<Monitor>, form: Bytes) -> Response {
    let token = form_urlencoded::parse(&form).find(|(name, _)| name == "token").map(|(_, token)| token);
    match monitor.door.try_token(token.unwrap_or_default().trim()) {
        Verdict::Right => monitor.door.welcome("/monitor"),
        verdict => login_page(verdict),
    }
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("text/html")
}

/// The token of a link, and where the link leads without it.
fn token_in(uri: &Uri) -> Option<(String, String)> {
    let pairs: Vec<_> = form_urlencoded::parse(uri.query()?.as_bytes()).into_owned().collect();
    let (_, token) = pairs.iter().find(|(name, _)| name == "token")?;
    let rest = pairs.iter().filter(|(name, _)| name != "token");
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(rest).finish();
    let to = if query.is_empty() { uri.path().to_owned() } else { format!("{}?{query}", uri.path()) };
    Some((token.clone(), to))
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    nonce: String,
    problem: &'static str,
}

/// Asks for the token; after a wrong one it says so.
fn login_page(verdict: Verdict) -> Response {
    let (status, problem) = match verdict {
        Verdict::Right => (StatusCode::UNAUTHORIZED, ""),
        Verdict::Wrong => (StatusCode::UNAUTHORIZED, "That is not the token."),
        Verdict::Later => {
            (StatusCode::TOO_MANY_REQUESTS, "Too many wrong tokens. Wait a minute, then try again.")
        }
    };
    let nonce = Uuid::new_v4().simple().to_string();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let Ok(page) = (LoginPage { nonce, problem }).render() else {
        return Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the login page could not be made")
            .into_response();
    };
    let mut response = (status, Html(page)).into_response();
    response
        .headers_mut()
        .extend(HeaderValue::from_str(&policy).map(|value| (header::CONTENT_SECURITY_POLICY, value)));
    if verdict == Verdict::Later {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(WINDOW.as_secs()));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn only_the_token_or_its_cookie_opens() {
        let door = Door::new(Some("open sesame"), 8082, false);
        let cookie = door.welcome("/monitor").headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
        assert!(
            cookie.contains("; HttpOnly; SameSite=Strict; Path=/;") && !cookie.contains("sesame"),
            "{cookie}"
        );
        let pair = cookie.split(';').next().unwrap();
        for (headers, expected) in [
            (HeaderMap::new(), false),
            (headers(header::AUTHORIZATION, "Bearer open sesame"), true),
            (headers(header::AUTHORIZATION, "bearer  open sesame "), true),
            (headers(header::AUTHORIZATION, "Bearer open"), false),
            (headers(header::AUTHORIZATION, "Basic open sesame"), false),
            (headers(header::COOKIE, &format!("a=b; {pair}; c=d")), true),
            (headers(header::COOKIE, &pair.replace("8082", "9000")), false),
            (headers(header::COOKIE, "anthropic_proxy_8082=open sesame"), false),
        ] {
            assert_eq!(door.admits(&headers), expected, "{headers:?}");
        }
        assert!(Door::new(None, 8082, false).admits(&HeaderMap::new()));
    }

    #[test]
    fn too_many_wrong_tokens_shut_it_for_tokens_but_not_for_who_is_in() {
        let door = Door::new(Some("right"), 1, true);
        let cookie = door.welcome("/").headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
        for _ in 0..ATTEMPTS {
            assert_eq!(door.try_token("wrong"), Verdict::Wrong);
        }
        assert_eq!(door.try_token("right"), Verdict::Later);
        assert!(door.admits(&headers(header::COOKIE, cookie.split(';').next().unwrap())));
    }

    #[test]
    fn a_link_leads_on_without_its_token() {
        for (link, expected) in [
            ("/monitor?token=a%20b", Some(("a b", "/monitor"))),
            ("/monitor/x?q=a%3Ab&token=t&z=1", Some(("t", "/monitor/x?q=a%3Ab&z=1"))),
            ("/monitor?q=token", None),
            ("/monitor", None),
        ] {
            let found = token_in(&link.parse().unwrap());
            let found = found.as_ref().map(|(token, to)| (token.as_str(), to.as_str()));
            assert_eq!(found, expected, "{link}");
        }
    }
}
