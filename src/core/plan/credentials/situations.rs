//! Lists states of secrets with the expected answers to "is it current?" and "when does it
//! expire?". Every front end is tested with this table.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::Workspace;
use crate::domain::credential::{CredentialFacts, CredentialOrigin, ExpiryFrom};
use crate::domain::secret::{LineageRecord, RepositorySecrets, Revocation, SecretFacts, SessionFacts};
use crate::domain::{
    Fingerprint, GitHubRepository, KeyId, Lineage, Observed, Problem, ProblemKind, SecretTarget, SessionId,
    Snapshot,
};

/// A state of one secret.
pub struct Situation {
    /// Name of the state.
    pub name: &'static str,
    /// The observed and recorded facts.
    pub snapshot: Snapshot,
    /// Expected origin of its value.
    pub lineage: Lineage,
    /// Expected days until its token expires, or may expire.
    pub expires_in: Option<i64>,
    /// Expected source of the expiry.
    pub expires_from: ExpiryFrom,
    /// True if `--fail-within 14d` fails.
    pub fails_within_14_days: bool,
    /// True if the doctor reports a failure.
    pub doctor_fails: bool,
}

/// Returns the secret under test.
pub fn target() -> SecretTarget {
    "finos/legend-juju-db-operator:CHARMHUB_TOKEN".parse().unwrap()
}

/// Returns a workspace with only this secret.
pub fn workspace() -> Workspace {
    let text = include_str!("../../../../assets/workspaces/legend.toml");
    let mut workspace = Workspace::parse(text, "legend").unwrap();
    workspace.tokens[0].targets = vec![target()];
    workspace
}

/// Returns the time of the test.
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_740_000_000, 0).unwrap()
}

/// Returns the time `days` days from now.
pub fn day(days: i64) -> DateTime<Utc> {
    now() + TimeDelta::days(days)
}

fn facts(set: i64) -> SecretFacts {
    SecretFacts {
        created_at: day(-100),
        updated_at: day(set),
    }
}

/// Returns a repository whose secret was set on day `own`, or on day `shared` in its organisation.
fn secrets(own: Option<i64>, shared: Option<i64>) -> Observed<RepositorySecrets> {
    let named = |set: Option<i64>| -> BTreeMap<_, _> {
        set.map(|set| (target().secret, facts(set))).into_iter().collect()
    };
    let facts = RepositorySecrets {
        repository: target().repository,
        id: 1,
        may_write: true,
        key_id: KeyId("key".to_owned()),
        secrets: named(own),
        shared: named(shared),
        busy: Vec::new(),
    };
    Observed::read(facts, now())
}

fn session(id: &str, since: i64, until: i64) -> SessionFacts {
    SessionFacts {
        id: SessionId::new(id),
        description: Some(format!("charmcraft@{id}").into()),
        since: Some(day(since)),
        until: Some(day(until)),
        revoked_at: None,
    }
}

/// Records that windlass set `secret` on day `set` to a token of session `own` that expires on day
/// `until`.
fn record(secret: &SecretTarget, set: i64, until: Option<i64>) -> LineageRecord {
    LineageRecord {
        target: secret.clone(),
        updated_at: day(set),
        fingerprint: Fingerprint(format!("value of day {set}")),
        session: Some(SessionId::new("own")),
        expires_at: until.map(day),
        run: "R1".into(),
        at: day(set),
    }
}

fn observed(secrets: Observed<RepositorySecrets>, sessions: Vec<SessionFacts>) -> Snapshot {
    let github = CredentialFacts {
        name: "GitHub token".into(),
        kind: "github".into(),
        source: "GH_TOKEN".into(),
        account: None,
        expires_at: None,
        expires_from: ExpiryFrom::Unknown,
        scopes: vec!["repo".into(), "workflow".into()],
        packages: None,
        channels: None,
        session: None,
        origin: CredentialOrigin::Other,
        token_kind: None,
        remarks: Vec::new(),
        rewrite: None,
    };
    let repository: GitHubRepository = target().repository;
    Snapshot {
        taken_at: now(),
        github: Observed::read(github, now()),
        secrets: [(repository, secrets)].into(),
        sessions: Observed::read(sessions, now()),
        ..Snapshot::default()
    }
}

fn set_by_windlass(until: Option<i64>, sessions: Vec<SessionFacts>) -> Snapshot {
    let mut snapshot = observed(secrets(Some(-20), None), sessions);
    snapshot.lineage.push(record(&target(), -20, until));
    snapshot
}

