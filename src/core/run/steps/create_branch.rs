//! Creates a branch at a commit of this run, and never moves an existing one.

use super::{Checked, StepClients, StepContext, StepResult, WriteResult, check_write_verify, note};
use crate::domain::{CommitId, GitHubRepository, Problem, ProblemKind};
use crate::plan::StepId;
use crate::run::progress::Phase;
use crate::services::github::{GitHubWriter, RefName};

pub async fn perform(
    tools: &StepClients,
    work: StepContext<'_>,
    repository: GitHubRepository,
    branch: String,
    from: StepId,
) -> StepResult {
    let Some(commit) = (work.made_of)(&from).and_then(|made| made.commit) else {
        let problem = Problem::new(ProblemKind::Internal, format!("step {from} created no commit"));
        return StepResult::failed(work.made, problem);
    };
    let github = &tools.services().github;
    let name = RefName::branch(&branch);
    note(&work, Phase::Looking, "checking the branch");
    let check = || async {
        Ok(match github.reference(&repository, &name).await? {
            None => Checked::Planned(()),
            Some(there) if there == commit => Checked::Wanted(()),
            Some(there) => Checked::Changed(elsewhere(&repository, &name, &there, &commit)),
        })
    };
    let writer = GitHubWriter::new(github.clone());
    let write = |()| {
        note(&work, Phase::Sending, "creating the branch");
        writer.create_reference(&repository, &name, &commit)
    };
    let result = check_write_verify(&work, Some(&tools.pacer), check, write).await;
    let mut made = work.made.clone();
    made.commit = Some(commit.clone());
    match result {
        WriteResult::Already(()) => StepResult::skipped(made),
        WriteResult::Done(()) => StepResult::done(made),
        other => other.ended(work.made),
    }
}

fn elsewhere(repository: &GitHubRepository, name: &RefName, there: &CommitId, ours: &CommitId) -> Problem {
    Problem::new(
        ProblemKind::Refused,
        format!("{name} of {repository} already exists: it was not changed"),
    )
    .cause(format!(
        "it is at {}; this run would have created it at {}",
        there.short(),
        ours.short()
    ))
    .hint("check who created it; delete it, then run 'windlass resume' to create it again")
}
