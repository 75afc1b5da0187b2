//! Tests branch, bundle and hold steps over HTTP: plans built by hand, run against the demo
//! environment. What a plan contains is tested elsewhere.

#![allow(clippy::unwrap_used, clippy::large_futures, missing_docs)]

use crate::common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::{BUNDLE_REPOSITORY as REPOSITORY, session, session_with, world, writes};
use serde_json::{Value, json};
use windlass::demo::World;
use windlass::domain::{Author, BundleFacts, CommitId, FileBytes, ProblemKind, SanitizedText, Snapshot};
use windlass::journal::{Outcome, RunRecord, StepOutcome, StepRecord};
use windlass::observe::View;
use windlass::plan::step::{State, Step};
use windlass::plan::{Intent, Op, Plan, PublishIntent, StepId};
use windlass::run::Session;

const BUNDLE: &str = "finos-legend-bundle";
const BRANCH: &str = "release-2025-01-27";

fn intent() -> PublishIntent {
    PublishIntent::of("2025-01-27".parse().unwrap())
}

fn fault(service: &str, method: &str, path: &str, what: &str) -> String {
    format!("[[fault]]\nservice = '{service}'\nmethod = '{method}'\npath = '{path}'\n{what}\n")
}

async fn seen(session: &Session) -> (Snapshot, BundleFacts) {
    let snapshot = common::plan(session, &Intent::Publish(intent())).await.0;
    let facts = snapshot.bundle.need("the bundle").unwrap().clone();
    (snapshot, facts)
}

fn step(id: &str, op: Op) -> Step {
    Step {
        id: StepId(id.to_owned()),
        kind: op.kind().to_owned(),
        target: SanitizedText::new("x"),
        before: State::Nothing(()),
        after: State::Nothing(()),
        bytes: None,
        skip_reason: None,
        undo: windlass::plan::Undo::by("none"),
        optional: false,
        op,
    }
}

fn commit(facts: &BundleFacts) -> Step {
    let yaml = facts.files["bundle.yaml"].text().unwrap();
    let files = BTreeMap::from([
        ("bundle.yaml".to_owned(), format!("{yaml}# published\n")),
        ("overlay-2025-01-27.yaml".to_owned(), "applications:\n".to_owned()),
    ]);
    let author = Author {
        name: "Ada".to_owned(),
        email: "ada@example.org".to_owned(),
        ..facts.author.clone()
    };
    let op = Op::Commit {
        repository: REPOSITORY.parse().unwrap(),
        base: "edge".to_owned(),
        parent: facts.tip.clone(),
        files,
        message: "Creates 2025-01-27 release\n\nSigned-off-by: Ada <ada@example.org>\n".to_owned(),
        author,
        at: "2026-01-02T03:04:05Z".parse().unwrap(),
    };
    step("commit/x", op)
}

fn upload(facts: &BundleFacts) -> Step {
    let mut files = facts.files.clone();
    files.insert(
        "bundle.yaml".to_owned(),
        FileBytes(b"name: finos-legend-bundle\n".to_vec()),
    );
    let op = Op::UploadBundle {
        bundle: BUNDLE.parse().unwrap(),
        files,
    };
    step("upload-bundle/x", op)
}

fn release(snapshot: &Snapshot) -> Step {
    let bundle = BUNDLE.parse().unwrap();
    let channel = "2023-12/edge".parse().unwrap();
    let row = snapshot.rows(&bundle).iter().find(|row| row.channel == channel);
    let op = Op::ReleaseBundle {
        before: row.map(|row| row.revision),
        bundle,
        channel,
        from: StepId("upload-bundle/x".to_owned()),
    };
    step("release-bundle/x", op)
}

fn branch() -> Step {
    let op = Op::CreateBranch {
        repository: REPOSITORY.parse().unwrap(),
        branch: BRANCH.to_owned(),
        from: StepId("commit/x".to_owned()),
    };
    step("create-branch/x", op)
}

async fn whole(session: &Session) -> Plan {
    let (snapshot, facts) = seen(session).await;
    let steps = vec![commit(&facts), upload(&facts), release(&snapshot), branch()];
    plan(&snapshot, steps)
}

