//! Runs a plan group by group, with a journal record before and after every step.
//!
//! The order is: steps of one kind together, releases one after another. A failure stops the rest.
//! An optional step that fails stops it too, except if the store no longer accepts bundles.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::means::RunSecrets;
use super::progress::{Phase, RunProgress, StepProgress};
use super::session::Session;
use super::steps::{self, StepClients, StepResult};
use crate::domain::{Problem, ProblemKind, SanitizedText};
use crate::journal::{Outcome, RunId, RunRecord, StepOutcome, StepOutput, StepRecord, SubjectLocks};
use crate::plan::{Op, Plan, Step, StepId};

/// Holds a run to be performed.
pub struct RunRequest {
    session: Session,
    id: RunId,
    plan: Plan,
    means: RunSecrets,
    resumed: bool,
    cancel: CancellationToken,
    telling: Arc<ProgressSender>,
    started_at: DateTime<Utc>,
    _locks: SubjectLocks,
}

/// Reports what a run is busy with.
pub struct ProgressSender {
    sender: watch::Sender<RunProgress>,
}

impl ProgressSender {
    /// Changes the progress of one step.
    pub fn step(&self, id: &StepId, change: impl FnOnce(&mut StepProgress)) {
        let at = Utc::now();
        self.sender.send_modify(|picture| picture.change(id, at, change));
    }
}

/// Measures a rate over the last moments.
pub struct Rate {
    since: Instant,
    bytes: u64,
    last: Option<f64>,
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            bytes: 0,
            last: None,
        }
    }
}

impl Rate {
    /// Counts bytes and returns the rate in bytes per second.
    pub fn count(&mut self, bytes: u64) -> Option<f64> {
        self.bytes += bytes;
        let elapsed = self.since.elapsed().as_secs_f64();
        if elapsed > 0.25 {
            self.last = Some(self.bytes as f64 / elapsed);
            self.since = Instant::now();
            self.bytes = 0;
        }
        self.last
    }
}

impl RunRequest {
    /// Returns an order and the receiver of its progress.
    pub fn new(
        session: Session,
        id: RunId,
        plan: Plan,
        means: RunSecrets,
        resumed: bool,
        cancel: CancellationToken,
        locks: SubjectLocks,
    ) -> (Self, watch::Receiver<RunProgress>) {
        let steps: BTreeMap<StepId, StepProgress> = plan
            .steps
            .iter()
            .map(|step| {
                (
                    step.id.clone(),
                    StepProgress {
                        bytes_total: step.bytes,
                        ..StepProgress::default()
                    },
                )
            })
            .collect();
        let picture = RunProgress::new(id.clone(), steps, Utc::now());
        let (sender, receiver) = watch::channel(picture);
        let telling = Arc::new(ProgressSender { sender });
        (
            Self {
                session,
                id,
                plan,
                means,
                resumed,
                cancel,
                telling,
                started_at: Utc::now(),
                _locks: locks,
            },
            receiver,
        )
    }
}

/// Runs `order` to its end. If the journal can no longer be written, the run stops, and the record
/// holds what is known about how far it came.
pub async fn run(order: RunRequest) -> Result<RunRecord, Problem> {
    let journal = order.session.journal.clone();
    let watcher = {
        let (cancel, telling) = (order.cancel.clone(), order.telling.clone());
        tokio::spawn(async move {
            cancel.cancelled().await;
            telling
                .sender
                .send_modify(|picture| picture.stop_asked(Utc::now()));
        })
    };
    let ended = go(&order).await;
    watcher.abort();
    let kept = ended.and_then(|(outcome, problem)| {
        journal.end(&order.id, outcome, problem.as_ref(), Utc::now())?;
        journal.run(&order.id)?.ok_or_else(|| {
            Problem::new(
                ProblemKind::Internal,
                format!("run {} is missing from the journal", order.id),
            )
        })
    });
    let record = kept.unwrap_or_else(|problem| unrecorded(&order, journal.run(&order.id), problem));
    let outcome = record.outcome.unwrap_or(Outcome::Unknown);
    order
        .telling
        .sender
        .send_modify(|picture| picture.end(outcome, Utc::now()));
    Ok(record)
}

/// Returns the record of a run whose journal could no longer be written because of `problem`,
/// based on what was `kept`. A step whose begin but not its end was recorded may have been done.
fn unrecorded(order: &RunRequest, kept: Result<Option<RunRecord>, Problem>, problem: Problem) -> RunRecord {
    let mut record = kept.ok().flatten().unwrap_or_else(|| RunRecord {
        id: order.id.clone(),
        actor: SanitizedText::new(super::session::actor()),
        plan: order.plan.clone(),
        outcome: None,
        started_at: order.started_at,
        finished_at: None,
        steps: Vec::new(),
        problem: None,
        running: false,
        rolled_back_by: None,
        given_up: false,
        replaced_by: None,
    });
    let begun = |step: &StepRecord| step.attempts > 0 && step.outcome.is_none();
    let uncertain = record.steps.is_empty() || record.steps.iter().any(begun);
    record.outcome = Some(if uncertain {
        Outcome::Unknown
    } else {
        Outcome::Failed
    });
    record.running = false;
    record.problem = Some(problem);
    record
}

