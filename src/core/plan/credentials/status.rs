//! Determines what is known of the value in each secret: its origin, whether the store still
//! accepts it, when it expires.
//!
//! The evidence is what was last observed (when the secret was set, the store's sessions) and what
//! the journal recorded (values that windlass set, sessions that it revoked). Console, command
//! line, doctor, calendar and JSON all use this answer.

use chrono::{DateTime, TimeDelta, Utc};

use super::{kind_of, targets, token_of};
use crate::config::Workspace;
use crate::config::workspace::TokenKind;
use crate::domain::credential::ExpiryFrom;
use crate::domain::secret::{LineageRecord, RepositorySecrets, SessionFacts};
use crate::domain::{Lineage, Problem, SanitizedText, SecretTarget, SessionId, Snapshot};

/// Tolerance between the clocks of the store and GitHub: a secret that was set by this much before
/// a session started may hold its token.
const CLOCK_SLACK: TimeDelta = TimeDelta::minutes(5);

/// Where the value is stored that the jobs of a repository read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretLocation {
    /// In a secret of the repository itself.
    Repository,
    /// In a secret of the organisation with this name.
    Organisation(String),
}

/// Status of one secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretStatus {
    /// Origin of its value, and whether that value is still valid.
    pub lineage: Lineage,
    /// Where the value is stored; `None` if the secret does not exist or could not be read.
    pub location: Option<SecretLocation>,
    /// When it was last set.
    pub updated_at: Option<DateTime<Utc>>,
    /// Expiry of its token. If only possible tokens are known, the earliest expiry of these.
    pub expires_at: Option<DateTime<Utc>>,
    /// Source of the expiry.
    pub expires_from: ExpiryFrom,
    /// Session of its token.
    pub session: Option<SessionId>,
    /// When that session was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The run that set it.
    pub run: Option<SanitizedText>,
    /// Active sessions whose token it may hold, earliest expiry first. Set only if windlass does
    /// not know the value.
    pub may_hold: Vec<SessionId>,
    /// Why the repository's secrets could not be read.
    pub problem: Option<Problem>,
}

/// Returns the status of `target` at `now`.
pub fn status(
    workspace: &Workspace,
    snapshot: &Snapshot,
    target: &SecretTarget,
    now: DateTime<Utc>,
) -> SecretStatus {
    let seen = snapshot.secrets.get(&target.repository);
    let mut status = SecretStatus {
        lineage: Lineage::Unknown,
        location: None,
        updated_at: None,
        expires_at: None,
        expires_from: ExpiryFrom::Unknown,
        session: None,
        revoked_at: None,
        run: None,
        may_hold: Vec::new(),
        problem: seen.and_then(|seen| seen.problem.clone()),
    };
    let Some(repository) = seen.and_then(|seen| seen.value.as_ref()) else {
        // It may have been set at any time.
        possible(workspace, snapshot, target, now, now, &mut status);
        return status;
    };
    let Some(facts) = repository.in_force(&target.secret) else {
        status.lineage = Lineage::Absent;
        return status;
    };
    status.updated_at = Some(facts.updated_at);
    status.location = Some(if repository.secrets.contains_key(&target.secret) {
        SecretLocation::Repository
    } else {
        SecretLocation::Organisation(target.repository.owner().to_owned())
    });
    match held(snapshot, repository, target) {
        Held::Recorded(record) => recorded(workspace, snapshot, record, now, &mut status),
        Held::Unrecorded(lineage) => {
            status.lineage = lineage;
            possible(workspace, snapshot, target, facts.updated_at, now, &mut status);
        }
    }
    status
}

/// Determines the origin of the value in `target`.
pub fn lineage(
    workspace: &Workspace,
    snapshot: &Snapshot,
    target: &SecretTarget,
    now: DateTime<Utc>,
) -> Lineage {
    status(workspace, snapshot, target, now).lineage
}

/// Whether the journal knows the value in a secret.
enum Held<'s> {
    /// The value in this record.
    Recorded(&'s LineageRecord),
    /// Another value.
    Unrecorded(Lineage),
}

fn held<'s>(snapshot: &'s Snapshot, repository: &RepositorySecrets, target: &SecretTarget) -> Held<'s> {
    let Some(last) = snapshot.written(target) else {
        return Held::Unrecorded(Lineage::Unknown);
    };
    let set_at = repository.in_force(&target.secret).map(|facts| facts.updated_at);
    if set_at == Some(last.updated_at) {
        return Held::Recorded(last);
    }
    // The organisation's secret is the newest, but an older copy in the repository hides it.
    let hidden = repository
        .shared
        .get(&target.secret)
        .is_some_and(|shared| shared.updated_at == last.updated_at);
    let copy = snapshot
        .lineage
        .iter()
        .rfind(|record| &record.target == target && Some(record.updated_at) == set_at);
    match copy.filter(|_| hidden) {
        Some(copy) => Held::Recorded(copy),
        None => Held::Unrecorded(Lineage::Foreign),
    }
}

