//! Reconstructs from plans and step records what the runs of this journal changed in channels, row
//! by row, for a rollback.
//!
//! It includes what was changed under a plan that was replaced when its run was resumed. No service
//! is contacted: whether an uncertain change was made is decided by comparing it with what the row
//! serves now.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use rusqlite::params;

use super::record::{EarlierAttempt, RunRecord, StepOutcome, StepOutput, StepRecord};
use super::store::{Journal, stamp};
use super::touched::{Touch, TouchedRow};
use crate::domain::{
    Base, Channel, ChannelChange, CharmName, PastRun, Problem, ProblemKind, RunId, SanitizedText, Serving,
};
use crate::plan::{AttachFrom, ChannelUpdate, Intent, Moment, Op, Plan, RolledBack, Step};

impl Journal {
    /// Returns what runs of this environment changed in the channels of the rollback `of`, oldest
    /// first, as far back as it needs. Reads runs one by one through an index, newest first.
    pub fn changes_for(&self, of: &RolledBack) -> Result<Vec<ChannelChange>, Problem> {
        Ok(self.read_changes(of)?.changes)
    }

    /// Returns the changes of [`Journal::changes_for`] and the number of runs that were read.
    pub(super) fn read_changes(&self, of: &RolledBack) -> Result<ReadChanges, Problem> {
        let mut read = ReadChanges::default();
        match of {
            RolledBack::Run(run) => {
                let Some(record) = self.run(run)? else {
                    return Ok(read);
                };
                let begun = stamp(record.started_at);
                for row in self.rows_of(run)? {
                    self.walk(&row, &mut read, |_, next| next.begun_at < begun)?;
                }
            }
            RolledBack::Charm { charm, channels, to } => {
                let until = match to {
                    None => None,
                    Some(Moment::At(at)) => Some(*at),
                    Some(Moment::After(run)) => {
                        let own = self.changes_of(run, &mut read)?;
                        let last = own.iter().map(|change| change.at).max();
                        read.changes.extend(own);
                        last
                    }
                };
                for row in self.rows_of_charm(charm, channels)? {
                    self.walk(&row, &mut read, |changes, next| {
                        let mut certain = changes.iter().filter(|change| change.certain);
                        certain.any(|change| {
                            // Runs on one charm never overlap: a run that began before a certain
                            // change also ended before it.
                            stamp(change.at) >= next.begun_at && until.is_none_or(|until| change.at <= until)
                        })
                    })?;
                }
            }
        }
        // For a given time, the position of the run among the changes matters.
        read.changes.sort_by_key(|change| change.at);
        Ok(read)
    }

    /// Reads the runs that touched `row`, newest first, until `enough` returns true for the changes
    /// of that row and the next run.
    fn walk(
        &self,
        row: &TouchedRow,
        read: &mut ReadChanges,
        enough: impl Fn(&[ChannelChange], &Touch) -> bool,
    ) -> Result<(), Problem> {
        let mut of_row: Vec<ChannelChange> = Vec::new();
        let mut before: Option<Touch> = None;
        while let Some(touch) = self.touch_before(row, before.as_ref())? {
            if before.is_some() && enough(&of_row, &touch) {
                break;
            }
            let changes = self.changes_of(&touch.run, read)?;
            of_row.extend(changes.into_iter().filter(|change| row.is_of(change)));
            before = Some(touch);
        }
        // A row may be read by several walks: the run of the given time can touch it as well.
        of_row.retain(|change| !read.changes.contains(change));
        // The sort is stable: changes of one run keep their order.
        of_row.sort_by_key(|change| change.at);
        read.changes.extend(of_row);
        Ok(())
    }

    /// Returns what a run changed in channels, including changes under plans that were replaced.
    fn changes_of(&self, run: &RunId, read: &mut ReadChanges) -> Result<Vec<ChannelChange>, Problem> {
        read.runs += 1;
        let mut changes = self.earlier(run)?;
        if let Some(record) = self.run(run)? {
            changes.extend(of(&record));
        }
        Ok(changes)
    }

