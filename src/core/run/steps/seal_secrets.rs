//! Seals the value of this run for every target and writes all seals to the journal before the
//! first is sent. Only GitHub can open them.

use futures_util::future::try_join_all;

use super::{StepClients, StepContext, StepResult, note};
use crate::domain::secret::{SealedOrganisation, SealedValue};
use crate::domain::{OrganisationSecret, Problem, SecretTarget};
use crate::journal::StepOutput;
use crate::plan::{StepId, rotate};
use crate::run::progress::Phase;
use crate::services::sealed_box;

pub async fn perform(
    tools: &StepClients,
    work: StepContext<'_>,
    targets: Vec<SecretTarget>,
    organisations: Vec<OrganisationSecret>,
) -> StepResult {
    note(&work, Phase::Looking, "reading the keys");
    let checked = (work.made_of)(&StepId(rotate::CHECK_STEP.to_owned())).unwrap_or_default();
    match sealed(tools, &targets, &organisations, checked).await {
        Ok(made) => {
            // On disk before any of them is sent.
            if let Err(problem) = (work.keep)(&made) {
                return StepResult::failed(work.made, problem);
            }
            StepResult::done(made)
        }
        Err(problem) => StepResult::failed(work.made, problem.hint("no secret was changed")),
    }
}

async fn sealed(
    tools: &StepClients,
    targets: &[SecretTarget],
    organisations: &[OrganisationSecret],
    checked: StepOutput,
) -> Result<StepOutput, Problem> {
    let value = tools.value()?;
    let github = &tools.services().github;
    let sealed = try_join_all(targets.iter().map(|target| async {
        let key = github.public_key(&target.repository).await?;
        Ok::<_, Problem>(SealedValue {
            target: target.clone(),
            encrypted_value: sealed_box::seal(&key, &value)?,
            key_id: key.key_id,
        })
    }))
    .await?;
    let sealed_organisation = try_join_all(organisations.iter().map(|secret| async {
        let key = github.organisation_key(&secret.organisation).await?;
        Ok::<_, Problem>(SealedOrganisation {
            secret: secret.clone(),
            encrypted_value: sealed_box::seal(&key, &value)?,
            key_id: key.key_id,
        })
    }))
    .await?;
    Ok(StepOutput {
        fingerprint: Some(tools.session.journal.fingerprint(&value)?),
        session: checked.session,
        expires_at: checked.expires_at,
        sealed,
        sealed_organisation,
        ..StepOutput::default()
    })
}
