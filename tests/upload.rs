//! Tests uploads, copies, releases and closes over HTTP against the demo environment in one
//! process: what needs servers but no third-party client. The rest is covered by the interop tests.

#![allow(clippy::unwrap_used, clippy::large_futures, missing_docs)]

use crate::common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{Client, session_with, world, writes};
use windlass::demo::World;
use windlass::domain::{ContentFacts, ImageSource, Problem, ProblemKind, Snapshot};
use windlass::journal::{Outcome, RunRecord, StepOutcome};
use windlass::plan::{CloseIntent, Content, CopyIntent, Intent, Plan, ReleaseIntent, UploadIntent};
use windlass::run::Session;

const ENGINE: &str = "finos-legend-engine-k8s";
const NEW: &str = "docker.io/finos/legend-engine-server:4.68.0";

fn session(world: &World, dir: &Path) -> Session {
    // No container engine of this machine is used.
    let nowhere = format!("unix://{}", dir.join("no.sock").display());
    let engines = ["DOCKER_HOST", "CONTAINER_HOST"].map(|name| (name, nowhere.as_str()));
    session_with(world, dir, false, &engines)
}

fn upload(charm: &str, resource: &str, content: Content) -> UploadIntent {
    UploadIntent {
        charm: charm.parse().unwrap(),
        resource: resource.parse().unwrap(),
        content,
    }
}

fn from(source: &str) -> Content {
    Content::From {
        source: ImageSource::parse(source).unwrap(),
        platforms: Vec::new(),
    }
}

fn digest(text: &str) -> Content {
    Content::Digest {
        digest: text.to_owned(),
    }
}

fn file(path: &Path) -> Content {
    Content::File {
        path: path.display().to_string(),
        architectures: Vec::new(),
    }
}

async fn planned(session: &Session, intent: &UploadIntent) -> Result<(Snapshot, Plan), Problem> {
    let (snapshot, plan) = common::plan(session, &Intent::Upload(intent.clone())).await;
    Ok((snapshot, plan?))
}

async fn run(session: &Session, plan: Plan) -> RunRecord {
    session.start(plan).unwrap().finished.await.unwrap().unwrap()
}

async fn uploaded(session: &Session, intent: &UploadIntent) -> (Snapshot, RunRecord) {
    let (snapshot, plan) = planned(session, intent).await.unwrap();
    let record = run(session, plan).await;
    assert_eq!(record.outcome, Some(Outcome::Done), "{:?}", record.problem);
    (snapshot, record)
}

fn all(record: &RunRecord, outcome: StepOutcome) -> bool {
    record.steps.iter().all(|step| step.outcome == Some(outcome))
}

