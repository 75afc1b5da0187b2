//! Judges credentials: how close their expiry is, what is wrong with them, which secrets hold them.
//!
//! The thresholds of warnings are here, for console, command line and doctor alike; what is known
//! of a single secret is in [`status`]. Pure: the time is the caller's. Must never see a value.

#[cfg(test)]
pub mod situations;
pub mod status;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use crate::config::Workspace;
use crate::config::workspace::{Token, TokenKind};
use crate::domain::credential::{CredentialFacts, ExpiryFrom, in_days};
use crate::domain::secret::LineageRecord;
use crate::domain::snapshot::Standing;
use crate::domain::{Kind, Observed, Outside, Problem, SecretTarget, SessionId, Snapshot};
use status::revoked_at;
pub use status::{SecretLocation, SecretStatus, lineage, status};

/// How close the expiry is. Ordered: later is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Alarm {
    /// More than 30 days, or not known.
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

/// The alarm for an expiry at `end`.
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

/// Which part a credential plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialRole {
    /// Windlass itself uses it.
    Own,
    /// Windlass set these secrets to it.
    InSecrets(Vec<SecretTarget>),
    /// These secrets may hold it: windlass does not know what they hold.
    MaybeInSecrets(Vec<SecretTarget>),
    /// A login of a registry.
    Login,
}

/// A credential with the verdict on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The facts; the values that the journal recorded are here too, with what it knows of them.
    pub facts: CredentialFacts,
    /// Which part it plays.
    pub role: CredentialRole,
    /// When the store revoked it.
    pub revoked_at: Option<DateTime<Utc>>,
    /// What is wrong with it, worst first.
    pub problems: Vec<Outside>,
}

impl Credential {
    /// How close its expiry is at `now`.
    pub fn alarm(&self, now: DateTime<Utc>) -> Alarm {
        if self.revoked_at.is_some() {
            Alarm::Revoked
        } else {
            alarm(self.facts.expires_at, now)
        }
    }
}

