//! `config`: what holds and why, whether all of it can be used, and a file to begin with.

use super::source::print;
use crate::config::{
    Config, Flags, Kind, Layers, Origin, SETTINGS, default_data_folder, default_path, is_open_to_others,
    template,
};
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use protocol::secrets;
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Show, check or begin the configuration
#[derive(Debug, Args)]
pub(super) struct ConfigCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every setting with its value and where that came from; secrets are masked
    Show {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Whether every value can be used; exit code 1 if not
    Check,
    /// Write a configuration file with every setting as a comment
    Init {
        /// Print it instead
        #[arg(long)]
        stdout: bool,
        /// Write over a file that is there
        #[arg(long)]
        force: bool,
    },
}

impl ConfigCommand {
    pub(super) fn run(self, flags: &Flags) -> anyhow::Result<ExitCode> {
        match self.what {
            What::Show { json } => show(&Layers::read(flags)?, json),
            What::Check => check(&Layers::read(flags)?),
            What::Init { stdout: true, .. } => print(|out| Ok(out.write_all(template().as_bytes())?)),
            // Not the layers: they would insist on the file that is to be written.
            What::Init { force, .. } => init(flags, force),
        }
    }
}

/// What `config show` says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    /// Where the configuration file is, or would be.
    file: Option<PathBuf>,
    file_exists: bool,
    settings: Vec<Row>,
}

/// One setting of it.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    /// The text as it was given, secrets masked; else the default in words.
    value: String,
    /// `flag`, `environment`, `.env`, `file` or `default`.
    origin: &'static str,
}

fn rows(layers: &Layers<'_>) -> Vec<Row> {
    let own = SETTINGS.iter().map(|setting| match layers.find(setting.name) {
        None => {
            Row { name: setting.name, value: default_of(setting.name, setting.default), origin: "default" }
        }
        Some(found) => {
            let origin = match found.origin {
                Origin::Flag => "flag",
                Origin::Environment => "environment",
                Origin::DotEnv => ".env",
                Origin::File(_) => "file",
            };
            let is_secret = setting.kind == Kind::Secret;
            let value = if is_secret { secrets::mask_value(found.text) } else { shown(found.text) };
            Row { name: setting.name, value, origin }
        }
    });
    let proxies = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"].into_iter().map(|name| {
        // The lower-case names win, as in curl.
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        match set(&name.to_ascii_lowercase()).or_else(|| set(name)) {
            None => Row { name, value: "not set".to_owned(), origin: "default" },
            Some(value) => Row { name, value: shown(&value), origin: "environment" },
        }
    });
    own.chain(proxies).collect()
}

/// The default; a folder or file that depends on who asks as its path.
fn default_of(name: &str, in_words: &str) -> String {
    let path = match name {
        "DATA_DIR" => default_data_folder().ok(),
        "CONFIG_FILE" => default_path(),
        _ => None,
    };
    path.map_or(in_words.to_owned(), |path| path.display().to_string())
}

/// A value as it may be shown: without the password of a URL and without keys.
fn shown(text: &str) -> String {
    secrets::mask_url(text.as_bytes())
}

fn show(layers: &Layers<'_>, json: bool) -> anyhow::Result<ExitCode> {
    let shown =
        Shown { file: layers.file().path.clone(), file_exists: layers.file().exists, settings: rows(layers) };
    print(|out| {
        if json {
            serde_json::to_writer_pretty(&mut *out, &shown)?;
            return Ok(writeln!(out)?);
        }
        for row in &shown.settings {
            writeln!(out, "{:<21} {:<12} {}", row.name, row.origin, row.value)?;
        }
        let place = shown.file.as_deref().map_or("unknown".to_owned(), |path| path.display().to_string());
        let note = if shown.file_exists { "" } else { " (not there)" };
        Ok(writeln!(out, "\nfile  {place}{note}")?)
    })
}

fn check(layers: &Layers<'_>) -> anyhow::Result<ExitCode> {
    let problems = Config::problems(layers);
    for problem in &problems {
        eprintln!("error: {problem:#}");
    }
    if let Some(Origin::File(path)) = layers.find("MONITOR_TOKEN").map(|found| found.origin)
        && is_open_to_others(path)
    {
        eprintln!("warning: {} holds a secret and others may read it\nhint: chmod 600 {0}", path.display());
    }
    if !problems.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    print(|out| Ok(writeln!(out, "every setting can be used")?))
}

fn init(flags: &Flags, force: bool) -> anyhow::Result<ExitCode> {
    let named = flags.get("CONFIG_FILE").map(str::to_owned).or_else(|| std::env::var("CONFIG_FILE").ok());
    let path =
        named.filter(|name| !name.is_empty()).map(PathBuf::from).or_else(default_path).context(
            "cannot tell where your configuration folder is\nhint: name the file with --config FILE",
        )?;
    if path.exists() && !force {
        bail!("{} is already there\nhint: edit it, or write over it with --force", path.display());
    }
    write(&path).with_context(|| {
        format!("cannot write {}\nhint: name another file with --config FILE", path.display())
    })?;
    print(|out| Ok(writeln!(out, "wrote {}", path.display())?))
}

/// Readable by its owner only: it may come to hold a token.
fn write(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)?.write_all(template().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_keys_in_values_are_not_shown() {
        for (text, expected) in [
            ("https://user:pass@gate.example/base", "https://…@gate.example/base"),
            ("http://us@er:p@gate.example", "http://…@gate.example"),
            ("https://gate.example/a@b", "https://gate.example/a@b"),
            ("127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(shown(text), expected);
        }
        assert!(
            !shown("https://gate.example/?k=sk-ant-api03-abcdefghijklmnopqrstuvwxyz").contains("klmnopqrst")
        );
    }
}
