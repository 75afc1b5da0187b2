//! Stores a commit on the tip that was previewed; no branch points to it yet.
//!
//! The same commit has the same id however often it is sent, so after a lost answer it is sent
//! again.

use std::sync::{Mutex, PoisonError};

use super::{Checked, StepClients, StepContext, StepResult, WriteResult, check_write_verify, note};
use crate::domain::{CommitId, GitHubRepository, Problem, ProblemKind, SanitizedText};
use crate::run::progress::Phase;
use crate::services::github::{GitHub, GitHubWriter, NewCommit};
use crate::services::http::Written;

/// Identifies where a commit is stored.
pub struct Place {
    /// The repository.
    pub repository: GitHubRepository,
    /// The branch that the commit starts from.
    pub base: String,
}

/// Checks that the branch is still at `parent`; [`ProblemKind::Refused`] if it has moved.
pub async fn unmoved(github: &GitHub, place: &Place, parent: &CommitId) -> Result<(), Problem> {
    let tip = github.tip(&place.repository, &place.base).await?;
    if &tip == parent {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::Refused,
        format!(
            "{} of {} moved since the preview: nothing was committed",
            SanitizedText::capped(&place.base, 120),
            place.repository
        ),
    )
    .cause(format!(
        "it was at {} and is at {} now",
        parent.short(),
        tip.short()
    ))
    .hint("check the new commits, then plan again"))
}

pub async fn perform(
    tools: &StepClients,
    work: StepContext<'_>,
    place: Place,
    new: NewCommit<'_>,
) -> StepResult {
    let github = &tools.services().github;
    note(&work, Phase::Looking, "reading the base branch");
    // What an earlier attempt stored counts if it still exists.
    let stored = Mutex::new(work.made.commit.clone());
    let known = || stored.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let check = || async {
        if let Some(id) = known()
            && let Some(commit) = github.commit(&place.repository, &id).await?
            && commit.parents.iter().eq([new.parent])
        {
            return Ok(Checked::Wanted(id));
        }
        match unmoved(github, &place, new.parent).await {
            Ok(()) => Ok(Checked::Planned(())),
            Err(problem) if problem.kind == ProblemKind::Refused => Ok(Checked::Changed(problem)),
            Err(problem) => Err(problem),
        }
    };
    let writer = GitHubWriter::new(github.clone());
    let write = |()| async {
        note(&work, Phase::Sending, "creating the commit");
        let id = writer.store_commit(&place.repository, &new).await?;
        *stored.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
        Ok(Written::Answered(()))
    };
    let result = check_write_verify(&work, Some(&tools.pacer), check, write).await;
    let brought = |id: CommitId| {
        let mut made = work.made.clone();
        made.commit = Some(id);
        made
    };
    match result {
        WriteResult::Already(id) => StepResult::skipped(brought(id)),
        WriteResult::Done(id) => StepResult::done(brought(id)),
        other => other.ended(work.made),
    }
}
