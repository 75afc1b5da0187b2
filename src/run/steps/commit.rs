//! Stores a commit that no branch shows yet, on the tip that was previewed.
//!
//! The same commit has the same id however often it is sent, so a lost answer is sent again.

use std::sync::{Mutex, PoisonError};

use super::{Ended, Settled, Tools, Work, guarded, note};
use crate::domain::{CommitId, GitHubRepository, Kind, Outside, Problem};
use crate::run::progress::Phase;
use crate::services::github::{GitHub, GitHubWriter, NewCommit};
use crate::services::http::Written;

/// Where a commit is stored.
pub struct Place {
    /// The repository.
    pub repository: GitHubRepository,
    /// The branch that it starts from.
    pub base: String,
}

/// [`Kind::Refused`] where the branch is at another commit than `parent`.
pub async fn unmoved(github: &GitHub, place: &Place, parent: &CommitId) -> Result<(), Problem> {
    let tip = github.tip(&place.repository, &place.base).await?;
    if &tip == parent {
        return Ok(());
    }
    Err(Problem::new(
        Kind::Refused,
        format!(
            "{} of {} moved since the preview: nothing was committed",
            Outside::capped(&place.base, 120),
            place.repository
        ),
    )
    .cause(format!(
        "it was at {} and is at {} now",
        parent.short(),
        tip.short()
    ))
    .hint("look what was committed there, then plan anew"))
}

pub async fn perform(tools: &Tools, work: Work<'_>, place: Place, new: NewCommit<'_>) -> Ended {
    let github = &tools.services().github;
    note(&work, Phase::Looking, "looking at the branch it starts from");
    // What an earlier attempt stored counts if it is still there.
    let stored = Mutex::new(work.made.commit.clone());
    let known = || stored.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let look = || async {
        if let Some(id) = known()
            && let Some(commit) = github.commit(&place.repository, &id).await?
            && commit.parents.iter().eq([new.parent])
        {
            return Ok(Some(id));
        }
        unmoved(github, &place, new.parent).await?;
        Ok(None)
    };
    if work.cancel.is_cancelled() {
        return Ended::cancelled(work.made);
    }
    let writer = GitHubWriter::new(github.clone());
    let write = || {
        tools.paced(|| async {
            note(&work, Phase::Sending, "storing the commit");
            let id = writer.store_commit(&place.repository, &new).await?;
            *stored.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
            Ok(Written::Answered(()))
        })
    };
    let settled = guarded(&work, look, write).await;
    let brought = |id: CommitId| {
        let mut made = work.made.clone();
        made.commit = Some(id);
        made
    };
    match settled {
        Settled::Already(id) => Ended::skipped(brought(id)),
        Settled::Now(id) => Ended::done(brought(id)),
        Settled::Refused(problem) => Ended::failed(work.made, problem),
        Settled::Unknown(problem) => Ended::unknown(work.made, problem),
    }
}
