//! Tests another client acting while a write fails, against the demo environment: its change is
//! never overwritten, the run does not end as done, and the report shows what was previewed and the
//! current state.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use crate::common;

use std::os::unix::fs::PermissionsExt;

use common::failing::{FAILURES, fault, impatient};
use common::{world, writes};
use serde_json::{Value, json};
use windlass::demo::World;

const ENGINE: &str = "finos-legend-engine-k8s";
const ALPINE: &str = "cfpb/regtech/sbl/alpine";

/// Another client releases the engine with the image `resource` to latest/edge.
fn released_elsewhere(resource: usize) -> String {
    let item = json!([{"revision": 50, "channel": "latest/edge",
        "resources": [{"name": "engine-image", "revision": resource}]}]);
    format!("{{ method = 'POST', path = '/v1/charm/{ENGINE}/releases', body = '{item}' }}")
}

/// Returns the image that revision 50 of the engine has in latest/edge.
fn served(world: &World) -> Option<u64> {
    let text = std::fs::read(world.dir().join("charmhub.json")).unwrap();
    let state: Value = serde_json::from_slice(&text).unwrap();
    let rows = state["packages"][ENGINE]["map"].as_array().unwrap().clone();
    let row = rows
        .iter()
        .find(|row| row["channel"] == "latest/edge" && row["revision"] == 50)?;
    row["resources"][0]["revision"].as_u64()
}

