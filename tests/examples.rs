//! Runs the examples of the help and of the README on the demo environment. Commands that write are
//! planned.

#![allow(clippy::unwrap_used, missing_docs)]

use crate::common;

use common::Client;

/// Why an example cannot run on the demo environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CannotRun {
    /// It opens the console or runs until it is stopped.
    Runs,
    /// It asks a person.
    Asks,
    /// It names a registry that the demo environment does not have.
    OtherRegistry,
    /// It names a run, which differs in every environment.
    NamesRun,
}

const CANNOT_RUN: &[(&str, CannotRun)] = &[
    ("demo", CannotRun::Runs),
    ("demo --serve --state demo --env-file demo.env", CannotRun::Runs),
    (
        "resolve oci:build/app --to registry.example/acme/app",
        CannotRun::OtherRegistry,
    ),
    (
        "diff ghcr.io/acme/app:2.0 ghcr.io/acme/app:2.1",
        CannotRun::OtherRegistry,
    ),
    (
        "plan copy ghcr.io/acme/app:2.1 registry.example/acme/app:2.1",
        CannotRun::OtherRegistry,
    ),
    (
        "copy ghcr.io/acme/app:2.1 registry.example/acme/app:2.1",
        CannotRun::OtherRegistry,
    ),
    (
        "copy docker-archive:app.tar registry.example/acme/app:2.1",
        CannotRun::OtherRegistry,
    ),
    ("plan workflow rerun 1234567", CannotRun::NamesRun),
    ("plan workflow cancel 1234567", CannotRun::NamesRun),
    ("workflow rerun 1234567", CannotRun::NamesRun),
    ("workflow cancel 1234567", CannotRun::NamesRun),
    ("workflow watch 1234567", CannotRun::NamesRun),
    ("rollback --run 20251120T101500Z-1f2e", CannotRun::NamesRun),
    ("resume 20251120T101500Z-1f2e", CannotRun::NamesRun),
    ("login", CannotRun::Asks),
    ("login --registry ghcr.io", CannotRun::Asks),
    ("config new", CannotRun::Asks),
];

/// Examples that do not end with 0: a token of the demo environment expires soon.
const OTHER_CODES: &[(&str, i32)] = &[("credentials --fail-within 14d", 4)];

/// Commands that write, which are planned.
const PLANNED: &[&str] = &[
    "publish",
    "promote",
    "rollback",
    "upload-resource",
    "release",
    "close",
    "hold",
    "unhold",
    "rotate",
    "revoke",
    "login",
    "workflow run",
];

/// Returns the command lines of the README, without `windlass`.
fn readme() -> Vec<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("windlass "));
    // Text that wraps to a line that begins so is no command.
    let commands = lines.filter(|line| {
        let word = line.split(' ').next().unwrap_or_default();
        let known = ["status", "credentials", "completions", "man", "doctor", "plan"];
        PLANNED.contains(&word) || known.contains(&word)
    });
    commands
        .map(|line| {
            let end = line.find(" #").or_else(|| line.find(" >")).unwrap_or(line.len());
            line[..end].trim().to_owned()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_runs_on_the_demo_or_is_listed_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let world = common::world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    client.file("seed.sql", "select 1;", 0o600);
    let token = client.variables["GH_TOKEN"].clone();
    client.file("github-token.txt", &token, 0o600);
    // Promotion and rollback need a published release.
    client.run(&["publish", "2025-01-27", "--yes"]).with(0);
    let mut lines: Vec<String> = windlass::cli::examples::all().map(str::to_owned).collect();
    for (line, why) in CANNOT_RUN {
        assert!(
            lines.iter().any(|one| one == line),
            "{line} ({why:?}) is no example"
        );
    }
    lines.extend(readme());
    lines.retain(|line| CANNOT_RUN.iter().all(|(other, _)| line != other));
    lines.sort();
    lines.dedup();
    // It writes the file that others read.
    lines.sort_by_key(|line| !line.starts_with("config new"));
    let mut wrong = Vec::new();
    for line in &lines {
        let plans = PLANNED
            .iter()
            .any(|command| line == command || line.starts_with(&format!("{command} ")));
        let mut words: Vec<String> = line
            .split(' ')
            .filter(|word| !(plans && (*word == "--timeout" || *word == "45m")))
            .map(|word| word.replace('~', &dir.path().display().to_string()))
            .collect();
        if plans {
            words.insert(0, "plan".to_owned());
        }
        if line == "doctor --set-journal-aside" {
            words.push("--yes".to_owned());
        }
        let code = OTHER_CODES.iter().find(|(other, _)| line == other);
        let code = code.map_or(0, |(_, code)| *code);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ended = client.run(&words);
        if ended.code != code {
            wrong.push(format!(
                "windlass {}: {} {}",
                words.join(" "),
                ended.code,
                ended.err
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.stop().await;
}
