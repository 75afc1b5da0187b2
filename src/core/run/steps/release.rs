//! Releases a charm: every channel and base in one request, only from what was previewed.

use super::{
    Checked, StepContext, StepResult, StoreTools, WriteResult, changed_since, check_write_verify, note,
};
use crate::domain::charm::{ChannelRow, Serving};
use crate::domain::{CharmName, Problem, ProblemKind, ResourceName, ResourceRevision};
use crate::journal::{Released, ReleasedResource, StepOutput};
use crate::plan::{AttachFrom, ChannelUpdate, StepId};
use crate::run::progress::Phase;
use crate::services::charmhub::writer::{ReleaseItem, ReleaseResource};

/// Holds a planned channel change with the numbers of its resources.
pub struct Target<'a> {
    /// What was planned.
    pub planned: &'a ChannelUpdate,
    /// Every resource with its revision.
    pub resources: Vec<(ResourceName, ResourceRevision)>,
}

impl Target<'_> {
    /// Returns true if `rows` serve it.
    pub fn served_by(&self, rows: &[ChannelRow]) -> bool {
        self.planned.row(rows).is_some_and(|row| {
            row.revision == self.planned.revision
                && self
                    .resources
                    .iter()
                    .all(|(name, revision)| row.resource(name) == Some(*revision))
        })
    }

    /// Describes what the row serves instead; `None` if the target is served.
    pub fn lost(&self, rows: &[ChannelRow]) -> Option<String> {
        if self.served_by(rows) {
            return None;
        }
        let now = self.planned.row(rows).map(Serving::of);
        let now = now.map_or_else(|| "closed".to_owned(), |now| now.to_string());
        Some(format!("{} is {now} now", self.planned.channel))
    }

    /// Describes how another client changed the row since the preview.
    fn changed(&self, rows: &[ChannelRow]) -> Option<String> {
        if self.served_by(rows) {
            None
        } else {
            self.planned.moved(rows)
        }
    }
}

/// Returns the refusal for a charm that this run released and that `changes` describe as changed
/// since.
pub fn changed_after(charm: &CharmName, changes: Vec<String>) -> Problem {
    let summary = format!("this run released {charm}, and another client changed it since");
    let problem = Problem::new(ProblemKind::Refused, summary);
    changes.into_iter().fold(problem, Problem::cause)
}

/// Fills in the numbers that earlier steps produced.
pub fn targets<'a>(
    made_of: &dyn Fn(&StepId) -> Option<StepOutput>,
    moves: &'a [ChannelUpdate],
) -> Result<Vec<Target<'a>>, Problem> {
    moves
        .iter()
        .map(|planned| {
            let resources = planned
                .resources
                .iter()
                .map(|attach| {
                    let revision = match &attach.from {
                        AttachFrom::Revision(revision) => *revision,
                        AttachFrom::Step(step) => made_of(step)
                            .and_then(|made| made.resource_revision)
                            .ok_or_else(|| {
                                Problem::new(
                                    ProblemKind::Internal,
                                    format!("step {step} recorded no resource revision"),
                                )
                            })?,
                    };
                    Ok((attach.name.clone(), revision))
                })
                .collect::<Result<_, Problem>>()?;
            Ok(Target { planned, resources })
        })
        .collect()
}

pub async fn perform(
    tools: &StoreTools,
    work: StepContext<'_>,
    charm: CharmName,
    moves: Vec<ChannelUpdate>,
) -> StepResult {
    let targets = match targets(work.made_of, &moves) {
        Ok(targets) => targets,
        Err(problem) => return StepResult::failed(work.made, problem),
    };
    note(&work, Phase::Looking, "checking the channels");
    let check = || async { Ok(checked(&charm, &targets, &tools.publisher.rows(&charm).await?)) };
    let write = |items: Vec<ReleaseItem>| {
        note(&work, Phase::Sending, "releasing");
        let charm = &charm;
        async move { tools.writer.release(charm, &items).await }
    };
    let result = check_write_verify(&work, None, check, write).await;
    let released = |mut made: StepOutput| {
        made.released = targets.iter().map(|target| record(&charm, target)).collect();
        made.released.dedup();
        made
    };
    match result {
        WriteResult::Already(()) => StepResult::skipped(released(work.made)),
        WriteResult::Done(()) => StepResult::done(released(work.made)),
        other => other.ended(work.made),
    }
}

/// Compares `rows` with `targets`; what is to be sent are those that are not served yet.
fn checked(charm: &CharmName, targets: &[Target<'_>], rows: &[ChannelRow]) -> Checked<(), Vec<ReleaseItem>> {
    let changed: Vec<String> = targets.iter().filter_map(|target| target.changed(rows)).collect();
    if !changed.is_empty() {
        let summary = format!("{charm} has changed since the preview: it was not released");
        return Checked::Changed(changed_since(summary, changed));
    }
    let open: Vec<&Target> = targets.iter().filter(|target| !target.served_by(rows)).collect();
    if open.is_empty() {
        Checked::Wanted(())
    } else {
        Checked::Planned(items(&open))
    }
}

/// Returns one item per channel and revision: the store derives the bases from the revision.
fn items(targets: &[&Target]) -> Vec<ReleaseItem> {
    let mut items: Vec<ReleaseItem> = Vec::new();
    for target in targets {
        let item = ReleaseItem {
            revision: Some(target.planned.revision),
            channel: target.planned.channel.clone(),
            resources: target
                .resources
                .iter()
                .map(|(name, revision)| ReleaseResource {
                    name: name.clone(),
                    revision: *revision,
                })
                .collect(),
        };
        if !items.contains(&item) {
            items.push(item);
        }
    }
    items
}

fn record(charm: &CharmName, target: &Target) -> Released {
    Released {
        charm: charm.clone(),
        channel: target.planned.channel.clone(),
        revision: target.planned.revision,
        resources: target
            .resources
            .iter()
            .map(|(name, revision)| ReleasedResource {
                name: name.clone(),
                revision: *revision,
            })
            .collect(),
    }
}
