//! Asks the service whether the value of this run has the rights that the jobs at every target
//! need, and records its expiry. A value is sent to its own service only.

use super::{StepClients, StepContext, StepResult, note};
use crate::config::workspace::TokenKind;
use crate::domain::Problem;
use crate::domain::credential::CredentialFacts;
use crate::observe::facts_of;
use crate::plan::{Need, rotate};
use crate::run::progress::Phase;

pub async fn perform(
    tools: &StepClients,
    mut work: StepContext<'_>,
    kind: TokenKind,
    needs: Vec<Need>,
) -> StepResult {
    note(&work, Phase::Looking, "checking permissions");
    match check(tools, kind, &needs).await {
        Ok(facts) => {
            if let Some(facts) = facts {
                work.made.session = facts.session;
                work.made.expires_at = facts.expires_at;
            }
            StepResult::done(work.made)
        }
        Err(problem) => StepResult::failed(work.made, problem.hint("no secret was changed")),
    }
}

/// Returns what the service reports about the value if it suffices; `None` if no service can be
/// asked.
async fn check(
    tools: &StepClients,
    kind: TokenKind,
    needs: &[Need],
) -> Result<Option<CredentialFacts>, Problem> {
    let value = tools.value()?;
    let Some(facts) = facts_of(tools.services(), kind, &value).await? else {
        return Ok(None);
    };
    match rotate::lacking(kind, &facts, needs) {
        Some(problem) => Err(problem),
        None => Ok(Some(facts)),
    }
}
