//! Tests a rotation over HTTP: one token into every secret of the demo environment, in one process,
//! without a terminal: what needs servers but no third-party client. The rest is covered by the
//! interop tests.

#![allow(clippy::unwrap_used, clippy::panic, clippy::large_futures, missing_docs)]

use crate::common;

use std::collections::BTreeSet;

use common::{session, session_with, world, writes};
use secrecy::SecretString;
use windlass::config::workspace::TokenKind;
use windlass::demo::World;
use windlass::demo::environment::{EMAIL, OTP, PASSWORD};
use windlass::domain::{Lineage, ProblemKind, Snapshot};
use windlass::journal::{Outcome, RunRecord, StepOutcome};
use windlass::observe::Inputs;
use windlass::plan::{Intent, Plan, Revoked, RotateIntent, credentials};
use windlass::run::{RunSecrets, Session};
use windlass::services::charmhub::sign_on::{Login, SignOnAnswer};

fn login() -> Login {
    Login {
        email: EMAIL.to_owned(),
        password: SecretString::from(PASSWORD),
        otp: Some(SecretString::from(OTP)),
    }
}

async fn planned(session: &Session, intent: &RotateIntent) -> (Plan, Snapshot) {
    let (snapshot, plan) = common::plan(session, &Intent::Rotate(intent.clone())).await;
    (plan.unwrap(), snapshot)
}

async fn rotate(session: &Session, intent: &RotateIntent) -> RunRecord {
    let (plan, _) = planned(session, intent).await;
    let mut means = RunSecrets {
        login: Some(login()),
        ..RunSecrets::default()
    };
    if let Some(scope) = plan.sign_in() {
        let answer = session
            .observer
            .services()
            .sign_on()
            .discharge(scope, &login())
            .await
            .unwrap();
        let SignOnAnswer::Signed(signed) = answer else {
            panic!("an OTP was given");
        };
        means.signed = Some(signed);
    }
    let handle = session.start_with(plan, means).unwrap();
    handle.finished.await.unwrap().unwrap()
}

fn puts(world: &World) -> Vec<String> {
    writes(world)
        .into_iter()
        .filter(|write| write.contains(" PUT "))
        .collect()
}

