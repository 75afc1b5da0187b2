//! Judges credentials: how close their end is, what is wrong with them, whose value a secret holds.
//!
//! Owns the thresholds of warnings and the rules of lineage, for console, command line and doctor
//! alike. Pure: the time is the caller's. Must never see a value.

use chrono::{DateTime, Utc};

use crate::config::Workspace;
use crate::config::workspace::{Token, TokenKind};
use crate::domain::credential::{CredentialFacts, ExpiryFrom};
use crate::domain::secret::LineageRecord;
use crate::domain::snapshot::Standing;
use crate::domain::{Fingerprint, Kind, Lineage, Observed, Outside, SecretTarget, Snapshot};

/// How close the end is. Ordered: later is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Alarm {
    /// More than 30 days, or nobody knows.
    None,
    /// 30 days or less.
    Soon,
    /// 14 days or less.
    Urgent,
    /// 3 days or less.
    Critical,
    /// It is over.
    Over,
}

/// The alarm for an end at `end`.
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

/// A credential with the verdict on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The facts; the values that our lineage knows are here too, with what it knows of them.
    pub facts: CredentialFacts,
    /// How close its end is.
    pub alarm: Alarm,
    /// What is wrong with it, worst first.
    pub problems: Vec<Outside>,
}

/// Every credential that is known of, in a fixed order: the store's, GitHub's, values in secrets,
/// registry logins.
pub fn credentials(workspace: &Workspace, snapshot: &Snapshot, now: DateTime<Utc>) -> Vec<Credential> {
    let mut all = Vec::new();
    all.extend(own(&snapshot.credential, "Charmhub token", "charmhub", now));
    all.extend(own(&snapshot.github, "GitHub token", "github", now));
    for facts in written(workspace, snapshot) {
        all.push(judged(facts, None, now));
    }
    for login in &snapshot.logins {
        all.push(judged(login.clone(), None, now));
    }
    all
}

fn own(seen: &Observed<CredentialFacts>, name: &str, kind: &str, now: DateTime<Utc>) -> Option<Credential> {
    // What was seen of it once says nothing of one that is refused now: it may be another.
    let now_it_is = seen.problem.as_ref().map(|problem| problem.kind);
    let refused = now_it_is == Some(Kind::Credentials);
    match (&seen.value, seen.standing()) {
        // Nor of one that is not set any more.
        _ if now_it_is == Some(Kind::NotFound) => None,
        (Some(facts), _) if !refused => Some(judged(facts.clone(), Some(seen), now)),
        (None, Standing::NotAsked | Standing::Absent) => None,
        _ => {
            let facts = CredentialFacts {
                name: name.into(),
                kind: kind.into(),
                source: Outside::default(),
                account: None,
                expires_at: None,
                expires_from: ExpiryFrom::Unknown,
                scopes: Vec::new(),
                packages: None,
                channels: None,
                session: None,
                remarks: Vec::new(),
            };
            Some(judged(facts, Some(seen), now))
        }
    }
}

fn judged(
    facts: CredentialFacts,
    seen: Option<&Observed<CredentialFacts>>,
    now: DateTime<Utc>,
) -> Credential {
    let alarm = alarm(facts.expires_at, now);
    let mut problems = Vec::new();
    if let Some(problem) = seen.and_then(|seen| seen.problem.as_ref()) {
        problems.push(problem.summary.clone());
    }
    let days = facts.days_left(now).unwrap_or_default();
    match alarm {
        Alarm::None => {}
        Alarm::Over => problems.push("it has expired".into()),
        _ if days < 1 => problems.push("it ends within a day".into()),
        _ if days == 1 => problems.push("it ends in 1 day".into()),
        _ => problems.push(format!("it ends in {days} days").into()),
    }
    Credential {
        facts,
        alarm,
        problems,
    }
}

/// The values that our lineage wrote and that are still in place somewhere.
fn written(workspace: &Workspace, snapshot: &Snapshot) -> Vec<CredentialFacts> {
    let mut seen: Vec<(&Fingerprint, CredentialFacts)> = Vec::new();
    for target in targets(workspace, snapshot) {
        let Some(record) = snapshot.written(&target) else {
            continue;
        };
        if !matches!(
            lineage(workspace, snapshot, &target),
            Lineage::Current | Lineage::Older
        ) {
            continue;
        }
        match seen.iter_mut().find(|(print, _)| *print == &record.fingerprint) {
            Some((_, facts)) => {
                let name = record.target.secret.as_str();
                if !facts.name.as_str().split(", ").any(|known| known == name) {
                    facts.name = Outside::new(format!("{}, {name}", facts.name));
                }
            }
            None => seen.push((&record.fingerprint, facts_of(workspace, record))),
        }
    }
    seen.into_iter().map(|(_, facts)| facts).collect()
}

fn facts_of(workspace: &Workspace, record: &LineageRecord) -> CredentialFacts {
    let kind = match kind_of(workspace, &record.target) {
        TokenKind::Charmhub => "charmhub",
        TokenKind::Github => "github",
        TokenKind::Other => "secret",
    };
    CredentialFacts {
        name: record.target.secret.as_str().into(),
        kind: kind.into(),
        source: format!("secrets of repositories (run {})", record.run).into(),
        account: None,
        expires_at: record.expires_at,
        expires_from: if record.expires_at.is_some() {
            ExpiryFrom::Ledger
        } else {
            ExpiryFrom::Unknown
        },
        scopes: Vec::new(),
        packages: None,
        channels: None,
        session: record.session.clone(),
        remarks: Vec::new(),
    }
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

/// Whose value `target` holds.
pub fn lineage(workspace: &Workspace, snapshot: &Snapshot, target: &SecretTarget) -> Lineage {
    let Some(repository) = snapshot
        .secrets
        .get(&target.repository)
        .and_then(|seen| seen.value.as_ref())
    else {
        return Lineage::Unknown;
    };
    let Some(now) = repository.in_force(&target.secret) else {
        return Lineage::Absent;
    };
    let Some(record) = snapshot.written(target) else {
        return Lineage::Unknown;
    };
    if record.updated_at != now.updated_at {
        // The organisation has our value, and an older copy of ours still hides it.
        let hidden = repository
            .shared
            .get(&target.secret)
            .is_some_and(|shared| shared.updated_at == record.updated_at);
        let ours = snapshot
            .lineage
            .iter()
            .any(|record| &record.target == target && record.updated_at == now.updated_at);
        return if hidden && ours {
            Lineage::Older
        } else {
            Lineage::Foreign
        };
    }
    // Copies of one credential are compared with each other only.
    let together = |other: &SecretTarget| match token_of(workspace, target) {
        Some(token) => token.targets.contains(other),
        None => other.secret == target.secret,
    };
    let newest = snapshot.lineage.iter().rfind(|record| together(&record.target));
    if newest.is_none_or(|newest| newest.fingerprint == record.fingerprint) {
        Lineage::Current
    } else {
        Lineage::Older
    }
}