fn plan(snapshot: &Snapshot, steps: Vec<Step>) -> Plan {
    Plan::new(
        &snapshot.workspace,
        &snapshot.world,
        "by hand".to_owned(),
        Intent::Publish(intent()),
        steps,
        "yes".to_owned(),
    )
}

async fn done(session: &Session, plan: Plan) -> RunRecord {
    session.start(plan).unwrap().finished.await.unwrap().unwrap()
}

fn of<'a>(record: &'a RunRecord, id: &str) -> &'a StepRecord {
    record.step(&StepId(id.to_owned())).unwrap()
}

fn outcomes(record: &RunRecord) -> Vec<StepOutcome> {
    record.steps.iter().map(|step| step.outcome.unwrap()).collect()
}

/// Sends a request to the demo's GitHub as another client.
async fn github(world: &World, method: &str, path: &str, body: Option<Value>) -> Value {
    let token = world
        .environment()
        .into_iter()
        .find(|(name, _)| name == "GH_TOKEN")
        .unwrap()
        .1;
    let url = format!("{}/repos/{REPOSITORY}/{path}", world.url("github"));
    let request = reqwest::Client::new()
        .request(method.parse().unwrap(), url)
        .header("User-Agent", "somebody")
        .bearer_auth(token);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    request.send().await.unwrap().json().await.unwrap_or_default()
}

