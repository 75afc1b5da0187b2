//! Evaluates credentials: how close their expiry is, what is wrong with them, which secrets hold
//! them.
//!
//! The thresholds of warnings for console, command line and doctor are here. The status of a single
//! secret is in [`status`].

#[cfg(any(test, feature = "testing"))]
#[allow(clippy::missing_panics_doc, clippy::unwrap_used, missing_docs)]
pub mod situations;
pub mod status;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use crate::config::Workspace;
use crate::config::workspace::{Token, TokenKind};
use crate::domain::credential::{CredentialFacts, ExpiryFrom, in_days};
use crate::domain::secret::LineageRecord;
use crate::domain::snapshot::SourceStatus;
use crate::domain::{Observed, Problem, ProblemKind, SanitizedText, SecretTarget, SessionId, Snapshot};
use status::revoked_at;
pub use status::{SecretLocation, SecretStatus, lineage, status};

/// How close the expiry is, from least to most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Alarm {
    /// More than 30 days, or unknown.
    None,
    /// 30 days or less.
    Soon,
    /// 14 days or less.
    Urgent,
    /// 3 days or less.
    Critical,
    /// It has expired.
    Over,
    /// The store has revoked it.
    Revoked,
}

/// Returns the alarm for an expiry at `end`.
pub fn alarm(end: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Alarm {
    let Some(left) = end.map(|end| end - now) else {
        return Alarm::None;
    };
    match left.num_seconds() {
        i64::MIN..=0 => Alarm::Over,
        1..=259_200 => Alarm::Critical,
        259_201..=1_209_600 => Alarm::Urgent,
        1_209_601..=2_592_000 => Alarm::Soon,
        _ => Alarm::None,
    }
}

/// Use of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialRole {
    /// Windlass itself uses it.
    Own,
    /// Windlass stored it in these secrets.
    InSecrets(Vec<SecretTarget>),
    /// These secrets may hold it: windlass did not set them.
    MaybeInSecrets(Vec<SecretTarget>),
    /// A registry login.
    Login,
}

/// A credential and its evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The facts. For values from the journal they include what the journal recorded.
    pub facts: CredentialFacts,
    /// Use of the credential.
    pub role: CredentialRole,
    /// Time of its revocation.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Problems of the credential, worst first.
    pub problems: Vec<SanitizedText>,
}

impl Credential {
    /// Returns how close the expiry is at `now`.
    pub fn alarm(&self, now: DateTime<Utc>) -> Alarm {
        if self.revoked_at.is_some() {
            Alarm::Revoked
        } else {
            alarm(self.facts.expires_at, now)
        }
    }
}

/// Returns every known credential in a fixed order: the store's, GitHub's, values in secrets,
/// tokens that secrets may hold, registry logins.
pub fn credentials(workspace: &Workspace, snapshot: &Snapshot, now: DateTime<Utc>) -> Vec<Credential> {
    let mut all = Vec::new();
    let store = own(snapshot, &snapshot.credential, now, || {
        let facts = snapshot.store_token.clone();
        dated(
            snapshot,
            facts.unwrap_or_else(|| {
                CredentialFacts::bare("Charmhub token".into(), "charmhub", SanitizedText::default())
            }),
        )
    });
    all.extend(store);
    all.extend(own(snapshot, &snapshot.github, now, || {
        let bare = |source| CredentialFacts::bare("GitHub token".into(), "github", source);
        // The token is from the environment: it is the one that was read before.
        match &snapshot.github.value {
            Some(known) => CredentialFacts {
                account: known.account.clone(),
                expires_at: known.expires_at,
                expires_from: known.expires_from,
                ..bare(known.source.clone())
            },
            None => bare(SanitizedText::default()),
        }
    }));
    let targets: Vec<(SecretTarget, SecretStatus)> = targets(workspace, snapshot)
        .into_iter()
        .map(|target| {
            let status = status(workspace, snapshot, &target, now);
            (target, status)
        })
        .collect();
    all.extend(recorded(workspace, snapshot, &targets, now));
    all.extend(possible(snapshot, &targets, now));
    for login in &snapshot.logins {
        all.push(judged(login.clone(), CredentialRole::Login, None, None, now));
    }
    all
}