    /// Returns the changes under plans that were replaced when their run was resumed.
    fn earlier(&self, run: &RunId) -> Result<Vec<ChannelChange>, Problem> {
        let connection = self.reading()?;
        let read = || {
            let mut statement = connection.prepare(
                "SELECT change FROM earlier_change JOIN run ON run.id = earlier_change.run
                 WHERE run.environment = ?1 AND earlier_change.run = ?2 ORDER BY number",
            )?;
            statement
                .query_map(params![self.environment, run.0], |row| row.get::<_, String>(0))?
                .collect::<Result<Vec<_>, _>>()
        };
        let texts = read().map_err(|error: rusqlite::Error| self.broken(&error))?;
        Ok(texts
            .iter()
            .filter_map(|text| serde_json::from_str(text).ok())
            .collect())
    }

    /// Returns what a rollback of `run` needs apart from its changes; `None` if the journal does
    /// not have the run.
    pub fn past(&self, run: &RunId) -> Result<Option<PastRun>, Problem> {
        Ok(self.run(run)?.map(|record| past(&record)))
    }
}

/// Changes, and the number of runs that were read for them.
#[derive(Debug, Default)]
pub(super) struct ReadChanges {
    pub(super) changes: Vec<ChannelChange>,
    pub(super) runs: usize,
}

impl RunRecord {
    /// Returns true if the run may have changed a channel.
    pub fn touched_channels(&self) -> bool {
        !of(self).is_empty()
    }

    /// Returns what the run changed or may have changed in channels, row by row.
    pub fn channel_changes(&self) -> Vec<ChannelChange> {
        of(self)
    }

    /// Returns the rows that the run closed for certain.
    pub fn closed(&self) -> impl Iterator<Item = ChannelChange> + use<> {
        of(self)
            .into_iter()
            .filter(|change| change.certain && change.after.is_none())
    }
}

/// Returns the changes of `run` in channels that the new `plan` does not contain any more.
pub(super) fn replaced(run: &RunRecord, plan: &Plan) -> Vec<ChannelChange> {
    run.plan
        .steps
        .iter()
        .filter(|step| plan.step(&step.id).is_none_or(|newer| newer.op != step.op))
        .flat_map(|step| of_step(run, step))
        .collect()
}

/// Returns what `run` changed in channels, from its plan and its step records.
fn of(run: &RunRecord) -> Vec<ChannelChange> {
    run.plan
        .steps
        .iter()
        .flat_map(|step| of_step(run, step))
        .collect()
}

impl StepRecord {
    /// Returns whether a request of this step was sent: `None` if none was sent or a service
    /// refused it, otherwise whether it certainly took effect.
    fn sent(&self) -> Option<bool> {
        if self.attempts == 0 {
            return None;
        }
        match self.outcome {
            Some(StepOutcome::Done) => Some(true),
            // The last attempt changed nothing: an earlier one may have done it, or another client.
            Some(StepOutcome::Skipped) => self.may_have_written_before().then_some(false),
            Some(StepOutcome::Failed) if self.problem.as_ref().is_some_and(is_refusal) => {
                self.may_have_written_before().then_some(false)
            }
            Some(StepOutcome::Failed | StepOutcome::Cancelled | StepOutcome::Unknown) | None => Some(false),
        }
    }

    fn may_have_written_before(&self) -> bool {
        let earlier = &self.made.earlier;
        // Older versions stored only the last attempt.
        earlier.iter().any(|one| one.may_have_written)
            || usize::try_from(self.attempts).is_ok_and(|attempts| attempts > earlier.len() + 1)
    }

    /// Returns the results for the next attempt, with this attempt added to the earlier ones.
    pub fn made_for_next_attempt(&self) -> StepOutput {
        let mut made = self.made.clone();
        made.earlier.push(EarlierAttempt {
            started_at: self.started_at,
            finished_at: self.finished_at,
            may_have_written: self.sent().is_some(),
        });
        made
    }
}

/// Returns true if the service reported that it did not apply the request.
const fn is_refusal(problem: &Problem) -> bool {
    !matches!(
        problem.kind,
        ProblemKind::Network | ProblemKind::Service | ProblemKind::RateLimited
    )
}