async fn go(order: &RunRequest) -> Result<(Outcome, Option<Problem>), Problem> {
    let journal = &order.session.journal;
    let earlier = journal.run(&order.id)?;
    let mut made: BTreeMap<StepId, StepOutput> = BTreeMap::new();
    let mut pending: Vec<&Step> = Vec::new();
    let settled = |step: &Step| {
        let record = earlier.as_ref().filter(|_| order.resumed)?.step(&step.id)?;
        record.outcome.filter(|outcome| {
            matches!(outcome, StepOutcome::Done | StepOutcome::Skipped)
                || refused_for_good(step, *outcome, &record.made)
        })
    };
    let mut problems: Vec<Trouble> = Vec::new();
    let begun_before = earlier
        .iter()
        .flat_map(|run| &run.steps)
        .any(|step| step.attempts > 0 || step.outcome.is_some());
    // What only the memory of the ended process held is produced again if another step needs it.
    let wanted = order
        .plan
        .steps
        .iter()
        .any(|step| step.op.wants_token() && step.skip_reason.is_none() && settled(step).is_none());
    for step in &order.plan.steps {
        let record = earlier.as_ref().and_then(|run| run.step(&step.id));
        if let Some(record) = record {
            made.insert(step.id.clone(), record.made.clone());
        }
        let settled = settled(step).filter(|_| !(wanted && step.op.lives_in_memory()));
        if let Some(outcome) = settled {
            // What the store refused permanently is not requested again; it remains missing.
            if let Some(problem) = record.and_then(|record| record.problem.clone()) {
                problems.push(Trouble {
                    outcome,
                    problem,
                    forgiven: true,
                });
            }
            order.telling.step(&step.id, |p| {
                p.phase = Phase::Ended;
                p.outcome = Some(outcome);
            });
        } else if let Some(reason) = &step.skip_reason {
            let brought = made.get(&step.id).cloned().unwrap_or_default();
            skip(order, step, &brought, reason)?;
        } else {
            if let Some(record) = record.filter(|_| begun_before) {
                made.insert(step.id.clone(), record.made_for_next_attempt());
            }
            pending.push(step);
        }
    }
    if pending.is_empty() {
        return ended(order, problems, false);
    }
    let tools = match StepClients::new(&order.session, &order.id, &order.plan, order.means.clone()).await {
        Ok(tools) => tools,
        Err(problem) => {
            for step in pending {
                leave(order, step, made.get(&step.id))?;
            }
            return Ok((Outcome::Failed, Some(problem)));
        }
    };
    let mut stopped = false;
    // A failure does not stop other steps of the same kind, but every step after them.
    let mut failed_alone: Option<&'static str> = None;
    for group in groups(&pending) {
        let kind = group.first().map_or("", |step| step.op.kind());
        stopped |= failed_alone.is_some_and(|failed| failed != kind);
        if stopped || order.cancel.is_cancelled() {
            stopped = true;
            for step in group {
                leave(order, step, made.get(&step.id))?;
            }
            continue;
        }
        let (barred, group): (Vec<&Step>, Vec<&Step>) = group
            .into_iter()
            .partition(|step| waits_for(step, &made).is_some_and(|made| made.no_longer_accepted));
        for step in barred {
            let note = SanitizedText::new("Charmhub no longer accepts bundles");
            let brought = StepOutput {
                note: Some(note.clone()),
                no_longer_accepted: true,
                ..made.get(&step.id).cloned().unwrap_or_default()
            };
            skip(order, step, &brought, &note)?;
            made.insert(step.id.clone(), brought);
        }
        let ends = join_all(group.iter().map(|step| one(order, &tools, step, &made))).await;
        for (step, ended) in group.iter().zip(ends) {
            let ended = ended?;
            let forgiven = forgiven(step, ended.outcome, &ended.made);
            made.insert(step.id.clone(), ended.made);
            if let Some(problem) = ended.problem {
                if step.op.stands_alone() {
                    failed_alone = failed_alone.or((!forgiven).then(|| step.op.kind()));
                } else {
                    stopped |= !forgiven;
                }
                problems.push(Trouble {
                    outcome: ended.outcome,
                    problem,
                    forgiven,
                });
            } else if ended.outcome == StepOutcome::Cancelled {
                stopped = true;
            }
        }
    }
    ended(order, problems, stopped)
}

