//! Tests plans of rotations with snapshots built in the test.

mod known;
mod organisation;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::plan;
use crate::config::Workspace;
use crate::domain::credential::{CredentialFacts, CredentialOrigin, ExpiryFrom, PackageScope};
use crate::domain::secret::{LineageRecord, RepositorySecrets, SealedRotation, SecretFacts, SessionFacts};
use crate::domain::{
    Fingerprint, Hint, KeyId, Lineage, Observed, Problem, ProblemKind, SanitizedText, SecretTarget,
    SessionId, Snapshot,
};
use crate::plan::credentials::{Alarm, alarm, credentials, lineage};
use crate::plan::{Intent, Op, Plan, Revoked, RotateIntent};

const BUNDLE: &str = "finos/legend-juju-bundle";
const DB: &str = "finos/legend-juju-db-operator";
const PACKAGES: [&str; 6] = [
    "finos-legend-engine-k8s",
    "finos-legend-sdlc-k8s",
    "finos-legend-studio-k8s",
    "finos-legend-gitlab-integrator-k8s",
    "finos-legend-db-k8s",
    "finos-legend-bundle",
];

/// Returns the built-in workspace with a second secret of the bundle's repository.
fn workspace() -> Workspace {
    let text = include_str!("../../../../assets/workspaces/legend.toml").replacen(
        "targets = [",
        "targets = [\n{ repository = \"finos/legend-juju-bundle\", secret = \"CHARMCRAFT_AUTH\" },",
        1,
    );
    Workspace::parse(&text, "legend").unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_740_000_000, 0).unwrap()
}

fn ago(days: i64) -> DateTime<Utc> {
    now() - TimeDelta::days(days)
}

fn target(text: &str) -> SecretTarget {
    text.parse().unwrap()
}

fn db() -> SecretTarget {
    target(&format!("{DB}:CHARMHUB_TOKEN"))
}

fn targets() -> Vec<SecretTarget> {
    workspace().tokens[0].targets.clone()
}

fn session(text: &str) -> SessionId {
    SessionId::new(text)
}

fn print(text: &str) -> Fingerprint {
    Fingerprint(text.to_owned())
}

fn credential(kind: &str, scopes: &[&str]) -> CredentialFacts {
    CredentialFacts {
        name: kind.into(),
        kind: kind.into(),
        source: "a variable".into(),
        account: Some("publisher".into()),
        expires_at: Some(now() + TimeDelta::days(180)),
        expires_from: ExpiryFrom::Caveat,
        scopes: scopes.iter().map(SanitizedText::new).collect(),
        packages: None,
        channels: None,
        session: None,
        origin: CredentialOrigin::Other,
        token_kind: None,
        remarks: Vec::new(),
        rewrite: None,
    }
}

/// Returns a snapshot in which all repositories are writable and every secret exists except the
/// bundle's documented one.
fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot {
        taken_at: now(),
        world: "w".into(),
        ..Snapshot::default()
    };
    snapshot.credential = Observed::read(credential("charmhub", &["package-manage"]), now());
    snapshot.github = Observed::read(credential("github", &["repo", "workflow"]), now());
    for target in targets() {
        let mut secrets = BTreeMap::new();
        let facts = SecretFacts {
            created_at: ago(100),
            updated_at: ago(50),
        };
        secrets.insert("CHARMHUB_TOKEN".parse().unwrap(), facts);
        let facts = RepositorySecrets {
            repository: target.repository.clone(),
            id: 1,
            may_write: true,
            key_id: KeyId(format!("key of {}", target.repository)),
            secrets,
            shared: BTreeMap::new(),
            busy: Vec::new(),
        };
        snapshot
            .secrets
            .insert(target.repository.clone(), Observed::read(facts, now()));
    }
    snapshot.sessions = Observed::read(Vec::new(), now());
    snapshot
}

fn facts_mut<'s>(snapshot: &'s mut Snapshot, repository: &str) -> &'s mut RepositorySecrets {
    let repository = repository.parse().unwrap();
    snapshot
        .secrets
        .get_mut(&repository)
        .unwrap()
        .value
        .as_mut()
        .unwrap()
}

fn record(target: &SecretTarget, value: &str, minted: Option<&str>, days: i64) -> LineageRecord {
    LineageRecord {
        target: target.clone(),
        updated_at: ago(days),
        fingerprint: print(value),
        session: minted.map(session),
        expires_at: Some(now() + TimeDelta::days(100)),
        run: "R1".into(),
        at: ago(days),
    }
}

