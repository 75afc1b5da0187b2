//! Ends a session of the store, unless a job may be using its token right now.
//!
//! A store that refuses the right does not make a rotation fail: the step is skipped and says how
//! to revoke by hand.

use super::{Ended, Settled, StoreTools, Tools, Work, guarded, note};
use crate::domain::{GitHubRepository, Kind, Outside, Problem, SessionId};
use crate::run::progress::Phase;
use crate::services::charmhub::{Publisher, StoreToken};

pub async fn perform(
    tools: &Tools,
    mut work: Work<'_>,
    session: SessionId,
    repositories: Vec<GitHubRepository>,
) -> Ended {
    note(&work, Phase::Looking, "looking for jobs that run");
    for repository in &repositories {
        match tools.services().github.busy(repository).await {
            Ok(busy) if busy.is_empty() => {}
            Ok(busy) => {
                let run = busy.first().map(ToString::to_string).unwrap_or_default();
                return leave(
                    work,
                    format!(
                        "not revoked: '{run}' is running in {repository} and may use the old token; later: windlass revoke {session}"
                    ),
                );
            }
            Err(problem) => {
                return leave(
                    work,
                    format!(
                        "not revoked: whether jobs run in {repository} could not be told ({problem}); later: windlass revoke {session}"
                    ),
                );
            }
        }
    }
    let publisher = match publisher(tools).await {
        Ok(publisher) => publisher,
        Err(problem) => return refused(work, &session, problem),
    };
    if publisher.token().caveats().session_id.as_deref() == Some(session.as_str()) {
        return leave(work, format!("not revoked: session {session} is the one in use"));
    }
    let store = StoreTools::new(tools.services(), publisher);
    note(&work, Phase::Sending, "revoking");
    let look = || async {
        let sessions = store.publisher.sessions(true).await?;
        let ended = sessions
            .iter()
            .find(|one| one.id == session)
            .is_none_or(|one| one.revoked_at.is_some());
        Ok(ended.then_some(()))
    };
    match guarded(&work, look, || store.writer.revoke(&session)).await {
        Settled::Already(()) => {
            work.made.note = Some("it was revoked already, or the store no longer lists it".into());
            Ended::skipped(work.made)
        }
        Settled::Now(()) => Ended::done(work.made),
        Settled::Refused(problem) => refused(work, &session, problem),
        Settled::Unknown(problem) => Ended::unknown(work.made, problem),
    }
}

/// The store by the value of this run, else by the operator's own credential.
async fn publisher(tools: &Tools) -> Result<Publisher, Problem> {
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

fn refused(work: Work<'_>, session: &SessionId, problem: Problem) -> Ended {
    if !work.step.optional {
        return Ended::failed(work.made, problem);
    }
    if matches!(problem.kind, Kind::Credentials | Kind::Refused) {
        return leave(
            work,
            format!(
                "the store does not let this token revoke session {session}: end it by hand at https://charmhub.io/account, or with 'windlass login' and 'windlass revoke {session}'"
            ),
        );
    }
    leave(
        work,
        format!("session {session} could not be revoked ({problem}); later: windlass revoke {session}"),
    )
}

/// What must not be revoked now is left, and said.
fn leave(mut work: Work<'_>, why: String) -> Ended {
    if work.step.optional {
        work.made.note = Some(Outside::new(why));
        return Ended::skipped(work.made);
    }
    Ended::failed(work.made, Problem::new(Kind::Refused, why))
}
