//! Tests the doctor's checks with examinations built in the test.

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::domain::credential::{CredentialOrigin, ExpiryFrom, GitHubTokenKind, PackageScope};
use crate::domain::secret::{LineageRecord, RepositorySecrets, SecretFacts};
use crate::domain::workflow::WorkflowJob;
use crate::domain::{Fingerprint, KeyId, ProblemKind, SecretTarget, SessionId};

const BUNDLE: &str = "finos/legend-juju-bundle";

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

fn token(kind: &str, scopes: &[&str], days: i64) -> CredentialFacts {
    CredentialFacts {
        name: kind.into(),
        kind: kind.into(),
        source: "a variable".into(),
        account: Some("publisher".into()),
        expires_at: Some(now() + TimeDelta::days(days)),
        expires_from: ExpiryFrom::Service,
        scopes: scopes.iter().map(SanitizedText::new).collect(),
        packages: None,
        channels: None,
        session: None,
        origin: CredentialOrigin::Other,
        token_kind: Some(GitHubTokenKind::Classic),
        remarks: vec!["classic token".into()],
        rewrite: None,
    }
}

/// Returns facts without any problem: every secret is set, read and written by windlass.
fn world() -> (Snapshot, Examination) {
    let mut snapshot = Snapshot {
        taken_at: now(),
        ..Snapshot::default()
    };
    snapshot.credential = Observed::read(token("charmhub", &["package-manage"], 100), now());
    snapshot.github = Observed::read(token("github", &["repo", "workflow"], 100), now());
    let mut seen = Examination {
        state: Some(StateFolder {
            path: "/state".into(),
            private: true,
            unwritable: None,
        }),
        keyring: KeyringStanding::Usable,
        ..Examination::default()
    };
    for target in &workspace().tokens[0].targets {
        let secret = SecretFacts {
            created_at: now(),
            updated_at: now(),
        };
        let empty = RepositorySecrets {
            repository: target.repository.clone(),
            id: 1,
            may_write: true,
            key_id: KeyId("k".to_owned()),
            secrets: BTreeMap::new(),
            shared: BTreeMap::new(),
            busy: Vec::new(),
        };
        let facts = snapshot
            .secrets
            .entry(target.repository.clone())
            .or_insert_with(|| Observed::read(empty, now()));
        facts
            .value
            .as_mut()
            .unwrap()
            .secrets
            .insert(target.secret.clone(), secret);
        let workflows = seen
            .workflows
            .entry(target.repository.clone())
            .or_insert_with(|| {
                let states = Observed::read(Vec::new(), now());
                Observed::read(
                    Workflows {
                        states,
                        ..Workflows::default()
                    },
                    now(),
                )
            });
        let workflows = workflows.value.as_mut().unwrap();
        if workflows.files.is_empty() {
            workflows.files.push(WorkflowFile {
                path: ".github/workflows/publish.yaml".to_owned(),
                ..WorkflowFile::default()
            });
        }
        workflows.files[0].reads.insert(target.secret.clone());
        snapshot.lineage.push(record(target, "v"));
    }
    (snapshot, seen)
}

fn record(target: &SecretTarget, value: &str) -> LineageRecord {
    LineageRecord {
        target: target.clone(),
        updated_at: now(),
        fingerprint: Fingerprint(value.to_owned()),
        session: None,
        expires_at: None,
        run: "R".into(),
        at: now(),
    }
}

/// Returns the checks that are not ok, in their order.
fn found(snapshot: &Snapshot, seen: &Examination) -> Vec<(CheckStatus, String)> {
    let all = checks(&workspace(), snapshot, seen, now());
    for check in &all {
        let bad = check.standing != CheckStatus::Ok;
        assert_eq!(check.remedy.is_some(), bad, "{check:?}");
    }
    all.into_iter()
        .filter(|check| check.standing != CheckStatus::Ok)
        .map(|check| (check.standing, check.name.to_string()))
        .collect()
}

fn one(standing: CheckStatus, name: &str) -> Vec<(CheckStatus, String)> {
    vec![(standing, name.to_owned())]
}

#[test]
fn a_world_without_a_fault_is_fine() {
    let (snapshot, seen) = world();
    assert_eq!(found(&snapshot, &seen), []);
}