async fn tip(world: &World, branch: &str) -> Option<CommitId> {
    let found = github(world, "GET", &format!("git/ref/heads/{branch}"), None).await;
    found["object"]["sha"].as_str().map(|sha| sha.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_bundle_and_branch_are_made_in_order_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let here = session(&world, dir.path());
    let plan = whole(&here).await;
    here.recheck(&plan).await.unwrap();
    let record = done(&here, plan.clone()).await;
    assert_eq!(record.outcome, Some(Outcome::Done), "{:?}", record.problem);
    let made = of(&record, "commit/x").made.commit.clone().unwrap();
    assert_eq!(tip(&world, BRANCH).await.as_ref(), Some(&made));
    let written = writes(&world);
    assert!(written.last().unwrap().ends_with("/git/refs 201"), "{written:#?}");
    let commit = github(&world, "GET", &format!("git/commits/{made}"), None).await;
    assert_eq!(commit["author"]["name"], "Ada");
    assert_eq!(commit["committer"]["date"], "2026-01-02T03:04:05Z");
    assert_eq!(commit["parents"].as_array().unwrap().len(), 1);
    assert_eq!(of(&record, "release-bundle/x").made.released.len(), 1);

    // Another machine, without this journal, reads first.
    let there = session(&world, &dir.path().join("other"));
    let again = done(&there, plan).await;
    assert_eq!(again.outcome, Some(Outcome::Done), "{:?}", again.problem);
    assert_eq!(outcomes(&again)[1..], [StepOutcome::Skipped; 3]);
    assert_eq!(of(&again, "commit/x").made.commit, Some(made));
    let count = |written: &[String], end: &str| written.iter().filter(|w| w.ends_with(end)).count();
    for end in [
        "/git/refs 201",
        "finos-legend-bundle/revisions 200",
        "/releases 200",
    ] {
        assert_eq!(count(&writes(&world), end), 1, "{end}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_looked_at_and_nothing_happens_twice() {
    let dir = tempfile::tempdir().unwrap();
    let lost = "nth = 1\naction = 'reset-after'";
    let faults = [
        fault("github", "POST", "*/git/refs", lost),
        fault("github", "POST", "*/git/commits", lost),
        fault("charmhub", "POST", "*/finos-legend-bundle/revisions", lost),
        fault("charmhub", "POST", "*/finos-legend-bundle/releases", lost),
    ];
    let world = world(dir.path(), &faults.concat()).await;
    let here = session(&world, dir.path());
    let (snapshot, _) = seen(&here).await;
    let plan = whole(&here).await;
    let record = done(&here, plan).await;
    assert_eq!(record.outcome, Some(Outcome::Done), "{:?}", record.problem);
    assert_eq!(tip(&world, BRANCH).await, of(&record, "commit/x").made.commit);
    let written = writes(&world);
    let sent = |path: &str| {
        let sent = written
            .iter()
            .filter(|w| w.contains(" POST ") && w.contains(path));
        sent.count()
    };
    for path in ["/git/refs", "finos-legend-bundle/revisions", "/releases"] {
        assert_eq!(sent(path), 1, "{path} {written:#?}");
    }
    let bundle = BUNDLE.parse().unwrap();
    let revisions = |snapshot: &Snapshot| snapshot.charms[&bundle].value.as_ref().unwrap().revisions.len();
    let (after, _) = seen(&here).await;
    assert_eq!(revisions(&after), revisions(&snapshot) + 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_somebody_made_is_left_and_said_where_it_points() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let here = session(&world, dir.path());
    let plan = whole(&here).await;
    let edge = tip(&world, "edge").await.unwrap();
    let body = json!({"ref": format!("refs/heads/{BRANCH}"), "sha": edge});
    github(&world, "POST", "git/refs", Some(body)).await;
    let record = done(&here, plan).await;
    assert_eq!(record.outcome, Some(Outcome::Failed));
    let problem = of(&record, "create-branch/x").problem.clone().unwrap();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(problem.to_string().contains(edge.short()), "{problem}");
    assert_eq!(tip(&world, BRANCH).await, Some(edge));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_moved_is_refused_before_and_during_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let here = session(&world, dir.path());
    let plan = whole(&here).await;
    let body = json!({"message": "meanwhile", "content": "eA==", "branch": "edge"});
    github(&world, "PUT", "contents/meanwhile.txt", Some(body)).await;
    let problem = here.recheck(&plan).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(
        problem
            .to_string()
            .contains("edge of finos/legend-juju-bundle moved"),
        "{problem}"
    );
    let before = writes(&world);
    let record = done(&here, plan).await;
    assert_eq!(record.outcome, Some(Outcome::Failed));
    assert_eq!(
        of(&record, "commit/x").problem.clone().unwrap().kind,
        ProblemKind::Refused
    );
    assert_eq!(writes(&world), before);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_no_bundles_any_more_is_told_from_one_that_dislikes_this_one() {
    let words = |message: &str| {
        format!(
            "every = true\nstatus = 400\nbody = '{{\"error-list\": [{{\"code\": \"api-error\", \"message\": \"{message}\"}}]}}'"
        )
    };
    let rejected = "every = true\nstatus = 200\nbody = '{\"revisions\": [{\"upload-id\": \"x\", \"status\": \"rejected\", \"revision\": null, \"errors\": [{\"code\": \"review-error\", \"message\": \"bundle.yaml is not supported\"}]}]}'";
    let revisions = "*/finos-legend-bundle/revisions";
    for (method, path, what, ended, said) in [
        (
            "POST",
            revisions,
            words("Bundles are no longer supported"),
            true,
            "no longer accepts bundles",
        ),
        (
            "POST",
            revisions,
            words("bundle.yaml: bad indent"),
            false,
            "bad indent",
        ),
        (
            "GET",
            "*/revisions/review",
            rejected.to_owned(),
            false,
            "bundle.yaml is not supported",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let world = world(dir.path(), &fault("charmhub", method, path, &what)).await;
        let here = session(&world, dir.path());
        let (snapshot, facts) = seen(&here).await;
        let record = done(&here, plan(&snapshot, vec![upload(&facts)])).await;
        let step = of(&record, "upload-bundle/x");
        assert_eq!(step.outcome, Some(StepOutcome::Failed), "{said}");
        assert_eq!(step.made.no_longer_accepted, ended, "{said}");
        let problem = step.problem.clone().unwrap();
        assert!(problem.to_string().contains(said), "{problem}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_is_released_though_its_upload_was_left_out_is_found_by_its_digest() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let here = session(&world, dir.path());
    let (snapshot, facts) = seen(&here).await;
    let record = done(&here, plan(&snapshot, vec![upload(&facts)])).await;
    let uploaded = of(&record, "upload-bundle/x").made.bundle_revision;
    assert!(uploaded.is_some());
    let mut left_out = upload(&facts);
    left_out.skip_reason = Some(SanitizedText::new("it is there"));
    let there = session(&world, &dir.path().join("other"));
    let record = done(&there, plan(&snapshot, vec![left_out, release(&snapshot)])).await;
    assert_eq!(record.outcome, Some(Outcome::Done), "{:?}", record.problem);
    let released = &of(&record, "release-bundle/x").made.released;
    assert_eq!(Some(released[0].revision), uploaded);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_set_seen_by_others_and_lifted() {
    let dir = tempfile::tempdir().unwrap();
    let faults = [
        fault("github", "POST", "*/git/refs", "nth = 1\naction = 'reset-after'"),
        fault(
            "github",
            "DELETE",
            "*/git/refs/*",
            "nth = 1\naction = 'reset-after'",
        ),
    ];
    let world = world(dir.path(), &faults.concat()).await;
    let here = session(&world, dir.path());
    let (snapshot, facts) = seen(&here).await;
    let repository = || REPOSITORY.parse().unwrap();
    let held = || "2025-01-27".parse().unwrap();
    assert!(snapshot.holds.value.as_ref().unwrap().is_empty());
    let set = step(
        "set-hold/x",
        Op::SetHold {
            repository: repository(),
            release: held(),
            at: facts.tip.clone(),
        },
    );
    let lift = step(
        "lift-hold/x",
        Op::LiftHold {
            repository: repository(),
            release: held(),
        },
    );
    for (wish, outcome) in [
        (&set, StepOutcome::Done),
        (&set, StepOutcome::Skipped),
        (&lift, StepOutcome::Done),
        (&lift, StepOutcome::Skipped),
    ] {
        let plan = plan(&snapshot, vec![wish.clone()]);
        here.recheck(&plan).await.unwrap();
        let record = done(&here, plan).await;
        assert_eq!(outcomes(&record), [outcome], "{:?}", record.problem);
        let there = session(&world, &dir.path().join("other"));
        let now = there.observer.view(Snapshot::default(), View::Planning).await;
        let holds = now.holds.need("the holds").unwrap().clone();
        assert_eq!(holds.contains(&held()), wish.kind == "set-hold");
    }
    let sent = writes(&world).iter().filter(|w| w.contains("/git/refs")).count();
    assert_eq!(sent, 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_not_write_is_refused_before_anything_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let here = session(&world, dir.path());
    let plan = whole(&here).await;
    let tokens: Value =
        serde_json::from_slice(&std::fs::read(world.dir().join("tokens.json")).unwrap()).unwrap();
    for purpose in ["narrow", "read-only"] {
        let token = tokens
            .as_object()
            .unwrap()
            .iter()
            .find(|(_, token)| token["purpose"] == purpose);
        let token = [("GH_TOKEN", token.unwrap().0.as_str())];
        let narrow = session_with(&world, &dir.path().join(purpose), false, &token);
        let problem = narrow.recheck(&plan).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Credentials, "{purpose}");
        assert!(
            problem.hints[0].as_str().contains("Contents: read and write"),
            "{problem:?}"
        );
    }
    assert!(
        writes(&world).iter().all(|w| w.contains("/git/blobs 403")),
        "{:#?}",
        writes(&world)
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_makes_no_branch() {
    let dir = tempfile::tempdir().unwrap();
    let slow = fault("github", "POST", "*/git/commits", "nth = 1\nlatency = 0.5");
    let world = world(dir.path(), &slow).await;
    let here = session(&world, dir.path());
    let handle = here.start(whole(&here).await).unwrap();
    let asked = || writes(&world).iter().any(|w| w.contains("/git/trees"));
    // The demo environment shows a request only in its log, so the log is polled.
    let limit = Instant::now() + Duration::from_secs(60);
    while !asked() {
        assert!(
            Instant::now() < limit,
            "no request for the tree: {:#?}",
            writes(&world)
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    handle.cancel.cancel();
    let record = handle.finished.await.unwrap().unwrap();
    assert_eq!(record.outcome, Some(Outcome::Cancelled));
    assert_eq!(tip(&world, BRANCH).await, None);
    world.stop().await;
}