fn image(snapshot: &Snapshot) -> &windlass::domain::ImageFacts {
    match snapshot.content.value.as_ref().unwrap() {
        ContentFacts::Image(image) => image,
        ContentFacts::File(_) => unreachable!("an image was asked for"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_becomes_a_revision_once_and_its_digest_finds_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let (snapshot, record) = uploaded(&session, &upload(ENGINE, "engine-image", from(NEW))).await;
    assert!(all(&record, StepOutcome::Done));
    let facts = image(&snapshot);
    assert!(!facts.there);
    assert_eq!(facts.bytes_missing, facts.detail.size);
    let sent = writes(&world);

    // By full digest, by twelve digits, and by reference: nothing is sent, the revision is known.
    let long = facts.detail.digest.to_string();
    let short = facts.detail.digest.short();
    for content in [digest(&long), digest(&short), from(NEW)] {
        let (snapshot, record) = uploaded(&session, &upload(ENGINE, "engine-image", content)).await;
        assert!(image(&snapshot).there);
        assert!(all(&record, StepOutcome::Skipped));
    }
    assert_eq!(writes(&world), sent);

    // The store is authoritative: a machine without a journal sends nothing either.
    let other = tempfile::tempdir().unwrap();
    let fresh = self::session(&world, other.path());
    let (_, record) = uploaded(&fresh, &upload(ENGINE, "engine-image", from(NEW))).await;
    assert!(all(&record, StepOutcome::Skipped));
    assert_eq!(writes(&world), sent);
    world.stop().await;
}

/// The image of revision 31, different from what the demo store's old pipeline uploaded: other
/// layers, the same config.
const HELD: &str = "docker.io/finos/legend-engine-server:4.35.0";

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_a_revision_holds_packed_otherwise_is_not_uploaded_again() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let before = writes(&world);
    let session = session(&world, dir.path());
    let (snapshot, plan) = planned(&session, &upload(ENGINE, "engine-image", from(HELD)))
        .await
        .unwrap();
    assert!(!image(&snapshot).there, "another manifest");
    assert!(plan.nothing_to_do());

    let client = Client::new(&world, dir.path());
    let command = ["upload-resource", ENGINE, "engine-image", "--from", HELD, "--yes"];
    let text = client.run(&command).with(0).out;
    let revision: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    let said = format!(
        "Revision {revision} of resource 'engine-image' for charm '{ENGINE}' already contains this image\n"
    );
    assert_eq!(text, said);
    let document = client.run(&[&command[..], &["--json"]].concat()).with(0).json();
    let resource = &document["resource"];
    assert_eq!(resource["revision"], revision);
    assert_eq!(resource["created"], false);
    assert_eq!(resource["bytes_sent"], 0);
    let detail = &image(&snapshot).detail;
    assert_ne!(
        resource["digest"],
        detail.digest.to_string(),
        "that of the revision"
    );
    assert_eq!(
        resource["config_digest"],
        detail.config_digest().unwrap().to_string()
    );
    assert_eq!(writes(&world), before);
    world.stop().await;
}

/// Returns the paths of requests about reviews and of those that turn uploads into revisions, in
/// order.
fn about_reviews(world: &World) -> Vec<&'static str> {
    let log = std::fs::read_to_string(world.dir().join("requests.jsonl")).unwrap();
    let word = |line: &str| {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let path = entry["path"].as_str().unwrap().to_owned();
        match entry["method"].as_str().unwrap() {
            "GET" if path.ends_with("/revisions/review") => Some("review"),
            "POST" if path.ends_with("/resources/engine-image/revisions") => Some("push"),
            _ => None,
        }
    };
    log.lines().filter_map(word).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_is_asked_for_only_once_the_store_has_the_upload() {
    let dir = tempfile::tempdir().unwrap();
    // Every attempt gets no answer, though the first is handled; a store may report any id as
    // pending.
    let cut = "[[fault]]\nservice = \"charmhub\"\nmethod = \"POST\"\npath = \"*/engine-image/revisions\"\nnth = 1\naction = \"reset-after\"\n";
    let pending = "[[fault]]\nservice = \"charmhub\"\nmethod = \"GET\"\npath = \"*/revisions/review\"\nnth = 1\nstatus = 200\nbody = '{\"revisions\": [{\"upload-id\": \"x\", \"status\": \"pending\", \"revision\": null, \"errors\": null}]}'\n";
    let world = world(dir.path(), &format!("{cut}{pending}")).await;
    let session = session(&world, dir.path());
    let (_, record) = uploaded(&session, &upload(ENGINE, "engine-image", from(NEW))).await;
    assert!(all(&record, StepOutcome::Done));
    let asked = about_reviews(&world);
    assert_eq!(asked.first(), Some(&"push"), "{asked:?}");
    assert_eq!(asked.iter().filter(|one| **one == "push").count(), 1, "{asked:?}");
    assert!(asked.contains(&"review"), "{asked:?}");
    let texts: Vec<String> = record.uploaded().iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 1);
    assert!(
        texts[0].starts_with(&format!("{ENGINE} engine-image r")),
        "{texts:?}"
    );
    assert!(texts[0].ends_with(", created"), "{texts:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_becomes_a_revision_and_only_the_file_that_was_previewed() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let path = dir.path().join("seed.sql");
    std::fs::write(&path, b"insert into release values (1)").unwrap();
    let intent = upload("finos-legend-db-k8s", "legend-db-seed", file(&path));
    let (_, plan) = planned(&session, &intent).await.unwrap();

    std::fs::write(&path, b"insert into release values (2)").unwrap();
    let record = run(&session, plan).await;
    assert_eq!(record.outcome, Some(Outcome::Failed));
    assert_eq!(record.problem.unwrap().kind, ProblemKind::Refused);
    let log = writes(&world);
    assert!(!log.iter().any(|line| line.contains("/revisions")), "{log:#?}");

    let (_, record) = uploaded(&session, &intent).await;
    assert!(all(&record, StepOutcome::Done));
    let sent = writes(&world);
    let (_, record) = uploaded(&session, &intent).await;
    assert!(all(&record, StepOutcome::Skipped));
    assert_eq!(writes(&world), sent);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_told_before_a_byte_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let path = dir.path().join("a");
    std::fs::write(&path, b"a").unwrap();
    let empty = dir.path().join("empty");
    std::fs::write(&empty, b"").unwrap();
    let unknown = format!("sha256:{}", "12".repeat(32));
    let wrong = [
        (
            upload("nobodys-charm", "engine-image", from(NEW)),
            ProblemKind::NotFound,
        ),
        (upload(ENGINE, "no-such-image", from(NEW)), ProblemKind::NotFound),
        (upload(ENGINE, "engine-image", file(&path)), ProblemKind::Usage),
        (
            upload("finos-legend-db-k8s", "legend-db-seed", from(NEW)),
            ProblemKind::Usage,
        ),
        (
            upload("finos-legend-db-k8s", "legend-db-seed", file(&empty)),
            ProblemKind::Usage,
        ),
        (
            upload("finos-legend-db-k8s", "legend-db-seed", file(dir.path())),
            ProblemKind::Usage,
        ),
        (
            upload(ENGINE, "engine-image", digest(&unknown)),
            ProblemKind::NotFound,
        ),
        (
            upload(ENGINE, "engine-image", digest("121212121212")),
            ProblemKind::NotFound,
        ),
        (
            upload(ENGINE, "engine-image", digest("4.68.0")),
            ProblemKind::Usage,
        ),
        (
            upload(
                ENGINE,
                "engine-image",
                from("docker.io/finos/legend-engine-server:0.0.0"),
            ),
            ProblemKind::NotFound,
        ),
    ];
    for (intent, kind) in wrong {
        let problem = planned(&session, &intent).await.map(drop).unwrap_err();
        assert_eq!(problem.kind, kind, "{intent:?}: {problem}");
        assert!(!problem.hints.is_empty(), "{intent:?}: {problem}");
    }
    let log = writes(&world);
    assert!(log.is_empty(), "{log:#?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_moves_a_tag_only_from_where_it_was_previewed() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let copy = |source: &str| CopyIntent {
        source: ImageSource::parse(source).unwrap(),
        destination: windlass::domain::Reference::parse("ghcr.io/cfpb/regtech/try:1").unwrap(),
        platforms: Vec::new(),
        over: false,
    };
    let look = |intent: CopyIntent| {
        let session = session.clone();
        async move {
            let intent = Intent::Copy(intent);
            common::plan(&session, &intent).await.1.unwrap()
        }
    };
    let first = copy(NEW);
    let stale = look(copy("docker.io/finos/legend-engine-server:4.67.12")).await;
    let record = run(&session, look(first.clone()).await).await;
    assert_eq!(record.outcome, Some(Outcome::Done), "{:?}", record.problem);
    assert!(look(first).await.nothing_to_do());

    // Planned while the tag was absent: another client pushed it since.
    let problem = session.recheck(&stale).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused, "{problem}");
    let record = run(&session, stale).await;
    assert_eq!(record.outcome, Some(Outcome::Failed));
    assert_eq!(record.problem.unwrap().kind, ProblemKind::Refused);
    let record = run(
        &session,
        look(copy("docker.io/finos/legend-engine-server:4.67.12")).await,
    )
    .await;
    assert_eq!(record.outcome, Some(Outcome::Done), "{:?}", record.problem);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_and_its_closing_touch_one_channel() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let charm: windlass::domain::CharmName = ENGINE.parse().unwrap();
    let mut intent = ReleaseIntent {
        charm: charm.clone(),
        revision: windlass::domain::CharmRevision(50),
        channels: vec!["latest/beta".parse().unwrap()],
        resources: BTreeMap::new(),
    };
    let look = async |intent: &ReleaseIntent| {
        let (snapshot, plan) = common::plan(&session, &Intent::Release(intent.clone())).await;
        let rows = snapshot.charms[&charm].value.clone().unwrap().rows;
        (plan, rows)
    };
    let (refused, before) = look(&intent).await;
    assert_eq!(
        refused.unwrap_err().kind,
        ProblemKind::Usage,
        "no resource is guessed"
    );
    intent.resources.insert(
        "engine-image".parse().unwrap(),
        windlass::domain::ResourceRevision(32),
    );
    let record = run(&session, look(&intent).await.0.unwrap()).await;
    assert_eq!(record.outcome, Some(Outcome::Done), "{:?}", record.problem);
    assert_eq!(record.released().len(), 1);
    let (again, _) = look(&intent).await;
    assert!(again.unwrap().nothing_to_do());

    let close = Intent::Close(CloseIntent {
        charm: charm.clone(),
        channel: "latest/beta".parse().unwrap(),
    });
    let look_close = async || common::plan(&session, &close).await.1.unwrap();
    let record = run(&session, look_close().await).await;
    assert_eq!(record.outcome, Some(Outcome::Done), "{:?}", record.problem);
    assert!(look_close().await.nothing_to_do());
    let (_, after) = look(&intent).await;
    assert_eq!(after, before);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tags_of_a_repository_are_listed_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = common::session(&world, dir.path());
    let repository = windlass::domain::Repository::parse("finos/legend-engine-server").unwrap();
    let list = session.observer.tags(&repository).await.unwrap();
    assert!(list.tags.len() > 5 && !list.cut, "{list:?}");
    let at = |tag: &str| list.tags.iter().position(|one| one == tag);
    assert!(at("4.36.0").unwrap() < at("4.35.0").unwrap(), "{list:?}");
    let nothing = windlass::domain::Repository::parse("finos/nothing-here").unwrap();
    let problem = session.observer.tags(&nothing).await.unwrap_err();
    assert!(
        problem.summary.as_str().contains("finos/nothing-here"),
        "{problem}"
    );
    world.stop().await;
}