/// Returns all states.
pub fn situations() -> Vec<Situation> {
    use ExpiryFrom::{Ledger, Service};
    let mut all = Vec::new();
    let mut add = |name, snapshot, lineage, expiry: Option<(i64, ExpiryFrom)>, fails: (bool, bool)| {
        all.push(Situation {
            name,
            snapshot,
            lineage,
            expires_in: expiry.map(|(days, _)| days),
            expires_from: expiry.map_or(ExpiryFrom::Unknown, |(_, from)| from),
            fails_within_14_days: fails.0,
            doctor_fails: fails.1,
        });
    };
    let listed = || vec![session("own", -20, 100)];
    let fine = (false, false);

    add(
        "set by windlass",
        set_by_windlass(Some(100), listed()),
        Lineage::Current,
        Some((100, Ledger)),
        fine,
    );
    add(
        "set by windlass, expires soon",
        set_by_windlass(Some(10), listed()),
        Lineage::Current,
        Some((10, Ledger)),
        (true, false),
    );
    add(
        "set by windlass, expiry known from the store only",
        set_by_windlass(None, vec![session("own", -20, 12)]),
        Lineage::Current,
        Some((12, Service)),
        (true, false),
    );
    add(
        "set by windlass, expired",
        set_by_windlass(Some(-1), Vec::new()),
        Lineage::Expired,
        Some((-1, Ledger)),
        (true, true),
    );

    let mut ended = session("own", -20, 100);
    ended.revoked_at = Some(day(-1));
    add(
        "revoked, as the store lists it",
        set_by_windlass(Some(100), vec![ended]),
        Lineage::Revoked,
        Some((100, Ledger)),
        (true, true),
    );

    let revocation = |days| Revocation {
        session: SessionId::new("own"),
        at: day(days),
    };
    let mut snapshot = set_by_windlass(Some(100), listed());
    snapshot.sessions.read_at = Some(day(-3));
    snapshot.revocations.push(revocation(-1));
    add(
        "revoked by windlass after the list was read",
        snapshot,
        Lineage::Revoked,
        Some((100, Ledger)),
        (true, true),
    );

    let mut snapshot = set_by_windlass(Some(100), listed());
    snapshot.revocations.push(revocation(-1));
    add(
        "the store lists it as live after windlass revoked it",
        snapshot,
        Lineage::Current,
        Some((100, Ledger)),
        fine,
    );

    let mut snapshot = set_by_windlass(Some(100), listed());
    snapshot.sessions = Observed::failed(Problem::new(ProblemKind::Network, "no answer"));
    snapshot.revocations.push(revocation(-1));
    add(
        "revoked by windlass, and the list could never be read",
        snapshot,
        Lineage::Revoked,
        Some((100, Ledger)),
        (true, true),
    );

    let mut hidden = observed(secrets(Some(-20), Some(-5)), listed());
    hidden.lineage.push(record(&target(), -20, Some(100)));
    hidden.lineage.push(record(&target(), -5, Some(150)));
    add(
        "an older copy hides the organisation's value",
        hidden,
        Lineage::Older,
        Some((100, Ledger)),
        fine,
    );

    let mut shared = observed(secrets(None, Some(-5)), listed());
    shared.lineage.push(record(&target(), -5, Some(150)));
    add(
        "in the organisation's secret",
        shared,
        Lineage::Current,
        Some((150, Ledger)),
        fine,
    );

    let mut foreign = observed(
        secrets(Some(-3), None),
        vec![session("build", -60, 12), session("own", -20, 100)],
    );
    foreign.lineage.push(record(&target(), -20, Some(100)));
    add(
        "set by something else since, a session expires soon",
        foreign,
        Lineage::Foreign,
        Some((12, Service)),
        (true, false),
    );

    add(
        "never set by windlass, a session expires soon",
        observed(
            secrets(Some(-3), None),
            vec![session("late", -60, 90), session("build", -60, 12)],
        ),
        Lineage::Unknown,
        Some((12, Service)),
        (true, false),
    );
    add(
        "never set by windlass, the session is younger than the secret",
        observed(secrets(Some(-30), None), vec![session("build", -2, 12)]),
        Lineage::Unknown,
        None,
        fine,
    );
    let mut over = session("build", -60, 12);
    over.revoked_at = Some(day(-1));
    add(
        "never set by windlass, the session is revoked",
        observed(secrets(Some(-3), None), vec![over]),
        Lineage::Unknown,
        None,
        fine,
    );
    add(
        "never set by windlass, the session has expired",
        observed(secrets(Some(-3), None), vec![session("build", -60, -1)]),
        Lineage::Unknown,
        None,
        fine,
    );
    let mut lost = observed(secrets(Some(-3), None), vec![session("build", -60, 12)]);
    lost.orphans.push(SessionId::new("build"));
    add(
        "never set by windlass, the token of the session is lost",
        lost,
        Lineage::Unknown,
        None,
        fine,
    );

    add(
        "not set",
        observed(secrets(None, None), vec![session("build", -60, 12)]),
        Lineage::Absent,
        None,
        fine,
    );
    let refused = Observed::failed(Problem::new(
        ProblemKind::Credentials,
        "the token may not read its secrets",
    ));
    add(
        "could not be read, a session expires soon",
        observed(refused.clone(), vec![session("build", -60, 12)]),
        Lineage::Unknown,
        Some((12, Service)),
        (true, true),
    );
    let mut unread = observed(refused.clone(), vec![session("own", -20, 12)]);
    unread.lineage.push(record(&target(), -20, Some(12)));
    add(
        "could not be read, windlass set it before",
        unread,
        Lineage::Unknown,
        Some((12, Service)),
        (true, true),
    );
    add(
        "could not be read, no session is valid",
        observed(refused, vec![session("build", -60, -1)]),
        Lineage::Unknown,
        None,
        (true, true),
    );
    all
}
