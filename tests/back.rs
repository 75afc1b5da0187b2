//! Tests promote, roll back and hold over HTTP against the demo environment: a rollback restores
//! the store's own channel map. Plans and journal have their own tests.

#![allow(clippy::unwrap_used, clippy::large_futures, missing_docs)]

use crate::common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Client, session, world};
use windlass::demo::World;
use windlass::domain::{Problem, ProblemKind, Snapshot};
use windlass::journal::{Outcome, RunId, RunRecord};
use windlass::observe::View;
use windlass::plan::intent::SkipPart;
use windlass::plan::{
    CloseIntent, HoldIntent, Intent, LaterChanges, Plan, PromoteIntent, PublishIntent, ReleaseIntent,
    RollbackIntent, RolledBack,
};
use windlass::run::Session;

const RELEASE: &str = "2025-01-27";
const STUDIO: &str = "finos-legend-studio-k8s";

async fn planned(session: &Session, intent: &Intent) -> Result<Plan, Problem> {
    common::plan(session, intent).await.1
}

async fn made(session: &Session, intent: &Intent) -> RunRecord {
    let plan = planned(session, intent).await.unwrap();
    session.recheck(&plan).await.unwrap();
    session.start(plan).unwrap().finished.await.unwrap().unwrap()
}

async fn done(session: &Session, intent: &Intent) -> RunRecord {
    let record = made(session, intent).await;
    assert!(
        matches!(record.outcome, Some(Outcome::Done | Outcome::Partly)),
        "{:?} {:?}",
        record.outcome,
        record.problem
    );
    record
}

/// Returns a publish of the charms only.
fn charms_alone() -> Intent {
    let mut intent = PublishIntent::of(RELEASE.parse().unwrap());
    intent.without = [SkipPart::Branch, SkipPart::Bundle].into();
    Intent::Publish(intent)
}

fn promote() -> Intent {
    Intent::Promote(PromoteIntent {
        release: RELEASE.parse().unwrap(),
        to: "stable".parse().unwrap(),
        with: BTreeMap::new(),
    })
}

fn back(run: &RunId, over: bool) -> Intent {
    let intent = RollbackIntent::new(RolledBack::Run(run.clone()));
    Intent::Rollback(if over {
        intent.with(LaterChanges::Overwrite)
    } else {
        intent
    })
}

/// Returns the store's own map of every package.
fn map(world: &World) -> Vec<String> {
    common::channel_map(world.dir())
}

fn of_channel(map: &[String], channel: &str) -> Vec<String> {
    map.iter()
        .filter(|row| row.contains(&format!("\"{channel}\"")))
        .map(|row| row.replace(channel, ""))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_brings_the_pairs_of_edge_and_its_rollback_restores_the_map() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let first = map(&world);
    let published = done(&session, &charms_alone()).await;
    let before = map(&world);
    assert_ne!(first, before);

    let promoted = done(&session, &promote()).await;
    let after = map(&world);
    let charms = |rows: Vec<String>| -> Vec<String> {
        rows.into_iter().filter(|row| !row.contains("bundle")).collect()
    };
    assert_eq!(
        charms(of_channel(&after, "2025-01/stable")),
        charms(of_channel(&before, "2025-01/edge"))
    );
    assert_eq!(charms(of_channel(&after, "2025-01/stable")).len(), 4);

    let rolled = done(&session, &back(&promoted.id, false)).await;
    assert_eq!(map(&world), before);
    let settled = session.journal.run(&promoted.id).unwrap().unwrap();
    assert_eq!(settled.rolled_back_by, Some(rolled.id.clone()));

    // The rollback can be rolled back, and the publish too.
    done(&session, &back(&rolled.id, false)).await;
    assert_eq!(map(&world), after);
    done(&session, &back(&promoted.id, false)).await;
    done(&session, &back(&published.id, false)).await;
    assert_eq!(map(&world), first);
    let nothing = planned(&session, &back(&published.id, false)).await.unwrap();
    let channels = nothing
        .steps
        .iter()
        .filter(|step| matches!(step.kind.as_str(), "release" | "close"));
    assert!(
        channels.into_iter().all(|step| step.skip_reason.is_some()),
        "{:#?}",
        nothing.steps
    );
    world.stop().await;
}