/// Returns how urgent a credential is: revoked ones first, then by expiry. `None` if it has no
/// known expiry.
fn urgency(credential: &Credential) -> Option<(bool, Option<DateTime<Utc>>)> {
    let expires_at = credential.facts.expires_at;
    let is_revoked = credential.revoked_at.is_some();
    (is_revoked || expires_at.is_some()).then_some((!is_revoked, expires_at))
}

/// Sorts credentials with a known expiry or revocation, the most urgent first; others are left out.
pub fn by_urgency<'c>(credentials: impl IntoIterator<Item = &'c Credential>) -> Vec<&'c Credential> {
    let mut all: Vec<&Credential> = credentials
        .into_iter()
        .filter(|credential| urgency(credential).is_some())
        .collect();
    all.sort_by_key(|credential| urgency(credential));
    all
}

/// Returns every known credential, and the sessions of the store that no credential names if a
/// secret was not read yet: it may hold the token of any session.
pub fn with_unread_secrets(
    workspace: &Workspace,
    snapshot: &Snapshot,
    now: DateTime<Utc>,
) -> Vec<Credential> {
    let mut all = credentials(workspace, snapshot, now);
    let tokens = workspace
        .tokens
        .iter()
        .filter(|token| token.kind == TokenKind::Charmhub);
    let mut targets = tokens.flat_map(|token| &token.targets);
    if targets.all(|target| snapshot.has_read_secrets(&target.repository)) {
        return all;
    }
    let known: Vec<&SessionId> = all.iter().filter_map(|one| one.facts.session.as_ref()).collect();
    let others: Vec<Credential> = snapshot
        .sessions
        .value
        .iter()
        .flatten()
        .filter(|session| !known.contains(&&session.id))
        .filter(|session| status::revoked_at(snapshot, &session.id).is_none())
        .map(|session| session_credential(snapshot, &session.id, Vec::new(), now))
        .collect();
    all.extend(others);
    all
}

/// Returns the credential that was revoked or expires first. `status`, the console and
/// `credentials --fail-within` all use this answer. A session of the store counts only if windlass
/// uses its token or a secret holds it, or may hold it.
pub fn next_expiry<'c>(credentials: impl IntoIterator<Item = &'c Credential>) -> Option<&'c Credential> {
    by_urgency(credentials).first().copied()
}

/// Returns a credential that windlass uses. `otherwise` is what is known of a credential that the
/// service refuses or that was never read successfully.
fn own(
    snapshot: &Snapshot,
    seen: &Observed<CredentialFacts>,
    now: DateTime<Utc>,
    otherwise: impl FnOnce() -> CredentialFacts,
) -> Option<Credential> {
    // If the credential is refused now, it may be another one than was read before.
    let now_it_is = seen.problem.as_ref().map(|problem| problem.kind);
    let refused = now_it_is == Some(ProblemKind::Credentials);
    let judged = |facts: CredentialFacts| {
        let session = facts.session.as_ref();
        let revoked = session.and_then(|session| revoked_at(snapshot, session));
        judged(facts, CredentialRole::Own, revoked, seen.problem.as_ref(), now)
    };
    match (&seen.value, seen.standing()) {
        // The same holds if no credential is set any more.
        _ if now_it_is == Some(ProblemKind::NotFound) => None,
        (Some(facts), _) if !refused => Some(judged(facts.clone())),
        (None, SourceStatus::NotAsked | SourceStatus::Absent) => None,
        _ => Some(judged(otherwise())),
    }
}

