//! The web page, embedded: files that the build put in, each in the best coding that a browser takes.
//!
//! # Layout
//! - `build/`: makes the page (npm) and the table of its files; see there for when it does
//! - [`asset`]: looks a path up
//! - `negotiate`: reads `Accept-Encoding`
//!
//! It knows nothing of HTTP servers: status, `Vary` and `If-None-Match` are the caller's.

mod files;
mod negotiate;

use files::File;
use negotiate::{Coding, best};
use std::borrow::Cow;

include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// A file of the page.
#[derive(Debug, Clone)]
pub struct Asset {
    /// The bytes, in the coding that `encoding` names.
    pub bytes: Cow<'static, [u8]>,
    /// Media type.
    pub content_type: &'static str,
    /// Strong entity tag of these bytes in this coding, with its quotes.
    pub etag: String,
    /// Content coding of `bytes` (`br`, `gzip`); `None` is identity.
    pub encoding: Option<&'static str>,
    /// Value for `Cache-Control`: for ever if the name holds a hash of the content, else `no-cache`.
    pub cache_control: &'static str,
}

/// Whether the page was built in. If not, [`asset`] answers with a small page that says how to get it.
pub const fn has_page() -> bool {
    !FILES.is_empty()
}

/// The file at `path` (below `/monitor/`, without a query), in the best coding that the `Accept-Encoding` value allows.
///
/// A path that names no file but looks like a place in the page (`requests/0198…`: no `assets/`, and no dot before the first slash)
/// is the page itself, which reads the address. `None`: there is no such file.
pub fn asset(path: &str, accept_encoding: &str) -> Option<Asset> {
    let table = if FILES.is_empty() { files::WITHOUT_PAGE } else { FILES };
    find(table, path, accept_encoding)
}

fn find(table: &[File], path: &str, accept_encoding: &str) -> Option<Asset> {
    let path = path.trim_start_matches('/');
    let named = |name: &str| table.iter().find(|file| file.path == name);
    let file = named(path).or_else(|| is_place(path).then(|| named("index.html")).flatten())?;
    let (bytes, coding) = match best(accept_encoding, file.br.is_some(), file.gzip.is_some()) {
        Coding::Brotli => (file.br, Some("br")),
        Coding::Gzip => (file.gzip, Some("gzip")),
        Coding::Identity => (None, None),
    };
    Some(Asset {
        bytes: Cow::Borrowed(bytes.unwrap_or(file.identity)),
        content_type: files::content_type(file.path),
        etag: match coding {
            Some(coding) => format!("\"{}-{coding}\"", file.hash),
            None => format!("\"{}\"", file.hash),
        },
        encoding: coding,
        cache_control: files::cache_control(file.path),
    })
}

/// Whether the page itself, not a file of it, is meant.
fn is_place(path: &str) -> bool {
    // What stands after a page's name is an id, and ids may have dots.
    let first = path.split('/').next().unwrap_or_default();
    first != "assets" && !first.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[File] = &[
        File { path: "index.html", hash: "1", identity: b"page", br: Some(b"p"), gzip: Some(b"pa") },
        File { path: "assets/a-DWa5LH.js", hash: "2", identity: b"script", br: None, gzip: Some(b"s") },
        File { path: "icon.svg", hash: "3", identity: b"icon", br: None, gzip: None },
    ];

    #[test]
    fn finds_files_and_places() {
        let cases: &[(&str, Option<&[u8]>)] = &[
            ("", Some(b"page")),
            ("/", Some(b"page")),
            ("index.html", Some(b"page")),
            ("requests", Some(b"page")),
            ("requests/0198f6a2-aaaa", Some(b"page")),
            ("compare/0198f6a2..0198f6a3", Some(b"page")),
            ("assets/a-DWa5LH.js", Some(b"script")),
            ("icon.svg", Some(b"icon")),
            ("assets/b.js", None),
            ("assets/none", None),
            ("favicon.ico", None),
            ("../Cargo.toml", None),
        ];
        for (path, expected) in cases {
            let found = find(TABLE, path, "").map(|asset| asset.bytes);
            assert_eq!(found.as_deref(), *expected, "{path}");
        }
    }

    #[test]
    fn each_coding_has_its_own_bytes_and_tag() {
        let cases = [
            ("index.html", "gzip, deflate, br, zstd", &b"p"[..], Some("br"), "\"1-br\""),
            ("index.html", "gzip", b"pa", Some("gzip"), "\"1-gzip\""),
            ("index.html", "", b"page", None, "\"1\""),
            ("assets/a-DWa5LH.js", "br, gzip", b"s", Some("gzip"), "\"2-gzip\""),
            ("icon.svg", "br, gzip", b"icon", None, "\"3\""),
        ];
        for (path, accept, bytes, encoding, etag) in cases {
            let asset = find(TABLE, path, accept).unwrap();
            assert_eq!(
                (&*asset.bytes, asset.encoding, &*asset.etag),
                (bytes, encoding, etag),
                "{path} {accept}"
            );
        }
    }

    #[test]
    fn only_names_with_a_hash_are_kept_for_ever() {
        let kept = |path| find(TABLE, path, "").unwrap().cache_control.contains("immutable");
        assert!(kept("assets/a-DWa5LH.js"));
        assert!(!kept("index.html"));
        assert!(!kept("icon.svg"));
    }

    #[test]
    fn there_is_always_a_page() {
        let page = asset("", "br").unwrap();
        assert_eq!(page.content_type, "text/html; charset=utf-8");
        assert!(asset("requests/1", "").is_some());
        assert!(asset("assets/nothing.js", "").is_none());
        if !has_page() {
            let text = String::from_utf8(page.bytes.into_owned()).unwrap();
            assert!(text.contains("cargo run --release"), "it says what to do: {text}");
            assert!(!text.contains("<script") && !text.contains("style="), "the content policy forbids it");
        }
    }
}
