//! The table of the page's files as Rust source: `static FILES: &[File]`, sorted by path. `x.br` and `x.gz` beside `x` are `x` compressed.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// Writes the table of what is in `dist` (nothing, if there is none) to `file`.
pub(crate) fn write(dist: Option<&Path>, file: &Path) -> Result<(), String> {
    let mut source = String::from("static FILES: &[File] = &[\n");
    if let Some(dist) = dist {
        let mut paths = Vec::new();
        collect(dist, "", &mut paths)?;
        paths.sort();
        for path in paths.iter().filter(|path| !path.ends_with(".br") && !path.ends_with(".gz")) {
            source.push_str(&entry(dist, path)?);
        }
    }
    source.push_str("];\n");
    fs::write(file, source).map_err(|error| format!("{}: {error}", file.display()))
}

fn entry(dist: &Path, path: &str) -> Result<String, String> {
    let absolute = |path: &str| -> Result<PathBuf, String> {
        let path = dist.join(path);
        path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
    };
    let include = |path: &str| -> Result<String, String> {
        Ok(format!("include_bytes!({:?})", absolute(path)?.display().to_string()))
    };
    let compressed = |ending: &str| -> Result<String, String> {
        let path = format!("{path}.{ending}");
        if dist.join(&path).is_file() {
            Ok(format!("Some({})", include(&path)?))
        } else {
            Ok("None".to_owned())
        }
    };
    let identity = absolute(path)?;
    let bytes = fs::read(&identity).map_err(|error| format!("{}: {error}", identity.display()))?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let (br, gzip) = (compressed("br")?, compressed("gz")?);
    Ok(format!(
        "    File {{ path: {path:?}, hash: \"{:016x}\", identity: {}, br: {br}, gzip: {gzip} }},\n",
        hasher.finish(),
        include(path)?,
    ))
}

fn collect(folder: &Path, prefix: &str, paths: &mut Vec<String>) -> Result<(), String> {
    for entry in fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?.flatten() {
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| format!("{}: not a Unicode name", name.display()))?;
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if entry.path().is_dir() {
            collect(&entry.path(), &path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}
