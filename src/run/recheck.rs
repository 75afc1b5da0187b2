//! What is looked at once more between confirmation and start, at GitHub: whether the token may
//! write where the plan writes, and whether the branches that it builds on stand where they stood.
//!
//! Nothing was written yet, so what is wrong here is a refusal and not a failed run. Must not change
//! anything.

use std::collections::BTreeSet;

use super::session::Session;
use super::steps::commit;
use crate::domain::Problem;
use crate::plan::{Op, Plan};
use crate::services::github::GitHubWriter;

/// Looks at the repositories and branches of `plan`.
pub async fn github(session: &Session, plan: &Plan) -> Result<(), Problem> {
    let open = || plan.steps.iter().filter(|step| step.skip_reason.is_none());
    let github = &session.observer.services().github;
    let written: BTreeSet<_> = open()
        .filter_map(|step| match &step.op {
            Op::Commit { repository, .. }
            | Op::CreateBranch { repository, .. }
            | Op::SetHold { repository, .. }
            | Op::LiftHold { repository, .. } => Some(repository),
            _ => None,
        })
        .collect();
    // A session that may not write has no writer, and is refused when it starts.
    if !session.read_only {
        let writer = GitHubWriter::new(github.clone());
        for repository in written {
            writer.may_write(repository).await?;
        }
    }
    for step in open() {
        if let Op::Commit {
            repository,
            base,
            parent,
            ..
        } = &step.op
        {
            let place = commit::Place {
                repository: repository.clone(),
                base: base.clone(),
            };
            commit::unmoved(github, &place, parent).await?;
        }
    }
    Ok(())
}
