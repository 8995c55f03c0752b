//! Who may call the monitoring API: pages of this origin and local programs, nobody's web page.
//!
//! A page elsewhere could reach a proxy on the reader's machine in two ways: by a cross-origin request, which the browser marks
//! (`Sec-Fetch-Site`, `Origin`), or by DNS rebinding, which shows in the `Host` it was led to.

use super::{Failure, Monitor};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

/// Nothing but what we serve ourselves, no inline code, no frames.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types svelte-trusted-html dompurify anthropic-proxy";

/// Lets a request through only if it comes from this origin and under one of our names.
pub(super) async fn same_origin_only(
    State(monitor): State<Monitor>,
    request: Request,
    next: Next,
) -> Response {
    let is_page = request.method() == Method::GET && !request.uri().path().starts_with("/api/");
    match check(request.headers(), is_page, &monitor.config.allowed_hosts) {
        Ok(()) => next.run(request).await,
        Err(why) => Failure::new(StatusCode::FORBIDDEN, why).into_response(),
    }
}

/// Whether these headers come from a page of ours, or from no page, under one of our names.
pub(super) fn is_own(headers: &HeaderMap, monitor: &Monitor) -> bool {
    check(headers, false, &monitor.config.allowed_hosts).is_ok()
}

/// Headers that every answer of ours carries.
pub(super) async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(CONTENT_POLICY));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// `is_page`: the page's own files are asked for, which tell nothing of what is recorded.
fn check(headers: &HeaderMap, is_page: bool, allowed: &[String]) -> Result<(), String> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    if !is_ours(host, allowed) {
        return Err(format!(
            "the name {host:?} is not one of this proxy's; open it as localhost or by its IP address, or name it in ALLOWED_HOSTS"
        ));
    }
    let fetched = |what: &'static str| text(header::HeaderName::from_static(what));
    // A link elsewhere may lead here: then the page is a document of its own, and no page holds it.
    let is_opened = is_page
        && fetched("sec-fetch-mode") == Some("navigate")
        && fetched("sec-fetch-dest") == Some("document");
    if let Some(site) = fetched("sec-fetch-site")
        && !matches!(site, "same-origin" | "none")
        && !is_opened
    {
        return Err("only pages of this proxy itself may call its monitoring API".to_owned());
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let same =
        origin.to_str().ok().and_then(|origin| origin.split_once("://")).is_some_and(|(_, own)| own == host);
    if same { Ok(()) } else { Err("only pages of this proxy itself may call its monitoring API".to_owned()) }
}

/// An IP address cannot be rebound; a name can, unless we know it.
fn is_ours(host: &str, allowed: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok()
        || allowed.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(pairs: &[(&'static str, &'static str)]) -> bool {
        let headers = pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        check(&headers, false, &["proxy.corp".to_owned()]).is_ok()
    }

    #[test]
    fn a_link_elsewhere_opens_the_page_and_nothing_else() {
        let cases = [
            (true, "navigate", "document", true),
            (false, "navigate", "document", false),
            (true, "navigate", "iframe", false),
            (true, "no-cors", "script", false),
        ];
        for (is_page, mode, dest, expected) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in [
                ("host", "localhost:8082"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", mode),
                ("sec-fetch-dest", dest),
            ] {
                headers.insert(name, HeaderValue::from_static(value));
            }
            assert_eq!(check(&headers, is_page, &[]).is_ok(), expected, "{is_page} {mode} {dest}");
        }
    }

    #[test]
    fn only_this_origin_under_a_known_name_gets_in() {
        let cases: [(&[(&str, &str)], bool); 13] = [
            (&[("host", "localhost:8082")], true),
            (&[("host", "127.0.0.1:8082")], true),
            (&[("host", "[::1]:8082")], true),
            (&[("host", "192.168.1.9:8082")], true),
            (&[("host", "Proxy.corp:8082")], true),
            (&[("host", "evil.example:8082")], false),
            (&[("host", "localhost.evil.example")], false),
            (&[], false),
            (&[("host", "localhost:8082"), ("origin", "http://localhost:8082")], true),
            (&[("host", "localhost:8082"), ("origin", "http://localhost:3000")], false),
            (&[("host", "localhost:8082"), ("origin", "null")], false),
            (&[("host", "localhost:8082"), ("sec-fetch-site", "cross-site")], false),
            (&[("host", "localhost:8082"), ("sec-fetch-site", "none")], true),
        ];
        for (headers, expected) in cases {
            let headers: &[(&'static str, &'static str)] = headers;
            assert_eq!(verdict(headers), expected, "{headers:?}");
        }
    }
}
