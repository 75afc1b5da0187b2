//! Tests completions and manual pages through the binary: how shells and man process them, and that
//! nothing of the caller's environment is included.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

use crate::common;

use std::io::Write as _;
use std::process::{Command, Stdio};

use common::Client;

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// Every secret that the environment can hold.
const SECRETS: [&str; 5] = [
    "CHARMCRAFT_AUTH",
    "GH_TOKEN",
    "CR_PAT",
    "WINDLASS_SSO_PASSWORD",
    "WINDLASS_SSO_OTP",
];

/// Returns a command line whose environment is full of secrets.
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
fn every_shell_gets_a_script_that_asks_this_program() {
    let dir = tempfile::tempdir().unwrap();
    for shell in SHELLS {
        let ended = client(dir.path()).run(&["completions", shell]).with(0);
        for word in ["WINDLASS_COMPLETE", "windlass", shell] {
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
    assert!(document.get("workspace").is_none(), "it concerns none");
    let script = document["script"].as_str().unwrap();
    assert!(script.starts_with("#compdef windlass"), "{script}");
}

/// Returns what `bash` completes after `words` with the script of this program: the words typed so
/// far, the cursor after the last.
fn completed(client: &Client, script: &std::path::Path, words: &[&str]) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let line = format!(
        ". \"$1\" && complete -p windlass >/dev/null || exit 1; COMP_WORDS=({}); COMP_CWORD={}; \
         _clap_complete_windlass windlass \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words.len() - 1
    );
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_windlass"));
    let path = std::env::var("PATH").unwrap();
    let ended = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", &line, "bash"])
        .arg(script)
        .env_clear()
        .envs(&client.variables)
        .env("PATH", format!("{}:{path}", program.parent().unwrap().display()))
        .output()
        .unwrap();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success() && err.is_empty(), "{words:?}: {err}");
    let lines = String::from_utf8(ended.stdout).unwrap();
    let values = lines.lines().filter(|line| !line.is_empty());
    values.map(str::to_owned).collect()
}

/// Reports what is left out. The output of a test that passes is captured; this is shown.
fn skipped(what: &str) {
    drop(writeln!(std::io::stderr(), "SKIPPED: {what}"));
}

/// Returns the script for bash, if bash is installed.
fn bash_script(client: &Client, dir: &std::path::Path) -> Option<std::path::PathBuf> {
    if !installed("bash") {
        skipped("bash is not installed: its completion is not tried");
        return None;
    }
    let script = client.run(&["completions", "bash"]).with(0).out;
    let file = dir.join("windlass.bash");
    std::fs::write(&file, script).unwrap();
    Some(file)
}

#[test]
fn bash_completes_commands_and_options_but_nothing_hidden() {
    let dir = tempfile::tempdir().unwrap();
    let client = client(dir.path());
    let Some(script) = bash_script(&client, dir.path()) else {
        return;
    };
    let completed = |words: &[&str]| completed(&client, &script, words).join(" ");
    assert_eq!(completed(&["windlass", "rol"]), "rollback");
    assert_eq!(completed(&["windlass", "plan", "upl"]), "upload-resource");
    assert_eq!(completed(&["windlass", "publish", "--keep"]), "--keep-revision");
    assert_eq!(completed(&["windlass", "completions", "fi"]), "fish");
    for hidden in [
        &["windlass", "gen"][..],
        &["windlass", "--rec"],
        &["windlass", "status", "--rec"],
    ] {
        assert_eq!(completed(hidden), "", "{hidden:?}");
    }
    assert!(!dir.path().join("state").exists(), "a question makes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn bash_completes_what_was_observed_without_asking_any_service() {
    let dir = tempfile::tempdir().unwrap();
    let world = common::world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let Some(script) = bash_script(&client, dir.path()) else {
        return;
    };
    client.run(&["charms"]).with(0);
    client.run(&["credentials"]).with(0);
    let run = client
        .run(&["hold", "2025-01-27", "--yes", "--json"])
        .with(0)
        .json();
    let run = run["run"]["id"].as_str().unwrap().to_owned();
    let log = || std::fs::read_to_string(dir.path().join("world/requests.jsonl")).unwrap();
    let before = log();
    let completed = |words: &[&str]| completed(&client, &script, words);
    let has = |words: &[&str], value: &str| {
        let found = completed(words);
        assert!(found.iter().any(|one| one == value), "{words:?}: {found:?}");
    };
    assert_eq!(completed(&["windlass", "publish", "2025-01-2"]), ["2025-01-27"]);
    has(&["windlass", "plan", "promote", "2025"], "2025-01-27");
    has(&["windlass", "promote", "2025-01-27", "--to", ""], "stable");
    has(&["windlass", "promote", "--track", ""], "latest");
    has(&["windlass", "plan", "promote", "--track", "la"], "latest");
    has(
        &["windlass", "close", "finos-legend-e"],
        "finos-legend-engine-k8s",
    );
    has(
        &["windlass", "close", "finos-legend-engine-k8s", "latest/"],
        "latest/edge",
    );
    has(
        &["windlass", "upload-resource", "finos-legend-sdlc-k8s", ""],
        "sdlc-image",
    );
    let others = completed(&["windlass", "upload-resource", "finos-legend-sdlc-k8s", "engine"]);
    assert!(others.is_empty(), "{others:?}");
    has(
        &["windlass", "release", "finos-legend-engine-k8s", "--revision", ""],
        "50",
    );
    has(&["windlass", "--workspace", ""], "regtech");
    has(&["windlass", "rollback", "--run", ""], &run);
    let unfinished = completed(&["windlass", "resume", ""]);
    assert!(!unfinished.contains(&run), "it is done: {unfinished:?}");
    has(&["windlass", "rotate", "--revoke", ""], "recorded");
    assert_eq!(log(), before, "a service was asked");
}

#[test]
fn the_manual_is_a_page_or_a_folder_of_pages() {
    let dir = tempfile::tempdir().unwrap();
    let page = client(dir.path()).run(&["man"]).with(0);
    // Roff definitions come before the title.
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
        skipped("man is not installed: the page is not formatted");
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
            .starts_with(&format!("wrote {} pages to new/pages;", files.len())),
        "{}",
        ended.out
    );
    for name in ["windlass.1", "windlass-publish.1", "windlass-workflow-run.1"] {
        assert!(files.iter().any(|file| file == name), "{files:?}");
    }
    assert!(!files.iter().any(|file| file.contains("generate")), "{files:?}");
    for file in &files {
        let text = std::fs::read_to_string(dir.path().join("new/pages").join(file)).unwrap();
        assert!(
            text.lines().any(|line| line.starts_with(".TH windlass")),
            "{file}"
        );
        assert!(!text.contains("hunter2"), "{file}");
        assert!(text.contains("\n.SH EXAMPLES\n"), "{file}");
        assert!(!text.contains("\\-\\-record"), "{file}");
    }
    let first = std::fs::read_to_string(dir.path().join("new/pages/windlass.1")).unwrap();
    for title in ["\"EXIT STATUS\"", "ENVIRONMENT", "FILES"] {
        assert!(first.contains(&format!(".SH {title}\n")), "{title}");
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
        let (own, global) = ended.out.split_once("Global options:\n").unwrap();
        assert!(global.contains("--workspace") && !own.contains("--workspace"));
        assert!(global.contains("Examples:\n  windlass "), "{command:?}");
    }
}
