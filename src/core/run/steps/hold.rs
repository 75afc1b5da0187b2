//! Holds a release and lifts its hold: a tag that automatic publishing reads on every machine.

use std::sync::{Mutex, PoisonError};

use super::{Checked, StepClients, StepContext, StepResult, check_write_verify, note};
use crate::domain::bundle::hold_tag;
use crate::domain::{CommitId, GitHubRepository, Problem, ProblemKind, ReleaseName};
use crate::run::progress::Phase;
use crate::services::github::{GitHubWriter, RefName};

/// Sets the tag at `at`. An existing tag is a hold, wherever it points.
pub async fn set(
    tools: &StepClients,
    work: StepContext<'_>,
    repository: GitHubRepository,
    release: ReleaseName,
    at: CommitId,
) -> StepResult {
    let github = &tools.services().github;
    let name = RefName::tag(&hold_tag(&release));
    note(&work, Phase::Looking, "checking the hold");
    let check = || async {
        let there = github.reference(&repository, &name).await?;
        Ok(Checked::from_found(there.map(drop)))
    };
    let writer = GitHubWriter::new(github.clone());
    let write = |()| {
        note(&work, Phase::Sending, "setting the hold");
        writer.create_reference(&repository, &name, &at)
    };
    let result = check_write_verify(&work, Some(&tools.pacer), check, write).await;
    result.ended(work.made.clone())
}

/// Deletes the tag.
pub async fn lift(
    tools: &StepClients,
    work: StepContext<'_>,
    repository: GitHubRepository,
    release: ReleaseName,
) -> StepResult {
    let github = &tools.services().github;
    let name = RefName::tag(&hold_tag(&release));
    note(&work, Phase::Looking, "checking the hold");
    // The hold to lift is the one that the first check finds.
    let held: Mutex<Option<CommitId>> = Mutex::default();
    let check = || async {
        let Some(there) = github.reference(&repository, &name).await? else {
            return Ok(Checked::Wanted(()));
        };
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        let first = held.get_or_insert_with(|| there.clone());
        if *first == there {
            return Ok(Checked::Planned(()));
        }
        let summary = format!("{name} of {repository} was set again by another client: it was not deleted");
        Ok(Checked::Changed(
            Problem::new(ProblemKind::Refused, summary)
                .cause(format!(
                    "it was at {} and is at {} now",
                    first.short(),
                    there.short()
                ))
                .hint("to remove that hold too, run the same command again"),
        ))
    };
    let writer = GitHubWriter::new(github.clone());
    let write = |()| {
        note(&work, Phase::Sending, "removing the hold");
        writer.delete_reference(&repository, &name)
    };
    let result = check_write_verify(&work, Some(&tools.pacer), check, write).await;
    result.ended(work.made.clone())
}