/// Records that `value` was written to `target` so many days ago and is still there.
fn wrote(snapshot: &mut Snapshot, target: &SecretTarget, value: &str, minted: Option<&str>, days: i64) {
    snapshot.lineage.push(record(target, value, minted, days));
    let facts = SecretFacts {
        created_at: ago(100),
        updated_at: ago(days),
    };
    facts_mut(snapshot, target.repository.as_str())
        .secrets
        .insert(target.secret.clone(), facts);
}

fn sealed(snapshot: &Snapshot) -> SealedRotation {
    SealedRotation {
        run: "R2".into(),
        session: Some(session("s2")),
        fingerprint: print("second"),
        expires_at: Some(now() + TimeDelta::days(100)),
        sealed: targets()
            .into_iter()
            .map(|target| {
                let key = snapshot.secrets[&target.repository]
                    .value
                    .as_ref()
                    .unwrap()
                    .key_id
                    .clone();
                (target, key)
            })
            .collect(),
        organisations: Vec::new(),
    }
}

fn listed(id: &str, revoked_at: Option<DateTime<Utc>>) -> SessionFacts {
    SessionFacts {
        id: session(id),
        description: Some("windlass@host R1".into()),
        since: Some(ago(50)),
        until: Some(now() + TimeDelta::days(100)),
        revoked_at,
    }
}

fn planned(snapshot: &Snapshot, intent: &RotateIntent) -> Plan {
    plan(&workspace(), snapshot, intent).unwrap()
}

fn refused(snapshot: &Snapshot, intent: &RotateIntent) -> Problem {
    plan(&workspace(), snapshot, intent).unwrap_err()
}

fn whole(problem: &Problem) -> String {
    let hints: Vec<_> = problem.hints.iter().map(Hint::as_str).collect();
    format!("{problem} / {}", hints.join(" / "))
}

fn ids(plan: &Plan, skipped: bool) -> Vec<&str> {
    plan.steps
        .iter()
        .filter(|step| step.skip_reason.is_some() == skipped)
        .map(|step| step.id.0.as_str())
        .collect()
}

fn warned(plan: &Plan, text: &str) -> bool {
    plan.warnings
        .iter()
        .any(|warning| warning.as_str().contains(text))
}

fn revoked(plan: &Plan) -> Vec<&str> {
    plan.steps
        .iter()
        .filter_map(|step| match &step.op {
            Op::RevokeSession { session, .. } => Some(session.as_str()),
            _ => None,
        })
        .collect()
}

fn revoking(wish: Revoked) -> RotateIntent {
    RotateIntent {
        revoke: [wish].into(),
        ..RotateIntent::default()
    }
}

fn bringing(value: &str) -> RotateIntent {
    RotateIntent {
        brought: Some(print(value)),
        ..RotateIntent::default()
    }
}

#[test]
fn everything_is_proved_before_the_first_write_and_the_former_token_ends_last() {
    let mut snapshot = snapshot();
    wrote(&mut snapshot, &db(), "first", Some("s1"), 20);
    let intent = revoking(Revoked::Recorded);
    let plan = planned(&snapshot, &intent);
    let sets: Vec<String> = targets()
        .iter()
        .map(|target| format!("set-secret/{target}"))
        .collect();
    let mut expected = vec!["sign-in", "check-token", "seal-secrets"];
    expected.extend(sets.iter().map(String::as_str));
    expected.push("revoke-session/s1");
    assert_eq!(ids(&plan, false), expected);
    assert_eq!(plan.command, "windlass rotate --revoke recorded");
    assert_eq!(plan.confirm, "CHARMHUB_TOKEN");
    // One per repository, although the bundle's repository has two of the secrets.
    assert_eq!(plan.assumptions.len(), 6);
    assert!(plan.title.contains("6 repositories"), "{}", plan.title);
}

