//! Revokes a session of the store, unless a job may be using its token right now.
//!
//! If the store refuses because of missing rights, the rotation does not fail: the step is skipped
//! and its note names the command to revoke by hand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{
    Checked, StepClients, StepContext, StepResult, StoreTools, WriteResult, check_write_verify, note,
};
use crate::domain::{GitHubRepository, Problem, ProblemKind, SanitizedText, SessionId};
use crate::run::progress::Phase;
use crate::services::charmhub::{Publisher, StoreToken};

pub async fn perform(
    tools: &StepClients,
    mut work: StepContext<'_>,
    session: SessionId,
    repositories: Vec<GitHubRepository>,
) -> StepResult {
    note(&work, Phase::Looking, "checking for running jobs");
    if let Some(why) = in_use(tools, &session, &repositories).await {
        return leave(work, why);
    }
    let publisher = match publisher(tools).await {
        Ok(publisher) => publisher,
        Err(problem) => return refused(work, &session, problem),
    };
    if publisher.token().caveats().session_id.as_deref() == Some(session.as_str()) {
        return leave(
            work,
            format!("not revoked: session {session} is in use by this run"),
        );
    }
    let store = StoreTools::new(tools.services(), publisher);
    note(&work, Phase::Sending, "revoking");
    let checked_before = AtomicBool::new(false);
    let busy: Mutex<Option<String>> = Mutex::default();
    let check = || async {
        let sessions = store.publisher.sessions(true).await?;
        let ended = sessions
            .iter()
            .find(|one| one.id == session)
            .is_none_or(|one| one.revoked_at.is_some());
        if ended {
            return Ok(Checked::Wanted(()));
        }
        // A job may have started during the pause before a retry.
        if checked_before.swap(true, Ordering::Relaxed)
            && let Some(why) = in_use(tools, &session, &repositories).await
        {
            *busy.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
            return Ok(Checked::Changed(Problem::new(ProblemKind::Refused, why)));
        }
        Ok(Checked::Planned(()))
    };
    let result = check_write_verify(&work, None, check, |()| store.writer.revoke(&session)).await;
    let busy = busy.into_inner().unwrap_or_else(PoisonError::into_inner);
    match (result, busy) {
        (WriteResult::Refused(_), Some(why)) => leave(work, why),
        (WriteResult::Already(()), _) => {
            work.made.note = Some("already revoked, or no longer listed by Charmhub".into());
            StepResult::skipped(work.made)
        }
        (WriteResult::Refused(problem), None) => refused(work, &session, problem),
        (other, _) => other.ended(work.made),
    }
}

/// Returns why a job may be using the token of `session` right now.
async fn in_use(
    tools: &StepClients,
    session: &SessionId,
    repositories: &[GitHubRepository],
) -> Option<String> {
    for repository in repositories {
        let why = match tools.services().github.busy(repository).await {
            Ok(busy) => {
                let Some(run) = busy.first() else { continue };
                format!("'{run}' is running in {repository} and may use the old token")
            }
            Err(problem) => format!("cannot check for running jobs in {repository} ({problem})"),
        };
        return Some(format!(
            "not revoked: {why}; to revoke it later: windlass revoke {session}"
        ));
    }
    None
}

/// Returns the store's publisher with the value of this run, else with the operator's own
/// credential.
async fn publisher(tools: &StepClients) -> Result<Publisher, Problem> {
    use secrecy::ExposeSecret;
    if let Ok(value) = tools.value()
        && let Ok(token) = StoreToken::from_export(value.expose_secret(), "this run")
    {
        return Ok(Publisher::new(
            tools.services().http.clone(),
            tools.services().endpoints.charmhub.clone(),
            token,
        ));
    }
    tools.services().publisher().await
}

fn refused(work: StepContext<'_>, session: &SessionId, problem: Problem) -> StepResult {
    if !work.step.optional {
        return StepResult::failed(work.made, problem);
    }
    if matches!(problem.kind, ProblemKind::Credentials | ProblemKind::Refused) {
        return leave(
            work,
            format!(
                "this token may not revoke session {session}: revoke it at https://charmhub.io/account, \
                or with 'windlass login' and 'windlass revoke {session}'"
            ),
        );
    }
    leave(
        work,
        format!("cannot revoke session {session} ({problem}); to revoke it later: windlass revoke {session}"),
    )
}

/// Skips a session that must not be revoked now, and reports why.
fn leave(mut work: StepContext<'_>, why: String) -> StepResult {
    if work.step.optional {
        work.made.note = Some(SanitizedText::new(why));
        return StepResult::skipped(work.made);
    }
    StepResult::failed(work.made, Problem::new(ProblemKind::Refused, why))
}
