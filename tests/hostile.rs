//! Tests commands against a demo environment whose answers never end, arrive in drips, or repeat
//! what was sent: every command ends in a bounded time with the right exit code.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use crate::common;

use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::channel;
use std::time::Duration;

use common::{BUNDLE_REPOSITORY, Client, world};

/// Longest wait for a command. Its own limits are a few seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// A service, a request to it, the command that sends it, and the exit codes if the answer never
/// ends and if it arrives in drips.
type Case<'a> = (&'a str, &'a str, &'a str, &'a [&'a str], i32, i32);

const RESOLVE: &[&str] = &["resolve", "finos/legend-engine-server:4.68.0"];
const COPY: &[&str] = &[
    "copy",
    "ghcr.io/cfpb/regtech/sbl/python-alpine:v3.12.0",
    "ghcr.io/cfpb/regtech/sbl/alpine:x",
    "--yes",
];
const ROTATE: &[&str] = &["rotate", "--token-file", "token", "--target", TARGET, "--yes"];
const TARGET: &str = "finos/legend-juju-bundle:CHARMHUB_TOKEN";
const UPLOAD: &[&str] = &[
    "upload-resource",
    "finos-legend-engine-k8s",
    "engine-image",
    "--from",
    "docker.io/finos/legend-engine-server:4.68.0",
    "--yes",
];

const CASES: [Case<'_>; 9] = [
    ("charmhub", "GET", "/v1/tokens*", &["whoami"], 6, 6),
    // What cannot be read of a source is named; the rest is shown.
    ("charmhub", "GET", "*/releases", &["channels"], 0, 0),
    ("github", "GET", "*", &["workflow", "list"], 6, 6),
    ("github", "GET", "*", &["releases"], 0, 0),
    ("github", "*", "*", &["plan", "publish", "2025-01-27"], 6, 6),
    ("hub", "GET", "/v2/*/manifests/*", RESOLVE, 6, 6),
    // A receipt that arrives late is one; one that never ends is a failure of the step.
    ("ghcr", "PUT", "*/manifests/*", COPY, 1, 0),
    ("github", "PUT", "*", ROTATE, 1, 0),
    ("storage", "*", "*", UPLOAD, 1, 1),
];

/// Runs every case with answers of `manner`.
async fn each(manner: &str, exit: impl Fn(&Case<'_>) -> Option<i32>) {
    assert!(TARGET.starts_with(BUNDLE_REPOSITORY));
    for case in &CASES {
        let (service, method, path, command, ..) = *case;
        let what = format!("{service} {method} {path}, {manner}: {command:?}");
        let dir = tempfile::tempdir().unwrap();
        let fault = format!(
            "[[fault]]\nservice = '{service}'\nmethod = '{method}'\npath = '{path}'\nevery = true\n{manner}\n"
        );
        let world = world(dir.path(), &fault).await;
        // Answers may take 4 seconds; their speed is measured over 2.
        let client = Client::new(&world, dir.path()).with("WINDLASS_TIMEOUT", "0.2");
        let (store, github) = (
            client.variables["CHARMCRAFT_AUTH"].clone(),
            client.variables["GH_TOKEN"].clone(),
        );
        let token = dir.path().join("token");
        std::fs::write(&token, &store).unwrap();
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
        // Not a task of the runtime, which would wait for a command that hangs.
        let (sender, receiver) = channel();
        std::thread::spawn(move || sender.send(client.run(&[command, &["--json"]].concat())));
        let ended = receiver
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let shown = format!("{}{}", ended.out, ended.err);
        if let Some(code) = exit(case) {
            assert_eq!(ended.code, code, "{what}: {shown}");
        }
        for secret in [store.as_str(), github.as_str(), "encrypted_value"] {
            assert!(!shown.contains(secret), "{what}: {shown}");
        }
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_ends_the_command() {
    each("status = 200\nendless = true", |case| Some(case.4)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_drips_ends_the_command() {
    each("drip = 0.05", |case| Some(case.5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_repeats_the_request_shows_no_secret() {
    for status in [200, 403, 422] {
        each(&format!("status = {status}\necho = true"), |_| None).await;
    }
}

/// The log is stored elsewhere; GitHub names its address.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_job_in_drips_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let faults = "[[fault]]\nservice = 'github'\nmethod = 'GET'\npath = '*/jobs/*/blob/*'\nevery = true\ndrip = 0.05\n";
    let world = world(dir.path(), faults).await;
    let client = Client::new(&world, dir.path());
    let path = "actions/workflows/create_release.yaml/dispatches";
    let body =
        serde_json::json!({"ref": "main", "inputs": {"release": "2025-01-27"}, "return_run_details": true});
    let run = client.github("POST", path, body).await["workflow_run_id"].to_string();
    let hasty = client.with("WINDLASS_TIMEOUT", "0.2");
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(hasty.run(&["workflow", "watch", &run, "--json"])));
    let ended = receiver.recv_timeout(PATIENCE).unwrap().with(1);
    let document = ended.json();
    let job = &document["workflow_run"]["jobs"][0];
    assert_eq!(job["conclusion"], "failure", "{document:#}");
    let shown = job["log_tail"].to_string();
    assert!(shown.contains("too slowly"), "{document:#}");
    world.stop().await;
}