#[test]
fn a_name_that_nobody_reads_and_one_that_nobody_set() {
    let (snapshot, mut seen) = world();
    let workflows = seen.workflows.get_mut(&BUNDLE.parse().unwrap()).unwrap();
    let names = &mut workflows.value.as_mut().unwrap().files[0].reads;
    names.remove(&"CHARMCRAFT_AUTH".parse().unwrap());
    names.insert("MAILGUN_API_KEY".parse().unwrap());
    assert_eq!(
        found(&snapshot, &seen),
        [
            (
                CheckStatus::Warning,
                format!("secret-name/{BUNDLE}:CHARMCRAFT_AUTH")
            ),
            (
                CheckStatus::Warning,
                format!("secret-name/{BUNDLE}:MAILGUN_API_KEY")
            ),
        ]
    );
    // A secret that the workspace names and a workflow reads does not exist: a job will fail.
    let (mut snapshot, seen) = world();
    let facts = snapshot.secrets.get_mut(&BUNDLE.parse().unwrap()).unwrap();
    let secrets = &mut facts.value.as_mut().unwrap().secrets;
    secrets.remove(&"CHARMHUB_TOKEN".parse().unwrap());
    assert_eq!(
        found(&snapshot, &seen),
        one(CheckStatus::Failed, &format!("secret/{BUNDLE}:CHARMHUB_TOKEN"))
    );
}

#[test]
fn a_secret_changed_by_somebody_else_and_a_workflow_that_sleeps() {
    let (mut snapshot, mut seen) = world();
    let db = "finos/legend-juju-db-operator";
    let facts = snapshot.secrets.get_mut(&db.parse().unwrap()).unwrap();
    for secret in facts.value.as_mut().unwrap().secrets.values_mut() {
        secret.updated_at = now() + TimeDelta::seconds(1);
    }
    let workflows = seen.workflows.get_mut(&db.parse().unwrap()).unwrap();
    workflows.value.as_mut().unwrap().states = Observed::read(
        vec![
            (
                ".github/workflows/ci.yaml".to_owned(),
                "disabled_inactivity".to_owned(),
            ),
            (".github/workflows/publish.yaml".to_owned(), "active".to_owned()),
        ],
        now(),
    );
    assert_eq!(
        found(&snapshot, &seen),
        [
            (CheckStatus::Warning, format!("secret/{db}:CHARMHUB_TOKEN")),
            (CheckStatus::Warning, format!("workflow/{db}/ci.yaml")),
        ]
    );
}

#[test]
fn a_workflow_that_cannot_run_or_is_not_pinned_is_said() {
    let (snapshot, mut seen) = world();
    let workflows = seen.workflows.get_mut(&BUNDLE.parse().unwrap()).unwrap();
    workflows.value.as_mut().unwrap().files[0].jobs = vec![WorkflowJob {
        id: "publish".into(),
        runners: vec![vec!["ubuntu-20.04".to_owned()]],
        uses: vec!["a/b@master".to_owned()],
        installs: vec!["sudo snap install charmcraft --classic".to_owned()],
    }];
    assert_eq!(
        found(&snapshot, &seen),
        ["workflow-runner", "workflow-charmcraft", "workflow-actions"]
            .map(|name| (CheckStatus::Warning, format!("{name}/{BUNDLE}/publish.yaml")))
    );
}

#[test]
fn tokens_are_judged_by_their_end_and_by_what_they_may_do() {
    let (mut snapshot, seen) = world();
    snapshot.credential = Observed::read(token("charmhub", &["package-manage"], 14), now());
    snapshot.github = Observed::read(token("github", &["workflow"], 0), now());
    assert_eq!(
        found(&snapshot, &seen),
        [
            (CheckStatus::Warning, "charmhub-token-expiry".to_owned()),
            (CheckStatus::Failed, "github-token-expiry".to_owned()),
            (CheckStatus::Failed, "github-scopes".to_owned()),
        ]
    );
    let (mut snapshot, seen) = world();
    let facts = snapshot.credential.value.as_mut().unwrap();
    facts.packages = Some(vec![PackageScope {
        kind: "charm".into(),
        name: Some("finos-legend-sdlc-k8s".into()),
        id: None,
    }]);
    let all = checks(&workspace(), &snapshot, &seen, now());
    let narrow = all
        .iter()
        .find(|check| check.name.as_str() == "charmhub-permissions");
    let narrow = narrow.unwrap();
    assert_eq!(narrow.standing, CheckStatus::Failed);
    assert!(narrow.text.as_str().contains("finos-legend-db-k8s"), "{narrow:?}");
    assert!(!narrow.text.as_str().contains("sdlc"), "{narrow:?}");

    let (mut snapshot, seen) = world();
    snapshot.credential = Observed::failed(Problem::new(ProblemKind::Credentials, "no longer valid"));
    snapshot.github = Observed::failed(Problem::new(ProblemKind::NotFound, "no GitHub token is set"));
    assert_eq!(
        found(&snapshot, &seen),
        [
            (CheckStatus::Failed, "charmhub-token".to_owned()),
            (CheckStatus::Warning, "github-token".to_owned()),
        ]
    );
}

