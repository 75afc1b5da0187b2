//! Tests custom keys through the binary: `config check` and the console report errors with the same
//! words, and nothing opens.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn windlass(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(arguments)
        .env("XDG_CONFIG_HOME", home)
        .env("HOME", home)
        .env("WINDLASS_STATE_DIR", home.join("state"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn wrong_keys_are_told_and_right_ones_are_shown() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("windlass");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config.toml");

    std::fs::write(&file, "refresh-minutes = 5\n[keys]\npublish = \"P\"\n").unwrap();
    let checked = windlass(home.path(), &["config", "check"]);
    assert_eq!(checked.status.code(), Some(2), "{}", said(&checked));
    for part in [
        "config.toml, line 3, column 1",
        "key P",
        "publish",
        "promote-release",
    ] {
        assert!(said(&checked).contains(part), "{}", said(&checked));
    }
    let opened = windlass(home.path(), &[]);
    assert_eq!(opened.status.code(), Some(2), "{}", said(&opened));
    assert_eq!(said(&opened), said(&checked));

    std::fs::write(
        &file,
        "[keys]\npublish = \"P\"\npromote-release = \"M\"\npromote-channel = []\n",
    )
    .unwrap();
    let checked = windlass(home.path(), &["config", "check", "--json"]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    let document: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(
        document["config"]["user"]["keys"]["promote-release"], "M",
        "{document}"
    );
}

#[test]
fn the_example_of_the_key_page_is_valid() {
    let page = include_str!("../assets/docs/keys.md");
    let begin = page.find("```toml\n[keys]\n").unwrap() + "```toml\n".len();
    let example = page[begin..].split("```").next().unwrap();
    assert!(example.lines().count() > 4, "{example}");
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("windlass");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), example).unwrap();
    let checked = windlass(home.path(), &["config", "check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
}
