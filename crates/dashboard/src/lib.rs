//! The web page, embedded.

use std::borrow::Cow;

/// A file of the page.
#[derive(Debug, Clone)]
pub struct Asset {
    /// The bytes, in the encoding that `encoding` names.
    pub bytes: Cow<'static, [u8]>,
    /// Media type.
    pub content_type: &'static str,
    /// Strong entity tag, with its quotes.
    pub etag: String,
    /// Content coding of `bytes`; `None` is identity.
    pub encoding: Option<&'static str>,
    /// Value for `Cache-Control`.
    pub cache_control: &'static str,
}

/// The file at `path` (below `/monitor/`), in the best coding that `accept_encoding` allows.
pub fn asset(path: &str, _accept_encoding: &str) -> Option<Asset> {
    (path == "index.html").then(|| Asset {
        bytes: Cow::Borrowed(b"<!doctype html><title>anthropic-proxy</title><p>built without the page"),
        content_type: "text/html; charset=utf-8",
        etag: "\"stub\"".to_owned(),
        encoding: None,
        cache_control: "no-cache",
    })
}
