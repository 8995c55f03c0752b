//! The documents: what is made from the code is as the code says, every `sh` block runs, every link leads somewhere.
//!
//! Blocks run in `sh -eu`, one after the other, in a folder of their own beside a proxy with simulated traffic in its record; 8082 stands for
//! that proxy's port, and `claude` for a client that makes one call. A block that cannot run here has `<!-- not run: why -->` on the
//! line before it; the commands of ours in it are asked for their help instead.

#![cfg(unix)]

mod support;

use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use support::{command, wait};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Makes one call, as Claude Code would; whatever it is told on its command line.
const CLAUDE: &str = "#!/bin/sh
exec curl -sSf -o /dev/null -H 'x-api-key: sk-ant-test' -H 'content-type: application/json' \
  -d '{\"model\":\"claude-opus-5-5\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}' \
  \"$ANTHROPIC_BASE_URL/v1/messages\"
";

/// One fenced block of a document.
#[derive(Debug, PartialEq)]
struct Block {
    line: usize,
    text: String,
    /// Why it is not run.
    not_run: Option<String>,
}

fn blocks(document: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut before = "";
    let mut open: Option<Block> = None;
    for (number, line) in document.lines().enumerate() {
        match &mut open {
            Some(block) if line.trim() == "```" => {
                found.push(Block {
                    text: std::mem::take(&mut block.text),
                    not_run: block.not_run.take(),
                    ..*block
                });
                open = None;
            }
            Some(block) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            None if line.trim() == "```sh" => {
                let reason = before.strip_prefix("<!-- not run: ").and_then(|rest| rest.strip_suffix(" -->"));
                open =
                    Some(Block { line: number + 1, text: String::new(), not_run: reason.map(str::to_owned) });
            }
            None => {}
        }
        before = line;
    }
    found
}

#[test]
fn blocks_are_found_with_the_reason_why_they_are_not_run() {
    let found =
        blocks("a\n```sh\nls\n```\n```text\nno\n```\n<!-- not run: no network -->\n```sh\ncurl x\nls\n```\n");
    let block = |line, text: &str, not_run: Option<&str>| Block {
        line,
        text: text.into(),
        not_run: not_run.map(Into::into),
    };
    assert_eq!(found, [block(2, "ls\n", None), block(9, "curl x\nls\n", Some("no network"))]);
}

/// A demonstration whose traffic has ended, with its folder.
struct Recorded {
    child: Child,
    folder: tempfile::TempDir,
    port: String,
    /// The simulated API.
    upstream: String,
}

impl Recorded {
    fn start() -> Recorded {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let arguments = [
            "demo",
            "--no-open",
            "--port",
            "0",
            "--until",
            "2",
            "--speed",
            "3000",
            "--data-dir",
            data.to_str().unwrap(),
        ];
        let mut child = command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().find_map(|word| word.strip_suffix("/monitor;")).unwrap().to_owned();
        let port = url.rsplit(':').next().unwrap().to_owned();
        let get = |path: &str| -> Value {
            ureq::get(format!("{url}{path}")).call().unwrap().into_body().read_json().unwrap()
        };
        wait("traffic", || {
            (get("/api/monitor/stats")["successCount"].as_u64().unwrap_or(0) > 4).then_some(())
        });
        let upstream = get("/api/monitor/config")["upstream"].as_str().unwrap().to_owned();
        Recorded { child, folder, port, upstream }
    }

    /// What `sh` says to a block; an error if it fails.
    fn run(&self, block: &Block) -> Result<(), String> {
        let home = self.folder.path();
        let tools = home.join("bin");
        if !tools.exists() {
            fs::create_dir(&tools).unwrap();
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_anthropic-proxy"), tools.join("anthropic-proxy"))
                .unwrap();
            fs::write(tools.join("claude"), CLAUDE).unwrap();
            fs::set_permissions(tools.join("claude"), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
        let script = block.text.replace("8082", &self.port);
        // As `command` does: without the settings of whoever runs the tests.
        let mut shell = Command::new("sh");
        for (name, value) in command(&[]).get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let output = shell
            .args(["-euc", &script])
            .current_dir(home)
            .env("PATH", path)
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("DATA_DIR", home.join("data"))
            .env("PORT", &self.port)
            .env("UPSTREAM_URL", &self.upstream)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = format!("{}{}", said(&output.stdout), said(&output.stderr));
        if output.status.success() { Ok(()) } else { Err(format!("{}\n{said}", output.status)) }
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn documents(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    found.sort();
    found
}

#[test]
fn every_command_in_the_guides_runs() {
    let mut wrong = Vec::new();
    let mut ran = 0;
    let documents = [documents("docs/guide"), documents("."), documents("docs")].concat();
    for document in documents {
        let found = blocks(&fs::read_to_string(&document).unwrap());
        let name = document.file_name().unwrap().to_string_lossy().into_owned();
        let mut recorded = None;
        for block in &found {
            let outcome = if block.not_run.is_some() {
                unknown_command(&block.text).map_or(Ok(()), Err)
            } else {
                ran += 1;
                recorded.get_or_insert_with(Recorded::start).run(block)
            };
            if let Err(why) = outcome {
                wrong.push(format!("{name}:{}: {}{why}", block.line, block.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(ran > 15, "{ran} blocks ran");
}

/// A line of a block that names a command of ours that there is not.
fn unknown_command(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let words: Vec<&str> =
            line.split_whitespace().skip_while(|word| *word != "anthropic-proxy").skip(1).collect();
        let sub = words.first().filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()))?;
        let output = command(&[sub, "--help"]).output().unwrap();
        (!output.status.success()).then(|| format!("{line}: {}", String::from_utf8_lossy(&output.stderr)))
    })
}

#[test]
fn what_is_made_from_the_code_is_as_the_code_says() {
    for page in ["configuration", "cli", "api", "filter", "metrics"] {
        let output = command(&["docs", page]).output().unwrap();
        let made = String::from_utf8(output.stdout).unwrap();
        let path = Path::new(ROOT).join("docs/ref").join(page).with_extension("md");
        let kept = fs::read_to_string(&path).unwrap();
        assert!(made == kept, "write it anew: cargo run -- docs {page} > docs/ref/{page}.md");
    }
}

#[test]
fn every_link_leads_to_a_file() {
    let mut wrong = Vec::new();
    for folder in [".", "docs", "docs/guide", "docs/ref", "docs/design"] {
        for document in documents(folder) {
            let text = fs::read_to_string(&document).unwrap();
            for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let file = target.split('#').next().unwrap();
                let is_elsewhere = file.is_empty() || file.contains("://");
                if !is_elsewhere && !document.parent().unwrap().join(file).exists() {
                    wrong.push(format!("{}: {target}", document.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn manual_pages_and_completions_are_made_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let made = command(&["man", "--folder", folder.path().to_str().unwrap()]).output().unwrap();
    assert!(made.status.success());
    for page in ["anthropic-proxy.1", "anthropic-proxy-export.1", "anthropic-proxy-config-init.1"] {
        assert!(fs::read_to_string(folder.path().join(page)).unwrap().contains(".SH NAME"), "{page}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = command(&["completions", shell]).output().unwrap();
        assert!(String::from_utf8(output.stdout).unwrap().contains("doctor"), "{shell}");
    }
}
