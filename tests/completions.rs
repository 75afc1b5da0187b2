//! Completions and manual pages through the binary: what shells and man make of them, and that
//! nothing of the caller's environment gets into them.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::io::Write as _;
use std::process::{Command, Stdio};

use common::Client;

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// Everything secret that the environment can hold.
const SECRETS: [&str; 5] = [
    "CHARMCRAFT_AUTH",
    "GH_TOKEN",
    "CR_PAT",
    "WINDLASS_SSO_PASSWORD",
    "WINDLASS_SSO_OTP",
];

/// A command line whose environment is full of secrets.
fn client(dir: &std::path::Path) -> Client {
    SECRETS.iter().fold(Client::alone(dir), |client, name| {
        client.with(name, "hunter2-in-clear")
    })
}

fn installed(program: &str) -> bool {
    let tried = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.is_ok()
}

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    let dir = tempfile::tempdir().unwrap();
    for shell in SHELLS {
        let ended = client(dir.path()).run(&["completions", shell]).with(0);
        for word in ["upload-resource", "read-only", "completions"] {
            assert!(ended.out.contains(word), "{shell} knows no {word}");
        }
        assert!(!ended.out.contains("hunter2"), "{shell}");
        assert_eq!(ended.err, "");
    }
    let ended = client(dir.path()).run(&["completions", "tcsh"]).with(2);
    assert!(ended.err.contains("possible values"), "{}", ended.err);
    let document = client(dir.path())
        .run(&["completions", "zsh", "--json"])
        .with(0)
        .json();
    assert_eq!(document["schema"], "windlass.completions/1");
    assert_eq!(document["shell"], "zsh");
    assert!(
        document["script"]
            .as_str()
            .unwrap()
            .starts_with("#compdef windlass")
    );
}

#[test]
fn bash_takes_the_script_and_completes_with_it() {
    if !installed("bash") {
        println!("bash is not installed: its completion is not tried");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script = client(dir.path()).run(&["completions", "bash"]).with(0).out;
    let file = dir.path().join("windlass.bash");
    std::fs::write(&file, script).unwrap();
    let bash = |arguments: &[&str]| {
        let ended = Command::new("bash")
            .args(["--norc", "--noprofile"])
            .args(arguments)
            .arg("bash")
            .arg(&file)
            .output()
            .unwrap();
        let err = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.success() && err.is_empty(), "{err}");
        String::from_utf8(ended.stdout).unwrap()
    };
    bash(&["-c", "bash -n \"$1\""]);
    let told = bash(&["-c", ". \"$1\" && complete -p windlass"]);
    assert!(
        told.contains("_windlass") && told.trim_end().ends_with("windlass"),
        "{told}"
    );
    // As a user would: the words typed so far, the cursor behind the last.
    let completed = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let line = format!(
            ". \"$1\"; COMP_WORDS=({}); COMP_CWORD={}; \
             _windlass windlass \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[*]}}\"",
            words.join(" "),
            words.len() - 1
        );
        bash(&["-c", &line]).trim().to_owned()
    };
    assert_eq!(completed(&["windlass", "rol"]), "rollback");
    assert_eq!(completed(&["windlass", "plan", "upl"]), "upload-resource");
    assert_eq!(completed(&["windlass", "publish", "--keep"]), "--keep-revision");
    assert_eq!(completed(&["windlass", "completions", "fi"]), "fish");
}

#[test]
fn the_manual_is_a_page_or_a_folder_of_pages() {
    let dir = tempfile::tempdir().unwrap();
    let page = client(dir.path()).run(&["man"]).with(0);
    // Definitions of its own stand before the title.
    let title = page.out.lines().find(|line| line.starts_with(".TH"));
    assert!(
        title.is_some_and(|line| line.starts_with(".TH windlass 1")),
        "{}",
        page.out
    );
    assert!(!page.out.contains("hunter2"));
    assert!(
        page.out.contains(".SH WINDLASS UPLOAD-RESOURCE\n"),
        "{}",
        page.out
    );
    if installed("man") {
        let mut man = Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l", "-"])
            .env("MANWIDTH", "100")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        man.stdin.take().unwrap().write_all(page.out.as_bytes()).unwrap();
        let shown = man.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&shown.stderr), "");
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(text.contains("WINDLASS WORKFLOW RUN"), "{text}");
    } else {
        println!("man is not installed: the page is not formatted");
    }

    let ended = client(dir.path()).run(&["man", "--out", "new/pages"]).with(0);
    let mut files: Vec<String> = std::fs::read_dir(dir.path().join("new/pages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert!(files.len() > 30, "{files:?}");
    assert!(
        ended
            .out
            .starts_with(&format!("{} pages in new/pages;", files.len())),
        "{}",
        ended.out
    );
    for name in ["windlass.1", "windlass-publish.1", "windlass-workflow-run.1"] {
        assert!(files.iter().any(|file| file == name), "{files:?}");
    }
    for file in &files {
        let text = std::fs::read_to_string(dir.path().join("new/pages").join(file)).unwrap();
        assert!(
            text.lines().any(|line| line.starts_with(".TH windlass")),
            "{file}"
        );
        assert!(!text.contains("hunter2"), "{file}");
    }

    std::fs::write(dir.path().join("file"), "").unwrap();
    let refused = client(dir.path()).run(&["man", "--out", "file/pages"]).with(3);
    assert!(refused.err.contains("file/pages"), "{}", refused.err);
}

#[test]
fn help_shows_nothing_of_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    for command in [&["--help"][..], &["login", "--help"], &["rotate", "--help"]] {
        let ended = client(dir.path()).run(command).with(0);
        assert!(!ended.out.contains("hunter2"), "{command:?}");
    }
}
