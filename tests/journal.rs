//! Tests the journal through the binary: written by a newer windlass, damaged, on a full disk, in a
//! directory that cannot be written; and what every command reports about a run that did not
//! succeed.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use crate::common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Client, world, writes};
use serde_json::Value;

const RELEASE: &str = "2024-01-06";
/// Refuses the first reference that a command creates on GitHub.
const REFUSED_REFERENCE: &str =
    "[[fault]]\nservice = \"github\"\nmethod = \"POST\"\npath = \"*/git/refs\"\nnth = 1\nstatus = 403\n";

fn journal(dir: &Path) -> PathBuf {
    dir.join("state/journal.db")
}

fn errors(document: &Value) -> Vec<&str> {
    let errors = document["errors"].as_array().unwrap();
    errors
        .iter()
        .filter_map(|error| error["source"].as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_journal_is_left_alone_and_reading_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    client.run(&["hold", RELEASE, "--yes"]).with(0);
    {
        let connection = rusqlite::Connection::open(journal(dir.path())).unwrap();
        connection
            .execute("UPDATE writer SET version = '7.2.0'", [])
            .unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
    }
    let before = std::fs::read(journal(dir.path())).unwrap();
    let written = writes(&world).len();
    let refused = client.run(&["unhold", RELEASE, "--yes"]).with(3);
    assert!(
        refused.err.contains("written by windlass 7.2.0"),
        "{}",
        refused.err
    );
    assert_eq!(writes(&world).len(), written);
    let channels = client.run(&["channels", "--json"]).with(0);
    assert_eq!(errors(&channels.json()), ["journal"]);
    assert!(channels.err.contains("7.2.0"), "{}", channels.err);
    client.run(&["whoami"]).with(0);
    client.run(&["runs"]).with(3);
    client.run(&["doctor", "--set-journal-aside"]).with(3);
    assert_eq!(std::fs::read(journal(dir.path())).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_can_be_set_aside_and_keeps_its_runs() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    client.run(&["hold", RELEASE, "--yes"]).with(0);
    let mut bytes = std::fs::read(journal(dir.path())).unwrap();
    bytes[..100].fill(0);
    std::fs::write(journal(dir.path()), &bytes).unwrap();
    let status = client.run(&["status", "--json"]).with(0);
    assert_eq!(errors(&status.json()), ["journal"]);
    assert!(status.json()["status"]["open_runs"].is_null());
    let refused = client.run(&["unhold", RELEASE, "--yes"]).with(3);
    assert!(refused.err.contains("--set-journal-aside"), "{}", refused.err);
    assert_eq!(refused.err.matches("is damaged").count(), 1, "{}", refused.err);
    client.run(&["doctor", "--offline"]).with(1);
    let aside = client
        .run(&["doctor", "--set-journal-aside", "--json"])
        .with(0)
        .json();
    assert_eq!(std::fs::read(aside["kept_as"].as_str().unwrap()).unwrap(), bytes);
    let runs = client.run(&["runs", "--json"]).with(0).json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    client.run(&["unhold", RELEASE, "--yes"]).with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_was_cut_is_damaged_for_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    client.run(&["hold", RELEASE, "--yes"]).with(0);
    let whole = std::fs::read(journal(dir.path())).unwrap();
    let written = writes(&world).len();
    for less in [100, 2000, 4096, whole.len() - 1000] {
        let cut = &whole[..whole.len() - less];
        std::fs::write(journal(dir.path()), cut).unwrap();
        for (arguments, code) in [
            (&["runs"][..], 3),
            (&["unhold", RELEASE, "--yes"], 3),
            (&["doctor", "--offline"], 1),
            (&["status", "--offline"], 0),
        ] {
            let ended = client.run(arguments).with(code);
            let shown = format!("{}{}", ended.out, ended.err);
            for part in ["is damaged", "windlass doctor --set-journal-aside"] {
                assert!(shown.contains(part), "{less} {arguments:?}: {shown}");
            }
        }
        assert_eq!(std::fs::read(journal(dir.path())).unwrap(), cut, "{less}");
    }
    assert_eq!(writes(&world).len(), written);
    client.run(&["doctor", "--set-journal-aside"]).with(0);
    client.run(&["runs"]).with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_not_damaged_is_set_aside_only_if_confirmed() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    client.run(&["hold", RELEASE, "--yes"]).with(0);
    let kept = || {
        let files = std::fs::read_dir(dir.path().join("state")).unwrap();
        files
            .filter(|file| {
                let name = file.as_ref().unwrap().file_name();
                name.to_string_lossy().starts_with("journal-")
            })
            .count()
    };
    for arguments in [
        &["doctor", "--set-journal-aside"][..],
        &["doctor", "--set-journal-aside", "--json"],
    ] {
        let refused = client.run(arguments).with(3);
        assert!(refused.err.contains("is not damaged"), "{}", refused.err);
        assert!(refused.err.contains("--yes"), "{}", refused.err);
    }
    assert_eq!(kept(), 0);
    client.run(&["doctor", "--set-journal-aside", "--yes"]).with(0);
    assert_eq!(kept(), 1);
    let runs = client.run(&["runs", "--json"]).with(0).json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    client.run(&["unhold", RELEASE, "--yes"]).with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_workspace_sees_neither_the_runs_nor_the_revocations_of_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), REFUSED_REFERENCE).await;
    let client = Client::new(&world, dir.path());
    let failed = client.run(&["hold", RELEASE, "--yes", "--json"]);
    let run = failed.json()["run"]["id"].as_str().unwrap().to_owned();
    assert!(client.run(&["doctor", "--offline"]).out.contains(&run));
    let other = |arguments: &[&str]| client.run(&[&["--workspace", "regtech"], arguments].concat());
    assert!(!other(&["doctor", "--offline"]).out.contains(&run));
    let runs = other(&["runs", "--json"]).with(0).json();
    assert_eq!(runs["runs"], serde_json::json!([]));
    let nothing = other(&["resume", "--json"]).with(0).json();
    assert!(nothing["unfinished"].as_array().unwrap().is_empty(), "{nothing}");
    let refused = other(&["resume", &run, "--yes"]).with(3);
    assert!(refused.err.contains("--workspace legend"), "{}", refused.err);

    let sessions = client.run(&["credentials", "--json"]).json();
    let session = sessions["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .find(|id| client.run(&["revoke", id, "--yes"]).code == 0)
        .unwrap()
        .to_owned();
    // Offline it is known only from the journal.
    let revoked = |workspace: &str| {
        let journal = windlass::journal::Journal::open(&dir.path().join("state"), &host(dir.path()));
        let journal = journal.unwrap().of_workspace(workspace);
        let found = journal.revocations(&[]).unwrap();
        found.iter().any(|one| one.session.as_str() == session)
    };
    assert!(revoked("legend"));
    assert!(!revoked("regtech"));
}

/// Returns the environment that the journal under `dir` belongs to.
fn host(dir: &Path) -> String {
    let connection = rusqlite::Connection::open(journal(dir)).unwrap();
    connection
        .query_row("SELECT environment FROM run LIMIT 1", [], |row| row.get(0))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_failed_is_unfinished_for_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), REFUSED_REFERENCE).await;
    let client = Client::new(&world, dir.path());
    let failed = client.run(&["hold", RELEASE, "--yes", "--json"]).with(1);
    let run = failed.json()["run"]["id"].as_str().unwrap().to_owned();
    let way = format!("windlass resume {run}");
    assert!(failed.err.contains(&way), "{}", failed.err);
    let runs = client.run(&["runs", "--json"]).with(0).json();
    assert_eq!(runs["runs"][0]["open"], true);
    assert!(client.run(&["runs"]).with(0).out.contains(&way));
    assert!(client.run(&["doctor", "--offline"]).out.contains(&way));
    assert!(client.run(&["status"]).with(0).out.contains(&way));
    let listed = client.run(&["resume", "--json"]).with(0);
    assert!(listed.json()["run"].is_null());
    assert_eq!(listed.json()["unfinished"][0]["id"], run);
    assert!(listed.err.contains("--yes"), "{}", listed.err);
    let done = client.run(&["resume", "--yes", "--json"]).with(0).json();
    assert_eq!(
        (&done["run"]["id"], &done["run"]["outcome"]),
        (&run.into(), &"done".into())
    );
    assert_eq!(
        client.run(&["runs", "--json"]).with(0).json()["runs"][0]["open"],
        false
    );
    let nothing = client.run(&["resume", "--json"]).with(0).json();
    assert!(
        nothing["run"].is_null() && nothing["schema"] == "windlass.run/1",
        "{nothing}"
    );
}

