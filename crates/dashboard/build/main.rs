//! Puts the page into the crate: builds it with npm in release builds, takes a ready-made one, or neither.
//!
//! - `ANTHROPIC_PROXY_UI_DIST=folder` takes the built page from there, in any build.
//! - `ANTHROPIC_PROXY_UI=build` builds it in a debug build too; `ANTHROPIC_PROXY_UI=none` builds none.
//! - Otherwise release builds build it, and debug builds go without.
//!
//! Writes only below `OUT_DIR`: the page's sources are copied there, so the source tree gets no `node_modules` and no `dist`.

mod npm;
mod table;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo::rerun-if-env-changed=ANTHROPIC_PROXY_UI");
    println!("cargo::rerun-if-env-changed=ANTHROPIC_PROXY_UI_DIST");
    println!("cargo::rerun-if-changed=build");
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            for line in why.lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set; run this by cargo")?);
    let dist = page(&out)?;
    table::write(dist.as_deref(), &out.join("table.rs"))
}

/// The folder of the built page, if there is to be one.
fn page(out: &Path) -> Result<Option<PathBuf>, String> {
    if env::var_os("CARGO_FEATURE_PAGE").is_none() {
        return Ok(None);
    }
    if let Some(folder) = env::var_os("ANTHROPIC_PROXY_UI_DIST").filter(|folder| !folder.is_empty()) {
        return ready_made(Path::new(&folder)).map(Some);
    }
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let wanted = match env::var("ANTHROPIC_PROXY_UI").unwrap_or_default().as_str() {
        "" => release,
        "build" => true,
        "none" => false,
        other => return Err(format!("ANTHROPIC_PROXY_UI={other} is not known; use build or none")),
    };
    if wanted { npm::build(Path::new("ui"), out).map(Some) } else { Ok(None) }
}

/// A relative folder counts from the workspace's root, where people stand when they run cargo.
fn ready_made(folder: &Path) -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join(folder);
    if !folder.join("index.html").is_file() {
        return Err(format!(
            "ANTHROPIC_PROXY_UI_DIST={} holds no index.html\nhint: cd crates/dashboard/ui && npm ci && npm run build",
            folder.display()
        ));
    }
    println!("cargo::rerun-if-changed={}", folder.display());
    Ok(folder)
}
