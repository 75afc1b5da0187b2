//! Tests writes that fail in any way, with and without another client that acts meanwhile: nothing
//! is done twice, and nothing of the other client is undone.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use crate::common;

use std::time::Duration;

use common::failing::{FAILURES, fault, impatient};
use common::{BUNDLE_REPOSITORY, Client, world};
use serde_json::{Value, json};
use windlass::demo::World;

const DB: &str = "finos-legend-db-k8s";
const SEED: &str = "legend-db-seed";
const ENGINE: &str = "finos-legend-engine-k8s";
const LOST: &str = "action = 'reset-after'";

/// Runs a command and, if its outcome is unknown or a failure, resumes it; returns the document of
/// the command and the last outcome.
fn settled(client: &Client, command: &[&str]) -> (Value, String) {
    let document = client.run(&[command, &["--yes", "--json"]].concat()).json();
    let outcome = |document: &Value| document["run"]["outcome"].as_str().unwrap_or_default().to_owned();
    let mut last = outcome(&document);
    let run = document["run"]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{command:?}: {document:#}"));
    if last != "done" {
        last = outcome(&client.run(&["resume", run, "--yes", "--json"]).json());
    }
    (document, last)
}

/// Returns how many requests windlass sent whose path ends with `end`.
fn sent(world: &World, method: &str, end: &str) -> usize {
    let log = std::fs::read_to_string(world.dir().join("requests.jsonl")).unwrap();
    log.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|entry| entry["client"].as_str().unwrap().starts_with("windlass"))
        .filter(|entry| entry["method"] == method && entry["path"].as_str().unwrap().ends_with(end))
        .count()
}

