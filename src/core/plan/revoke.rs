//! Plans the revocation of sessions of the store.
//!
//! Unknown sessions and the one in use are refused.

use crate::config::Workspace;
use crate::domain::secret::SessionFacts;
use crate::domain::{Problem, ProblemKind, SanitizedText, SecretTarget, SessionId, Snapshot};

use super::credentials::secrets_in_words;
use super::credentials::status::holders;
use super::rotate::revocations;
use super::{Intent, Plan, RevokeIntent};

/// Returns which secrets hold, or may hold, the token of `session`.
fn held<'a>(
    workspace: &Workspace,
    snapshot: &Snapshot,
    session: &'a SessionId,
) -> impl Iterator<Item = SanitizedText> + use<'a> {
    let holders = holders(workspace, snapshot, session, snapshot.taken_at);
    let list = |targets: &[SecretTarget]| -> String {
        let names: Vec<String> = targets.iter().map(ToString::to_string).collect();
        names.join(", ")
    };
    let certain = match holders.certain.as_slice() {
        [] => None,
        [one] => Some(format!(
            "{one} holds the token of session {session}; its jobs fail after the revocation"
        )),
        many => Some(format!(
            "{} secrets hold the token of session {session}; their jobs fail after the revocation: \
            {}",
            many.len(),
            list(many)
        )),
    };
    let possible = match holders.possible.as_slice() {
        [] => None,
        many => Some(format!(
            "{} may hold the token of session {session}, because their values are unknown: {}",
            secrets_in_words(many.len()),
            list(many)
        )),
    };
    [certain, possible].into_iter().flatten().map(SanitizedText::from)
}

/// Returns the session with the id `name`, or the only listed one that was created by `name`.
fn session_of(snapshot: &Snapshot, name: &SessionId) -> Result<SessionId, Problem> {
    let listed = || snapshot.sessions.value.iter().flatten();
    let created_by = |session: &&SessionFacts| {
        let description = session.description.as_ref();
        session.revoked_at.is_none() && description.is_some_and(|text| text.as_str() == name.as_str())
    };
    let found: Vec<&SessionId> = listed().filter(created_by).map(|session| &session.id).collect();
    match found.as_slice() {
        _ if listed().any(|session| &session.id == name) => Ok(name.clone()),
        [] => Ok(name.clone()),
        [one] => Ok((*one).clone()),
        several => {
            let problem = Problem::new(
                ProblemKind::Usage,
                format!("{} sessions were created by {name}", several.len()),
            );
            let problem = several
                .iter()
                .fold(problem, |problem, id| problem.cause(id.to_string()));
            Err(problem.hint("name the session by its id: windlass credentials"))
        }
    }
}

/// Plans `intent`.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &RevokeIntent) -> Result<Plan, Problem> {
    snapshot.sessions.need("the list of Charmhub sessions")?;
    let mut steps = Vec::new();
    let mut warnings = Vec::new();
    let sessions = intent.sessions.iter().map(|name| session_of(snapshot, name));
    let intent = &RevokeIntent {
        sessions: sessions.collect::<Result<_, Problem>>()?,
    };
    for session in &intent.sessions {
        revocations::permitted(snapshot, session, None)?;
        // Jobs of repositories whose secrets hold its token may be using it now.
        let mut repositories: Vec<_> = snapshot
            .lineage
            .iter()
            .filter(|record| record.session.as_ref() == Some(session))
            .map(|record| record.target.repository.clone())
            .collect();
        if repositories.is_empty() {
            // If the token was stored by hand, any job of the workspace may be using it.
            let named = workspace.tokens.iter().flat_map(|token| &token.targets);
            repositories.extend(named.map(|target| target.repository.clone()));
        }
        repositories.sort();
        repositories.dedup();
        warnings.extend(held(workspace, snapshot, session));
        let mut step = revocations::step(snapshot, session.clone(), repositories);
        step.optional = false;
        steps.push(step);
    }
    let title = match intent.sessions.len() {
        1 => "Revoke one Charmhub session".to_owned(),
        many => format!("Revoke {many} Charmhub sessions"),
    };
    let mut plan = Plan::new(
        &workspace.name,
        &snapshot.world,
        title,
        Intent::Revoke(intent.clone()),
        steps,
        "revoke".to_owned(),
    );
    plan.warnings = warnings;
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::credentials::situations::{situations, workspace};

    #[test]
    fn a_session_is_revoked_by_its_id_or_by_the_name_that_only_it_has() {
        let unknown = situations()
            .into_iter()
            .find(|one| one.name == "never set by windlass, a session expires soon");
        let mut snapshot = unknown.unwrap().snapshot;
        let planned = |snapshot: &Snapshot, name: &str| {
            let sessions = [SessionId::new(name)].into();
            plan(&workspace(), snapshot, &RevokeIntent { sessions })
        };
        let command = "windlass revoke build";
        assert_eq!(planned(&snapshot, "build").unwrap().command, command);
        assert_eq!(planned(&snapshot, "charmcraft@build").unwrap().command, command);
        assert!(planned(&snapshot, "charmcraft@nowhere").is_err());
        let sessions = snapshot.sessions.value.as_mut().unwrap();
        let mut second = sessions
            .iter()
            .find(|one| one.id.as_str() == "build")
            .unwrap()
            .clone();
        second.id = SessionId::new("other");
        sessions.push(second);
        let problem = planned(&snapshot, "charmcraft@build").unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Usage);
        assert_eq!(problem.causes.len(), 2, "{problem:?}");
        assert_eq!(
            planned(&snapshot, "other").unwrap().command,
            "windlass revoke other"
        );
    }
}
