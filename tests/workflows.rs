//! Tests GitHub workflows through the binary against the demo environment: started once, followed
//! to the end, rerun, cancelled, and refused before anything happens.

#![allow(clippy::unwrap_used, clippy::panic, clippy::large_futures, missing_docs)]

use crate::common;

use std::path::{Path, PathBuf};

use common::{Client, session, world, writes};
use serde_json::{Value, json};
use windlass::demo::World;

const DISPATCH: &str = "/repos/finos/legend-juju-bundle/actions/workflows/ci.yaml/dispatches";

fn dispatches(world: &World) -> usize {
    let written = writes(world);
    written
        .iter()
        .filter(|line| line.contains("/dispatches "))
        .count()
}

fn fault(what: &str) -> String {
    format!("[[fault]]\nservice = \"github\"\nmethod = \"POST\"\npath = \"{DISPATCH}\"\nnth = 1\n{what}\n")
}

/// Starts a workflow as another client and returns the id of its run.
async fn elsewhere(client: &Client, file: &str, inputs: Value) -> u64 {
    let path = format!("actions/workflows/{file}/dispatches");
    let body = json!({"ref": "main", "inputs": inputs, "return_run_details": true});
    client.github("POST", &path, body).await["workflow_run_id"]
        .as_u64()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_says_what_cannot_run_before_anybody_starts_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let list = client.run(&["workflow", "list", "--json"]).with(0).json();
    let find = |file: &str| {
        let all = list["workflows"].as_array().unwrap();
        all.iter().find(|one| one["file"] == file).unwrap().clone()
    };
    let kinds = |file: &str| -> Vec<String> {
        let found = find(file)["findings"].as_array().unwrap().clone();
        found
            .iter()
            .map(|one| one["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(kinds("ci.yaml"), Vec::<String>::new());
    assert_eq!(
        kinds("create_release.yaml"),
        ["workflow-runner", "workflow-charmcraft"]
    );
    assert_eq!(
        kinds("publish_images.yaml"),
        [
            "workflow",
            "workflow-runner",
            "workflow-charmcraft",
            "workflow-actions"
        ]
    );
    assert_eq!(find("publish_images.yaml")["state"], "disabled_inactivity");
    assert_eq!(find("create_release.yaml")["inputs"][0]["name"], "release");

    for (arguments, code, word) in [
        (
            &[
                "workflow",
                "run",
                "create_release.yaml",
                "release=2025-01-27",
                "--yes",
            ][..],
            3,
            "ubuntu-20.04",
        ),
        (
            &["workflow", "run", "publish_images.yaml", "--yes"],
            3,
            "gh workflow enable",
        ),
        (
            &["workflow", "run", "nothing.yaml", "--yes"],
            1,
            "no workflow nothing.yaml",
        ),
        (
            &["workflow", "run", "ci.yaml", "release=x", "--yes"],
            2,
            "release: unknown input",
        ),
        (
            &["workflow", "run", "ci.yaml", "release", "--yes"],
            2,
            "KEY=VALUE",
        ),
        (&["workflow", "run", "ci.yaml"], 3, "--yes"),
        (
            &["workflow", "run", "ci.yaml", "--yes", "--read-only"],
            3,
            "read-only",
        ),
        (
            &["workflow", "list", "--repository", "evil/other"],
            2,
            "is not a repository of workspace",
        ),
        (&["workflow", "watch", "12"], 1, "404"),
        (&["workflow", "rerun", "12", "--yes"], 1, "no workflow run 12"),
    ] {
        let ended = client.run(arguments).with(code);
        assert!(ended.err.contains(word), "{arguments:?}: {}", ended.err);
    }
    let tokens = std::fs::read_to_string(find_tokens(world.dir())).unwrap();
    let tokens: Value = serde_json::from_str(&tokens).unwrap();
    let narrow = tokens
        .as_object()
        .unwrap()
        .iter()
        .find(|(_, token)| token["purpose"] == "narrow");
    let poor = client.with("GH_TOKEN", narrow.unwrap().0);
    let ended = poor.run(&["workflow", "run", "ci.yaml", "--yes"]).with(4);
    assert!(
        ended.err.contains("scope repo") && ended.err.contains("dispatch/ci.yaml"),
        "{}",
        ended.err
    );
    assert_eq!(writes(&world), Vec::<String>::new());
    world.stop().await;
}

/// Returns the file of GitHub tokens of the demo environment.
fn find_tokens(dir: &Path) -> PathBuf {
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|name| name == "tokens.json")
                && std::fs::read_to_string(&path).unwrap().contains("narrow")
            {
                return path;
            }
        }
    }
    panic!("no tokens.json")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_run_that_was_started_is_followed_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let document = client
        .run(&["workflow", "run", "ci.yaml", "--yes", "--json"])
        .with(0)
        .json();
    assert_eq!(document["run"]["outcome"], "done", "{document:#}");
    assert_eq!(document["workflow_run"]["conclusion"], "success");
    assert_eq!(
        document["workflow_run"]["id"],
        document["run"]["steps"][0]["workflow_run"]
    );
    assert_eq!(dispatches(&world), 1);
    // A run that takes longer than the time limit is not reported as ended.
    let run = elsewhere(&client, "ci.yaml", json!({})).await.to_string();
    let ended = client
        .run(&["workflow", "watch", &run, "--timeout", "1s"])
        .with(7);
    assert!(ended.err.contains("is still in progress"), "{}", ended.err);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_no_second_start() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), &fault("action = \"reset-after\"")).await;
    let client = Client::new(&world, dir.path());
    let document = client
        .run(&["workflow", "run", "ci.yaml", "--yes", "--json"])
        .with(0)
        .json();
    assert_eq!(document["workflow_run"]["conclusion"], "success", "{document:#}");
    assert_eq!(dispatches(&world), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_never_arrived_is_unknown_and_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), &fault("action = \"reset-before\"")).await;
    let client = Client::new(&world, dir.path());
    let document = client
        .run(&["workflow", "run", "ci.yaml", "--yes", "--json"])
        .with(7)
        .json();
    assert_eq!(document["run"]["outcome"], "unknown", "{document:#}");
    assert_eq!(dispatches(&world), 1);
    // Too early to know: still not repeated.
    client.run(&["resume", "--json"]).with(7);
    assert_eq!(dispatches(&world), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_tell_the_run_is_asked_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), &fault("status = 400")).await;
    let client = Client::new(&world, dir.path());
    let document = client
        .run(&["workflow", "run", "ci.yaml", "--yes", "--json"])
        .with(0)
        .json();
    assert_eq!(document["workflow_run"]["conclusion"], "success", "{document:#}");
    assert_eq!(document["workflow_run"]["number"], 1);
    assert_eq!(dispatches(&world), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_tells_its_job_step_and_log() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let run = elsewhere(&client, "create_release.yaml", json!({"release": "2025-01-27"}))
        .await
        .to_string();
    let ended = client.run(&["workflow", "watch", &run, "--json"]).with(1);
    let document = ended.json();
    let job = &document["workflow_run"]["jobs"][0];
    let log = job["log_tail"].as_array().unwrap();
    let last = log.last().unwrap().as_str().unwrap();
    assert!(
        last.starts_with("error: The ubuntu-20.04 runner image was removed"),
        "{log:?}"
    );
    assert!(
        ended.err.contains("job build failed at step 1 (Set up job)"),
        "{}",
        ended.err
    );
    // The whole log, as the console shows it; the token is not sent to where the log is stored.
    let session = session(&world, dir.path());
    let repository = common::BUNDLE_REPOSITORY.parse().unwrap();
    let number = job["id"].as_u64().unwrap();
    let log = session.observer.job_log(&repository, number).await.unwrap();
    let lines: Vec<&str> = log
        .lines
        .iter()
        .map(windlass::domain::SanitizedText::as_str)
        .collect();
    assert_eq!(lines[..2], ["Runner Image", "Image: ubuntu-20.04"], "{lines:?}");
    assert!(lines.last().unwrap().starts_with("error: "), "{lines:?}");
    assert!(!log.cut);
    let missing = session.observer.job_log(&repository, 1).await.unwrap_err();
    assert!(missing.summary.as_str().contains("not found"), "{missing}");
    // Another rerun would fail again.
    let ended = client.run(&["workflow", "rerun", &run, "--yes"]).with(3);
    assert!(ended.err.contains("ubuntu-20.04"), "{}", ended.err);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_stopped_and_done_again() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let run = elsewhere(&client, "ci.yaml", json!({})).await.to_string();
    let document = client
        .run(&["workflow", "cancel", &run, "--yes", "--json"])
        .with(0)
        .json();
    assert_eq!(document["run"]["steps"][0]["outcome"], "done", "{document:#}");
    let before = writes(&world);
    let again = client
        .run(&["workflow", "cancel", &run, "--yes", "--json"])
        .with(0)
        .json();
    assert_eq!(again["run"]["steps"][0]["outcome"], "skipped", "{again:#}");
    assert_eq!(writes(&world), before);
    let ended = client.run(&["workflow", "watch", &run]).with(1);
    assert!(ended.err.contains("finished: cancelled"), "{}", ended.err);
    client.run(&["workflow", "rerun", &run, "--yes"]).with(0);
    let seen = client.run(&["workflow", "watch", &run, "--json"]).with(0).json();
    assert_eq!(seen["workflow_run"]["attempt"], 2);
    world.stop().await;
}
