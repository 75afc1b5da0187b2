//! Checks preconditions again between confirmation and start: whether channels, tags and branches
//! are unchanged, and whether the token may write where the plan writes.
//!
//! Nothing was written yet, so a failed check is a refusal and not a failed run. Must not change
//! anything.

use std::collections::BTreeSet;

use super::session::Session;
use super::steps::{close, commit, copy_image, release_bundle};
use crate::domain::{Problem, ProblemKind};
use crate::plan::{Op, Plan};
use crate::services::github::{GitHubWriter, RefName};
use crate::services::registry::TagBefore;

/// Checks everything that `plan` relies on.
pub async fn plan(session: &Session, plan: &Plan) -> Result<(), Problem> {
    github(session, plan).await?;
    for step in plan.steps.iter().filter(|step| step.skip_reason.is_none()) {
        if let Op::Copy {
            source,
            digest,
            cut,
            destination,
            tag,
            before,
            over,
        } = &step.op
        {
            let wanted = copy_image::Wanted {
                source: source.clone(),
                digest: *digest,
                cut: cut.clone(),
            };
            let place = copy_image::Place {
                repository: destination.clone(),
                tag: tag.clone(),
                before: TagBefore::planned(*before, *over),
            };
            copy_image::unmoved(&session.observer.services().registries, &wanted, &place).await?;
            continue;
        }
        let (charm, verb) = match &step.op {
            Op::Release { charm, .. } => (charm, "released"),
            Op::ReleaseBundle { bundle, .. } => (bundle, "released"),
            Op::Close { charm, .. } => (charm, "closed"),
            _ => continue,
        };
        let publisher = session.observer.services().publisher().await?;
        let rows = publisher.rows(charm).await?;
        let moved: Vec<String> = match &step.op {
            Op::Release { moves, .. } => moves.iter().filter_map(|planned| planned.moved(&rows)).collect(),
            Op::Close { channel, before, .. } => close::changed(&rows, channel, before).into_iter().collect(),
            Op::ReleaseBundle { channel, before, .. } => release_bundle::changed(&rows, channel, *before)
                .into_iter()
                .collect(),
            _ => Vec::new(),
        };
        if !moved.is_empty() {
            let mut problem = Problem::new(
                ProblemKind::Refused,
                format!("{charm} has changed since the preview: nothing was {verb}"),
            );
            for text in moved {
                problem = problem.cause(text);
            }
            return Err(problem.hint("check recent releases of the charm, then plan again"));
        }
    }
    Ok(())
}

/// Checks the repositories and branches of `plan`.
async fn github(session: &Session, plan: &Plan) -> Result<(), Problem> {
    let open = || plan.steps.iter().filter(|step| step.skip_reason.is_none());
    let github = &session.observer.services().github;
    // Optional steps do not block the others: channels are rolled back even without a hold.
    let written: BTreeSet<_> = open()
        .filter(|step| !step.optional)
        .filter_map(|step| match &step.op {
            Op::Commit { repository, .. }
            | Op::CreateBranch { repository, .. }
            | Op::SetHold { repository, .. }
            | Op::LiftHold { repository, .. } => Some(repository),
            _ => None,
        })
        .collect();
    // A read-only session has no writer, and is refused when it starts.
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
        // Planned while the branch did not exist: if it exists now, another client marked the
        // release.
        if let Op::CreateBranch {
            repository, branch, ..
        } = &step.op
        {
            let name = RefName::branch(branch);
            if let Some(there) = github.reference(repository, &name).await? {
                return Err(Problem::new(
                    ProblemKind::Refused,
                    format!("{name} of {repository} was created since the preview"),
                )
                .cause(format!("it is at {}", there.short()))
                .hint("check who created it, then plan again"));
            }
        }
    }
    Ok(())
}
