//! Tests channels over HTTP against the demo environment: a branch of `latest`, and what counts as
//! published after a channel was closed or a run rolled back.

#![allow(clippy::unwrap_used, clippy::large_futures, missing_docs)]

mod common;

use common::Client;
use serde_json::Value;

const STUDIO: &str = "finos-legend-studio-k8s";
const ENGINE: &str = "finos-legend-engine-k8s";

/// Returns the channels of `charm` that serve `revision`.
fn serving(client: &Client, charm: &str, revision: u64) -> Vec<String> {
    let document = client.run(&["channels", "--json"]).with(0).json();
    let rows = document["channels"].as_array().unwrap();
    let own = rows
        .iter()
        .filter(|row| row["charm"] == charm && row["revision"] == revision);
    own.map(|row| row["channel"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_to_a_branch_of_latest_becomes_visible_as_that_branch() {
    let dir = tempfile::tempdir().unwrap();
    let world = common::world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    for channel in ["edge/fix", "2023-12/edge/fix"] {
        let command = [
            "release",
            STUDIO,
            "--revision",
            "26",
            "--channel",
            channel,
            "--resource",
            "studio-image:22",
            "--yes",
            "--json",
        ];
        let run = client.run(&command).with(0).json();
        assert_eq!(run["run"]["outcome"], "done");
        assert_eq!(run["run"]["released"][0]["base"]["channel"], "20.04");
    }
    let mut found = serving(&client, STUDIO, 26);
    found.sort();
    assert_eq!(
        found,
        [
            "2022-05/edge",
            "2023-12/edge/fix",
            "latest/edge/fix",
            "latest/stable"
        ]
    );
    let run = client
        .run(&["close", STUDIO, "edge/fix", "--yes", "--json"])
        .with(0)
        .json();
    let closed = run["run"]["closed"].as_array().unwrap();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0]["channel"], "latest/edge/fix");
    assert_eq!(closed[0]["revision"], 26);
    assert_eq!(closed[0]["base"]["channel"], "20.04");
    assert!(!serving(&client, STUDIO, 26).contains(&"latest/edge/fix".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn bases_with_different_images_are_called_mixed() {
    let dir = tempfile::tempdir().unwrap();
    let world = common::world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let mixed = || -> Vec<(String, String)> {
        let document = client.run(&["channels", "--json"]).with(0).json();
        let rows = document["channels"].as_array().unwrap().iter();
        let own = rows.filter(|row| row["charm"] == ENGINE && row["mixed_bases"] == true);
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        own.map(|row| (word(&row["channel"]), word(&row["base"]["channel"])))
            .collect()
    };
    assert_eq!(mixed(), []);
    let command = [
        "release",
        ENGINE,
        "--revision",
        "50",
        "--channel",
        "latest/edge",
        "--resource",
        "engine-image:30",
        "--yes",
    ];
    client.run(&command).with(0);
    let mut found = mixed();
    found.sort();
    let both = ["20.04", "22.04"].map(|base| ("latest/edge".to_owned(), base.to_owned()));
    assert_eq!(found, both);
    world.stop().await;
}

/// Returns how the release 2025-01-06 is labelled in the JSON document and in the table, and why
/// `publish --new` leaves it out.
fn published(client: &Client) -> (String, String, Value) {
    let name = "2025-01-27";
    let of = |list: &Value, key: &str| -> Value {
        let mut all = list.as_array().unwrap().iter();
        all.find(|one| one[key] == name).cloned().unwrap_or_default()
    };
    let releases = client.run(&["releases", "--json"]).with(0).json();
    let release = of(&releases["releases"], "name");
    let table = client.run(&["releases"]).with(0).out;
    let line = table.lines().find(|line| line.starts_with(name)).unwrap();
    let state = line
        .split("  ")
        .filter(|part| !part.trim().is_empty())
        .nth(2)
        .unwrap();
    let plan = client.run(&["plan", "publish", "--new", "--json"]).json();
    (
        release["published"].as_str().unwrap().to_owned(),
        state.trim().to_owned(),
        of(&plan["left_out"], "release")["reason"].clone(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_follows_the_channels_and_not_the_marker_alone() {
    let dir = tempfile::tempdir().unwrap();
    let world = common::world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let run = client
        .run(&["publish", "2025-01-27", "--yes", "--json"])
        .with(0)
        .json();
    let run = run["run"]["id"].as_str().unwrap().to_owned();
    let (json, table, left_out) = published(&client);
    assert_eq!(
        (json.as_str(), table.as_str(), left_out),
        ("yes", "published", Value::Null)
    );

    client.run(&["close", ENGINE, "2025-01/edge", "--yes"]).with(0);
    let (json, table, left_out) = published(&client);
    assert_eq!((json.as_str(), table.as_str()), ("partly", "partly"));
    let reason = left_out.as_str().unwrap();
    assert!(
        reason.contains(&format!("{ENGINE} 2025-01/edge is closed")),
        "{reason}"
    );
    let checks = client.run(&["doctor", "--offline", "--json"]).json();
    let mut checks = checks["checks"].as_array().unwrap().iter();
    let check = checks
        .find(|check| check["name"] == "published 2025-01-27")
        .unwrap();
    assert_eq!(check["standing"], "warning");

    client
        .run(&["rollback", "--run", &run, "--over", "--yes"])
        .with(0);
    let (json, table, left_out) = published(&client);
    assert_eq!(
        (json.as_str(), table.as_str()),
        ("rolled-back", "rolled back, held")
    );
    assert!(left_out.as_str().unwrap().starts_with("held"), "{left_out}");
    let status = client.run(&["status"]).with(0).out;
    assert!(status.contains("2025-01-27 (rolled back)"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_revision_is_marked_with_the_reason_and_refused_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = common::world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let document = client.run(&["charms", "--json"]).with(0).json();
    let charms = document["charms"].as_array().unwrap();
    let engine = charms.iter().find(|charm| charm["name"] == ENGINE).unwrap();
    let revisions = engine["revisions"].as_array().unwrap();
    let rejected = revisions.iter().find(|one| one["status"] == "rejected").unwrap();
    let reason = rejected["errors"][0].as_str().unwrap();
    assert!(reason.starts_with("review-error: "), "{reason}");
    let number = rejected["revision"].to_string();
    let text = client.run(&["charms"]).with(0).out;
    assert!(text.contains(&format!("! rejected: {reason}")), "{text}");
    let command = [
        "release",
        ENGINE,
        "--revision",
        &number,
        "--channel",
        "edge",
        "--yes",
    ];
    let refused = client.run(&command).with(3).err;
    assert!(refused.contains(reason), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_names_the_token_that_expires_first() {
    let dir = tempfile::tempdir().unwrap();
    let world = common::world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let document = client.run(&["status", "--json"]).with(0).json();
    let next = &document["status"]["next_expiry"];
    assert_eq!(next["name"], "charmcraft@buildhost");
    let own = document["status"]["credential"]["expires_at"].as_str().unwrap();
    assert!(next["expires_at"].as_str().unwrap() < own, "{document}");
    let text = client.run(&["status"]).with(0).out;
    assert!(
        text.contains("next expiry: charmcraft@buildhost in Charmhub sessions"),
        "{text}"
    );
}