#[test]
fn clocks_and_quotas_have_their_thresholds() {
    let clock = |ahead: i64| {
        let (snapshot, mut seen) = world();
        seen.skews.insert("h".to_owned(), ahead);
        found(&snapshot, &seen)
    };
    assert_eq!((clock(60), clock(-60)), (vec![], vec![]));
    assert_eq!(clock(61), one(CheckStatus::Warning, "clock/h"));
    assert_eq!(clock(-300), one(CheckStatus::Warning, "clock/h"));
    assert_eq!(clock(-301), one(CheckStatus::Failed, "clock/h"));
    let quota = |remaining: u64| {
        let (snapshot, mut seen) = world();
        seen.requests = Observed::read(
            Requests {
                limit: 5000,
                remaining,
                reset: None,
            },
            now(),
        );
        found(&snapshot, &seen)
    };
    assert_eq!(quota(500), []);
    assert_eq!(quota(499), one(CheckStatus::Warning, "github-quota"));
    assert_eq!(quota(0), one(CheckStatus::Failed, "github-quota"));
}

#[test]
fn this_machine_and_what_was_left_behind() {
    let (mut snapshot, mut seen) = world();
    seen.state.as_mut().unwrap().private = false;
    seen.keyring = KeyringStanding::Locked;
    seen.open_runs = vec![OpenRun {
        id: "R7".into(),
        title: "Publish".into(),
        outcome: Some("failed"),
        ways_on: vec!["windlass resume R7".to_owned()],
    }];
    seen.reached = vec![
        Reach {
            service: "github".into(),
            host: "h".into(),
            answer: Some(Err(Problem::new(ProblemKind::Network, "no answer"))),
        },
        Reach {
            service: "charmhub".into(),
            host: "h".into(),
            answer: Some(Ok(404)),
        },
    ];
    snapshot.orphans = vec![SessionId::new("lost")];
    assert_eq!(
        found(&snapshot, &seen),
        [
            (CheckStatus::Failed, "state-folder".to_owned()),
            (CheckStatus::Warning, "keyring".to_owned()),
            (CheckStatus::Warning, "open-run/R7".to_owned()),
            (CheckStatus::Failed, "reach/github".to_owned()),
            (CheckStatus::Warning, "session/lost".to_owned()),
        ]
    );
}

#[test]
fn a_login_is_fine_refused_or_unproven() {
    let (snapshot, mut seen) = world();
    let proof = |registry: &str, source: &str, answer| LoginProof {
        registry: registry.into(),
        user: None,
        source: source.into(),
        answer: Some(answer),
    };
    let refused = || Problem::new(ProblemKind::Credentials, "not accepted").hint("another hint");
    seen.logins = vec![
        proof("quay.io", "config.json", Ok(vec!["read:packages".into()])),
        proof("ghcr.io", "CR_PAT", Err(refused())),
        proof("docker.io", "config.json", Err(refused())),
        proof(
            "r.example",
            "config.json",
            Err(Problem::new(ProblemKind::Network, "no answer")),
        ),
    ];
    assert_eq!(
        found(&snapshot, &seen),
        [
            (CheckStatus::Failed, "registry-login/ghcr.io".to_owned()),
            (CheckStatus::Failed, "registry-login/docker.io".to_owned()),
            (CheckStatus::Warning, "registry-login/r.example".to_owned()),
        ]
    );
    let all = checks(&workspace(), &snapshot, &seen, now());
    let check = |name: &str| all.iter().find(|check| check.name.as_str() == name).unwrap();
    assert_eq!(
        check("registry-login/quay.io").text.as_str(),
        "accepted, from config.json; scopes read:packages"
    );
    assert_eq!(
        check("registry-login/docker.io")
            .remedy
            .as_ref()
            .unwrap()
            .as_str(),
        "windlass login --registry docker.io"
    );
    let variable = check("registry-login/ghcr.io").remedy.as_ref().unwrap();
    assert!(variable.as_str().starts_with("set CR_PAT"), "{variable}");
    // Two logins of one registry are distinguished.
    seen.logins[1].registry = "docker.io".into();
    assert_eq!(
        found(&snapshot, &seen)[..2],
        [
            (
                CheckStatus::Failed,
                "registry-login/docker.io from CR_PAT".to_owned()
            ),
            (
                CheckStatus::Failed,
                "registry-login/docker.io from config.json".to_owned()
            ),
        ]
    );
}