#[test]
fn the_token_may_do_what_the_targets_need_and_nothing_else() {
    let scope = |intent: &RotateIntent| planned(&snapshot(), intent).sign_in().cloned().unwrap();
    let all = scope(&RotateIntent::default());
    let names: Vec<_> = all.packages.iter().map(|p| p.name.as_str().to_owned()).collect();
    assert_eq!(names, PACKAGES);
    let kinds: Vec<_> = all
        .packages
        .iter()
        .map(|p| serde_json::to_value(p.kind).unwrap())
        .collect();
    assert_eq!(kinds, ["charm", "charm", "charm", "charm", "charm", "bundle"]);
    assert_eq!(all.permissions, ["package-manage", "package-view-revisions"]);
    assert_eq!((all.ttl, all.channels.len()), (15_780_000, 0));

    let one = scope(&RotateIntent {
        targets: [db()].into(),
        ttl: Some(3600),
        ..RotateIntent::default()
    });
    let names: Vec<_> = one.packages.iter().map(|p| p.name.as_str().to_owned()).collect();
    assert_eq!(names, ["finos-legend-db-k8s"]);
    assert_eq!(one.ttl, 3600);
}

#[test]
fn without_a_github_token_nothing_is_planned() {
    let mut snapshot = snapshot();
    snapshot.github = Observed::failed(Problem::new(ProblemKind::NotFound, "no GitHub token is set"));
    let problem = refused(&snapshot, &RotateIntent::default());
    assert_eq!(problem.kind, ProblemKind::Credentials);
    assert!(whole(&problem).contains("GH_TOKEN"), "{}", whole(&problem));
}

#[test]
fn every_refusal_of_the_probe_is_named_at_once() {
    let mut snapshot = snapshot();
    facts_mut(&mut snapshot, BUNDLE).repository = "finos/moved".parse().unwrap();
    facts_mut(&mut snapshot, DB).may_write = false;
    let studio = "finos/legend-juju-studio-operator";
    snapshot.secrets.insert(
        studio.parse().unwrap(),
        Observed::failed(Problem::new(
            ProblemKind::Credentials,
            format!("{studio} is hidden from this token"),
        )),
    );
    let problem = refused(&snapshot, &RotateIntent::default());
    let text = whole(&problem);
    for part in [
        "finos/legend-juju-bundle was renamed to finos/moved",
        "the GitHub token may not write to finos/legend-juju-db-operator",
        studio,
        "nothing was changed and no token was created",
    ] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    // The bundle's repository has two targets and is named once.
    assert_eq!(text.matches("finos/moved").count(), 1, "{text}");
}

#[test]
fn what_is_refused_is_named_where_the_rest_can_be_rotated() {
    let mut snapshot = snapshot();
    let of = |snapshot: &Snapshot, without: &[SecretTarget]| {
        let without = without.iter().cloned().collect();
        super::refused(
            &workspace(),
            snapshot,
            &RotateIntent {
                without,
                ..RotateIntent::default()
            },
        )
    };
    assert_eq!(of(&snapshot, &[]), []);
    facts_mut(&mut snapshot, DB).may_write = false;
    assert_eq!(of(&snapshot, &[]), [db()]);
    assert_eq!(of(&snapshot, &[db()]), []);
    let left_out = planned(
        &snapshot,
        &RotateIntent {
            without: [db()].into(),
            ..RotateIntent::default()
        },
    );
    assert!(left_out.command.contains(&format!("--without {}", db())));
    for facts in snapshot.secrets.values_mut() {
        facts.value.as_mut().unwrap().may_write = false;
    }
    // No target would be left.
    assert_eq!(of(&snapshot, &[]), []);
    snapshot.github = Observed::failed(Problem::new(ProblemKind::NotFound, "no GitHub token is set"));
    assert_eq!(of(&snapshot, &[]), []);
}

#[test]
fn a_repository_seen_only_earlier_is_no_ground_to_write_on() {
    let mut snapshot = snapshot();
    let seen = snapshot.secrets.get_mut(&DB.parse().unwrap()).unwrap();
    seen.problem = Some(Problem::new(ProblemKind::Network, "no answer"));
    assert_eq!(
        refused(&snapshot, &RotateIntent::default()).kind,
        ProblemKind::Network
    );
}

fn packages(names: &[&str]) -> Vec<PackageScope> {
    let package = |name: &&str| PackageScope {
        kind: "charm".into(),
        name: Some(SanitizedText::new(name)),
        id: None,
    };
    names.iter().map(package).collect()
}