/// Adds what the record of the value contains, unless the store reports otherwise.
fn recorded(
    workspace: &Workspace,
    snapshot: &Snapshot,
    record: &LineageRecord,
    now: DateTime<Utc>,
    status: &mut SecretStatus,
) {
    let listed = record
        .session
        .as_ref()
        .and_then(|session| listed(snapshot, session));
    status.session.clone_from(&record.session);
    status.run = Some(record.run.clone());
    status.revoked_at = record
        .session
        .as_ref()
        .and_then(|session| revoked_at(snapshot, session));
    (status.expires_at, status.expires_from) = match (record.expires_at, listed.and_then(|one| one.until)) {
        (Some(end), _) => (Some(end), ExpiryFrom::Ledger),
        (None, Some(end)) => (Some(end), ExpiryFrom::Service),
        (None, None) => (None, ExpiryFrom::Unknown),
    };
    status.lineage = if status.revoked_at.is_some() {
        Lineage::Revoked
    } else if status.expires_at.is_some_and(|end| end <= now) {
        Lineage::Expired
    } else if is_newest(workspace, snapshot, record) {
        Lineage::Current
    } else {
        Lineage::Older
    };
}

/// Returns true if no newer value was set in another secret of the same credential.
fn is_newest(workspace: &Workspace, snapshot: &Snapshot, record: &LineageRecord) -> bool {
    let together = |other: &SecretTarget| match token_of(workspace, &record.target) {
        Some(token) => token.targets.contains(other),
        None => other.secret == record.target.secret,
    };
    let newest = snapshot.lineage.iter().rfind(|other| together(&other.target));
    newest.is_none_or(|newest| newest.fingerprint == record.fingerprint)
}

/// Adds the tokens that a secret may hold if windlass did not set it.
fn possible(
    workspace: &Workspace,
    snapshot: &Snapshot,
    target: &SecretTarget,
    set_at: DateTime<Utc>,
    now: DateTime<Utc>,
    status: &mut SecretStatus,
) {
    if kind_of(workspace, target) != TokenKind::Charmhub {
        return;
    }
    let mut sessions: Vec<&SessionFacts> = snapshot
        .sessions
        .value
        .iter()
        .flatten()
        .filter(|session| is_live(snapshot, session, now))
        // A token that was created later cannot be in it.
        .filter(|session| session.since.is_none_or(|since| since <= set_at + CLOCK_SLACK))
        // Nor one of which the journal knows that it was lost, or that it was put elsewhere.
        .filter(|session| !snapshot.orphans.contains(&session.id))
        .filter(|session| {
            let placed = |record: &LineageRecord| record.session.as_ref() == Some(&session.id);
            let here = status.updated_at.is_none() && snapshot.written(target).is_some_and(placed);
            // What was never read is only known to hold what windlass set.
            let read = status.updated_at.is_some() || status.problem.is_some();
            here || read && !snapshot.lineage.iter().any(placed)
        })
        .collect();
    sessions.sort_by_key(|session| (session.until.is_none(), session.until));
    if let Some(end) = sessions.first().and_then(|first| first.until) {
        status.expires_at = Some(end);
        status.expires_from = ExpiryFrom::Service;
    }
    status.may_hold = sessions.into_iter().map(|session| session.id.clone()).collect();
}

/// Returns the entry of `session` in the store's list.
pub fn listed<'s>(snapshot: &'s Snapshot, session: &SessionId) -> Option<&'s SessionFacts> {
    let all = snapshot.sessions.value.as_ref()?;
    all.iter().find(|one| &one.id == session)
}

/// Returns when `session` was revoked. The store's list decides if it was read after windlass
/// revoked the session; an older list does not.
pub fn revoked_at(snapshot: &Snapshot, session: &SessionId) -> Option<DateTime<Utc>> {
    let listed = listed(snapshot, session);
    let by_store = listed.and_then(|one| one.revoked_at);
    by_store.or_else(|| {
        let own = snapshot.revocations.iter().rfind(|one| &one.session == session)?;
        let read_later = snapshot.sessions.read_at.is_some_and(|at| at > own.at);
        (listed.is_none() || !read_later).then_some(own.at)
    })
}

/// Returns true if the store accepts the token of `session` at `now`.
pub fn is_live(snapshot: &Snapshot, session: &SessionFacts, now: DateTime<Utc>) -> bool {
    revoked_at(snapshot, &session.id).is_none() && session.until.is_none_or(|end| end > now)
}

/// The secrets that hold the token of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionHolders {
    /// Secrets that windlass set and that have not changed since.
    pub certain: Vec<SecretTarget>,
    /// Secrets whose value windlass does not know.
    pub possible: Vec<SecretTarget>,
}

/// Returns the secrets that hold, or may hold, the token of `session`.
pub fn holders(
    workspace: &Workspace,
    snapshot: &Snapshot,
    session: &SessionId,
    now: DateTime<Utc>,
) -> SessionHolders {
    let mut holders = SessionHolders::default();
    for target in targets(workspace, snapshot) {
        let status = status(workspace, snapshot, &target, now);
        if status.session.as_ref() == Some(session) {
            holders.certain.push(target);
        } else if status.may_hold.contains(session) {
            holders.possible.push(target);
        }
    }
    holders
}
