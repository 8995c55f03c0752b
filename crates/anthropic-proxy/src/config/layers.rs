//! Where a setting's text comes from: the layers, the nearest first.

use super::Flags;
use super::file::File;
use super::table::{SETTINGS, setting};
use anyhow::anyhow;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin<'a> {
    /// The command line.
    Flag,
    /// The process's environment.
    Environment,
    /// A `.env` file in the current folder.
    DotEnv,
    /// The configuration file at this path.
    File(&'a Path),
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag => f.write_str("the command line"),
            Origin::Environment => f.write_str("the environment"),
            Origin::DotEnv => f.write_str("the .env file"),
            Origin::File(path) => path.display().fmt(f),
        }
    }
}

/// A setting's text and where it came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) text: &'a str,
    pub(crate) origin: Origin<'a>,
}

/// All the texts there are, in layers.
pub(crate) struct Layers<'a> {
    flags: &'a Flags,
    environment: HashMap<String, String>,
    dot_env: HashMap<String, String>,
    file: File,
}

impl<'a> Layers<'a> {
    /// Reads the environment, the `.env` file of the current folder, and the configuration file.
    ///
    /// # Errors
    /// When there is a `.env` or a configuration file that cannot be read: with its line or key.
    pub(crate) fn read(flags: &'a Flags) -> anyhow::Result<Layers<'a>> {
        let environment = SETTINGS
            .iter()
            .filter_map(|setting| Some((setting.name.to_owned(), std::env::var(setting.name).ok()?)))
            .collect();
        let mut layers = Layers { flags, environment, dot_env: read_dot_env()?, file: File::default() };
        let file = File::read(layers.find("CONFIG_FILE").map(|found| found.text))?;
        layers.file = file;
        Ok(layers)
    }

    /// The nearest text for a setting. An empty text counts as not set.
    pub(crate) fn find(&self, name: &str) -> Option<Found<'_>> {
        debug_assert!(setting(name).is_some(), "{name} is not in the table of settings");
        let path = self.file.path.as_deref().unwrap_or(Path::new(""));
        let layers = [
            (self.flags.get(name), Origin::Flag),
            (self.environment.get(name).map(String::as_str), Origin::Environment),
            (self.dot_env.get(name).map(String::as_str), Origin::DotEnv),
            (self.file.texts.get(name).map(String::as_str), Origin::File(path)),
        ];
        layers
            .into_iter()
            .filter_map(|(text, origin)| Some(Found { text: text?.trim(), origin }))
            .find(|found| !found.text.is_empty())
    }

    /// The configuration file, read or looked for.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    #[cfg(test)]
    pub(crate) fn of(flags: &'a Flags, environment: &[(&str, &str)], dot_env: &[(&str, &str)]) -> Layers<'a> {
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        Layers { flags, environment: owned(environment), dot_env: owned(dot_env), file: File::default() }
    }
}

/// Only our own settings are taken from it: the file is often another project's.
fn read_dot_env() -> anyhow::Result<HashMap<String, String>> {
    let lines = match dotenvy::from_path_iter(".env") {
        Ok(lines) => lines,
        Err(error) if error.not_found() => return Ok(HashMap::new()),
        Err(error) => return Err(anyhow!("cannot read .env: {error}\nhint: mend or remove the file")),
    };
    let mut found = HashMap::new();
    for line in lines {
        match line {
            Ok((name, value)) if setting(&name).is_some() => {
                found.insert(name, value);
            }
            Ok(_) => {}
            Err(error) => return Err(anyhow!("cannot read .env: {error}\nhint: lines look like PORT=8082")),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_layer_wins_and_an_empty_text_is_none() {
        let flags = Flags::of(&[("PORT", "1")]);
        let mut layers = Layers::of(
            &flags,
            &[("PORT", "2"), ("HOST", ""), ("LOG_LEVEL", "WARN")],
            &[("HOST", "dotenv.example"), ("LOG_LEVEL", "ERROR")],
        );
        let texts = [("HOST", "file.example"), ("PRICES", "/prices.toml")];
        layers.file = File {
            path: Some("/c.toml".into()),
            exists: true,
            texts: texts.map(|(name, text)| (name.to_owned(), text.to_owned())).into(),
        };
        let found = |name| layers.find(name).map(|found| (found.text.to_owned(), found.origin.to_string()));
        let pair = |text: &str, origin: &str| Some((text.to_owned(), origin.to_owned()));
        assert_eq!(found("PORT"), pair("1", "the command line"));
        assert_eq!(found("LOG_LEVEL"), pair("WARN", "the environment"));
        assert_eq!(found("HOST"), pair("dotenv.example", "the .env file"));
        assert_eq!(found("PRICES"), pair("/prices.toml", "/c.toml"));
        assert_eq!(found("DATA_DIR"), None);
    }
}