#[test]
fn a_brought_token_that_lacks_the_db_charm_is_refused_by_name() {
    let mut snapshot = snapshot();
    let mut brought = credential("charmhub", &["package-manage"]);
    brought.packages = Some(packages(
        &PACKAGES
            .iter()
            .copied()
            .filter(|name| *name != "finos-legend-db-k8s")
            .collect::<Vec<_>>(),
    ));
    snapshot.brought = Observed::read(brought, now());
    let text = whole(&refused(&snapshot, &bringing("new")));
    assert!(
        text.contains(&format!("{} needs package finos-legend-db-k8s", db())),
        "{text}"
    );
    // The charm's own repository, and the bundle's, whose jobs publish everything.
    assert!(text.contains(&format!("{BUNDLE}:CHARMHUB_TOKEN needs")), "{text}");
    assert!(!text.contains("studio-operator"), "{text}");
}

#[test]
fn a_brought_token_is_refused_for_narrow_channels_lacking_permissions_and_its_end() {
    let refusal = |change: &dyn Fn(&mut CredentialFacts)| {
        let mut snapshot = snapshot();
        let mut brought = credential("charmhub", &["package-manage"]);
        change(&mut brought);
        snapshot.brought = Observed::read(brought, now());
        whole(&refused(&snapshot, &bringing("new")))
    };
    let text = refusal(&|facts| facts.channels = Some(vec!["latest/stable".into()]));
    assert!(text.contains("channel latest/edge"), "{text}");
    let text = refusal(&|facts| facts.scopes = vec!["package-view".into()]);
    assert!(text.contains("permission package-manage"), "{text}");
    assert!(!text.contains("permission package-view-revisions"), "{text}");
    let text = refusal(&|facts| facts.expires_at = Some(now()));
    assert!(text.contains("has expired"), "{text}");
}

#[test]
fn a_brought_token_that_will_do_is_put_in_place_without_a_sign_in() {
    let mut snapshot = snapshot();
    let mut brought = credential("charmhub", &["package-manage"]);
    brought.channels = None;
    brought.expires_at = Some(now() + TimeDelta::days(2));
    snapshot.brought = Observed::read(brought, now());
    let plan = planned(&snapshot, &bringing("new"));
    assert!(plan.sign_in().is_none());
    assert_eq!(ids(&plan, false).len(), 9);
    assert!(warned(&plan, "expires soon"), "{:?}", plan.warnings);

    for target in targets() {
        wrote(&mut snapshot, &target, "new", None, 1);
    }
    assert!(planned(&snapshot, &bringing("new")).nothing_to_do());
}

#[test]
fn seals_of_an_unfinished_run_are_sent_and_nothing_is_minted() {
    let mut snapshot = snapshot();
    snapshot.sealed = Some(sealed(&snapshot));
    let held = targets()[1].clone();
    wrote(&mut snapshot, &held, "second", Some("s2"), 0);
    let plan = planned(&snapshot, &RotateIntent::default());
    let held = format!("set-secret/{held}");
    assert_eq!(
        ids(&plan, true),
        ["sign-in", "check-token", "seal-secrets", held.as_str()]
    );
    assert_eq!(ids(&plan, false).len(), 6);
    assert!(plan.sign_in().is_none());
}

#[test]
fn seals_of_a_token_that_is_over_or_of_other_targets_are_not_sent() {
    let mut snapshot = snapshot();
    snapshot.sealed = Some(sealed(&snapshot));
    let mut key = snapshot.clone();
    facts_mut(&mut key, DB).key_id = KeyId("another".to_owned());
    let plan = planned(&key, &RotateIntent::default());
    assert!(plan.sign_in().is_some());
    assert_eq!(ids(&plan, true), Vec::<&str>::new());
    assert!(
        warned(&plan, &format!("the key of {DB} has changed")),
        "{:?}",
        plan.warnings
    );
    assert!(warned(&plan, "all targets need a new token"));

    let mut ended = snapshot.clone();
    ended.sessions = Observed::read(vec![listed("s2", Some(ago(1)))], now());
    let plan = planned(&ended, &RotateIntent::default());
    assert!(plan.sign_in().is_some() && warned(&plan, "no longer valid"));

    let mut expired = snapshot.clone();
    expired.sealed.as_mut().unwrap().expires_at = Some(now());
    let plan = planned(&expired, &RotateIntent::default());
    assert!(plan.sign_in().is_some() && warned(&plan, "no longer valid"));

    let mut fewer = snapshot;
    fewer.sealed.as_mut().unwrap().sealed.pop();
    assert!(planned(&fewer, &RotateIntent::default()).sign_in().is_some());
}

