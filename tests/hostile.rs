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

/// A command, the service that does not answer, the exit code, and the sources that have errors.
type Partial<'a> = (&'a [&'a str], &'a str, i32, &'a [&'a str]);

const ENGINE: &str = "finos-legend-engine-k8s";
const PARTIAL: [Partial<'_>; 20] = [
    (&["releases"], "github", 6, &[]),
    (&["releases"], "charmhub", 0, &[ENGINE, "finos-legend-bundle"]),
    (&["releases"], "hub", 0, &["release-images"]),
    (&["releases"], "canonical", 0, &["resource-images"]),
    (
        &["status"],
        "github",
        0,
        &["releases", "markers", "holds", "github"],
    ),
    (&["status"], "charmhub", 0, &["credential", "sessions", ENGINE]),
    (&["status"], "hub", 0, &["release-images"]),
    (&["status"], "canonical", 0, &["resource-images"]),
    (&["channels"], "github", 0, &["releases"]),
    (&["channels"], "charmhub", 6, &[]),
    (&["channels"], "hub", 0, &["release-images"]),
    (&["channels"], "canonical", 0, &["resource-images"]),
    (&["charms"], "github", 0, &["releases"]),
    (&["charms"], "charmhub", 6, &[]),
    (&["charms"], "hub", 0, &["release-images"]),
    (&["charms"], "canonical", 0, &["resource-images"]),
    (&["credentials"], "github", 0, &["github", BUNDLE_REPOSITORY]),
    (&["credentials"], "charmhub", 0, &["charmhub", "sessions"]),
    (
        &["doctor"],
        "github",
        1,
        &["releases", "github", BUNDLE_REPOSITORY],
    ),
    (&["doctor"], "charmhub", 1, &["credential", "sessions"]),
];

/// Exit code 0 is a partial answer: then every source that could not be read has an error, in the
/// document and on standard error.
#[tokio::test(flavor = "multi_thread")]
async fn a_partial_answer_has_an_error_for_every_source_that_could_not_be_read() {
    for (command, service, code, sources) in PARTIAL {
        let what = format!("{command:?} without {service}");
        let dir = tempfile::tempdir().unwrap();
        let fault = format!(
            "[[fault]]\nservice = '{service}'\nmethod = '*'\npath = '*'\nevery = true\nstatus = 200\nendless = true\n"
        );
        let world = world(dir.path(), &fault).await;
        let client = Client::new(&world, dir.path()).with("WINDLASS_TIMEOUT", "0.2");
        let ended = client.run(&[command, &["--json"]].concat()).with(code);
        let document = ended.json();
        let errors = document["errors"].as_array().cloned().unwrap_or_default();
        if sources.is_empty() {
            assert_eq!(document["problem"]["kind"], "service", "{what}: {document:#}");
        }
        for source in sources {
            let error = errors.iter().find(|one| one["source"] == *source);
            let kind = error.map(|one| one["problem"]["kind"].clone());
            assert_eq!(kind, Some("service".into()), "{what}, {source}: {errors:#?}");
        }
        if command == ["releases"] || command == ["credentials"] {
            let text = client.run(command).with(code);
            let said = format!("{}{}", text.out, text.err).to_lowercase();
            for source in sources {
                assert!(said.contains(source), "{what}, {source}: {said}");
            }
        }
        world.stop().await;
        // With every service there, the same command has no error.
        let world = common::world(dir.path(), "").await;
        let client = Client::new(&world, dir.path());
        let whole = client.run(&[command, &["--json"]].concat()).json();
        assert_eq!(
            whole["errors"],
            serde_json::json!([]),
            "{what}, afterwards: {whole:#}"
        );
        world.stop().await;
    }
}
