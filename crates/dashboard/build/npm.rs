//! `npm ci` and `npm run build` on a copy of the page's sources.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What Vite needs.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// Never copied: made by the page's own tools, or by editors.
const LEFT_OUT: &[&str] = &["node_modules", "dist", "generated", "shots"];

/// Builds the page from `sources` below `out` and returns the folder it is in.
///
/// Packages are installed anew only when the lock file has changed.
pub(crate) fn build(sources: &Path, out: &Path) -> Result<PathBuf, String> {
    check_tools()?;
    let copy = out.join("ui");
    remove_all_but(&copy, "node_modules")?;
    copy_folder(sources, &copy)?;
    install(&copy)?;
    npm(&copy, &["run", "build"])?;
    Ok(copy.join("dist"))
}

fn check_tools() -> Result<(), String> {
    let version = output("node", &["--version"])?;
    output(npm_name(), &["--version"])?;
    let mut numbers = version.trim().trim_start_matches('v').split('.').map(|part| part.parse().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < OLDEST_NODE {
        let (major, minor) = OLDEST_NODE;
        return Err(format!(
            "node {} is too old to build the page; it needs {major}.{minor}\n{HINT}",
            version.trim()
        ));
    }
    Ok(())
}

const HINT: &str = "hint: install Node 20.19 or newer (https://nodejs.org), or build without the page: \
     ANTHROPIC_PROXY_UI=none, or use one that is built: ANTHROPIC_PROXY_UI_DIST=folder";

fn install(copy: &Path) -> Result<(), String> {
    let lock = read(&copy.join("package-lock.json"))?;
    let stamp = copy.join("node_modules/.installed-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    npm(copy, &["ci", "--include=dev", "--no-audit", "--no-fund"])?;
    fs::write(&stamp, lock).map_err(|error| format!("{}: {error}", stamp.display()))
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<(), String> {
    let shown = format!("npm {}", arguments.join(" "));
    let done = Command::new(npm_name())
        .args(arguments)
        .current_dir(folder)
        .output()
        .map_err(|error| format!("{shown}: {error}\n{HINT}"))?;
    if done.status.success() {
        return Ok(());
    }
    let said =
        [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()).join("\n");
    Err(format!("`{shown}` failed while building the page ({})\n{said}\n{HINT}", done.status))
}

fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    match Command::new(program).args(arguments).output() {
        Ok(done) if done.status.success() => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        Ok(done) => Err(format!("{program} does not work ({})\n{HINT}", done.status)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("{program} was not found; a release build makes the page with it\n{HINT}"))
        }
        Err(error) => Err(format!("{program}: {error}\n{HINT}")),
    }
}

fn npm_name() -> &'static str {
    if cfg!(windows) { "npm.cmd" } else { "npm" }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Copies all but what is made; cargo watches each folder and file that was copied.
fn copy_folder(from: &Path, to: &Path) -> Result<(), String> {
    let at = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    fs::create_dir_all(to).map_err(|error| at(to, error))?;
    for entry in fs::read_dir(from).map_err(|error| at(from, error))? {
        let entry = entry.map_err(|error| at(from, error))?;
        let (path, name) = (entry.path(), entry.file_name());
        if LEFT_OUT.iter().any(|left| name == *left) {
            continue;
        }
        println!("cargo::rerun-if-changed={}", path.display());
        if path.is_dir() {
            copy_folder(&path, &to.join(name))?;
        } else {
            // Not `fs::copy`: a read-only source would make a copy that cannot be replaced.
            fs::write(to.join(name), read(&path)?).map_err(|error| at(&path, error))?;
        }
    }
    Ok(())
}

/// So that a source that was deleted is not built any longer.
fn remove_all_but(folder: &Path, kept: &str) -> Result<(), String> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| format!("{}: {error}", folder.display()))?,
    };
    for entry in entries.flatten().filter(|entry| entry.file_name() != kept) {
        let path = entry.path();
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}