/// Holds a step that did not succeed.
struct Trouble {
    outcome: StepOutcome,
    problem: Problem,
    /// True if the run continues without it.
    forgiven: bool,
}

/// Returns true if a run continues without a step that ended this way. Independent parts do not
/// affect other steps; of the rest only what the store refuses permanently may be missing.
fn forgiven(step: &Step, outcome: StepOutcome, made: &StepOutput) -> bool {
    let beside = step.op.stands_alone() || step.op.stands_beside();
    (step.optional && beside) || refused_for_good(step, outcome, made)
}

fn refused_for_good(step: &Step, outcome: StepOutcome, made: &StepOutput) -> bool {
    step.optional && outcome == StepOutcome::Failed && made.no_longer_accepted
}

/// Returns what an ended step produced that `step` depends on, if there is such a step.
fn waits_for<'m>(step: &Step, made: &'m BTreeMap<StepId, StepOutput>) -> Option<&'m StepOutput> {
    match &step.op {
        Op::ReleaseBundle { from, .. } => made.get(from),
        // The bundle depends on its track: without the track the store accepts no bundle.
        Op::UploadBundle { bundle, .. } => {
            let track = format!("create-track/{bundle}/");
            made.iter()
                .find(|(id, _)| id.0.starts_with(&track))
                .map(|(_, made)| made)
        }
        _ => None,
    }
}

/// Returns the end of a run from the journal and `problems`.
fn ended(
    order: &RunRequest,
    problems: Vec<Trouble>,
    stopped: bool,
) -> Result<(Outcome, Option<Problem>), Problem> {
    let record = order.session.journal.run(&order.id)?;
    let done = record.iter().flat_map(|run| &run.steps);
    let lacks = !order.plan.left_out.is_empty()
        && done
            .into_iter()
            .any(|step| step.outcome == Some(StepOutcome::Done));
    let (outcome, problem) = verdict(problems, stopped, lacks);
    let whole = |problem: Problem| match outcome {
        Outcome::Unknown | Outcome::Failed => steps::account(&order.plan, record.as_ref(), problem),
        _ => problem,
    };
    Ok((outcome, problem.map(whole)))
}

/// Returns the outcome of a run. `lacks`: it did something, and the operator left something out.
fn verdict(problems: Vec<Trouble>, stopped: bool, lacks: bool) -> (Outcome, Option<Problem>) {
    let of = |wanted: StepOutcome| {
        problems
            .iter()
            .find(|trouble| trouble.outcome == wanted && !trouble.forgiven)
            .map(|trouble| trouble.problem.clone())
    };
    if let Some(problem) = of(StepOutcome::Unknown) {
        (Outcome::Unknown, Some(problem))
    } else if let Some(problem) = of(StepOutcome::Failed) {
        (Outcome::Failed, Some(problem))
    } else if stopped {
        (Outcome::Cancelled, None)
    } else if let Some(trouble) = problems.into_iter().next() {
        (Outcome::Partly, Some(trouble.problem))
    } else if lacks {
        (Outcome::Partly, None)
    } else {
        (Outcome::Done, None)
    }
}

/// Ends a step as skipped.
fn skip(order: &RunRequest, step: &Step, brought: &StepOutput, why: &SanitizedText) -> Result<(), Problem> {
    order.session.journal.step_ends(
        &order.id,
        &step.id,
        StepOutcome::Skipped,
        brought,
        None,
        Utc::now(),
    )?;
    order.telling.step(&step.id, |p| {
        p.phase = Phase::Ended;
        p.outcome = Some(StepOutcome::Skipped);
        p.note = Some(why.clone());
    });
    Ok(())
}

/// Groups neighbouring steps of one kind, except releases, secrets and sessions: between two of
/// those it must be possible to stop.
fn groups<'a>(steps: &[&'a Step]) -> Vec<Vec<&'a Step>> {
    let mut groups: Vec<Vec<&Step>> = Vec::new();
    for step in steps {
        let alone = matches!(step.op, Op::Release { .. }) || step.op.stands_alone();
        match groups.last_mut() {
            Some(group) if !alone && group.iter().all(|other| other.op.kind() == step.op.kind()) => {
                group.push(step);
            }
            _ => groups.push(vec![step]),
        }
    }
    groups
}

fn leave(order: &RunRequest, step: &Step, made: Option<&StepOutput>) -> Result<(), Problem> {
    let brought = made.cloned().unwrap_or_default();
    order.session.journal.step_ends(
        &order.id,
        &step.id,
        StepOutcome::Cancelled,
        &brought,
        None,
        Utc::now(),
    )?;
    order.telling.step(&step.id, |p| {
        p.phase = Phase::Ended;
        p.outcome = Some(StepOutcome::Cancelled);
        p.note = Some(SanitizedText::new("not started"));
    });
    Ok(())
}