fn of_step(run: &RunRecord, step: &Step) -> Vec<ChannelChange> {
    let Some(record) = run.step(&step.id) else {
        return Vec::new();
    };
    let Some(certain) = record.sent() else {
        return Vec::new();
    };
    let told = Told {
        run,
        at: record.finished_at.or(record.started_at).unwrap_or(run.started_at),
        certain,
    };
    let changes: Vec<ChannelChange> = match &step.op {
        Op::Release { charm, moves } => moves
            .iter()
            .filter_map(|planned| {
                let after = served(run, planned)?;
                let row = (planned.channel.clone(), planned.base.clone());
                Some(told.change(charm, row, planned.before.clone(), Some(after)))
            })
            .collect(),
        Op::Close {
            charm,
            channel,
            before,
        } => before
            .iter()
            .map(|(base, serving)| {
                let row = (channel.clone(), base.clone());
                told.change(charm, row, Some(serving.clone()), None)
            })
            .collect(),
        Op::ReleaseBundle {
            bundle,
            channel,
            from,
            before,
        } => {
            let plain = |revision| Serving {
                revision,
                resources: Vec::new(),
            };
            // A step that the plan skipped has no revision number; then the channel release
            // determined it.
            let uploaded = run.step(from).and_then(|step| step.made.bundle_revision);
            let uploaded = uploaded.or(record.made.bundle_revision);
            uploaded
                .map(|revision| {
                    let row = (channel.clone(), None);
                    told.change(bundle, row, before.map(plain), Some(plain(revision)))
                })
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    };
    changes
        .into_iter()
        .filter(|change| change.before != change.after)
        .collect()
}

/// The run of a change, its time and whether it is certain.
struct Told<'a> {
    run: &'a RunRecord,
    at: DateTime<Utc>,
    certain: bool,
}

impl Told<'_> {
    fn change(
        &self,
        charm: &CharmName,
        (channel, base): (Channel, Option<Base>),
        before: Option<Serving>,
        after: Option<Serving>,
    ) -> ChannelChange {
        ChannelChange {
            run: self.run.id.clone(),
            at: self.at,
            actor: self.run.actor.clone(),
            charm: charm.clone(),
            channel,
            base,
            before,
            after,
            certain: self.certain,
            rollback: matches!(self.run.plan.intent, Intent::Rollback(_)),
        }
    }
}

/// Returns what the row of `planned` serves after its release. `None` if a revision number was
/// never known: then nothing can have been sent.
fn served(run: &RunRecord, planned: &ChannelUpdate) -> Option<Serving> {
    let mut resources = Vec::new();
    for attach in &planned.resources {
        let revision = match &attach.from {
            AttachFrom::Revision(revision) => *revision,
            AttachFrom::Step(step) => run.step(step)?.made.resource_revision?,
        };
        resources.push((attach.name.clone(), revision));
    }
    resources.sort();
    Some(Serving {
        revision: planned.revision,
        resources,
    })
}

fn past(run: &RunRecord) -> PastRun {
    let held = run.plan.steps.iter().find_map(|step| match &step.op {
        Op::SetHold { release, .. } => {
            let done = run.step(&step.id)?.outcome == Some(StepOutcome::Done);
            done.then(|| release.clone())
        }
        _ => None,
    });
    PastRun {
        id: run.id.clone(),
        workspace: run.plan.workspace.clone(),
        title: SanitizedText::new(&run.plan.title),
        channels: run.plan.changes_channels(),
        unfinished: run.state().is_unfinished(),
        published: match &run.plan.intent {
            Intent::Publish(intent) => Some(intent.release.clone()),
            _ => None,
        },
        held,
        stays: run
            .plan
            .steps
            .iter()
            .filter_map(|step| stays(run, step))
            .collect(),
    }
}

/// Returns an effect of a step that a rollback does not remove.
fn stays(run: &RunRecord, step: &Step) -> Option<SanitizedText> {
    let record = run.step(&step.id)?;
    if record.outcome != Some(StepOutcome::Done) {
        return None;
    }
    let text = match &step.op {
        Op::CreateTrack { charm, track } => format!("track {track} of {charm}"),
        Op::UploadResource { charm, resource, .. } | Op::UploadFile { charm, resource, .. } => {
            let revision = record.made.resource_revision.filter(|_| record.made.created)?;
            format!("revision {} of {resource} of {charm}", revision.0)
        }
        Op::UploadBundle { bundle, .. } => {
            format!("revision {} of {bundle}", record.made.bundle_revision?.0)
        }
        Op::CreateBranch {
            repository, branch, ..
        } => format!("branch {} of {repository}", SanitizedText::capped(branch, 100)),
        _ => return None,
    };
    Some(SanitizedText::new(text))
}
