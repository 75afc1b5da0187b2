//! Tests which services a command contacts, how often, and in which order: counted in the log of
//! the demo environment, never timed.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use crate::common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use common::{Client, Terminal, demo_with, session, session_with, world};
use serde_json::Value;
use windlass::domain::{Snapshot, Source, SourceUpdate};
use windlass::observe::View;

/// GitHub accepts every request and never answers.
const GITHUB_HANGS: &str = r#"
[[fault]]
service = "github"
method = "GET"
path = "*"
every = true
hang = 600

[[fault]]
service = "github"
method = "POST"
path = "*"
every = true
hang = 600
"#;

/// Returns the requests logged in `dir`, from the `from`-th on.
fn requests(dir: &Path, from: usize) -> Vec<Value> {
    let log = std::fs::read_to_string(dir.join("world/requests.jsonl")).unwrap_or_default();
    log.lines()
        .skip(from)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Returns how many requests each service received.
fn by_service(requests: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for request in requests {
        let service = request["service"].as_str().unwrap().to_owned();
        *counts.entry(service).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_shown_while_github_has_not_answered() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), GITHUB_HANGS).await;
    let session = session(&world, dir.path());
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let on_update = |update: &SourceUpdate| drop(sender.send(update.clone()));
    let mut snapshot = Snapshot::default();
    let mut awaited = BTreeSet::from([
        Source::StoreAccount,
        Source::Charms,
        Source::Channels,
        Source::ResourceImages,
        Source::Sessions,
    ]);
    let read = session
        .observer
        .view_as_read(Snapshot::default(), View::Console, &on_update);
    let answered = async {
        while !awaited.is_empty() {
            match receiver.recv().await.unwrap() {
                SourceUpdate::Complete(source) => drop(awaited.remove(&source)),
                update => snapshot.apply(update),
            }
        }
    };
    tokio::select! {
        _ = read => panic!("GitHub does not answer"),
        () = answered => {}
    }
    for charm in &session.config.workspace.charms {
        assert!(!snapshot.rows(&charm.name).is_empty(), "{}", charm.name);
        assert!(snapshot.charms[&charm.name].value.is_some(), "{}", charm.name);
    }
    assert!(snapshot.releases.value.is_none());
    assert!(snapshot.markers.value.is_none());
    let answered = requests(dir.path(), 0);
    let github = answered.iter().filter(|request| request["service"] == "github");
    assert!(
        github.into_iter().all(|request| request["status"] == 0),
        "no answer was sent"
    );
}

