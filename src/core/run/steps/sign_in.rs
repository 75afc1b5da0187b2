//! Mints a store token: the exchange of a sign-in. The token stays in the memory of the run.
//!
//! An exchange whose answer was lost has minted a token that no client holds. The journal names it
//! by the run's id, so that it can be found in the store's list and offered for revocation.

use super::{StepClients, StepContext, StepResult, note};
use crate::domain::credential::TokenScope;
use crate::domain::{Problem, ProblemKind, SessionId};
use crate::run::progress::Phase;
use crate::services::charmhub::StoreToken;
use crate::services::charmhub::sign_on::{SignOnAnswer, SignedOn};
use crate::services::http::Written;

/// How often a sign-in is repeated if its token got lost on the way.
const TRIES: usize = 3;

pub async fn perform(tools: &StepClients, work: StepContext<'_>, scope: TokenScope) -> StepResult {
    note(&work, Phase::Sending, "signing in");
    let mut signed = tools.means.signed.clone();
    let mut lost: Option<Problem> = None;
    for _ in 0..TRIES {
        if work.cancel.is_cancelled() && lost.is_none() {
            return StepResult::cancelled(work.made);
        }
        let now = match signed.take() {
            Some(signed) => signed,
            None => match sign_on(tools, &scope).await {
                Ok(signed) => signed,
                Err(problem) => {
                    let problem = match lost {
                        Some(first) => first.cause(problem.summary),
                        None => problem,
                    };
                    return StepResult::failed(work.made, problem);
                }
            },
        };
        let description = format!("windlass@{} {}", host(), tools.run);
        match tools.services().sign_on().exchange(&now, &description).await {
            Ok(Written::Answered(token)) => return keep(tools, work, &token),
            Ok(Written::Lost(problem)) => lost = Some(problem),
            Ok(Written::NotTaken(problem)) | Err(problem) => return StepResult::failed(work.made, problem),
        }
    }
    let problem = lost.unwrap_or_else(|| Problem::new(ProblemKind::Network, "the sign-in returned no token"));
    StepResult::failed(
        work.made,
        problem.hint(
            "a token may have been created but not stored: see 'windlass credentials' once Charmhub \
            responds",
        ),
    )
}

async fn sign_on(tools: &StepClients, scope: &TokenScope) -> Result<SignedOn, Problem> {
    let Some(login) = &tools.means.login else {
        return Err(Problem::new(
            ProblemKind::Credentials,
            "this run needs a sign-in, and no one signed in",
        )
        .hint("run the same command again in a terminal"));
    };
    match tools.services().sign_on().discharge(scope, login).await? {
        SignOnAnswer::Signed(signed) => Ok(signed),
        SignOnAnswer::OtpWanted => Err(Problem::new(
            ProblemKind::Credentials,
            "Ubuntu One requires a new one-time password",
        )
        .hint("run the same command again")),
    }
}

fn keep(tools: &StepClients, mut work: StepContext<'_>, token: &StoreToken) -> StepResult {
    let caveats = token.caveats();
    work.made.session = caveats.session_id.as_deref().map(SessionId::new);
    work.made.expires_at = caveats.expires_at;
    let export = token.export();
    match tools.session.journal.fingerprint(&export) {
        Ok(fingerprint) => work.made.fingerprint = Some(fingerprint),
        Err(problem) => return StepResult::failed(work.made, problem),
    }
    tools.take(export);
    StepResult::done(work.made)
}

/// Returns the name of this machine as other programs see it.
fn host() -> String {
    let actor = crate::run::session::actor();
    actor.rsplit('@').next().unwrap_or("localhost").to_owned()
}
