//! Holds a release, and lifts its hold: a tag that every machine's robot sees.

use super::{Ended, Tools, Work, guarded, note};
use crate::domain::bundle::hold_tag;
use crate::domain::{CommitId, GitHubRepository, ReleaseName};
use crate::run::progress::Phase;
use crate::services::github::{GitHubWriter, RefName};

/// Sets the tag at `at`. One that is there holds, wherever it points.
pub async fn set(
    tools: &Tools,
    work: Work<'_>,
    repository: GitHubRepository,
    release: ReleaseName,
    at: CommitId,
) -> Ended {
    let github = &tools.services().github;
    let name = RefName::tag(&hold_tag(&release));
    note(&work, Phase::Looking, "looking for the hold");
    let look = || async {
        let there = github.reference(&repository, &name).await?;
        Ok(there.map(drop))
    };
    if work.cancel.is_cancelled() {
        return Ended::cancelled(work.made);
    }
    let writer = GitHubWriter::new(github.clone());
    let write = || {
        tools.paced(|| {
            note(&work, Phase::Sending, "setting the hold");
            writer.create_reference(&repository, &name, &at)
        })
    };
    guarded(&work, look, write).await.ended(work.made.clone())
}

/// Deletes the tag.
pub async fn lift(
    tools: &Tools,
    work: Work<'_>,
    repository: GitHubRepository,
    release: ReleaseName,
) -> Ended {
    let github = &tools.services().github;
    let name = RefName::tag(&hold_tag(&release));
    note(&work, Phase::Looking, "looking for the hold");
    let look = || async {
        let there = github.reference(&repository, &name).await?;
        Ok(there.is_none().then_some(()))
    };
    if work.cancel.is_cancelled() {
        return Ended::cancelled(work.made);
    }
    let writer = GitHubWriter::new(github.clone());
    let write = || {
        tools.paced(|| {
            note(&work, Phase::Sending, "lifting the hold");
            writer.delete_reference(&repository, &name)
        })
    };
    guarded(&work, look, write).await.ended(work.made.clone())
}
