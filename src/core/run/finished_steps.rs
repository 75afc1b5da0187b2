//! Checks, before a run is resumed, that channels still have what its finished steps released.
//!
//! If another client changed them, the run is refused before it releases anything else: the rest of
//! the plan would no longer fit.

use std::collections::BTreeMap;

use super::session::Session;
use super::steps::{close, release};
use crate::domain::charm::{ChannelRow, bundle_serves};
use crate::domain::{CharmName, Problem};
use crate::journal::{RunRecord, StepOutcome, StepRecord};
use crate::plan::{LaterChanges, Op, RollbackIntent, RolledBack, Step};

/// Fails if a channel that a finished step of `run` changed was changed again since, and a step that
/// writes is left.
pub async fn check(session: &Session, run: &RunRecord) -> Result<(), Problem> {
    if !is_write_left(run) {
        return Ok(());
    }
    let mut by_charm: BTreeMap<&CharmName, Vec<(&Step, &StepRecord)>> = BTreeMap::new();
    for (step, record) in finished(run) {
        if let Some(charm) = channel_owner(&step.op) {
            by_charm.entry(charm).or_default().push((step, record));
        }
    }
    for (charm, steps) in by_charm {
        let publisher = session.observer.services().publisher().await?;
        let rows = publisher.rows(charm).await?;
        let mut all = Vec::new();
        for (step, record) in steps {
            all.extend(changed(run, step, record, &rows)?);
        }
        if !all.is_empty() {
            return Err(with_ways_out(release::changed_after(charm, all), run));
        }
    }
    Ok(())
}

/// Adds the commands that resolve `run`. None of them is refused because of the later change.
fn with_ways_out(problem: Problem, run: &RunRecord) -> Problem {
    let back = RollbackIntent::new(RolledBack::Run(run.id.clone()));
    problem
        .hint(format!("plan the rest again: {}", run.plan.command))
        .hint(format!(
            "keep the change and undo the rest of this run: {}",
            back.with(LaterChanges::Keep).command()
        ))
        .hint(format!(
            "undo the change and this run: {}",
            back.with(LaterChanges::Overwrite).command()
        ))
}

/// Returns true if a step that writes to a service is neither done nor skipped.
fn is_write_left(run: &RunRecord) -> bool {
    let is_finished = |step: &Step| run.step(&step.id).is_some_and(is_finished);
    let mut steps = run.plan.steps.iter();
    steps.any(|step| step.op.writes() && step.skip_reason.is_none() && !is_finished(step))
}

fn finished(run: &RunRecord) -> impl Iterator<Item = (&Step, &StepRecord)> {
    let steps = run.plan.steps.iter().filter(|step| step.skip_reason.is_none());
    steps.filter_map(|step| Some((step, run.step(&step.id).filter(|record| is_finished(record))?)))
}

const fn is_finished(record: &StepRecord) -> bool {
    matches!(record.outcome, Some(StepOutcome::Done | StepOutcome::Skipped))
}

/// Returns the charm or bundle whose channels the operation changes.
const fn channel_owner(op: &Op) -> Option<&CharmName> {
    match op {
        Op::Release { charm, .. } | Op::Close { charm, .. } => Some(charm),
        Op::ReleaseBundle { bundle, .. } => Some(bundle),
        _ => None,
    }
}

/// Describes each channel in `rows` that no longer has what the finished `step` left there.
fn changed(
    run: &RunRecord,
    step: &Step,
    record: &StepRecord,
    rows: &[ChannelRow],
) -> Result<Vec<String>, Problem> {
    Ok(match &step.op {
        Op::Release { moves, .. } => {
            let made_of = |id: &_| run.step(id).map(|record| record.made.clone());
            let targets = release::targets(&made_of, moves)?;
            targets.iter().filter_map(|target| target.lost(rows)).collect()
        }
        Op::ReleaseBundle { channel, .. } => {
            let released = record.made.released.first().map(|released| released.revision);
            let now = bundle_serves(rows, channel);
            if released.is_none() || now == released {
                return Ok(Vec::new());
            }
            let now = now.map_or_else(|| "closed".to_owned(), |revision| revision.to_string());
            vec![format!("{channel} is {now} now")]
        }
        Op::Close { channel, .. } => {
            let served = close::served(rows, channel);
            let opened = served.first().map(|(_, now)| format!("{channel} is {now} now"));
            opened.into_iter().collect()
        }
        _ => Vec::new(),
    })
}