async fn one(
    order: &RunRequest,
    tools: &StepClients,
    step: &Step,
    made: &BTreeMap<StepId, StepOutput>,
) -> Result<StepResult, Problem> {
    let journal = &order.session.journal;
    journal.step_begins(&order.id, &step.id, Utc::now())?;
    order.telling.step(&step.id, |p| p.phase = Phase::Looking);
    let made_of = |id: &StepId| -> Option<StepOutput> { made.get(id).cloned() };
    let brought = made.get(&step.id).cloned().unwrap_or_default();
    let keep = |made: &StepOutput| journal.step_made(&order.id, &step.id, made);
    let work = steps::StepContext {
        step,
        plan: &order.plan,
        made: brought,
        keep: &keep,
        made_of: &made_of,
        telling: &order.telling,
        cancel: &order.cancel,
    };
    let ended = Box::pin(steps::perform(tools, work)).await;
    journal.step_ends(
        &order.id,
        &step.id,
        ended.outcome,
        &ended.made,
        ended.problem.as_ref(),
        Utc::now(),
    )?;
    order.telling.step(&step.id, |p| {
        p.phase = Phase::Ended;
        p.outcome = Some(ended.outcome);
        p.problem.clone_from(&ended.problem);
    });
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FileBytes;

    fn upload(optional: bool) -> Step {
        step(
            Op::UploadBundle {
                bundle: "acme-bundle".parse().unwrap(),
                files: BTreeMap::from([("bundle.yaml".to_owned(), FileBytes(Vec::new()))]),
            },
            optional,
        )
    }

    fn step(op: Op, optional: bool) -> Step {
        Step {
            id: StepId(op.kind().to_owned()),
            kind: op.kind().to_owned(),
            target: SanitizedText::new("acme-bundle"),
            before: crate::plan::State::Nothing(()),
            after: crate::plan::State::Nothing(()),
            bytes: None,
            skip_reason: None,
            undo: crate::plan::Undo::default(),
            optional,
            op,
        }
    }

    fn refused_for_good() -> StepOutput {
        StepOutput {
            no_longer_accepted: true,
            ..StepOutput::default()
        }
    }

    fn trouble(outcome: StepOutcome, forgiven: bool) -> Trouble {
        Trouble {
            outcome,
            problem: Problem::new(ProblemKind::Service, outcome.as_str()),
            forgiven,
        }
    }

    #[test]
    fn an_optional_bundle_is_forgiven_only_where_the_store_no_longer_takes_it() {
        use StepOutcome::{Failed, Unknown};
        assert!(forgiven(&upload(true), Failed, &refused_for_good()));
        assert!(!forgiven(&upload(true), Failed, &StepOutput::default()));
        assert!(!forgiven(&upload(true), Unknown, &refused_for_good()));
        assert!(!forgiven(&upload(false), Failed, &refused_for_good()));
        let session = Op::RevokeSession {
            session: crate::domain::SessionId(SanitizedText::new("s")),
            repositories: Vec::new(),
        };
        assert!(forgiven(&step(session, true), Unknown, &StepOutput::default()));
    }

    #[test]
    fn the_release_of_a_bundle_waits_for_its_upload_and_nothing_else_does() {
        let release = step(
            Op::ReleaseBundle {
                bundle: "acme-bundle".parse().unwrap(),
                channel: "2025-01/edge".parse().unwrap(),
                from: StepId("upload-bundle".to_owned()),
                before: None,
            },
            true,
        );
        let made = BTreeMap::from([(StepId("upload-bundle".to_owned()), refused_for_good())]);
        assert!(waits_for(&release, &made).unwrap().no_longer_accepted);
        assert!(waits_for(&upload(true), &made).is_none());
        assert!(waits_for(&release, &BTreeMap::new()).is_none());
    }

    #[test]
    fn a_run_is_partly_done_where_something_was_left_out_or_forgiven() {
        let outcome = |problems, stopped, lacks| verdict(problems, stopped, lacks).0;
        assert_eq!(outcome(Vec::new(), false, false), Outcome::Done);
        assert_eq!(outcome(Vec::new(), false, true), Outcome::Partly);
        assert_eq!(outcome(Vec::new(), true, true), Outcome::Cancelled);
        let forgiven = || trouble(StepOutcome::Failed, true);
        let (ended, problem) = verdict(vec![forgiven()], false, false);
        assert_eq!((ended, problem.is_some()), (Outcome::Partly, true));
        assert_eq!(outcome(vec![forgiven()], true, false), Outcome::Cancelled);
        let failed = trouble(StepOutcome::Failed, false);
        assert_eq!(outcome(vec![forgiven(), failed], true, true), Outcome::Failed);
        let unknown = trouble(StepOutcome::Unknown, false);
        let failed = trouble(StepOutcome::Failed, false);
        assert_eq!(outcome(vec![failed, unknown], true, true), Outcome::Unknown);
    }
}
