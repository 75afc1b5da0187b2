//! Tests a publish over HTTP against the demo environment, in one process, without a terminal: what
//! needs servers but no third-party client. The rest is covered by the interop tests.

#![allow(clippy::unwrap_used, clippy::large_futures, missing_docs)]

use crate::common;

use std::time::Duration;

use common::{Client, session, session_with, world, world_with, writes};
use windlass::domain::ProblemKind;
use windlass::journal::{Outcome, RunRecord, StepOutcome};
use windlass::plan::{Intent, Plan, PublishIntent};
use windlass::run::Session;

fn intent() -> Intent {
    Intent::Publish(PublishIntent::of("2025-01-27".parse().unwrap()))
}

async fn planned(session: &Session) -> Plan {
    common::plan(session, &intent()).await.1.unwrap()
}

async fn publish(session: &Session) -> RunRecord {
    let plan = planned(session).await;
    session.start(plan).unwrap().finished.await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_ends_done_and_a_second_one_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let record = publish(&session).await;
    assert_eq!(record.outcome, Some(Outcome::Done), "{:?}", record.problem);
    assert!(
        record
            .steps
            .iter()
            .all(|step| step.outcome == Some(StepOutcome::Done))
    );
    // Four rows of the engine, two of each other charm, one of the bundle.
    assert_eq!(record.released().len(), 9);

    let written = writes(&world);
    let first_release = written.iter().position(|w| w.ends_with("/releases 200")).unwrap();
    let upload = |w: &String| w.contains("/resources/") || w.contains("-bundle/revisions");
    let last_upload = written.iter().rposition(upload).unwrap();
    assert!(last_upload < first_release, "{written:#?}");
    let marker = "github POST /repos/finos/legend-juju-bundle/git/refs 201";
    assert_eq!(written.last().map(String::as_str), Some(marker), "{written:#?}");

    let again = publish(&session).await;
    assert_eq!(again.outcome, Some(Outcome::Done));
    assert!(
        again
            .steps
            .iter()
            .all(|step| step.outcome == Some(StepOutcome::Skipped)),
        "{:?}",
        again.steps
    );
    assert_eq!(writes(&world), written);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_session_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session_with(&world, dir.path(), true, &[]);
    let plan = planned(&session).await;
    let problem = session.start(plan).err().unwrap();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert_eq!(writes(&world), Vec::<String>::new());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_moved_by_somebody_else_stops_the_release() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let plan = planned(&session).await;
    let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    let token = world
        .mint_token(None, &["package-manage"], Duration::from_secs(600))
        .unwrap();
    let url = format!(
        "{}/v1/charm/finos-legend-studio-k8s/releases",
        world.url("charmhub")
    );
    let body = serde_json::json!([{
        "revision": 30, "channel": "latest/edge", "resources": [{"name": "studio-image", "revision": 22}],
    }]);
    let answer = client
        .post(url)
        .header("Authorization", format!("Macaroon {token}"))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());

    let refused = session.recheck(&plan).await.unwrap_err();
    assert_eq!(refused.kind, ProblemKind::Refused);
    assert!(refused.to_string().contains("latest/edge"), "{refused}");
    let record = session.start(plan).unwrap().finished.await.unwrap().unwrap();
    assert_eq!(record.outcome, Some(Outcome::Failed));
    assert!(
        record
            .released()
            .iter()
            .all(|r| r.charm.as_str() != "finos-legend-studio-k8s")
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_after_the_deed_is_looked_after_and_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let fault = |path: &str| {
        format!(
            "[[fault]]\nservice = \"charmhub\"\nmethod = \"POST\"\npath = \"{path}\"\nnth = 1\naction = \"reset-after\"\n"
        )
    };
    let text = fault("*/releases") + &fault("*/tracks") + &fault("*/resources/*/revisions");
    let world = world(dir.path(), &text).await;
    let session = session(&world, dir.path());
    let record = publish(&session).await;
    assert_eq!(record.outcome, Some(Outcome::Done), "{:?}", record.problem);
    // Three charms and the bundle.
    for (end, times) in [("/releases", 4), ("/tracks", 4), ("/git/refs", 1)] {
        let sent = writes(&world)
            .iter()
            .filter(|w| w.contains(&format!("{end} ")))
            .count();
        assert_eq!(sent, times, "{end}: {:#?}", writes(&world));
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_view_that_lags_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let world = world_with(dir.path(), |options| {
        options.serve_lag = Duration::from_millis(900);
    })
    .await;
    let session = session(&world, dir.path());
    let record = publish(&session).await;
    assert_eq!(record.outcome, Some(Outcome::Done), "{:?}", record.problem);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_a_problem_with_a_remedy() {
    use base64::Engine as _;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let token = world
        .mint_token(None, &["package-manage"], Duration::ZERO)
        .unwrap();
    let export = base64::engine::general_purpose::STANDARD.encode(token);
    let session = session_with(&world, dir.path(), false, &[("CHARMCRAFT_AUTH", export.as_str())]);
    let problem = common::plan(&session, &intent()).await.1.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Credentials);
    assert_eq!(problem.summary.as_str(), windlass::services::charmhub::EXPIRED);
    assert!(
        problem
            .hints
            .iter()
            .any(|hint| hint.as_str().contains("windlass login")),
        "{problem:?}"
    );
    assert_eq!(writes(&world), Vec::<String>::new());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_without_changes_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let world = common::world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let publish = || client.run(&["publish", "2025-01-27", "--yes"]).with(0).out;
    let same = "nothing had to change: 2025-01-27 is already published";
    let first = publish();
    assert!(!first.contains(same), "{first}");
    let second = publish();
    assert!(second.contains(same), "{second}");
    world.stop().await;
}