/// Every credential that is known of, in a fixed order: the store's, GitHub's, values in secrets,
/// tokens that secrets may hold, registry logins.
pub fn credentials(workspace: &Workspace, snapshot: &Snapshot, now: DateTime<Utc>) -> Vec<Credential> {
    let mut all = Vec::new();
    let store = own(snapshot, &snapshot.credential, now, || {
        let facts = snapshot.store_token.clone();
        dated(
            snapshot,
            facts.unwrap_or_else(|| bare_facts("Charmhub token".into(), "charmhub", Outside::default())),
        )
    });
    all.extend(store);
    all.extend(own(snapshot, &snapshot.github, now, || {
        let bare = |source| bare_facts("GitHub token".into(), "github", source);
        // It comes from the environment: it is the one that was read before.
        match &snapshot.github.value {
            Some(known) => CredentialFacts {
                account: known.account.clone(),
                expires_at: known.expires_at,
                expires_from: known.expires_from,
                ..bare(known.source.clone())
            },
            None => bare(Outside::default()),
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

/// A token that is valid, and when it expires.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct NextExpiry {
    /// Its name.
    pub name: Outside,
    /// Where it is kept, or may be.
    pub source: Outside,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// Whole days until then.
    pub days_left: i64,
}

/// The valid token that expires first: of the credentials, or of the store's sessions, whose tokens
/// may be kept anywhere.
pub fn next_expiry(workspace: &Workspace, snapshot: &Snapshot, now: DateTime<Utc>) -> Option<NextExpiry> {
    let credentials = credentials(workspace, snapshot, now);
    let known: Vec<&SessionId> = credentials
        .iter()
        .filter_map(|credential| credential.facts.session.as_ref())
        .collect();
    let next = |name: &Outside, source: Outside, expires_at: DateTime<Utc>| NextExpiry {
        name: name.clone(),
        source,
        expires_at,
        days_left: (expires_at - now).num_days(),
    };
    let of_credentials = credentials
        .iter()
        .filter(|credential| credential.revoked_at.is_none())
        .filter_map(|one| {
            Some(next(
                &one.facts.name,
                one.facts.source.clone(),
                one.facts.expires_at?,
            ))
        });
    let sessions = snapshot.sessions.value.iter().flatten();
    let of_sessions = sessions
        .filter(|session| !known.contains(&&session.id))
        .filter(|session| status::revoked_at(snapshot, &session.id).is_none())
        .filter_map(|session| {
            let name = session.description.clone();
            let name = name.unwrap_or_else(|| format!("session {}", session.id).into());
            Some(next(&name, "the store's sessions".into(), session.until?))
        });
    of_credentials
        .chain(of_sessions)
        .filter(|next| next.expires_at > now)
        .min_by_key(|next| next.expires_at)
}

/// A credential that windlass uses. `otherwise`: what is known of one that the service refuses, or
/// about which it was never asked with success.
fn own(
    snapshot: &Snapshot,
    seen: &Observed<CredentialFacts>,
    now: DateTime<Utc>,
    otherwise: impl FnOnce() -> CredentialFacts,
) -> Option<Credential> {
    // What was seen of it once says nothing of one that is refused now: it may be another.
    let now_it_is = seen.problem.as_ref().map(|problem| problem.kind);
    let refused = now_it_is == Some(Kind::Credentials);
    let judged = |facts: CredentialFacts| {
        let session = facts.session.as_ref();
        let revoked = session.and_then(|session| revoked_at(snapshot, session));
        judged(facts, CredentialRole::Own, revoked, seen.problem.as_ref(), now)
    };
    match (&seen.value, seen.standing()) {
        // Nor of one that is not set any more.
        _ if now_it_is == Some(Kind::NotFound) => None,
        (Some(facts), _) if !refused => Some(judged(facts.clone())),
        (None, Standing::NotAsked | Standing::Absent) => None,
        _ => Some(judged(otherwise())),
    }
}

/// `facts` of a store token with the expiry that the store's list of sessions or the journal gives
/// for its session, where the token itself names none.
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

/// Facts of a credential of which nothing else is known.
fn bare_facts(name: Outside, kind: &str, source: Outside) -> CredentialFacts {
    CredentialFacts {
        name,
        kind: kind.into(),
        source,
        account: None,
        expires_at: None,
        expires_from: ExpiryFrom::Unknown,
        scopes: Vec::new(),
        packages: None,
        channels: None,
        session: None,
        remarks: Vec::new(),
        rewrite: None,
    }
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
    let mut problems: Vec<Outside> = problem.iter().map(|problem| problem.summary.clone()).collect();
    problems.extend(expiry_problem(&credential, now).map(Outside::from));
    problems.extend(wrapped(&credential.facts).map(Outside::from));
    credential.problems = problems;
    credential
}

/// What is wrong with a store token in the wrapped form, and the command that rewrites it.
pub fn wrapped(facts: &CredentialFacts) -> Option<String> {
    let command = facts.rewrite.as_ref()?;
    Some(format!(
        "it is in the wrapped form of charmcraft 2.2 to 4.3, which charmcraft 4.4 and later cannot use: {command}"
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

/// `1 secret`, `6 secrets`.
pub fn secrets_in_words(count: usize) -> String {
    match count {
        1 => "1 secret".to_owned(),
        many => format!("{many} secrets"),
    }
}

/// The values that windlass set and that are still in place somewhere.
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
            ..bare_facts(names.join(", ").into(), kind, source.into())
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

/// Tokens that secrets may hold which windlass did not set, one a live session.
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
        // The token that windlass uses has its own place in the list.
        for session in status.may_hold.iter().filter(|session| Some(*session) != used) {
            match sessions.iter_mut().find(|(known, _)| *known == session) {
                Some((_, targets)) => targets.push(target.clone()),
                None => sessions.push((session, vec![target.clone()])),
            }
        }
    }
    let credential = |(session, targets): (&SessionId, Vec<SecretTarget>)| {
        let listed = status::listed(snapshot, session);
        let described = listed.and_then(|one| one.description.clone());
        let until = listed.and_then(|one| one.until);
        let name = described.unwrap_or_else(|| format!("session {session}").into());
        let source = format!(
            "the store's sessions; {} may hold it",
            secrets_in_words(targets.len())
        );
        let facts = CredentialFacts {
            expires_at: until,
            expires_from: if until.is_some() {
                ExpiryFrom::Service
            } else {
                ExpiryFrom::Unknown
            },
            session: Some(session.clone()),
            ..bare_facts(name, "charmhub", source.into())
        };
        judged(facts, CredentialRole::MaybeInSecrets(targets), None, None, now)
    };
    sessions.into_iter().map(credential).collect()
}

/// Every secret that is looked after: those that the workspace names, then those that were written
/// besides.
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

/// The workspace's token that `target` belongs to.
pub fn token_of<'w>(workspace: &'w Workspace, target: &SecretTarget) -> Option<&'w Token> {
    workspace
        .tokens
        .iter()
        .find(|token| token.targets.contains(target))
}

/// What sort of credential `target` holds: as the workspace says, else by its name.
pub fn kind_of(workspace: &Workspace, target: &SecretTarget) -> TokenKind {
    match (token_of(workspace, target), target.secret.as_str()) {
        (Some(token), _) => token.kind,
        (None, "CHARMHUB_TOKEN" | "CHARMCRAFT_AUTH") => TokenKind::Charmhub,
        (None, "GH_TOKEN" | "GH_PAT" | "PAT") => TokenKind::Github,
        (None, _) => TokenKind::Other,
    }
}