#[test]
fn the_panes_of_the_store_are_full_before_github_has_answered_once() {
    let dir = tempfile::tempdir().unwrap();
    let faults = dir.path().join("faults.toml");
    std::fs::write(&faults, GITHUB_HANGS).unwrap();
    let options = ["--faults", faults.to_str().unwrap()];
    let mut terminal = demo_with(dir.path(), (40, 120), &options, &[]);
    let frames = |terminal: &Terminal| {
        let end = b"\x1b[?2026l";
        terminal
            .raw()
            .windows(end.len())
            .filter(|part| part == end)
            .count()
    };
    terminal.see("2 Channels");
    let first = frames(&terminal);
    let full = terminal.until("the rows of Channels and Charms", |screen| {
        // Until GitHub names the releases, an image is shown by its digest.
        [
            "latest    r50 +1 · ",
            "2022-04   r44 · ",
            "finos-legend-bundle  ",
            " r18 ",
        ]
        .iter()
        .all(|row| screen.contains(row))
    });
    let releases = full.lines().find(|line| line.contains("1 Releases")).unwrap();
    assert!(
        releases.split("2 Channels").next().unwrap().contains("loading"),
        "{full}"
    );
    let log = std::fs::read_to_string(dir.path().join("demo/requests.jsonl")).unwrap();
    let requests: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (github, others): (Vec<&Value>, Vec<&Value>) = requests
        .iter()
        .partition(|request| request["service"] == "github");
    assert!(github.iter().all(|request| request["status"] == 0), "{github:?}");
    // A frame is drawn for an answer, and for each second that passes; nothing else is waited for.
    let drawn = frames(&terminal) - first;
    assert!(
        drawn <= others.len() + 60,
        "{drawn} frames, {} requests",
        others.len()
    );
    terminal.quit();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_view_asks_only_the_services_that_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    for view in View::ALL {
        let own = dir.path().join(format!("{view:?}"));
        let session = session(&world, &own);
        let before = requests(dir.path(), 0).len();
        session.observer.view(Snapshot::default(), view).await;
        let asked = requests(dir.path(), before);
        let counts = by_service(&asked);
        let paths = |part: &str| {
            asked
                .iter()
                .filter(|request| request["path"].as_str().unwrap().contains(part))
                .count()
        };
        let store = view != View::ReleaseDiff;
        assert_eq!(counts.contains_key("charmhub"), store, "{view:?} {counts:?}");
        assert_eq!(counts.contains_key("hub"), store, "{view:?} {counts:?}");
        assert!(!counts.contains_key("sso"), "{view:?} {counts:?}");
        let marks = usize::from(view.reads(Source::Markers));
        assert_eq!(paths("/matching-refs/heads/"), marks, "{view:?}");
        assert_eq!(paths("/matching-refs/tags/"), marks, "{view:?}");
        let account = usize::from(view.reads(Source::GitHubAccount));
        assert_eq!(
            asked.iter().filter(|r| r["path"] == "/user").count(),
            account,
            "{view:?}"
        );
        assert_eq!(paths("/actions/") > 0, view == View::Console, "{view:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_and_charms_ask_github_for_names_that_are_not_known_only() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let cold = session.observer.view(Snapshot::default(), View::Channels).await;
    assert!(cold.releases.value.is_some(), "names need the releases");
    let before = requests(dir.path(), 0).len();
    let warm = session
        .observer
        .view(session.observer.cached(), View::Channels)
        .await;
    let counts = by_service(&requests(dir.path(), before));
    assert_eq!(counts.get("github"), None, "{counts:?}");
    assert!(counts.contains_key("charmhub"), "{counts:?}");
    assert_eq!(warm.releases, cold.releases);
}

/// Returns the number of requests to GitHub: all, and those that count against the hourly quota.
fn github(requests: &[Value]) -> (usize, usize) {
    let asked: Vec<_> = requests.iter().filter(|r| r["service"] == "github").collect();
    let counted = asked
        .iter()
        .filter(|request| request["status"] != 304 && request["path"] != "/rate_limit");
    (asked.len(), counted.count())
}

/// Returns the requests that `client` makes with `arguments`.
fn made(dir: &Path, client: &Client, arguments: &[&str]) -> Vec<Value> {
    let before = requests(dir, 0).len();
    client.run(arguments);
    requests(dir, before)
}

/// The requests a command may send to GitHub: all of them with an empty cache, and those that count
/// against the quota with a full one. The documentation has the same figures.
const BUDGETS: [(&[&str], usize, usize); 8] = [
    (&["status"], 6, 0),
    (&["releases"], 5, 0),
    (&["channels"], 4, 0),
    (&["charms"], 4, 0),
    (&["credentials"], 10, 1),
    (&["doctor"], 60, 3),
    (&["diff", "2025-01-06", "2025-01-27"], 3, 0),
    (&["whoami"], 0, 0),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_command_keeps_its_budget_of_github_requests() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    for (arguments, cold, warm) in BUDGETS {
        let own = dir.path().join(arguments[0]);
        std::fs::create_dir_all(&own).unwrap();
        let client = Client::new(&world, &own);
        let first = made(dir.path(), &client, arguments);
        assert!(
            github(&first).0 <= cold,
            "{arguments:?} cold {:?}",
            github(&first)
        );
        // The second time every answer has a validator.
        made(dir.path(), &client, arguments);
        let third = made(dir.path(), &client, arguments);
        assert!(
            github(&third).1 <= warm,
            "{arguments:?} warm {:?}",
            github(&third)
        );
        assert!(
            github(&third).0 <= cold,
            "{arguments:?} warm {:?}",
            github(&third)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_of_the_console_keeps_its_budget_of_github_requests() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    for (all, counted) in [(12, 12), (13, 3), (13, 0)] {
        // A new session each time: what is known then is on disk.
        let session = session(&world, dir.path());
        let before = requests(dir.path(), 0).len();
        session
            .observer
            .view(session.observer.cached(), View::Console)
            .await;
        let asked = requests(dir.path(), before);
        let found = github(&asked);
        assert!(
            found.0 <= all && found.1 <= counted,
            "{found:?} of {:?}",
            (all, counted)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_some_of_the_hour_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    for _ in 0..3 {
        let session = session_with(
            &world,
            dir.path(),
            false,
            &[("GH_TOKEN", ""), ("GITHUB_TOKEN", "")],
        );
        session
            .observer
            .view(session.observer.cached(), View::Console)
            .await;
    }
    let counted = github(&requests(dir.path(), 0)).1;
    assert!(counted <= 45, "{counted}");
    // What was not read is marked so, and is not taken for an upstream fault.
    let session = session_with(
        &world,
        dir.path(),
        false,
        &[("GH_TOKEN", ""), ("GITHUB_TOKEN", "")],
    );
    let seen = session.observer.cached().releases.value.unwrap();
    assert_eq!(seen.len(), 42);
    assert!(seen[0].images.len() >= 3, "the newest are read first");
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_no_request_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    client.run(&["status"]).with(0);
    let engine = "finos/legend-engine-server";
    let two = [format!("{engine}:4.35.0"), format!("{engine}:4.35.1")];
    let before = requests(dir.path(), 0).len();
    let who = client.run(&["--offline", "whoami", "--json"]).with(0).json();
    assert_eq!(who["credential"]["account"], "legend-releaser", "{who}");
    assert!(who["credential"]["read_at"].is_string(), "{who}");
    for arguments in [
        &["--offline", "resolve", &two[0]][..],
        &["--offline", "diff", &two[0], &two[1]],
    ] {
        let ended = client.run(arguments).with(6);
        assert!(ended.err.contains("offline"), "{}", ended.err);
    }
    for command in [
        "status",
        "releases",
        "channels",
        "charms",
        "credentials",
        "doctor",
        "runs",
    ] {
        client.run(&["--offline", command]);
    }
    assert_eq!(requests(dir.path(), before), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_a_failed_attempt_is_dated_and_the_value_before_it_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    client.run(&["releases"]).with(0);
    world.stop().await;
    let down = client.run(&["releases"]);
    assert!(down.err.contains("did not respond"), "{}", down.err);
    let ended = client
        .run(&["--offline", "diff", "2025-01-27", "2023-12-05"])
        .with(0);
    assert!(ended.out.contains("legend-engine"), "{}", ended.out);
    let warning = ended.err.lines().find(|line| line.contains("warning: releases"));
    let warning = warning.unwrap();
    assert!(warning.contains("did not respond (just now)"), "{warning}");
    assert!(!ended.err.contains("check the network"), "{}", ended.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_is_spent_only_on_manifests_that_were_never_read() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let image = "finos/legend-engine-server:4.35.0";
    // What Docker Hub counts: manifests that were sent.
    let pulls = |asked: &[Value]| {
        let sent = asked.iter().filter(|request| {
            let path = request["path"].as_str().unwrap();
            request["service"] == "hub"
                && request["method"] == "GET"
                && request["status"] == 200
                && path.contains("/manifests/")
        });
        sent.count()
    };
    let before = requests(dir.path(), 0).len();
    let found = client.run(&["resolve", image, "--json"]).with(0).json();
    let first = requests(dir.path(), before);
    let found = &found["images"][0];
    let platforms = found["platforms"].as_array().unwrap().len();
    let kind = found["media_type"].as_str().unwrap();
    let index = usize::from(kind.contains("index") || kind.contains("list"));
    assert_eq!(pulls(&first), index + platforms, "{found}");
    let digest = found["digest"].as_str().unwrap();
    let pinned = format!("finos/legend-engine-server@{digest}");
    for again in [image, &pinned] {
        let asked = made(dir.path(), &client, &["resolve", again]);
        assert_eq!(pulls(&asked), 0, "{asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_network_status_says_so_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path()).with("WINDLASS_TIMEOUT", "0.1");
    world.stop().await;
    let ended = client.run(&["status"]).with(6);
    assert_eq!(
        (ended.out.as_str(), ended.err.as_str()),
        ("", "error: no network\n")
    );
    let problem = client.run(&["status", "--json"]).with(6).json();
    assert_eq!(problem["problem"]["kind"], "network", "{problem}");
    assert_eq!(problem["problem"]["summary"], "no network", "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charm_that_does_not_exist_is_not_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    client.run(&["rollback", "nosuchcharm", "latest/edge", "--yes"]);
    let channels = client.run(&["channels"]).with(0);
    assert!(!channels.err.contains("nosuchcharm"), "{}", channels.err);
    let document = client.run(&["channels", "--json"]).with(0).json();
    assert_eq!(document["errors"], serde_json::json!([]), "{document}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_workspace_shows_nothing_of_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    client.run(&["rotate", "--yes", "--ttl", "86400"]).with(0);
    let own = client.run(&["credentials", "--json"]).with(0).json();
    assert!(!own["targets"].as_array().unwrap().is_empty(), "{own}");
    let other = client
        .run(&["--workspace", "regtech", "credentials", "--json"])
        .with(0)
        .json();
    assert_eq!(other["targets"], serde_json::json!([]), "{other}");
    for command in ["channels", "charms"] {
        let ended = client.run(&["--workspace", "regtech", command]).with(1);
        assert!(ended.err.contains("has no charms"), "{}", ended.err);
        assert!(!ended.err.contains("--offline"), "{}", ended.err);
    }
}