/// Returns `facts` of a store token. If the token has no expiry, that of its session is added from
/// the store's list or the journal.
fn dated(snapshot: &Snapshot, mut facts: CredentialFacts) -> CredentialFacts {
    let Some(session) = facts.session.as_ref().filter(|_| facts.expires_at.is_none()) else {
        return facts;
    };
    let listed = status::listed(snapshot, session).and_then(|listed| listed.until);
    let recorded = || {
        let mut records = snapshot.lineage.iter();
        records
            .rfind(|record| record.session.as_ref() == Some(session))?
            .expires_at
    };
    if let Some(end) = listed {
        (facts.expires_at, facts.expires_from) = (Some(end), ExpiryFrom::Service);
    } else if let Some(end) = recorded() {
        (facts.expires_at, facts.expires_from) = (Some(end), ExpiryFrom::Ledger);
    }
    facts
}

fn judged(
    facts: CredentialFacts,
    role: CredentialRole,
    revoked_at: Option<DateTime<Utc>>,
    problem: Option<&Problem>,
    now: DateTime<Utc>,
) -> Credential {
    let mut credential = Credential {
        facts,
        role,
        revoked_at,
        problems: Vec::new(),
    };
    let mut problems: Vec<SanitizedText> = problem.iter().map(|problem| problem.summary.clone()).collect();
    problems.extend(expiry_problem(&credential, now).map(SanitizedText::from));
    problems.extend(wrapped(&credential.facts).map(SanitizedText::from));
    credential.problems = problems;
    credential
}

/// Returns the problem of a store token in the wrapped form, with the command that rewrites it.
pub fn wrapped(facts: &CredentialFacts) -> Option<String> {
    let command = facts.rewrite.as_ref()?;
    Some(format!(
        "the token is in the wrapped form of charmcraft 2.2 to 4.3, which charmcraft 4.4 and later \
        cannot use: {command}"
    ))
}

fn expiry_problem(credential: &Credential, now: DateTime<Utc>) -> Option<String> {
    let alarm = credential.alarm(now);
    if let (Alarm::Revoked, Some(at)) = (alarm, credential.revoked_at) {
        return Some(format!("it was revoked on {}", at.format("%Y-%m-%d %H:%M UTC")));
    }
    let when = match (alarm, credential.facts.days_left(now).unwrap_or_default()) {
        (Alarm::None, _) => return None,
        (Alarm::Over | Alarm::Revoked, _) => return Some("it has expired".to_owned()),
        (_, days) => in_days(days),
    };
    Some(match &credential.role {
        CredentialRole::MaybeInSecrets(targets) => {
            format!(
                "{} may hold a token that expires {when}",
                secrets_in_words(targets.len())
            )
        }
        _ => format!("it expires {when}"),
    })
}

/// Returns `1 secret`, `6 secrets`.
pub fn secrets_in_words(count: usize) -> String {
    match count {
        1 => "1 secret".to_owned(),
        many => format!("{many} secrets"),
    }
}

/// Returns the values that windlass set and that at least one secret still holds.
fn recorded(
    workspace: &Workspace,
    snapshot: &Snapshot,
    targets: &[(SecretTarget, SecretStatus)],
    now: DateTime<Utc>,
) -> Vec<Credential> {
    let mut values: Vec<(&LineageRecord, &SecretStatus, Vec<SecretTarget>)> = Vec::new();
    for (target, status) in targets {
        let record = snapshot
            .lineage
            .iter()
            .rfind(|record| &record.target == target && Some(record.updated_at) == status.updated_at);
        let Some(record) = record.filter(|_| status.run.is_some()) else {
            continue;
        };
        match values
            .iter_mut()
            .find(|(known, ..)| known.fingerprint == record.fingerprint)
        {
            Some((.., targets)) => targets.push(target.clone()),
            None => values.push((record, status, vec![target.clone()])),
        }
    }
    let credential = |(record, status, targets): (&LineageRecord, &SecretStatus, Vec<SecretTarget>)| {
        let mut names: Vec<&str> = Vec::new();
        for target in &targets {
            if !names.contains(&target.secret.as_str()) {
                names.push(target.secret.as_str());
            }
        }
        let kind = match kind_of(workspace, &record.target) {
            TokenKind::Charmhub => "charmhub",
            TokenKind::Github => "github",
            TokenKind::Other => "secret",
        };
        let source = format!("secrets of repositories (run {})", record.run);
        let facts = CredentialFacts {
            expires_at: status.expires_at,
            expires_from: status.expires_from,
            session: status.session.clone(),
            ..CredentialFacts::bare(names.join(", ").into(), kind, source.into())
        };
        judged(
            facts,
            CredentialRole::InSecrets(targets),
            status.revoked_at,
            None,
            now,
        )
    };
    values.into_iter().map(credential).collect()
}

