//! `docs`: pages of `docs/ref` that are made from the code. A test fails when a page and the code differ.

use super::source::print;
use crate::config::SETTINGS;
use clap::{Arg, Command, ValueEnum};
use std::io::Write;
use std::process::ExitCode;

/// A page of the reference.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Page {
    /// Every setting.
    Configuration,
    /// Every command.
    Cli,
    /// Every route of the monitoring API.
    Api,
    /// Every key of the filter language.
    Filter,
    /// Every figure for Prometheus.
    Metrics,
}

pub(super) fn run(page: Page, mut command: Command) -> anyhow::Result<ExitCode> {
    command.build();
    print(|out| match page {
        Page::Configuration => configuration(out),
        Page::Cli => cli(out, &command),
        Page::Api => api(out),
        Page::Filter => filter(out),
        Page::Metrics => metrics(out),
    })
}

fn configuration(out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "# Configuration\n\nMade from the code by `anthropic-proxy docs configuration`; a test compares.\n\n\
         Each setting is taken from the first of these that has it:\n\n\
         1. the flag,\n2. the variable of the environment,\n3. the variable in a `.env` file of the current folder (whose other \
         lines are another program's and are not looked at),\n4. the key in the configuration file, \
         `anthropic-proxy/config.toml` in the user's configuration folder (`~/.config` on Linux and macOS, `%APPDATA%` on Windows) or the one \
         that `--config` or `CONFIG_FILE` names,\n5. the default.\n\nAn empty text counts as not set. A key of the file that is no \
         setting is an error. `anthropic-proxy config show` tells what holds and where each value came from, `config check` whether \
         all of it can be used, `config init` writes a file with every key as a comment.\n"
    )?;
    writeln!(out, "| variable | flag | key | default | example | |\n|---|---|---|---|---|---|")?;
    for setting in SETTINGS {
        let cell = |text: Option<String>| text.map_or("–".to_owned(), |text| format!("`{text}`"));
        let flag = cell(setting.flag().map(|flag| format!("--{flag} {}", setting.value)));
        let key = cell(setting.key());
        let (default, example, about) = (setting.default, setting.example, setting.about.replace('|', "\\|"));
        writeln!(out, "| `{}` | {flag} | {key} | {default} | `{example}` | {about} |", setting.name)?;
    }
    Ok(writeln!(
        out,
        "\n`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (the lower-case names win) are honoured from the environment only: \
         `http://[user:password@]host:port`, `socks5://…` or `socks5h://…`. A loopback upstream is never reached through a proxy.\n\n\
         A list may be an array in the file: `allowed_hosts = [\"proxy.example\"]`. A secret belongs into a file that only its owner \
         can read, or into the environment, and not on the command line, which everybody on the machine can see."
    )?)
}

fn cli(out: &mut dyn Write, command: &Command) -> anyhow::Result<()> {
    writeln!(
        out,
        "# Commands\n\nMade from the code by `anthropic-proxy docs cli`; a test compares. Every command also takes the flags of the\n\
         [settings](configuration.md). FILTER is the [filter language](filter.md).\n"
    )?;
    for sub in command.get_subcommands() {
        one(out, &format!("anthropic-proxy {}", sub.get_name()), sub)?;
    }
    Ok(())
}

fn one(out: &mut dyn Write, name: &str, command: &Command) -> anyhow::Result<()> {
    if command.is_hide_set() || command.get_name() == "help" {
        return Ok(());
    }
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    writeln!(out, "## `{name}`\n\n{about}.\n")?;
    let is_setting = |arg: &&Arg| SETTINGS.iter().any(|setting| arg.get_id() == setting.name);
    let own = command.get_arguments().filter(|arg| !arg.is_hide_set() && !is_setting(arg));
    let own: Vec<&Arg> = own.filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version")).collect();
    for arg in &own {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        writeln!(out, "- `{}`: {help}", spelled(arg))?;
    }
    if !own.is_empty() {
        writeln!(out)?;
    }
    for sub in command.get_subcommands() {
        one(out, &format!("{name} {}", sub.get_name()), sub)?;
    }
    Ok(())
}

