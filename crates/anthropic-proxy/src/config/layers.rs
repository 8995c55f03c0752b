//! Where a setting's text comes from: the layers, the nearest first.

use super::{Flags, SETTINGS};
use anyhow::anyhow;
use std::collections::HashMap;
use std::fmt;

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The command line.
    Flag,
    /// The process's environment.
    Environment,
    /// A `.env` file in the current folder.
    DotEnv,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Flag => "the command line",
            Origin::Environment => "the environment",
            Origin::DotEnv => "the .env file",
        })
    }
}

/// A setting's text and where it came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) text: &'a str,
    pub(crate) origin: Origin,
}

/// All the texts there are, in layers.
pub(crate) struct Layers<'a> {
    flags: &'a Flags,
    environment: HashMap<String, String>,
    dot_env: HashMap<String, String>,
}

impl<'a> Layers<'a> {
    /// Reads the environment and the `.env` file of the current folder.
    ///
    /// # Errors
    /// When there is a `.env` that cannot be read: with its line.
    pub(crate) fn read(flags: &'a Flags) -> anyhow::Result<Layers<'a>> {
        let environment = SETTINGS
            .iter()
            .filter_map(|name| std::env::var(name).ok().map(|value| ((*name).to_owned(), value)))
            .collect();
        Ok(Layers { flags, environment, dot_env: read_dot_env()? })
    }

    /// The nearest text for a setting. An empty text counts as not set.
    pub(crate) fn find(&self, name: &str) -> Option<Found<'_>> {
        let layers = [
            (self.flags.get(name), Origin::Flag),
            (self.environment.get(name).map(String::as_str), Origin::Environment),
            (self.dot_env.get(name).map(String::as_str), Origin::DotEnv),
        ];
        layers
            .into_iter()
            .filter_map(|(text, origin)| Some(Found { text: text?.trim(), origin }))
            .find(|found| !found.text.is_empty())
    }

    #[cfg(test)]
    pub(crate) fn of(flags: &'a Flags, environment: &[(&str, &str)], dot_env: &[(&str, &str)]) -> Layers<'a> {
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        Layers { flags, environment: owned(environment), dot_env: owned(dot_env) }
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
            Ok((name, value)) if SETTINGS.contains(&name.as_str()) => {
                found.insert(name, value);
            }
            Ok(_) => {}
            Err(error) => return Err(anyhow!("cannot read .env: {error}\nhint: lines look like PORT=8082")),
        }
    }
    Ok(found)
}