#[test]
fn recorded_sessions_are_ended_but_never_the_one_in_use_or_one_that_has_ended() {
    let mut snapshot = snapshot();
    for (target, minted) in targets().iter().zip(["s1", "s2", "s3", "s1", "s1", "s1", "s1"]) {
        wrote(&mut snapshot, target, minted, Some(minted), 20);
    }
    snapshot.credential.value.as_mut().unwrap().session = Some(session("s2"));
    snapshot.sessions = Observed::read(vec![listed("s1", None), listed("s3", Some(ago(1)))], now());
    let plan = planned(&snapshot, &revoking(Revoked::Recorded));
    assert_eq!(revoked(&plan), ["s1"]);
    assert!(warned(&plan, "session s2 is used by windlass itself"));
    assert!(plan.steps.last().unwrap().optional);

    // Sessions of other targets are not affected by this rotation.
    let one = RotateIntent {
        targets: [targets()[2].clone()].into(),
        ..revoking(Revoked::Recorded)
    };
    let plan = planned(&snapshot, &one);
    assert_eq!(revoked(&plan), Vec::<&str>::new());
    assert!(warned(&plan, "no former session"));
}

#[test]
fn a_session_whose_token_stays_in_another_target_is_not_ended() {
    let mut snapshot = snapshot();
    for target in targets() {
        wrote(&mut snapshot, &target, "first", Some("s1"), 20);
    }
    let intent = RotateIntent {
        targets: [db()].into(),
        ..revoking(Revoked::Recorded)
    };
    let plan = planned(&snapshot, &intent);
    assert_eq!(revoked(&plan), Vec::<&str>::new());
    assert!(
        warned(&plan, "session s1, which is not revoked"),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn the_session_of_the_value_being_put_in_place_is_never_ended() {
    let mut snapshot = snapshot();
    for target in targets() {
        wrote(&mut snapshot, &target, "first", Some("s1"), 20);
    }
    // The token does not contain its session id, but the journal does.
    snapshot.brought = Observed::read(credential("charmhub", &["package-manage"]), now());
    let intent = |wish| RotateIntent {
        brought: Some(print("first")),
        ..revoking(wish)
    };
    assert_eq!(
        revoked(&planned(&snapshot, &intent(Revoked::Recorded))),
        Vec::<&str>::new()
    );
    let problem = refused(&snapshot, &intent(Revoked::Session(session("s1"))));
    assert_eq!(problem.kind, ProblemKind::Refused);
}

#[test]
fn chosen_sessions_must_be_known_and_not_in_use() {
    let mut snapshot = snapshot();
    let wish = |id: &str| revoking(Revoked::Session(session(id)));
    assert_eq!(refused(&snapshot, &wish("nobody")).kind, ProblemKind::NotFound);
    snapshot.sessions = Observed::read(vec![listed("a", None), listed("b", Some(ago(1)))], now());
    assert_eq!(revoked(&planned(&snapshot, &wish("a"))), ["a"]);
    let plan = planned(&snapshot, &wish("b"));
    assert_eq!(ids(&plan, true), ["revoke-session/b"]);
    snapshot.credential.value.as_mut().unwrap().session = Some(session("a"));
    assert_eq!(refused(&snapshot, &wish("a")).kind, ProblemKind::Refused);
    snapshot.sessions = Observed::failed(Problem::new(ProblemKind::Network, "no answer"));
    assert_eq!(refused(&snapshot, &wish("c")).kind, ProblemKind::Network);
}

#[test]
fn a_busy_repository_is_named_before_anything_is_revoked() {
    let mut snapshot = snapshot();
    wrote(&mut snapshot, &db(), "first", Some("s1"), 20);
    facts_mut(&mut snapshot, DB).busy = vec!["publish".into()];
    let plan = planned(&snapshot, &revoking(Revoked::Recorded));
    assert!(warned(&plan, &format!("'publish' is running in {DB}")));
    assert!(!warned(
        &planned(&snapshot, &RotateIntent::default()),
        "is running"
    ));
}

#[test]
fn a_lost_token_is_offered_for_its_end() {
    let mut snapshot = snapshot();
    snapshot.orphans = vec![session("lost")];
    snapshot.sessions = Observed::read(vec![listed("lost", None)], now());
    assert!(warned(
        &planned(&snapshot, &RotateIntent::default()),
        "revoke it with --revoke lost"
    ));
    let plan = planned(&snapshot, &revoking(Revoked::Session(session("lost"))));
    assert!(!warned(&plan, "--revoke lost"));
    assert_eq!(revoked(&plan), ["lost"]);
}
