//! Deletes a repository's copy of a secret, so that its jobs read the organisation's. A copy that
//! somebody set since the preview is left alone.

use chrono::{DateTime, Utc};

use super::{Ended, Tools, Work, guarded, note};
use crate::domain::{Kind, Problem, SecretTarget};
use crate::run::progress::Phase;
use crate::services::github::GitHubWriter;

pub async fn perform(tools: &Tools, work: Work<'_>, target: SecretTarget, before: DateTime<Utc>) -> Ended {
    note(&work, Phase::Looking, "looking at the copy");
    let github = &tools.services().github;
    let look = || async {
        match github.secret(&target).await? {
            None => Ok(Some(())),
            Some(held) if held.updated_at == before => Ok(None),
            Some(_) => Err(Problem::new(
                Kind::Refused,
                format!("{target} was set by somebody else since the preview: it is not deleted"),
            )
            .hint("find out who rotates at the same time, then run the same command again")),
        }
    };
    if work.cancel.is_cancelled() {
        return Ended::cancelled(work.made);
    }
    let writer = GitHubWriter::new(github.clone());
    let delete = || {
        note(&work, Phase::Sending, "deleting");
        tools.paced(|| writer.delete_secret(&target))
    };
    guarded(&work, look, delete).await.ended(work.made)
}