fn outcome(document: &Value) -> &str {
    document["run"]["outcome"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_of_another_client_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    // Every attempt fails, and the other client releases another image each time.
    let struck = |(index, failure): (usize, &&str)| {
        let path = format!("/v1/charm/{ENGINE}/releases");
        fault(
            "charmhub",
            "POST",
            &path,
            index + 1,
            failure,
            &released_elsewhere(15 + index),
        )
    };
    let twice = FAILURES.iter().chain(&FAILURES);
    let faults: String = twice.enumerate().map(struck).collect();
    let world = world(dir.path(), &faults).await;
    let client = impatient(&world, dir.path());
    let release = [
        "release",
        ENGINE,
        "--revision",
        "50",
        "--channel",
        "latest/edge",
        "--resource",
        "engine-image:10",
    ];
    let close = ["close", ENGINE, "latest/edge"];
    for (index, failure) in FAILURES.iter().chain(&FAILURES).enumerate() {
        let command = if index < FAILURES.len() {
            &release[..]
        } else {
            &close[..]
        };
        let command = [command, &["--yes", "--json"]].concat();
        let ended = client.run(&command).with(1).json();
        let other = 15 + index as u64;
        assert_eq!(served(&world), Some(other), "{failure}: {command:?}: {ended}");
        assert_eq!(outcome(&ended), "failed", "{failure}: {command:?}: {ended}");
        let causes = ended["problem"]["causes"].to_string();
        let now = format!("engine-image {other}");
        assert_eq!(ended["problem"]["kind"], "refused", "{failure}: {ended}");
        assert!(
            causes.contains("at the preview") && causes.contains(&other.to_string()),
            "{failure}: {causes} names {now}"
        );
    }
    let posts = writes(&world)
        .iter()
        .filter(|line| line.contains("/releases "))
        .count();
    assert_eq!(
        posts,
        4 * FAILURES.len(),
        "one try of ours and one of the other client each"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_another_client_moved_is_moved_only_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let manifests = format!("/v2/{ALPINE}/manifests");
    let elsewhere = |tag: &str| {
        format!("{{ method = 'PUT', path = '{manifests}/latest', body-of = '{manifests}/{tag}' }}")
    };
    let newest = elsewhere("v3.18.0_61.1");
    let before = elsewhere("v3.18.0_60.1");
    let uploads = format!("/v2/{ALPINE}/blobs/uploads/");
    let tag = format!("{manifests}/latest");
    let faults = [
        fault("ghcr", "POST", &uploads, 1, "", &before),
        fault("ghcr", "PUT", &tag, 1, "rate-limit = 1", &newest),
        fault("ghcr", "PUT", &tag, 2, "status = 503", &before),
        fault("ghcr", "PUT", &tag, 3, "action = 'reset-after'", &newest),
        fault("ghcr", "PUT", &tag, 4, "status = 503", &before),
    ];
    let world = world(dir.path(), &faults.concat()).await;
    let client = impatient(&world, dir.path());
    let digest = |reference: &str| {
        let found = client.run(&["resolve", reference, "--json"]).with(0).json();
        found["images"][0]["digest"].as_str().unwrap().to_owned()
    };
    let tagged = |tag: &str| digest(&format!("ghcr.io/{ALPINE}:{tag}"));
    let source = "ghcr.io/cfpb/regtech/sbl/python-alpine:v3.12.0";
    let destination = format!("ghcr.io/{ALPINE}:latest");
    let [mut previewed, mut other] = ["v3.18.0_61.1", "v3.18.0_60.1"].map(tagged);
    for turn in 0..4 {
        let ended = client
            .run(&["copy", source, &destination, "--yes", "--json"])
            .with(1)
            .json();
        assert_eq!(tagged("latest"), other, "turn {turn}: {ended}");
        assert_eq!(outcome(&ended), "failed", "turn {turn}: {ended}");
        let problem = ended["problem"].to_string();
        for digest in [&previewed, &other] {
            assert!(
                problem.contains(digest.as_str()),
                "turn {turn}: {problem} names {digest}"
            );
        }
        assert!(problem.contains("--over"), "turn {turn}: {problem}");
        std::mem::swap(&mut previewed, &mut other);
    }
    let ended = client
        .run(&["copy", source, &destination, "--over", "--yes", "--json"])
        .with(0)
        .json();
    assert_eq!(outcome(&ended), "done");
    assert_eq!(
        tagged("latest"),
        digest(source),
        "the operator wanted it over any change"
    );
    let command = ended["run"]["command"].as_str().unwrap();
    assert!(command.ends_with("--over"), "{command}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_and_a_hold_of_another_client_stay() {
    let dir = tempfile::tempdir().unwrap();
    let repository = common::BUNDLE_REPOSITORY;
    let secret = format!("/repos/{repository}/actions/secrets/CHARMHUB_TOKEN");
    let refs = format!("/repos/{repository}/git/refs");
    let tag = format!("{refs}/tags/windlass-hold-2025-01-27");
    let set = format!("{{ method = 'PUT', path = '{secret}' }}");
    let faults = [
        fault("github", "PUT", &secret, 1, "rate-limit = 1", &set),
        fault("github", "PUT", &secret, 2, "status = 503", &set),
        fault(
            "github",
            "DELETE",
            &tag,
            1,
            "status = 500",
            &format!("{{ method = 'DELETE', path = '{tag}' }}"),
        ),
    ];
    let world = world(dir.path(), &faults.concat()).await;
    let client = impatient(&world, dir.path());
    let token = dir.path().join("token");
    std::fs::write(&token, &client.variables["CHARMCRAFT_AUTH"]).unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let target = format!("{repository}:CHARMHUB_TOKEN");
    let rotate = [
        "rotate",
        "--token-file",
        token.to_str().unwrap(),
        "--target",
        &target,
        "--yes",
        "--json",
    ];
    let held = || {
        let text = std::fs::read(world.dir().join("github.json")).unwrap();
        let state: Value = serde_json::from_slice(&text).unwrap();
        let held = &state["repositories"][repository]["secrets"]["CHARMHUB_TOKEN"];
        held["encrypted_value"].as_str().unwrap().to_owned()
    };
    // The write was not accepted: another client set the value.
    let ended = client.run(&rotate).with(1).json();
    assert!(held().starts_with("BwcHBwcH"), "{ended}");
    assert_eq!(ended["problem"]["kind"], "refused", "{ended}");
    // Without an answer: it may have been this run.
    let theirs = held();
    let ended = client.run(&rotate).json();
    assert!(held() == theirs || held().starts_with("BwcHBwcH"), "{ended}");
    assert_ne!(outcome(&ended), "done", "{ended}");

    // A hold that another client ended meanwhile is ended: nothing is sent twice.
    client.run(&["hold", "2025-01-27", "--yes"]).with(0);
    client.run(&["unhold", "2025-01-27", "--yes"]).with(0);
    let deletes = writes(&world)
        .iter()
        .filter(|line| line.contains("DELETE"))
        .count();
    assert_eq!(deletes, 2, "one try of ours, one of the other client");
    world.stop().await;
}
