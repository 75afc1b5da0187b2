//! Tests the nightly automatic publish through the binary against the demo environment: what it
//! publishes, what it leaves out, its exit code, and its GitHub Actions summary.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use crate::common;

use common::{BUNDLE_REPOSITORY as BUNDLE, Client, world, writes};
use serde_json::{Value, json};

const ROBOT: [&str; 4] = ["publish", "--new", "--yes", "--json"];

fn left_out(document: &Value) -> Vec<(&str, &str)> {
    let list = document["left_out"].as_array().unwrap();
    list.iter()
        .map(|left| {
            let reason = left["reason"].as_str().unwrap();
            (
                left["release"].as_str().unwrap(),
                reason.split(':').next().unwrap(),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_world_is_published_once_and_what_is_odd_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let plain = Client::new(&world, dir.path());
    let summary = dir.path().join("summary.md");
    let job = plain
        .with("GITHUB_ACTIONS", "true")
        .with("GITHUB_STEP_SUMMARY", summary.to_str().unwrap());

    let shown = plain.run(&["plan", "publish", "--new", "--json"]).with(0).json();
    assert_eq!(shown["plans"].as_array().unwrap().len(), 1);
    assert_eq!(shown["plans"][0]["command"], "windlass publish 2025-01-27");
    assert_eq!(left_out(&shown), [("2024-01-08", "misdated")]);
    assert_eq!(writes(&world), Vec::<String>::new());

    let ended = job.run(&ROBOT).with(0);
    let document = ended.json();
    let runs = document["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "{document:#}");
    assert_eq!(runs[0]["outcome"], "done", "{document:#}");
    assert_eq!(left_out(&document), [("2024-01-08", "misdated")]);
    assert!(document.get("problem").is_none());
    let notice = "::notice title=left out%3A 2024-01-08::misdated: ";
    assert!(
        ended.err.lines().any(|line| line.starts_with(notice)),
        "{}",
        ended.err
    );
    let told = std::fs::read_to_string(&summary).unwrap();
    assert!(
        told.contains("| 2025-01-27 | done | finos-legend-engine-k8s | 2025-01/edge (ubuntu 22.04 amd64) |"),
        "{told}"
    );
    assert!(told.contains("sha256:"), "{told}");
    assert!(told.contains("### Left out"), "{told}");
    let token = &plain.variables["GH_TOKEN"];
    assert!(!told.contains(token) && !ended.err.contains(token));

    let written = writes(&world);
    let last = written.last().unwrap();
    assert_eq!(
        last,
        &format!("github POST /repos/{BUNDLE}/git/refs 201"),
        "{written:#?}"
    );

    // A second night changes nothing, also on a machine without a journal.
    let again = plain.run(&ROBOT).with(0).json();
    assert_eq!(again["runs"], json!([]));
    assert_eq!(left_out(&again), [("2024-01-08", "misdated")]);
    std::fs::remove_dir_all(dir.path().join("state")).unwrap();
    let forgotten = plain.run(&ROBOT).with(0).json();
    assert_eq!(forgotten["runs"], json!([]));
    assert_eq!(writes(&world), written);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_is_held_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let edge = client.github("GET", "git/ref/heads/edge", Value::Null).await;
    let tag = json!({"ref": "refs/tags/windlass-hold-2025-01-27", "sha": edge["object"]["sha"]});
    client.github("POST", "git/refs", tag).await;
    let before = writes(&world);
    let document = client.run(&ROBOT).with(0).json();
    assert_eq!(document["runs"], json!([]));
    assert_eq!(
        left_out(&document),
        [("2024-01-08", "misdated"), ("2025-01-27", "held")]
    );
    assert_eq!(writes(&world), before);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_waits_for_a_person() {
    let dir = tempfile::tempdir().unwrap();
    let refused = "[[fault]]\nservice = \"charmhub\"\nmethod = \"POST\"\n\
        path = \"*/finos-legend-sdlc-k8s/releases\"\nevery = true\nstatus = 422\n";
    let world = world(dir.path(), refused).await;
    let client = Client::new(&world, dir.path()).with("GITHUB_ACTIONS", "true");
    let ended = client.run(&ROBOT).with(1);
    let document = ended.json();
    let runs = document["runs"].as_array().unwrap();
    assert_eq!(runs.last().unwrap()["outcome"], "failed", "{document:#}");
    assert!(document["problem"]["summary"].is_string());
    assert!(
        ended.err.lines().any(|line| line.starts_with("::error title=")),
        "{}",
        ended.err
    );

    let before = writes(&world);
    let ended = client.run(&ROBOT).with(5);
    let problem = ended.json()["problem"].clone();
    let run = runs[0]["id"].as_str().unwrap();
    let summary = problem["summary"].as_str().unwrap();
    assert!(
        summary.contains(run) && summary.contains("2025-01-27"),
        "{summary}"
    );
    let hints = problem["hints"].to_string();
    assert!(hints.contains(&format!("windlass resume {run}")), "{hints}");
    assert!(
        hints.contains(&format!("windlass rollback --run {run}")),
        "{hints}"
    );
    assert_eq!(writes(&world), before);
    // The plan only shows what would be done, and that is the same.
    client.run(&["plan", "publish", "--new"]).with(5);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_published_blind() {
    let dir = tempfile::tempdir().unwrap();
    let broken = "[[fault]]\nservice = \"github\"\nmethod = \"GET\"\n\
        path = \"*/matching-refs/tags/*\"\nevery = true\nstatus = 500\n";
    let world = world(dir.path(), broken).await;
    let client = Client::new(&world, dir.path());
    let ended = client.run(&ROBOT).with(6);
    let summary = ended.json()["problem"]["summary"].to_string();
    assert!(summary.contains("held releases"), "{summary}");
    assert_eq!(writes(&world), Vec::<String>::new());
    world.stop().await;
}
