//! Decides which sessions a rotation revokes afterwards.
//!
//! A session is revoked only if windlass recorded it for these targets or the operator selected it.
//! The session in use, the new one, and one whose token stays in another secret are never revoked.

use std::collections::BTreeSet;

use crate::domain::{
    GitHubRepository, Problem, ProblemKind, SanitizedText, SecretTarget, SessionId, Snapshot,
};
use crate::plan::credentials::status::revoked_at;
use crate::plan::{Op, Revoked, State, Step, StepId, Undo};

/// Prefix of the id of a step that revokes a session; the rest is the session.
pub const REVOKE_STEP: &str = "revoke-session/";

/// Returns the steps that revoke the sessions of `wishes`.
pub fn steps(
    snapshot: &Snapshot,
    wishes: &BTreeSet<Revoked>,
    targets: &[SecretTarget],
    fresh: Option<&SessionId>,
    warnings: &mut Vec<SanitizedText>,
) -> Result<Vec<Step>, Problem> {
    let mut sessions: Vec<SessionId> = Vec::new();
    for wish in wishes {
        match wish {
            Revoked::Session(session) => {
                permitted(snapshot, session, fresh)?;
                sessions.push(session.clone());
            }
            Revoked::Recorded => {
                let recorded = recorded(snapshot, targets, fresh);
                if recorded.is_empty() {
                    warnings
                        .push("no former session of these targets is recorded here; none is revoked".into());
                }
                for session in recorded {
                    if in_use(snapshot, &session) {
                        warnings.push(
                            format!(
                                "session {session} is used by windlass itself and is not \
                                revoked"
                            )
                            .into(),
                        );
                    } else if let Some(other) = placed_elsewhere(snapshot, &session, targets) {
                        warnings.push(
                            format!(
                                "{other} still holds the token of session {session}, which is \
                                not revoked"
                            )
                            .into(),
                        );
                    } else {
                        sessions.push(session);
                    }
                }
            }
        }
    }
    sessions.sort();
    sessions.dedup();
    let repositories: BTreeSet<GitHubRepository> =
        targets.iter().map(|target| target.repository.clone()).collect();
    let repositories: Vec<GitHubRepository> = repositories.into_iter().collect();
    for repository in &repositories {
        let busy = snapshot
            .secrets
            .get(repository)
            .and_then(|seen| seen.value.as_ref())
            .map_or(&[][..], |facts| facts.busy.as_slice());
        if let (Some(run), false) = (busy.first(), sessions.is_empty()) {
            warnings.push(
                format!(
                    "'{run}' is running in {repository}; no token is revoked while it may use the \
                    old one"
                )
                .into(),
            );
        }
    }
    Ok(sessions
        .into_iter()
        .map(|session| step(snapshot, session, repositories.clone()))
        .collect())
}

/// Returns the sessions that windlass recorded for `targets`, except those known to be expired or
/// revoked.
fn recorded(snapshot: &Snapshot, targets: &[SecretTarget], fresh: Option<&SessionId>) -> Vec<SessionId> {
    let mut all: Vec<SessionId> = Vec::new();
    for record in &snapshot.lineage {
        let Some(session) = &record.session else { continue };
        let over = record.expires_at.is_some_and(|end| end <= snapshot.taken_at);
        if targets.contains(&record.target) && Some(session) != fresh && !over && !all.contains(session) {
            all.push(session.clone());
        }
    }
    all.retain(|session| revoked_at(snapshot, session).is_none());
    all
}

/// Returns a secret other than `targets` that holds the token of `session`, as far as known.
fn placed_elsewhere<'s>(
    snapshot: &'s Snapshot,
    session: &SessionId,
    targets: &[SecretTarget],
) -> Option<&'s SecretTarget> {
    let others = snapshot
        .lineage
        .iter()
        .filter(|record| !targets.contains(&record.target));
    let mut last = others.filter(|record| snapshot.written(&record.target) == Some(record));
    let holds = last.find(|record| {
        let seen = snapshot
            .secrets
            .get(&record.target.repository)
            .and_then(|seen| seen.value.as_ref());
        // A secret that could not be read counts as holding it.
        let untouched = seen.is_none_or(|facts| {
            let now = facts.in_force(&record.target.secret);
            now.is_some_and(|now| now.updated_at == record.updated_at)
        });
        record.session.as_ref() == Some(session) && untouched
    })?;
    Some(&holds.target)
}

/// Returns true if windlass itself uses the session's token for its requests.
pub fn in_use(snapshot: &Snapshot, session: &SessionId) -> bool {
    let used = snapshot
        .credential
        .value
        .as_ref()
        .and_then(|facts| facts.session.as_ref());
    used == Some(session)
}

/// Fails if the session must not be revoked.
pub fn permitted(snapshot: &Snapshot, session: &SessionId, fresh: Option<&SessionId>) -> Result<(), Problem> {
    if in_use(snapshot, session) || Some(session) == fresh {
        return Err(Problem::new(
            ProblemKind::Refused,
            format!("session {session} is in use and cannot be revoked"),
        )
        .hint("sign in again first (windlass login), then revoke the former session"));
    }
    let recorded = snapshot
        .lineage
        .iter()
        .any(|record| record.session.as_ref() == Some(session));
    let listed = snapshot
        .sessions
        .value
        .as_ref()
        .is_some_and(|all| all.iter().any(|one| &one.id == session));
    if recorded || listed {
        return Ok(());
    }
    if let Some(problem) = &snapshot.sessions.problem {
        return Err(problem
            .clone()
            .within(format!("session {session} could not be checked")));
    }
    Err(Problem::new(
        ProblemKind::NotFound,
        format!("no session {session} found on Charmhub or recorded here"),
    )
    .hint("list the sessions: windlass credentials"))
}

/// Returns the step that revokes `session`.
pub fn step(snapshot: &Snapshot, session: SessionId, repositories: Vec<GitHubRepository>) -> Step {
    let facts = snapshot
        .sessions
        .value
        .as_ref()
        .and_then(|all| all.iter().find(|one| one.id == session));
    let words = facts.map_or_else(
        || "recorded here".to_owned(),
        |facts| {
            let who = facts
                .description
                .as_ref()
                .map_or("no description", SanitizedText::as_str);
            let until = facts
                .until
                .map(|until| format!(", until {}", until.format("%Y-%m-%d")))
                .unwrap_or_default();
            format!("{who}{until}")
        },
    );
    let ended = facts.and_then(|facts| facts.revoked_at);
    let op = Op::RevokeSession {
        session: session.clone(),
        repositories,
    };
    Step {
        id: StepId(format!("{REVOKE_STEP}{session}")),
        kind: op.kind().to_owned(),
        target: session.0,
        before: State::text(words),
        after: State::text("refused by Charmhub"),
        bytes: None,
        skip_reason: ended.map(|at| format!("already revoked on {}", at.format("%Y-%m-%d %H:%M UTC")).into()),
        undo: Undo::impossible("a revoked token stays revoked; only a new token replaces it"),
        optional: true,
        op,
    }
}