/// `-n, --limit NUMBER` or `<FILTER>`.
fn spelled(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let takes_value = arg.get_action().takes_values();
    let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let value = value.unwrap_or_else(|| arg.get_id().to_string().to_uppercase());
    match (names.is_empty(), takes_value) {
        (true, _) => value,
        (false, true) => format!("{} {value}", names.join(", ")),
        (false, false) => names.join(", "),
    }
}

fn api(out: &mut dyn Write) -> anyhow::Result<()> {
    let document: serde_json::Value = serde_json::from_str(&crate::monitor::openapi_json()?)?;
    writeln!(
        out,
        "# HTTP API\n\nMade from the OpenAPI document by `anthropic-proxy docs api`; a test compares. The document itself, with every \
         field, is what\n`anthropic-proxy openapi` prints and `GET /api/monitor/openapi.json` answers. Only pages of the same origin, and \
         programs, may call it;\nwhere a `MONITOR_TOKEN` holds, they send `Authorization: Bearer TOKEN`.\n\n\
         `GET /health` answers `{{\"status\":\"healthy\",…}}` without a token.\n"
    )?;
    let empty = serde_json::Map::new();
    for (path, methods) in document["paths"].as_object().unwrap_or(&empty) {
        for (method, what) in methods.as_object().unwrap_or(&empty) {
            let said = what["summary"].as_str().or(what["description"].as_str()).unwrap_or_default();
            writeln!(out, "## `{} {path}`\n\n{said}\n", method.to_uppercase())?;
            let parameters = what["parameters"].as_array().map_or(&[][..], Vec::as_slice);
            for parameter in parameters {
                let text = parameter["description"].as_str().unwrap_or_default().replace('\n', " ");
                writeln!(out, "- `{}`: {text}", parameter["name"].as_str().unwrap_or_default())?;
            }
            if !parameters.is_empty() {
                writeln!(out)?;
            }
        }
    }
    Ok(())
}

fn filter(out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "# The filter language\n\nMade from the code by `anthropic-proxy docs filter`; a test compares. The page, the API (`q=`) and the \
         commands take the same language;\n`GET /api/monitor/filter` answers its keys.\n\n    \
         status:error model:claude-opus* ttft:>2s -is:pinned (tool:Bash OR \"out of memory\") since:2d\n\n\
         - Terms side by side must all hold. `OR` between them, `-` or `NOT` before one, and parentheses do what they say.\n\
         - `a,b` in a value means either, `*` stands for anything, `key:none` means absent.\n\
         - Numbers take `>`, `>=`, `<`, `<=`, or a range: `tokens:10k..20k`.\n\
         - A word without a key is looked for in the text; quotes hold words together.\n\n\
         | key | | example |\n|---|---|---|"
    )?;
    for key in store::KEYS {
        writeln!(
            out,
            "| `{}:` | {} | `{}` |",
            key.name,
            key.about.replace('|', "\\|"),
            key.example.replace('|', "\\|")
        )?;
    }
    Ok(())
}

fn metrics(out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "# Metrics\n\nMade from the code by `anthropic-proxy docs metrics`; a test compares. `GET /metrics` answers them as text that Prometheus \
         reads (OpenMetrics).\nOther sites and strangers get nothing: where a `MONITOR_TOKEN` holds, the scraper sends it.\n\n\
         ```yaml\nscrape_configs:\n  - job_name: anthropic-proxy\n    authorization:\n      credentials: TOKEN\n    \
         static_configs:\n      - targets: [\"127.0.0.1:8082\"]\n```\n\n\
         Counters begin at 0 with the program, and count what went through it, not what was imported. A scrape reads no table.\nOf models, \
         the first {} that are met have figures of their own; the rest are `other`, and calls without one `none`.\n\n\
         | metric | type | labels | |\n|---|---|---|---|",
        crate::metrics::MODELS
    )?;
    for figure in crate::metrics::list() {
        let labels = figure.labels.join(", ");
        let labels = if labels.is_empty() { "–" } else { &labels };
        writeln!(out, "| `{}` | {} | {labels} | {} |", figure.name, figure.kind, figure.about)?;
    }
    Ok(())
}