#[test]
fn offline_the_same_facts_have_the_same_standing_and_tell_their_age() {
    let later = now() + TimeDelta::hours(3);
    let (mut snapshot, mut seen) = world();
    snapshot.github.value.as_mut().unwrap().scopes.clear();
    let facts = snapshot.secrets.get_mut(&BUNDLE.parse().unwrap()).unwrap();
    let secrets = &mut facts.value.as_mut().unwrap().secrets;
    secrets.remove(&"CHARMHUB_TOKEN".parse().unwrap());
    let told = |seen: &Examination| checks(&workspace(), &snapshot, seen, later);
    let online = told(&seen);
    seen.offline = true;
    let offline = told(&seen);
    for check in &online {
        let same = offline.iter().find(|other| other.name == check.name).unwrap();
        assert_eq!((same.standing, &same.remedy), (check.standing, &check.remedy));
        let here = ["state-folder", "keyring", "journal", "open-runs"].contains(&check.name.as_str());
        let when = if here {
            "; read at 2025-02-20 00:20 UTC (just now)"
        } else {
            "; read at 2025-02-19 21:20 UTC (3 h ago)"
        };
        assert!(same.text.as_str().ends_with(when), "{same:?}");
    }
    let token = offline
        .iter()
        .find(|check| check.name.as_str() == "charmhub-token")
        .unwrap();
    assert_eq!(
        token.text.as_str(),
        "was accepted as publisher, from a variable; read at 2025-02-19 21:20 UTC (3 h ago)"
    );
    for check in offline
        .iter()
        .filter(|check| !online.iter().any(|other| other.name == check.name))
    {
        assert_eq!(check.standing, CheckStatus::Warning);
        assert_eq!(check.text.as_str(), "not checked: offline");
    }
}

#[test]
fn what_cannot_be_told_offline_is_not_asked() {
    // Nothing was ever observed.
    let (_, mut seen) = world();
    seen.offline = true;
    seen.workflows.clear();
    seen.requests = Observed::default();
    seen.reached = vec![Reach {
        service: "github".into(),
        host: "h".into(),
        answer: None,
    }];
    seen.logins = vec![LoginProof {
        registry: "ghcr.io".into(),
        user: None,
        source: "CR_PAT".into(),
        answer: None,
    }];
    for check in checks(&workspace(), &Snapshot::default(), &seen, now()) {
        let here = ["state-folder", "keyring", "journal", "open-runs"].contains(&check.name.as_str());
        assert_eq!(check.standing == CheckStatus::Ok, here, "{check:?}");
        assert_eq!(check.text.as_str() == "not checked: offline", !here, "{check:?}");
        assert_eq!(check.text.as_str().contains("(just now)"), here, "{check:?}");
    }
    // Whether an absent secret is used is known only from the workflows.
    let (mut snapshot, mut seen) = world();
    seen.offline = true;
    seen.workflows.clear();
    let facts = snapshot.secrets.get_mut(&BUNDLE.parse().unwrap()).unwrap();
    let secrets = &mut facts.value.as_mut().unwrap().secrets;
    secrets.remove(&"CHARMCRAFT_AUTH".parse().unwrap());
    let all = found(&snapshot, &seen);
    assert!(
        all.iter().all(|(standing, _)| *standing == CheckStatus::Warning),
        "{all:?}"
    );
    assert!(
        all.contains(&(CheckStatus::Warning, format!("secret/{BUNDLE}:CHARMCRAFT_AUTH"))),
        "{all:?}"
    );
}
