//! Plans the end of sessions of the store.
//!
//! Owns the refusal of unknown sessions and of the one in use. Pure.

use crate::config::Workspace;
use crate::domain::{Problem, Snapshot};

use super::rotate::revocations;
use super::{Intent, Plan, RevokeIntent};

/// Plans `intent`, or says why not.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &RevokeIntent) -> Result<Plan, Problem> {
    snapshot.sessions.need("the store's list of sessions")?;
    let mut steps = Vec::new();
    let mut warnings = Vec::new();
    for session in &intent.sessions {
        revocations::permitted(snapshot, session, None)?;
        // Where our lineage put its token, jobs may be using it right now.
        let mut repositories: Vec<_> = snapshot
            .lineage
            .iter()
            .filter(|record| record.session.as_ref() == Some(session))
            .map(|record| record.target.repository.clone())
            .collect();
        if repositories.is_empty() {
            // Put somewhere by hand: any job of the workspace may be using it.
            let named = workspace.tokens.iter().flat_map(|token| &token.targets);
            repositories.extend(named.map(|target| target.repository.clone()));
        }
        repositories.sort();
        repositories.dedup();
        let placed = snapshot
            .lineage
            .iter()
            .filter(|record| record.session.as_ref() == Some(session))
            .find(|record| {
                snapshot
                    .written(&record.target)
                    .is_some_and(|last| last.session.as_ref() == Some(session))
            });
        if let Some(record) = placed {
            warnings.push(
                format!(
                    "{} holds the token of session {session}: its jobs fail once it is revoked",
                    record.target
                )
                .into(),
            );
        }
        let mut step = revocations::step(snapshot, session.clone(), repositories);
        step.optional = false;
        steps.push(step);
    }
    let title = match intent.sessions.len() {
        1 => "Revoke one session of the store".to_owned(),
        many => format!("Revoke {many} sessions of the store"),
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