/// Returns tokens that secrets may hold which windlass did not set, one per active session.
fn possible(
    snapshot: &Snapshot,
    targets: &[(SecretTarget, SecretStatus)],
    now: DateTime<Utc>,
) -> Vec<Credential> {
    let used = snapshot
        .credential
        .value
        .as_ref()
        .and_then(|facts| facts.session.as_ref());
    let mut sessions: Vec<(&SessionId, Vec<SecretTarget>)> = Vec::new();
    for (target, status) in targets {
        // The token that windlass uses is listed separately.
        for session in status.may_hold.iter().filter(|session| Some(*session) != used) {
            match sessions.iter_mut().find(|(known, _)| *known == session) {
                Some((_, targets)) => targets.push(target.clone()),
                None => sessions.push((session, vec![target.clone()])),
            }
        }
    }
    sessions
        .into_iter()
        .map(|(session, targets)| session_credential(snapshot, session, targets, now))
        .collect()
}

/// Returns the token of a session that the secrets `targets` may hold; it is unknown which if there
/// are none.
fn session_credential(
    snapshot: &Snapshot,
    session: &SessionId,
    targets: Vec<SecretTarget>,
    now: DateTime<Utc>,
) -> Credential {
    let listed = status::listed(snapshot, session);
    let described = listed.and_then(|one| one.description.clone());
    let until = listed.and_then(|one| one.until);
    let name = described.unwrap_or_else(|| format!("session {session}").into());
    let source = if targets.is_empty() {
        "Charmhub sessions".to_owned()
    } else {
        format!(
            "Charmhub sessions; {} may hold it",
            secrets_in_words(targets.len())
        )
    };
    let facts = CredentialFacts {
        expires_at: until,
        expires_from: if until.is_some() {
            ExpiryFrom::Service
        } else {
            ExpiryFrom::Unknown
        },
        session: Some(session.clone()),
        ..CredentialFacts::bare(name, "charmhub", source.into())
    };
    judged(facts, CredentialRole::MaybeInSecrets(targets), None, None, now)
}

/// Returns every secret to watch: those that the workspace names, then others that were written.
pub fn targets(workspace: &Workspace, snapshot: &Snapshot) -> Vec<SecretTarget> {
    let mut all: Vec<SecretTarget> = Vec::new();
    let named = workspace.tokens.iter().flat_map(|token| &token.targets);
    let besides = snapshot.lineage.iter().map(|record| &record.target);
    for target in named.chain(besides) {
        if !all.contains(target) {
            all.push(target.clone());
        }
    }
    all
}

/// Returns the workspace's token that `target` belongs to.
pub fn token_of<'w>(workspace: &'w Workspace, target: &SecretTarget) -> Option<&'w Token> {
    workspace
        .tokens
        .iter()
        .find(|token| token.targets.contains(target))
}

/// Returns the kind of credential that `target` holds: as configured in the workspace, otherwise by
/// its name.
pub fn kind_of(workspace: &Workspace, target: &SecretTarget) -> TokenKind {
    match (token_of(workspace, target), target.secret.as_str()) {
        (Some(token), _) => token.kind,
        (None, "CHARMHUB_TOKEN" | "CHARMCRAFT_AUTH") => TokenKind::Charmhub,
        (None, "GH_TOKEN" | "GH_PAT" | "PAT") => TokenKind::Github,
        (None, _) => TokenKind::Other,
    }
}