async fn lineages(session: &Session) -> BTreeSet<Lineage> {
    let snapshot = session.observer.for_credentials(Snapshot::default()).await;
    let workspace = &session.config.workspace;
    credentials::targets(workspace, &snapshot)
        .iter()
        .map(|target| credentials::lineage(workspace, &snapshot, target, chrono::Utc::now()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_puts_one_token_everywhere_and_the_next_one_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let first = rotate(&session, &RotateIntent::default()).await;
    assert_eq!(first.outcome, Some(Outcome::Done), "{:?}", first.problem);
    let sent = puts(&world);
    assert_eq!(sent.len(), 6, "{sent:#?}");
    assert!(
        sent[0].ends_with("/legend-juju-bundle/actions/secrets/CHARMHUB_TOKEN 204"),
        "{sent:#?}"
    );
    assert!(
        sent[5].ends_with("/legend-juju-db-operator/actions/secrets/CHARMHUB_TOKEN 204"),
        "{sent:#?}"
    );
    assert_eq!(lineages(&session).await, BTreeSet::from([Lineage::Current]));

    let former = first
        .steps
        .iter()
        .find_map(|step| step.made.session.clone())
        .unwrap();
    let intent = RotateIntent {
        revoke: BTreeSet::from([Revoked::Recorded]),
        ..RotateIntent::default()
    };
    let second = rotate(&session, &intent).await;
    assert_eq!(second.outcome, Some(Outcome::Done), "{:?}", second.problem);
    assert_ne!(second.id, first.id);
    let snapshot = session.observer.for_credentials(Snapshot::default()).await;
    let sessions = snapshot.sessions.value.unwrap();
    let ended = sessions.iter().find(|one| one.id == former).unwrap();
    assert!(ended.revoked_at.is_some(), "{ended:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_fails_for_good_does_not_keep_the_others_and_is_made_up_for() {
    let dir = tempfile::tempdir().unwrap();
    let faults = "[[fault]]\nservice = \"github\"\nmethod = \"PUT\"\n\
                  path = \"*/legend-juju-sdlc-server-operator/*\"\nevery = true\nstatus = 403\n";
    let broken = world(dir.path(), faults).await;
    let session_one = session(&broken, dir.path());
    let first = rotate(&session_one, &RotateIntent::default()).await;
    assert_eq!(first.outcome, Some(Outcome::Failed));
    let told = format!("{:?}", first.problem.as_ref().unwrap());
    assert!(told.contains("5 of 6 secrets hold the new value"), "{told}");
    assert!(
        told.contains("old value in finos/legend-juju-sdlc-server-operator:CHARMHUB_TOKEN"),
        "{told}"
    );
    let failed: Vec<_> = first
        .steps
        .iter()
        .filter(|step| step.outcome == Some(StepOutcome::Failed))
        .collect();
    assert_eq!(failed.len(), 1);
    broken.stop().await;

    let mended = world(dir.path(), "").await;
    let before = writes(&mended).len();
    let session_two = session(&mended, dir.path());
    let second = rotate(&session_two, &RotateIntent::default()).await;
    assert_eq!(second.outcome, Some(Outcome::Done), "{:?}", second.problem);
    assert_eq!(second.id, first.id);
    let since = writes(&mended).split_off(before);
    assert_eq!(
        since,
        ["github PUT /repos/finos/legend-juju-sdlc-server-operator/actions/secrets/CHARMHUB_TOKEN 204"]
    );
    assert_eq!(lineages(&session_two).await, BTreeSet::from([Lineage::Current]));
    mended.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lost_on_its_way_is_named_and_another_one_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let faults = "[[fault]]\nservice = \"charmhub\"\nmethod = \"POST\"\n\
                  path = \"/v1/tokens/usso/exchange\"\nnth = 1\naction = \"reset-after\"\n";
    let world = world(dir.path(), faults).await;
    let session = session(&world, dir.path());
    let record = rotate(&session, &RotateIntent::default()).await;
    assert_eq!(record.outcome, Some(Outcome::Done), "{:?}", record.problem);
    let snapshot = session.observer.for_credentials(Snapshot::default()).await;
    assert_eq!(snapshot.orphans.len(), 1, "{:?}", snapshot.sessions);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_session_mints_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session_with(&world, dir.path(), true, &[]);
    let (plan, _) = planned(&session, &RotateIntent::default()).await;
    let problem = session.start_with(plan, RunSecrets::default()).err().unwrap();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert_eq!(writes(&world), Vec::<String>::new());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_secret_of_the_organisation_replaces_the_copies() {
    let dir = tempfile::tempdir().unwrap();
    // The fourth copy cannot be deleted at first.
    let faults = "[[fault]]\nservice = \"github\"\nmethod = \"DELETE\"\n\
                  path = \"*/legend-juju-studio-operator/*\"\nevery = true\nstatus = 403\n";
    let broken = world(dir.path(), faults).await;
    let session_one = session(&broken, dir.path());
    let wish = RotateIntent {
        organisation: true,
        ..RotateIntent::default()
    };
    let (plan, _) = planned(&session_one, &RotateIntent::default()).await;
    let offer = "one organisation secret would replace 6 copies: add --organisation";
    assert!(
        plan.warnings.iter().any(|warning| warning.as_str() == offer),
        "{:?}",
        plan.warnings
    );
    let first = rotate(&session_one, &wish).await;
    assert_eq!(first.outcome, Some(Outcome::Failed), "{:?}", first.problem);
    let told = format!("{:?}", first.problem.as_ref().unwrap());
    assert!(
        told.contains("an old copy still applies in finos/legend-juju-studio-operator:CHARMHUB_TOKEN"),
        "{told}"
    );
    assert_eq!(
        puts(&broken),
        ["github PUT /orgs/finos/actions/secrets/CHARMHUB_TOKEN 201"]
    );
    broken.stop().await;

    // The next run deletes what is left and creates no token.
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let before = writes(&world).len();
    let second = rotate(&session, &wish).await;
    assert_eq!(second.outcome, Some(Outcome::Done), "{:?}", second.problem);
    assert_eq!(second.id, first.id);
    assert_eq!(
        writes(&world).split_off(before),
        ["github DELETE /repos/finos/legend-juju-studio-operator/actions/secrets/CHARMHUB_TOKEN 204"]
    );
    let kept = kept(&world);
    let shared = &kept["organizations"]["finos"]["secrets"]["CHARMHUB_TOKEN"];
    assert_eq!(shared["visibility"], "selected");
    assert_eq!(
        shared["selected_repositories"].as_array().unwrap().len(),
        6,
        "{shared}"
    );
    assert_eq!(copies(&kept), 0, "{kept}");
    assert_eq!(lineages(&session).await, BTreeSet::from([Lineage::Current]));

    // Copies would hide the organisation's secret: they are created only where they are named.
    let copies_again = Intent::Rotate(RotateIntent::default());
    let problem = common::plan(&session, &copies_again).await.1.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    let hints = format!("{:?}", problem.hints);
    assert!(hints.contains("windlass rotate --organisation"), "{hints}");

    // Copies again, and the former token is revoked: nothing reads the organisation's secret any
    // more.
    let targets = session.config.workspace.tokens[0].targets.clone();
    let revoking = RotateIntent {
        targets: targets.into_iter().collect(),
        revoke: BTreeSet::from([Revoked::Recorded]),
        ..RotateIntent::default()
    };
    let third = rotate(&session, &revoking).await;
    assert_eq!(third.outcome, Some(Outcome::Done), "{:?}", third.problem);
    assert_eq!(copies(&self::kept(&world)), 6);
    assert_eq!(lineages(&session).await, BTreeSet::from([Lineage::Current]));
    let former = second.steps.iter().find_map(|step| step.made.session.clone());
    let snapshot = session.observer.for_credentials(Snapshot::default()).await;
    let sessions = snapshot.sessions.value.unwrap();
    let ended = sessions.iter().find(|one| Some(&one.id) == former.as_ref());
    assert!(ended.unwrap().revoked_at.is_some(), "{ended:?}");
    world.stop().await;
}

/// Returns the state of the demo's GitHub.
fn kept(world: &World) -> serde_json::Value {
    let text = std::fs::read_to_string(world.dir().join("github.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Returns how many of the six repositories have a secret of the rotated name.
fn copies(kept: &serde_json::Value) -> usize {
    let repositories = kept["repositories"].as_object().unwrap().values();
    repositories
        .map(|repository| &repository["secrets"]["CHARMHUB_TOKEN"])
        .filter(|secret| !secret.is_null())
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_no_token_is_shown_to_nobody_but_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let text = SecretString::from("key-of-some-mailer-0123456789");
    let (value, fingerprint) = session.bring(TokenKind::Other, &text, "a file").unwrap();
    let intent = RotateIntent {
        targets: BTreeSet::from(["finos/legend-juju-bundle:MAILGUN_API_KEY".parse().unwrap()]),
        brought: Some(fingerprint),
        ..RotateIntent::default()
    };
    let inputs = Inputs {
        value: Some(&value),
        ..Inputs::default()
    };
    let intent = Intent::Rotate(intent);
    let (_, plan) = session.plan(Snapshot::default(), &intent, inputs).await;
    let plan = plan.unwrap();
    let means = RunSecrets {
        brought: Some(value),
        ..RunSecrets::default()
    };
    let handle = session.start_with(plan, means).unwrap();
    let record = handle.finished.await.unwrap().unwrap();
    assert_eq!(record.outcome, Some(Outcome::Done), "{:?}", record.problem);
    assert_eq!(puts(&world).len(), 1);
    // A service that receives a credential of another service answers 401.
    let log = std::fs::read_to_string(world.dir().join("requests.jsonl")).unwrap();
    assert!(!log.lines().any(|line| line.contains("\"status\":401")), "{log}");
    world.stop().await;
}

/// Starts an environment in which one secret cannot be set, with a rotation that failed there.
async fn failed_at_one(dir: &std::path::Path, intent: &RotateIntent) -> RunRecord {
    let faults = "[[fault]]\nservice = \"github\"\nmethod = \"PUT\"\n\
                  path = \"*/legend-juju-db-operator/*\"\nevery = true\nstatus = 403\n";
    let broken = world(dir, faults).await;
    let session = session(&broken, dir);
    let first = rotate(&session, intent).await;
    assert_eq!(first.outcome, Some(Outcome::Failed), "{:?}", first.problem);
    broken.stop().await;
    first
}

async fn resumed(session: &Session, run: &RunRecord, means: RunSecrets) -> RunRecord {
    let resumption = session.resumption(&run.id, None).await.unwrap();
    let handle = session.resume_as(resumption, means).unwrap();
    handle.finished.await.unwrap().unwrap()
}

fn minted(world: &World) -> usize {
    let exchanges = |write: &String| write.contains("/v1/tokens/usso/exchange");
    writes(world).iter().filter(|write| exchanges(write)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_rotation_sends_what_it_sealed_and_mints_nothing_whatever_it_revokes() {
    for revoke in [BTreeSet::new(), BTreeSet::from([Revoked::Recorded])] {
        let dir = tempfile::tempdir().unwrap();
        let intent = RotateIntent {
            revoke,
            ..RotateIntent::default()
        };
        let first = failed_at_one(dir.path(), &intent).await;
        let world = world(dir.path(), "").await;
        let session = session(&world, dir.path());
        let (before, puts_before) = (minted(&world), puts(&world).len());
        let resumption = session.resumption(&first.id, None).await.unwrap();
        assert!(resumption.sign_in().is_none());
        let second = resumed(&session, &first, RunSecrets::default()).await;
        assert_eq!(second.outcome, Some(Outcome::Done), "{:?}", second.problem);
        assert_eq!(second.id, first.id);
        assert_eq!(minted(&world), before);
        assert_eq!(puts(&world).len(), puts_before + 1);
        assert_eq!(lineages(&session).await, BTreeSet::from([Lineage::Current]));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_rotation_whose_token_was_revoked_needs_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let first = failed_at_one(dir.path(), &RotateIntent::default()).await;
    let former = first
        .steps
        .iter()
        .find_map(|step| step.made.session.clone())
        .unwrap();
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let intent = Intent::Revoke(windlass::plan::RevokeIntent {
        sessions: [former].into(),
    });
    let plan = common::plan(&session, &intent).await.1.unwrap();
    let ended = session.start(plan).unwrap().finished.await.unwrap().unwrap();
    assert_eq!(ended.outcome, Some(Outcome::Done), "{:?}", ended.problem);
    assert!(lineages(&session).await.contains(&Lineage::Revoked));

    let before = puts(&world).len();
    let resumption = session.resumption(&first.id, None).await.unwrap();
    assert!(resumption.sign_in().is_some());
    let problem = session
        .resume_as(resumption, RunSecrets::default())
        .err()
        .unwrap();
    assert_eq!(problem.kind, ProblemKind::Credentials);
    assert_eq!(puts(&world).len(), before);
    let means = RunSecrets {
        login: Some(login()),
        ..RunSecrets::default()
    };
    let second = resumed(&session, &first, means).await;
    assert_eq!(second.outcome, Some(Outcome::Done), "{:?}", second.problem);
    assert_eq!(second.id, first.id);
    assert_eq!(puts(&world).len(), before + 6);
    assert_eq!(lineages(&session).await, BTreeSet::from([Lineage::Current]));
    world.stop().await;
}

/// Puts the expiry of the token that `run` sealed into the past, as if the operator had waited.
fn expire(dir: &std::path::Path, run: &RunRecord) {
    fn past(value: &mut serde_json::Value) -> usize {
        match value {
            serde_json::Value::Object(fields) => {
                let changed = fields.iter_mut().map(|(name, value)| {
                    if name == "expires_at" && value.is_string() {
                        *value = "2020-01-01T00:00:00Z".into();
                        return 1;
                    }
                    past(value)
                });
                changed.sum()
            }
            serde_json::Value::Array(items) => items.iter_mut().map(past).sum(),
            _ => 0,
        }
    }
    let journal = rusqlite::Connection::open(dir.join("state/journal.db")).unwrap();
    let mut changed = 0;
    for step in &run.steps {
        let key = (&run.id.0, &step.id.0);
        let text: String = journal
            .query_row("SELECT made FROM step WHERE run = ?1 AND id = ?2", key, |row| {
                row.get(0)
            })
            .unwrap();
        let mut made = serde_json::from_str(&text).unwrap();
        changed += past(&mut made);
        journal
            .execute(
                "UPDATE step SET made = ?3 WHERE run = ?1 AND id = ?2",
                (&run.id.0, &step.id.0, made.to_string()),
            )
            .unwrap();
    }
    assert!(changed > 0, "the run recorded no expiry");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_rotation_whose_token_has_expired_needs_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let first = failed_at_one(dir.path(), &RotateIntent::default()).await;
    expire(dir.path(), &first);
    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let before = puts(&world).len();
    let resumption = session.resumption(&first.id, None).await.unwrap();
    assert!(resumption.sign_in().is_some());
    let problem = session
        .resume_as(resumption, RunSecrets::default())
        .err()
        .unwrap();
    assert_eq!(problem.kind, ProblemKind::Credentials);
    assert_eq!(puts(&world).len(), before, "the expired value is not sent");
    let means = RunSecrets {
        login: Some(login()),
        ..RunSecrets::default()
    };
    let second = resumed(&session, &first, means).await;
    assert_eq!(second.outcome, Some(Outcome::Done), "{:?}", second.problem);
    assert_eq!(second.id, first.id);
    assert_eq!(puts(&world).len(), before + 6, "every secret gets the new token");
    assert_eq!(lineages(&session).await, BTreeSet::from([Lineage::Current]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_set_by_something_else_meanwhile_stops_the_resumed_rotation() {
    let dir = tempfile::tempdir().unwrap();
    // No secret was attempted: the keys could not be read.
    let faults = "[[fault]]\nservice = \"github\"\nmethod = \"GET\"\n\
                  path = \"*/public-key\"\nevery = true\nstatus = 503\n";
    let broken = world(dir.path(), "").await;
    let session_one = session(&broken, dir.path());
    let (plan, _) = planned(&session_one, &RotateIntent::default()).await;
    broken.stop().await;
    let broken = world(dir.path(), faults).await;
    let session_one = session(&broken, dir.path());
    let means = RunSecrets {
        login: Some(login()),
        ..RunSecrets::default()
    };
    let handle = session_one.start_with(plan, means).unwrap();
    let first = handle.finished.await.unwrap().unwrap();
    assert_eq!(first.outcome, Some(Outcome::Failed), "{:?}", first.problem);
    broken.stop().await;

    let world = world(dir.path(), "").await;
    let session = session(&world, dir.path());
    let target: windlass::domain::SecretTarget =
        "finos/legend-juju-db-operator:CHARMHUB_TOKEN".parse().unwrap();
    let github = &session.observer.services().github;
    let key = github.public_key(&target.repository).await.unwrap();
    let sealed = windlass::domain::secret::SealedValue {
        target,
        encrypted_value: windlass::services::sealed_box::seal(&key, &SecretString::from("other")).unwrap(),
        key_id: key.key_id,
    };
    let writer = windlass::services::github::GitHubWriter::new(github.clone());
    writer.put_secret(&sealed).await.unwrap();
    let before = writes(&world).len();
    let problem = session.resumption(&first.id, None).await.unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Refused);
    assert!(
        format!("{problem:?}").contains("legend-juju-db-operator"),
        "{problem:?}"
    );
    assert_eq!(writes(&world).len(), before);
    world.stop().await;
}
