//! The configuration file: TOML, a key a setting, nothing else in it.

use super::table::{Kind, SETTINGS, Setting};
use anyhow::{Context as _, anyhow, bail};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What a configuration file says.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// Where it is, or would be; `None` when the user's configuration folder is unknown.
    pub(crate) path: Option<PathBuf>,
    /// Whether it is there.
    pub(crate) exists: bool,
    /// The settings' texts, by name.
    pub(crate) texts: HashMap<String, String>,
}

impl File {
    /// Reads the named file, which must be there; else the user's own, if it is.
    ///
    /// # Errors
    /// When it cannot be read, or holds a key or value that is none of ours.
    pub(crate) fn read(named: Option<&str>) -> anyhow::Result<File> {
        let Some(path) = named.map(PathBuf::from).or_else(default_path) else { return Ok(File::default()) };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(File { path: Some(path), ..File::default() });
            }
            Err(error) => bail!(
                "cannot read the configuration file {}: {error}\nhint: `anthropic-proxy config init` writes one",
                path.display()
            ),
        };
        let texts = parse(&text).with_context(|| format!("in {}", path.display()))?;
        Ok(File { path: Some(path), exists: true, texts })
    }
}

/// `anthropic-proxy/config.toml` in the user's configuration folder.
pub(crate) fn default_path() -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.config_dir().join("anthropic-proxy").join("config.toml"))
}

/// The settings' texts in a file's text, by name.
///
/// # Errors
/// Where it is no TOML; the first key that is no setting, with the nearest that is; the first value of a wrong kind.
pub(crate) fn parse(text: &str) -> anyhow::Result<HashMap<String, String>> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| {
            1 + text.as_bytes()[..span.start.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
        });
        anyhow!(
            "line {line}: {}\nhint: lines look like: port = 8082, or: host = \"127.0.0.1\"",
            error.message()
        )
    })?;
    let mut texts = HashMap::new();
    for (key, value) in &table {
        let setting = SETTINGS.iter().find(|setting| setting.key().as_deref() == Some(key));
        let setting = setting.ok_or_else(|| unknown(key))?;
        texts.insert(setting.name.to_owned(), as_text(setting, key, value)?);
    }
    Ok(texts)
}

fn unknown(key: &str) -> anyhow::Error {
    let lower = key.to_ascii_lowercase().replace('-', "_");
    let keys = SETTINGS.iter().filter_map(Setting::key);
    let nearest = keys
        .map(|known| (strsim::damerau_levenshtein(&lower, &known), known))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance * 3 <= known.len().max(3));
    match nearest {
        Some((_, known)) => anyhow!("`{key}` is no setting\nhint: did you mean `{known}`?"),
        None => anyhow!("`{key}` is no setting\nhint: `anthropic-proxy config show` lists them all"),
    }
}

fn as_text(setting: &Setting, key: &str, value: &Value) -> anyhow::Result<String> {
    match (value, setting.kind) {
        (Value::String(text), _) => Ok(text.clone()),
        (Value::Integer(number), _) => Ok(number.to_string()),
        (Value::Array(parts), Kind::Names | Kind::Files) => {
            let parts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
            let parts = parts.ok_or_else(|| {
                anyhow!("`{key}` holds something that is no text\nhint: {key} = [\"{}\"]", setting.example)
            })?;
            if setting.kind == Kind::Names {
                return Ok(parts.join(","));
            }
            let joined = std::env::join_paths(parts)
                .map_err(|error| anyhow!("`{key}`: {error}\nhint: give plain paths"))?;
            joined.into_string().map_err(|_| anyhow!("`{key}` is no text\nhint: give plain paths"))
        }
        _ => bail!("`{key}` is a {}, not a text or a number\nhint: {}", value.type_str(), line(setting)),
    }
}

/// `key = value` for the setting's example.
fn line(setting: &Setting) -> String {
    let key = setting.name.to_ascii_lowercase();
    match setting.example.parse::<u64>() {
        Ok(number) => format!("{key} = {number}"),
        // A JSON text is a TOML text, too.
        Err(_) => format!("{key} = {}", serde_json::Value::from(setting.example)),
    }
}

/// A file with every setting as a comment, to begin with.
pub(crate) fn template() -> String {
    let mut text = String::from(
        "# Settings of anthropic-proxy. A flag, a variable of the environment, or a line in .env wins over what stands here.\n\
         # `anthropic-proxy config check` tells whether all of it can be used; `config show` what holds, and why.\n",
    );
    for setting in SETTINGS.iter().filter(|setting| setting.key().is_some()) {
        // Writing to a string cannot fail.
        let _ =
            write!(text, "\n# {}.\n# Default: {}.\n# {}\n", setting.about, setting.default, line(setting));
    }
    text
}

/// Whether others than the owner may read the file: then a secret does not belong there.
pub(crate) fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_texts_numbers_and_lists() {
        let texts =
            parse("port = 3000\nhost = \"::1\"\nallowed_hosts = [\"a.example\", \"b.example\"]").unwrap();
        assert_eq!(texts["PORT"], "3000");
        assert_eq!(texts["HOST"], "::1");
        assert_eq!(texts["ALLOWED_HOSTS"], "a.example,b.example");
    }

    #[test]
    fn what_is_wrong_is_named_with_what_to_type() {
        for (text, expected) in [
            ("prot = 1", "`prot` is no setting\nhint: did you mean `port`?"),
            ("PORT = 1", "`PORT` is no setting\nhint: did you mean `port`?"),
            ("upstream-url = ''", "`upstream-url` is no setting\nhint: did you mean `upstream_url`?"),
            (
                "anthropic_base_url = 'x'",
                "`anthropic_base_url` is no setting\nhint: `anthropic-proxy config show` lists them all",
            ),
            ("colour = 1", "`colour` is no setting\nhint: `anthropic-proxy config show` lists them all"),
            ("port = true", "`port` is a boolean, not a text or a number\nhint: port = 3000"),
            ("[host]\na = 1", "`host` is a table, not a text or a number\nhint: host = \"0.0.0.0\""),
            ("host = \"a\"\nport =", "line 2: "),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_template_is_a_file_that_says_nothing_and_does_when_its_comments_are_opened() {
        assert!(parse(&template()).unwrap().is_empty());
        let opened: String = template()
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| {
                line.split_once(" = ")
                    .is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
            })
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(
            parse(&opened).unwrap().len(),
            SETTINGS.iter().filter(|setting| setting.key().is_some()).count(),
            "{opened}"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z_=\"\\[\\]0-9 .\n#é]{0,80}") {
            let _ = parse(&text);
        }
    }
}
