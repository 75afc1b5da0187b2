//! Creates a branch at a commit of this run, and never moves one that is there.

use super::{Ended, Settled, Tools, Work, guarded, note};
use crate::domain::{CommitId, GitHubRepository, Kind, Problem};
use crate::plan::StepId;
use crate::run::progress::Phase;
use crate::services::github::{GitHubWriter, RefName};

pub async fn perform(
    tools: &Tools,
    work: Work<'_>,
    repository: GitHubRepository,
    branch: String,
    from: StepId,
) -> Ended {
    let Some(commit) = (work.made_of)(&from).and_then(|made| made.commit) else {
        let problem = Problem::new(Kind::Internal, format!("step {from} stored no commit"));
        return Ended::failed(work.made, problem);
    };
    let github = &tools.services().github;
    let name = RefName::branch(&branch);
    note(&work, Phase::Looking, "looking for the branch");
    let look = || async {
        match github.reference(&repository, &name).await? {
            None => Ok(None),
            Some(there) if there == commit => Ok(Some(())),
            Some(there) => Err(elsewhere(&repository, &name, &there, &commit)),
        }
    };
    if work.cancel.is_cancelled() {
        return Ended::cancelled(work.made);
    }
    let writer = GitHubWriter::new(github.clone());
    let write = || {
        tools.paced(|| {
            note(&work, Phase::Sending, "creating the branch");
            writer.create_reference(&repository, &name, &commit)
        })
    };
    let settled = guarded(&work, look, write).await;
    let mut made = work.made.clone();
    made.commit = Some(commit.clone());
    match settled {
        Settled::Already(()) => Ended::skipped(made),
        Settled::Now(()) => Ended::done(made),
        Settled::Refused(problem) => {
            // Refused because somebody created it in between: what it points at is the news.
            let there = github.reference(&repository, &name).await.ok().flatten();
            let problem = match there {
                Some(there) if there != commit => elsewhere(&repository, &name, &there, &commit),
                _ => problem,
            };
            Ended::failed(work.made, problem)
        }
        Settled::Unknown(problem) => Ended::unknown(work.made, problem),
    }
}

fn elsewhere(repository: &GitHubRepository, name: &RefName, there: &CommitId, ours: &CommitId) -> Problem {
    Problem::new(
        Kind::Refused,
        format!("{name} of {repository} is there already: it is left as it is"),
    )
    .cause(format!(
        "it is at {}, and this run would have created it at {}",
        there.short(),
        ours.short()
    ))
    .hint("look who created it; once it is gone, 'windlass resume' creates it anew")
}
