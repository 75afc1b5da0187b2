//! Plans the revocation of sessions of the store.
//!
//! Unknown sessions and the one in use are refused.

use crate::config::Workspace;
use crate::domain::{Problem, SanitizedText, SecretTarget, SessionId, Snapshot};

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

/// Plans `intent`.
pub fn plan(workspace: &Workspace, snapshot: &Snapshot, intent: &RevokeIntent) -> Result<Plan, Problem> {
    snapshot.sessions.need("the list of Charmhub sessions")?;
    let mut steps = Vec::new();
    let mut warnings = Vec::new();
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