fn state(world: &World, file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(world.dir().join(file)).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_revoked_once_and_a_second_revocation_says_so() {
    const REVOKE: &str = "/v1/tokens/revoke";
    let dir = tempfile::tempdir().unwrap();
    let first = world(dir.path(), "").await;
    let known = |world: &World| -> Vec<String> {
        let sessions = state(world, "charmhub.json")["sessions"]
            .as_array()
            .unwrap()
            .clone();
        sessions
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let before = known(&first);
    for _ in 0..2 * FAILURES.len() {
        first
            .mint_token(None, &["package-manage"], Duration::from_secs(86_400))
            .unwrap();
    }
    let mut sessions = known(&first);
    sessions.retain(|id| !before.contains(id));
    first.stop().await;
    let (alone, shared) = sessions.split_at(FAILURES.len());

    // Alone, a revocation that was not handled is sent again. Then another client revokes the same
    // session meanwhile.
    let (mut faults, mut nth) = (String::new(), 0);
    for failure in FAILURES {
        faults.push_str(&fault("charmhub", "POST", REVOKE, nth + 1, failure, ""));
        nth += if failure == LOST { 1 } else { 2 };
    }
    for (failure, session) in FAILURES.iter().zip(shared) {
        nth += 1;
        let body = json!({ "session-id": session });
        let same = format!("{{ method = 'POST', path = '{REVOKE}', body = '{body}' }}");
        faults.push_str(&fault("charmhub", "POST", REVOKE, nth, failure, &same));
    }
    let world = world(dir.path(), &faults).await;
    let client = impatient(&world, dir.path());
    for (index, session) in alone.iter().chain(shared).enumerate() {
        let failure = FAILURES[index % FAILURES.len()];
        let before = sent(&world, "POST", REVOKE);
        let (document, outcome) = settled(&client, &["revoke", session]);
        assert_eq!(outcome, "done", "{failure}: {document:#}");
        let posts = sent(&world, "POST", REVOKE) - before;
        let expected = if failure == LOST || index >= FAILURES.len() {
            1
        } else {
            2
        };
        assert_eq!(posts, expected, "{failure}: {document:#}");
        let stored = state(&world, "charmhub.json")["sessions"]
            .as_array()
            .unwrap()
            .clone();
        let stored = stored.iter().find(|one| one["id"] == session.as_str()).unwrap();
        assert!(stored["revoked_at"].is_string(), "{failure}: {stored}");

        let again = client.run(&["revoke", session, "--yes", "--json"]).with(0).json();
        let step = &again["run"]["steps"][0];
        assert_eq!(step["outcome"], "skipped", "{failure}: {again:#}");
        let text = client.run(&["revoke", session, "--yes"]).with(0);
        let said = format!("{}{}", text.out, text.err);
        assert!(said.contains("already revoked"), "{failure}: {said}");
        assert_eq!(sent(&world, "POST", REVOKE) - before, expected, "{failure}");
    }
    world.stop().await;
}

/// Starts a run of a workflow as another client and returns its id.
async fn started(client: &Client) -> u64 {
    let body = json!({"ref": "main", "return_run_details": true});
    let path = "actions/workflows/ci.yaml/dispatches";
    client.github("POST", path, body).await["workflow_run_id"]
        .as_u64()
        .unwrap()
}

/// Returns attempt and cancellation of a workflow run.
fn attempt(world: &World, run: u64) -> (u64, bool) {
    let runs = state(world, "github-objects.json")["repositories"][BUNDLE_REPOSITORY]["runs"].clone();
    let run = runs
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["id"] == run)
        .unwrap();
    (run["attempt"].as_u64().unwrap(), run["cancelled"].is_string())
}

fn runs_path(run: u64, end: &str) -> String {
    format!("/repos/{BUNDLE_REPOSITORY}/actions/runs/{run}/{end}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_run_is_rerun_once() {
    let dir = tempfile::tempdir().unwrap();
    let first = world(dir.path(), "").await;
    let client = Client::new(&first, dir.path());
    let mut runs = Vec::new();
    for _ in 0..2 * FAILURES.len() {
        let run = started(&client).await;
        client
            .github("POST", &format!("actions/runs/{run}/cancel"), Value::Null)
            .await;
        runs.push(run);
    }
    first.stop().await;
    let mut faults = String::new();
    for (index, run) in runs.iter().enumerate() {
        let path = runs_path(*run, "rerun-failed-jobs");
        let same = format!("{{ method = 'POST', path = '{path}' }}");
        let meanwhile = if index < FAILURES.len() { "" } else { &same };
        faults.push_str(&fault(
            "github",
            "POST",
            &path,
            1,
            FAILURES[index % FAILURES.len()],
            meanwhile,
        ));
    }
    let world = world(dir.path(), &faults).await;
    let client = impatient(&world, dir.path());
    for (index, run) in runs.iter().enumerate() {
        let failure = FAILURES[index % FAILURES.len()];
        let (document, outcome) = settled(&client, &["workflow", "rerun", &run.to_string()]);
        assert_eq!(outcome, "done", "{failure}: {document:#}");
        assert_eq!(attempt(&world, *run), (2, false), "{failure}: {document:#}");
        let posts = sent(&world, "POST", &runs_path(*run, "rerun-failed-jobs"));
        let expected = if failure == LOST || index >= FAILURES.len() {
            1
        } else {
            2
        };
        assert_eq!(posts, expected, "{failure}: {document:#}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_run_that_another_client_started_again_is_not_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    let first = world(dir.path(), "").await;
    let next = started(&Client::new(&first, dir.path())).await + 1;
    first.stop().await;
    // Refused last: new connections are refused for a while too.
    let kinds = || FAILURES.iter().chain(FAILURES.iter().rev());
    let mut faults = String::new();
    for (failure, run) in kinds().zip(next..) {
        let path = runs_path(run, "cancel");
        let again = runs_path(run, "rerun-failed-jobs");
        let both = format!("{{ method = 'POST', path = '{path}' }}, {{ method = 'POST', path = '{again}' }}");
        let meanwhile = if run < next + FAILURES.len() as u64 {
            ""
        } else {
            &both
        };
        faults.push_str(&fault("github", "POST", &path, 1, failure, meanwhile));
    }
    let world = world(dir.path(), &faults).await;
    let client = impatient(&world, dir.path());
    for (index, failure) in kinds().enumerate() {
        let run = started(&client).await;
        assert_eq!(run, next + index as u64);
        let command = ["workflow", "cancel", &run.to_string(), "--yes", "--json"];
        let document = client.run(&command).json();
        let posts = sent(&world, "POST", &runs_path(run, "cancel"));
        if index < FAILURES.len() {
            let (attempt, cancelled) = attempt(&world, run);
            assert_eq!(attempt, 1, "{failure}: {document:#}");
            // Without an answer it is not sent again: the run ends by itself here.
            let step = &document["run"]["steps"][0];
            let expected = if cancelled { "done" } else { "skipped" };
            assert_eq!(step["outcome"], expected, "{failure}: {document:#}");
            let ended = if cancelled { "cancelled" } else { "success" };
            assert!(
                step["note"].as_str().unwrap().ends_with(ended),
                "{failure}: {document:#}"
            );
            if *failure == LOST && posts > 0 {
                assert!(cancelled && posts == 1, "{failure}: {document:#}");
            }
            assert!(posts <= 2, "{failure}: {document:#}");
        } else if posts == 0 {
            // On a slow machine the run ended by itself first: nothing was sent, so no other client
            // acted either.
            assert_eq!(attempt(&world, run), (1, false), "{failure}: {document:#}");
        } else {
            assert_eq!(attempt(&world, run), (2, false), "{failure}: {document:#}");
            assert_eq!(posts, 1, "{failure}: {document:#}");
            assert!(
                document.to_string().contains("another client"),
                "{failure}: {document:#}"
            );
        }
    }
    world.stop().await;
}

/// Returns the sha-256 of every revision of a resource.
fn revisions(world: &World, charm: &str, resource: &str) -> Vec<String> {
    let package = state(world, "charmhub.json")["packages"][charm].clone();
    let revisions = package["resources"][resource]
        .as_array()
        .cloned()
        .unwrap_or_default();
    revisions
        .iter()
        .map(|one| one["hashes"]["sha256"].as_str().unwrap().to_owned())
        .collect()
}

/// Uploads `bytes` to the store as another client and returns the id of the upload.
async fn stored(world: &World, bytes: &str) -> String {
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .build()
        .unwrap();
    let boundary = "----windlass";
    let body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"binary\"; filename=\"x\"\r\nContent-Type: application/octet-stream\r\n\r\n{bytes}\r\n--{boundary}--\r\n"
    );
    let answer = client
        .post(format!("{}/unscanned-upload/", world.url("storage")))
        .header(
            "Content-Type",
            format!("multipart/form-data; boundary={boundary}"),
        )
        .body(body)
        .send()
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    answer["upload_id"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_one_revision_beside_that_of_another_client() {
    let dir = tempfile::tempdir().unwrap();
    let first = world(dir.path(), "").await;
    let path = format!("/v1/charm/{DB}/resources/{SEED}/revisions");
    let (mut faults, mut nth) = (String::new(), 0);
    for (index, failure) in FAILURES.iter().enumerate() {
        let upload = stored(&first, &format!("of another client {index}")).await;
        let body = json!({ "upload-id": upload, "type": "file" });
        let other = format!("{{ method = 'POST', path = '{path}', body = '{body}' }}");
        faults.push_str(&fault("charmhub", "POST", &path, nth + 1, failure, &other));
        nth += if *failure == LOST { 1 } else { 2 };
        // The second half fails earlier, while the bytes are sent.
        faults.push_str(&fault(
            "storage",
            "POST",
            "/unscanned-upload/",
            FAILURES.len() + 2 * index + 1,
            failure,
            "",
        ));
    }
    let before = revisions(&first, DB, SEED).len();
    first.stop().await;
    let world = world(dir.path(), &faults).await;
    let client = impatient(&world, dir.path());
    for (index, failure) in FAILURES.iter().chain(&FAILURES).enumerate() {
        let file = dir.path().join(format!("seed-{index}.sql"));
        std::fs::write(&file, format!("insert into release values ({index})")).unwrap();
        let command = ["upload-resource", DB, SEED, "--filepath", file.to_str().unwrap()];
        let (document, outcome) = settled(&client, &command);
        assert_eq!(outcome, "done", "{failure}: {document:#}");
        let of_others = (index + 1).min(FAILURES.len());
        let all = revisions(&world, DB, SEED);
        assert_eq!(
            all.len(),
            before + index + 1 + of_others,
            "{failure}: {document:#}"
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_uploaded_as_one_revision() {
    let dir = tempfile::tempdir().unwrap();
    let path = format!("/v1/charm/{ENGINE}/resources/engine-image/revisions");
    let mut struck: Vec<(&str, &str, String)> = vec![
        ("charmhub", "POST", path),
        ("canonical", "POST", "*/blobs/uploads/".to_owned()),
        ("canonical", "PUT", "*/manifests/*".to_owned()),
    ];
    for (service, method, path) in struck.drain(..) {
        for failure in FAILURES {
            let dir = dir
                .path()
                .join(format!("{service}-{method}-{}", failure.replace(' ', "")));
            std::fs::create_dir_all(&dir).unwrap();
            let world = world(&dir, &fault(service, method, &path, 1, failure, "")).await;
            let client = impatient(&world, &dir);
            let before = revisions(&world, ENGINE, "engine-image").len();
            let source = "docker.io/finos/legend-engine-server:4.68.0";
            let command = ["upload-resource", ENGINE, "engine-image", "--from", source];
            let (document, outcome) = settled(&client, &command);
            assert_eq!(outcome, "done", "{service} {method}, {failure}: {document:#}");
            let after = revisions(&world, ENGINE, "engine-image").len();
            assert_eq!(after, before + 1, "{service} {method}, {failure}: {document:#}");
            world.stop().await;
        }
    }
}