/// The store accepts the first release of a publish and refuses every later one.
const REFUSING: &str = "[[fault]]\nservice = \"charmhub\"\nmethod = \"POST\"\npath = \"/v1/charm/finos-legend-sdlc-k8s/releases\"\nevery = true\nstatus = 403\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_that_failed_midway_is_rolled_back_to_the_former_map() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), REFUSING).await;
    let session = session(&world, dir.path());
    let before = map(&world);
    let failed = made(&session, &charms_alone()).await;
    assert_eq!(failed.outcome, Some(Outcome::Failed));
    assert_ne!(map(&world), before, "the engine was released");
    assert_eq!(
        failed.ways_on(),
        [
            format!("windlass resume {}", failed.id),
            format!("windlass rollback --run {}", failed.id)
        ]
    );
    let rolled = done(&session, &back(&failed.id, false)).await;
    assert_eq!(map(&world), before);
    let problem = session.resume(&failed.id).await.err().unwrap();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.to_string().contains(&rolled.id.0), "{problem}");
    assert!(session.journal.unfinished_runs().unwrap().is_empty());
    // Published again it is a separate run.
    let again = made(&session, &charms_alone()).await;
    assert_ne!(again.id, failed.id);
    world.stop().await;
}

/// Releases revision 30 of `charm` to `latest/edge`.
fn release(charm: &str) -> Intent {
    Intent::Release(ReleaseIntent {
        charm: charm.parse().unwrap(),
        revision: windlass::domain::CharmRevision(30),
        channels: vec!["latest/edge".parse().unwrap()],
        resources: BTreeMap::new(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_that_released_a_part_blocks_other_commands_until_it_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), REFUSING).await;
    let session = session(&world, dir.path());
    let failed = made(&session, &charms_alone()).await;
    assert_eq!(failed.outcome, Some(Outcome::Failed));
    let before = map(&world);
    let mut other_release = PublishIntent::of("2025-01-06".parse().unwrap());
    other_release.without = [SkipPart::Branch, SkipPart::Bundle].into();
    other_release.track_only = true;
    other_release.allow_downgrade = true;
    let close = CloseIntent {
        charm: STUDIO.parse().unwrap(),
        channel: "latest/edge".parse().unwrap(),
    };
    for intent in [
        release(STUDIO),
        Intent::Close(close),
        Intent::Publish(other_release),
    ] {
        let plan = planned(&session, &intent).await.unwrap();
        let problem = session.start(plan).err().unwrap();
        assert_eq!(problem.kind, ProblemKind::Conflict, "{intent:?}");
        let shared = match intent {
            Intent::Publish(_) => {
                "changes finos-legend-engine-k8s, finos-legend-sdlc-k8s, finos-legend-studio-k8s too"
            }
            _ => "changes finos-legend-studio-k8s too",
        };
        assert!(problem.summary.as_str().ends_with(shared), "{problem}");
        let hints: Vec<&str> = problem.hints.iter().map(windlass::domain::Hint::as_str).collect();
        let id = &failed.id;
        assert_eq!(
            hints,
            [
                format!("finish it: windlass resume {id}"),
                format!("undo its channel releases: windlass rollback --run {id}")
            ]
        );
    }
    assert_eq!(map(&world), before, "nothing was changed");
    done(&session, &back(&failed.id, false)).await;
    done(&session, &release(STUDIO)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_that_released_nothing_can_be_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let first = REFUSING.replace("sdlc", "engine");
    let world = world(dir.path(), &first).await;
    let session = session(&world, dir.path());
    let before = map(&world);
    let failed = made(&session, &charms_alone()).await;
    assert_eq!(failed.outcome, Some(Outcome::Failed));
    assert!(failed.released().is_empty() && !failed.uploaded().is_empty());
    let plan = planned(&session, &release(STUDIO)).await.unwrap();
    let problem = session.start(plan).err().unwrap();
    assert_eq!(problem.kind, ProblemKind::Conflict);
    assert!(
        problem.hints[1].as_str().starts_with("give it up: "),
        "{problem:?}"
    );
    let given_up = done(&session, &back(&failed.id, false)).await;
    assert_eq!(map(&world), before);
    let client = Client::new(&world, dir.path());
    let runs = client.run(&["runs"]).with(0).out;
    assert!(
        runs.contains(&format!("failed, given up by {}", given_up.id)),
        "{runs}"
    );
    assert!(!runs.contains("rolled back"), "{runs}");
    let problem = session.resume(&failed.id).await.err().unwrap();
    assert!(problem.summary.as_str().contains("was given up by"), "{problem}");
    assert_eq!(problem.hints.len(), 1, "a rollback of nothing cannot be undone");
    done(&session, &release(STUDIO)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_not_resumed_where_another_client_changed_what_it_released() {
    let dir = tempfile::tempdir().unwrap();
    let once = REFUSING.replace("every = true", "nth = 1");
    let world = world(dir.path(), &once).await;
    let session = session(&world, dir.path());
    let failed = made(&session, &charms_alone()).await;
    assert_eq!(failed.outcome, Some(Outcome::Failed));
    assert!(!failed.released().is_empty());
    let elsewhere = tempfile::tempdir().unwrap();
    let other = common::session(&world, elsewhere.path());
    let engine = Intent::Release(ReleaseIntent {
        charm: "finos-legend-engine-k8s".parse().unwrap(),
        revision: windlass::domain::CharmRevision(50),
        channels: vec!["latest/edge".parse().unwrap()],
        resources: [(
            "engine-image".parse().unwrap(),
            windlass::domain::ResourceRevision(32),
        )]
        .into(),
    });
    done(&other, &engine).await;
    let before = map(&world);
    let problem = session.resume(&failed.id).await.err().unwrap();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(
        problem.to_string().contains("another client changed it since"),
        "{problem}"
    );
    assert!(problem.to_string().contains("latest/edge is r50"), "{problem}");
    assert_eq!(map(&world), before, "no other charm was released");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_taken_up_again_is_still_rolled_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let once = REFUSING.replace("every = true", "nth = 1");
    let world = world(dir.path(), &once).await;
    let session = session(&world, dir.path());
    let before = map(&world);
    let failed = made(&session, &charms_alone()).await;
    assert_eq!(failed.outcome, Some(Outcome::Failed));
    // The same command again: its plan is made again and no longer contains what the engine had.
    let second = done(&session, &charms_alone()).await;
    assert_eq!(second.id, failed.id);
    done(&session, &back(&second.id, false)).await;
    assert_eq!(map(&world), before);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_somebody_changed_since_is_left_unless_over() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let before = map(&world);
    let published = done(&session, &charms_alone()).await;
    let other = Intent::Release(ReleaseIntent {
        charm: STUDIO.parse().unwrap(),
        revision: windlass::domain::CharmRevision(30),
        channels: vec!["latest/edge".parse().unwrap()],
        resources: BTreeMap::new(),
    });
    done(&session, &other).await;
    let changed = map(&world);
    let problem = planned(&session, &back(&published.id, false)).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(
        problem
            .to_string()
            .contains("finos-legend-studio-k8s latest/edge"),
        "{problem}"
    );
    assert_eq!(map(&world), changed);
    done(&session, &back(&published.id, true)).await;
    assert_eq!(map(&world), before);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_waits_and_its_own_rollback_may_begin() {
    let dir = tempfile::tempdir().unwrap();
    // The release is made, but its answer and every later read are lost.
    let hidden = "[[fault]]\nservice = \"charmhub\"\nmethod = \"POST\"\npath = \"/v1/charm/finos-legend-sdlc-k8s/releases\"\nnth = 1\nhang = 30\n";
    let world = world(dir.path(), hidden).await;
    let session = session(&world, dir.path());
    let before = map(&world);
    let plan = planned(&session, &charms_alone()).await.unwrap();
    let handle = session.start(plan).unwrap();
    let id = handle.id.clone();
    let reached = async {
        loop {
            let log = std::fs::read_to_string(world.dir().join("requests.jsonl")).unwrap();
            if log.contains("finos-legend-engine-k8s/releases") && map(&world) != before {
                break;
            }
            // The request hangs, so only the files of the demo environment show that it arrived.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reached)
        .await
        .unwrap();
    // Like a killed process: nothing more is written.
    handle.finished.abort();
    drop(handle.finished.await);
    let open = session.journal.unfinished_runs().unwrap();
    assert_eq!(open.len(), 1);
    let other = Intent::Release(ReleaseIntent {
        charm: STUDIO.parse().unwrap(),
        revision: windlass::domain::CharmRevision(30),
        channels: vec!["latest/edge".parse().unwrap()],
        resources: BTreeMap::new(),
    });
    let plan = planned(&session, &other).await.unwrap();
    let problem = session.start(plan).err().unwrap();
    assert_eq!(problem.kind, ProblemKind::Conflict);
    assert!(
        problem.hints[1]
            .as_str()
            .contains(&format!("windlass rollback --run {id}")),
        "{problem:?}"
    );
    done(&session, &back(&id, false)).await;
    assert_eq!(map(&world), before);
    assert!(session.journal.unfinished_runs().unwrap().is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_seen_by_everybody_and_a_rolled_back_publish_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let hold = |hold| {
        Intent::Hold(HoldIntent {
            release: RELEASE.parse().unwrap(),
            hold,
        })
    };
    let held = || async {
        let seen = session.observer.view(Snapshot::default(), View::Planning).await;
        let release = RELEASE.parse().unwrap();
        seen.holds.value.unwrap().contains(&release)
    };
    assert!(!held().await);
    done(&session, &hold(true)).await;
    assert!(held().await);
    assert!(planned(&session, &hold(true)).await.unwrap().nothing_to_do());
    done(&session, &hold(false)).await;
    assert!(!held().await);

    let published = done(&session, &charms_alone()).await;
    let rolled = done(&session, &back(&published.id, false)).await;
    assert_eq!(rolled.outcome, Some(Outcome::Done));
    assert!(held().await);
    done(&session, &back(&rolled.id, false)).await;
    assert!(!held().await, "the hold goes with the rollback that set it");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_is_promoted_as_it_is_previewed() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let before = map(&world);
    let command = ["promote", "--track", "latest", "--to", "candidate"];
    let shown = client
        .run(&[&["plan"], &command[..], &["--json"]].concat())
        .with(0)
        .json();
    let plan = &shown["plan"];
    assert_eq!(plan["command"], "windlass promote --track latest --to candidate");
    let previewed = plan["steps"].as_array().unwrap().iter();
    let mut previewed: Vec<String> = previewed
        .filter(|step| step["kind"] == "release")
        .flat_map(|step| {
            let rows = step["after"].as_array().unwrap().clone();
            let charm = step["target"].as_str().unwrap().to_owned();
            rows.into_iter().map(move |row| {
                let (channel, base) = (&row["channel"], &row["base"]["channel"]);
                format!("{charm} {channel} {base} r{} ", row["revision"])
            })
        })
        .collect();
    previewed.sort();
    assert!(
        previewed.iter().any(|row| row.contains("latest/candidate")),
        "{previewed:?}"
    );
    client.run(&[&command[..], &["--yes"]].concat()).with(0);
    let after = map(&world);
    let mut changed: Vec<String> = after
        .iter()
        .filter(|row| !before.contains(row))
        .map(|row| format!("{} ", row.rsplit_once(' ').unwrap().0))
        .map(|row| row.split(" r").next().unwrap().to_owned())
        .collect();
    changed.sort();
    for row in &changed {
        assert!(
            previewed.iter().any(|one| one.starts_with(row.as_str())),
            "{row} {previewed:?}"
        );
    }
    assert!(
        changed.iter().any(|row| row.contains("latest/candidate")),
        "{changed:?}"
    );
    // With that in place only the next step is left.
    client
        .run(&["promote", RELEASE, "--track", "latest", "--to", "stable"])
        .with(2);
    client.run(&["promote", "--to", "stable"]).with(2);
    world.stop().await;
}