/// Runs windlass with files limited to `blocks` of 512 bytes, as on a full disk.
fn limited(client: &Client, dir: &Path, blocks: u64, arguments: &[&str]) -> (i32, String, String) {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let ended = Command::new("/bin/sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_windlass")])
        .args(arguments)
        .env_clear()
        .envs(&client.variables)
        .current_dir(dir)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        ended.status.code().unwrap(),
        text(ended.stdout),
        text(ended.stderr),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_journal_fills_up_prints_its_document() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    // A read fills the cache, and the journal with the releases it saw.
    client.run(&["hold", RELEASE, "--yes"]).with(0);
    let size = std::fs::metadata(journal(dir.path())).unwrap().len();
    let arguments = ["publish", "2025-01-27", "--yes", "--json"];
    let mut found = None;
    for more in 1..40 {
        let (code, out, err) = limited(&client, dir.path(), (size + more * 8192) / 512, &arguments);
        let document: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
        if document["schema"] == "windlass.run/1" {
            found = Some((code, document, err));
            break;
        }
        assert_ne!(code, 0, "{out}{err}");
    }
    let (code, document, err) = found.unwrap();
    assert!(matches!(code, 1 | 7), "{code}: {document}{err}");
    let run = document["run"]["id"].as_str().unwrap();
    assert!(
        document["problem"]["summary"]
            .as_str()
            .unwrap()
            .contains("journal"),
        "{document}"
    );
    assert!(err.contains(&format!("windlass resume {run}")), "{err}");
    let resumed = client.run(&["resume", run, "--yes", "--json"]).with(0).json();
    assert_eq!(resumed["run"]["outcome"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_folder_to_write_reading_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let state = file.join("state").display().to_string();
    let client = Client::new(&world, dir.path()).with("WINDLASS_STATE_DIR", &state);
    client.run(&["whoami"]).with(0);
    let channels = client.run(&["channels", "--json"]).with(0).json();
    assert_eq!(errors(&channels), ["journal"]);
    assert!(!channels["channels"].as_array().unwrap().is_empty());
    let doctor = client.run(&["doctor"]).with(1);
    assert!(doctor.out.contains("cannot write"), "{}", doctor.out);
    client.run(&["hold", RELEASE, "--yes"]).with(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_nobody_can_see_is_not_found_and_its_own_registry_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let ended = client
        .run(&["resolve", "docker.io/finos/no-such-repository:1.0.0"])
        .with(1);
    let hint = ended.err.lines().find(|line| line.contains("hint:")).unwrap();
    assert!(!hint.contains("127.0.0.1"), "{}", ended.err);
    let found = client.run(&["resolve", "docker.io/finos/legend-studio:13.16.0", "--json"]);
    if found.code == 0 {
        assert!(found.json()["observed_at"]["registries"].is_string());
        assert_eq!(errors(&found.json()), Vec::<&str>::new());
    }
}

#[test]
fn what_is_typed_or_set_wrong_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let client = Client::alone(dir.path());
    for wrong in ["abc", "-1", "0", "inf", "nan"] {
        for command in [&["runs"][..], &["config", "check"]] {
            let ended = client.with("WINDLASS_TIMEOUT", wrong).run(command).with(2);
            assert!(ended.err.contains("WINDLASS_TIMEOUT"), "{}", ended.err);
        }
    }
    let publish = client.run(&["publish", "--json"]).with(2).json();
    assert!(
        publish["problem"]["summary"].as_str().unwrap().contains("--new"),
        "{publish}"
    );
    let promote = client.run(&["promote", "--json"]).with(2).json();
    assert!(
        !promote["problem"]["summary"]
            .as_str()
            .unwrap()
            .ends_with("provided:"),
        "{promote}"
    );
    let typed = client.run(&["runs", "--no-such-\u{202e}option"]).with(2);
    assert!(!typed.err.contains('\u{202e}'), "{:?}", typed.err);
    assert!(typed.err.contains("no-such-"), "{}", typed.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn verbose_shows_the_requests_without_what_opens_a_door() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let quiet = client.run(&["whoami"]).with(0);
    let loud = client.run(&["whoami", "-v"]).with(0);
    assert!(loud.err.contains("GET 127.0.0.1"), "{}", loud.err);
    assert_eq!((quiet.out, quiet.err), (loud.out, String::new()));
    assert!(!loud.err.contains(&client.variables["CHARMCRAFT_AUTH"]));
}
