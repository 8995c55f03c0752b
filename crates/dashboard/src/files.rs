//! A file as the build put it in, and what follows from its name.

/// One embedded file.
#[derive(Debug)]
pub(crate) struct File {
    /// Below the page's root, with `/`.
    pub(crate) path: &'static str,
    /// Of its bytes.
    pub(crate) hash: &'static str,
    pub(crate) identity: &'static [u8],
    /// Compressed, where the build made that.
    pub(crate) br: Option<&'static [u8]>,
    pub(crate) gzip: Option<&'static [u8]>,
}

/// What there is when the page was not built in.
pub(crate) const WITHOUT_PAGE: &[File] = &[File {
    path: "index.html",
    hash: "without-page",
    identity: include_bytes!("without_page.html"),
    br: None,
    gzip: None,
}];

/// The media type that a file's name stands for.
pub(crate) fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Vite writes `assets/name-HASH.ext`; nothing else has a hash in its name.
pub(crate) fn cache_control(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}
