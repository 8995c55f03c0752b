//! `config show`, `config check`, `config init`, and the configuration file under the layers above it.

mod support;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use support::command;

/// A command whose `.env` and user's configuration folder are in `home`.
fn in_home(home: &Path, arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    command
        .current_dir(home)
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env_remove("CONFIG_FILE");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    text(&output.stderr)
}

/// The value and origin that `config show --json` tells for a setting.
fn told(command: &mut Command, name: &str) -> (String, String) {
    let output = command.output().unwrap();
    let shown: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    let row = shown["settings"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    let part = |key: &str| row[key].as_str().unwrap().to_owned();
    (part("value"), part("origin"))
}

#[test]
fn every_layer_is_named_as_the_origin() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("config/anthropic-proxy");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("config.toml"),
        "port = 1111\nhost = \"127.0.0.2\"\nretain_age = \"9d\"\nprices = \"/p\"\n",
    )
    .unwrap();
    std::fs::write(home.path().join(".env"), "PORT=2222\nHOST=127.0.0.3\nRETAIN_AGE=8d\nOTHER=1\n").unwrap();
    let show = || {
        let mut command = in_home(home.path(), &["config", "show", "--json", "--port", "4444"]);
        command.env("HOST", "127.0.0.4").env("HTTPS_PROXY", "http://me:secret@corp.example:3128");
        command
    };
    for (name, value, origin) in [
        ("PORT", "4444", "flag"),
        ("HOST", "127.0.0.4", "environment"),
        ("RETAIN_AGE", "8d", ".env"),
        ("PRICES", "/p", "file"),
        ("LOG_LEVEL", "INFO", "default"),
        ("HTTPS_PROXY", "http://…@corp.example:3128", "environment"),
    ] {
        assert_eq!(told(&mut show(), name), (value.to_owned(), origin.to_owned()), "{name}");
    }
}

#[test]
fn secrets_are_masked_whatever_they_come_from() {
    let home = tempfile::tempdir().unwrap();
    let token = "MARKED-a-long-monitor-token-MARKED";
    for arguments in [&["config", "show"][..], &["config", "show", "--json"]] {
        let output = in_home(home.path(), arguments).env("MONITOR_TOKEN", token).output().unwrap();
        assert!(output.status.success() && !text(&output.stdout).contains(token), "{}", text(&output.stdout));
    }
}

#[test]
fn a_file_begun_by_init_is_read_and_not_written_over() {
    let home = tempfile::tempdir().unwrap();
    let init = |arguments: &[&str]| in_home(home.path(), arguments).output().unwrap();
    assert!(init(&["config", "init"]).status.success());
    let file = home.path().join("config/anthropic-proxy/config.toml");
    let template = std::fs::read_to_string(&file).unwrap();
    assert_eq!(template, text(&init(&["config", "init", "--stdout"]).stdout));
    std::fs::write(&file, template.replace("# port = 3000", "port = 3000")).unwrap();
    assert_eq!(
        told(&mut in_home(home.path(), &["config", "show", "--json"]), "PORT"),
        ("3000".into(), "file".into())
    );
    assert!(refused(&init(&["config", "init"])).contains("already there\nhint: "));
    assert!(std::fs::read_to_string(&file).unwrap().contains("\nport = 3000"));
    assert!(init(&["config", "init", "--force"]).status.success());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), template);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn check_names_every_value_that_cannot_be_used() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("my.toml");
    std::fs::write(&file, "port = 99999\nlog_level = \"LOUD\"\n").unwrap();
    let check = |arguments: &[&str]| {
        let all = [&["config", "check", "--config", file.to_str().unwrap()], arguments].concat();
        in_home(home.path(), &all).output().unwrap()
    };
    let said = refused(&check(&["--retain-age", "soon"]));
    for wrong in [
        "PORT=99999 (from ",
        "my.toml)",
        "LOG_LEVEL=LOUD",
        "RETAIN_AGE=soon (from the command line)",
        "hint: ",
    ] {
        assert!(said.contains(wrong), "{wrong}: {said}");
    }
    std::fs::write(&file, "port = 3000\n").unwrap();
    assert!(check(&[]).status.success());
    std::fs::write(&file, "prot = 3000\n").unwrap();
    assert!(refused(&check(&[])).contains("`prot` is no setting\nhint: did you mean `port`?"));
    std::fs::remove_file(&file).unwrap();
    assert!(refused(&check(&[])).contains("cannot read the configuration file"));
}

#[test]
fn the_file_holds_for_the_proxy_itself() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("my.toml");
    std::fs::write(&file, "host = \"127.0.0.1\"\nport = 0\nlog_level = \"LOUD\"\n").unwrap();
    let output = in_home(home.path(), &["--config", file.to_str().unwrap()]).output().unwrap();
    let said = refused(&output);
    assert!(said.starts_with("error: LOG_LEVEL=LOUD (from ") && said.contains("hint: use DEBUG"), "{said}");
}
