//! Deletes a repository's copy of a secret, so that its jobs read the organisation's. A copy that
//! was set since the preview is left alone.

use chrono::{DateTime, Utc};

use super::set_secret::set_since;
use super::{Checked, StepClients, StepContext, StepResult, check_write_verify, note};
use crate::domain::SecretTarget;
use crate::run::progress::Phase;
use crate::services::github::GitHubWriter;

pub async fn perform(
    tools: &StepClients,
    work: StepContext<'_>,
    target: SecretTarget,
    before: DateTime<Utc>,
) -> StepResult {
    note(&work, Phase::Looking, "checking the copy");
    let github = &tools.services().github;
    let check = || async {
        Ok(match github.secret(&target).await? {
            None => Checked::Wanted(()),
            Some(held) if held.updated_at == before => Checked::Planned(()),
            Some(held) => {
                let summary =
                    format!("{target} was set by another client since the preview: it was not deleted");
                Checked::Changed(set_since(summary, Some(before), Some(held.updated_at)))
            }
        })
    };
    let writer = GitHubWriter::new(github.clone());
    let delete = |()| {
        note(&work, Phase::Sending, "deleting");
        writer.delete_secret(&target)
    };
    let result = check_write_verify(&work, Some(&tools.pacer), check, delete).await;
    result.ended(work.made)
}
