//! Runs a plan: group by group, journal before and after every step.
//!
//! Owns the order (steps of one kind together, releases one after another), what a failure does
//! to the rest, and the outcome of the whole. Must not know how a step is done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::means::Means;
use super::progress::{Phase, RunProgress, StepProgress};
use super::session::Session;
use super::steps::{self, Ended, Tools};
use crate::domain::{Kind, Outside, Problem};
use crate::journal::{Made, Outcome, RunId, RunRecord, StepOutcome, SubjectLocks};
use crate::plan::{Op, Plan, Step, StepId};

/// A run to be made.
pub struct Order {
    session: Session,
    id: RunId,
    plan: Plan,
    means: Means,
    resumed: bool,
    cancel: CancellationToken,
    telling: Arc<Telling>,
    _locks: SubjectLocks,
}

/// Tells what a run is busy with.
pub struct Telling {
    sender: watch::Sender<RunProgress>,
}

impl Telling {
    /// Changes the picture of one step.
    pub fn step(&self, id: &StepId, change: impl FnOnce(&mut StepProgress)) {
        self.sender
            .send_modify(|picture| change(picture.steps.entry(id.clone()).or_default()));
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
    /// Counts bytes and gives the rate in bytes a second.
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

impl Order {
    /// An order and the place to watch it.
    pub fn new(
        session: Session,
        id: RunId,
        plan: Plan,
        means: Means,
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
        let picture = RunProgress {
            run: id.clone(),
            steps,
            cancel_requested: false,
            outcome: None,
        };
        let (sender, receiver) = watch::channel(picture);
        let telling = Arc::new(Telling { sender });
        (
            Self {
                session,
                id,
                plan,
                means,
                resumed,
                cancel,
                telling,
                _locks: locks,
            },
            receiver,
        )
    }
}

/// Runs `order` to its end. `Err` means that the journal could not be kept: then nothing more was
/// done.
pub async fn run(order: Order) -> Result<RunRecord, Problem> {
    let journal = order.session.journal.clone();
    let watcher = {
        let (cancel, telling) = (order.cancel.clone(), order.telling.clone());
        tokio::spawn(async move {
            cancel.cancelled().await;
            telling
                .sender
                .send_modify(|picture| picture.cancel_requested = true);
        })
    };
    let ended = go(&order).await;
    watcher.abort();
    let (outcome, problem) = match ended {
        Ok(ended) => ended,
        Err(problem) => {
            order
                .telling
                .sender
                .send_modify(|picture| picture.outcome = Some(Outcome::Failed));
            return Err(problem);
        }
    };
    journal.end(&order.id, outcome, problem.as_ref(), Utc::now())?;
    let record = journal.run(&order.id)?.ok_or_else(|| {
        Problem::new(
            Kind::Internal,
            format!("run {} vanished from the journal", order.id),
        )
    })?;
    order
        .telling
        .sender
        .send_modify(|picture| picture.outcome = Some(outcome));
    Ok(record)
}

async fn go(order: &Order) -> Result<(Outcome, Option<Problem>), Problem> {
    let journal = &order.session.journal;
    let earlier = journal.run(&order.id)?;
    let mut made: BTreeMap<StepId, Made> = BTreeMap::new();
    let mut pending: Vec<&Step> = Vec::new();
    let mut tries: BTreeMap<StepId, u32> = BTreeMap::new();
    let settled = |step: &Step| {
        earlier
            .as_ref()
            .filter(|_| order.resumed)
            .and_then(|run| run.step(&step.id)?.outcome)
            .filter(|outcome| matches!(outcome, StepOutcome::Done | StepOutcome::Skipped))
    };
    // What only the memory of the dead process held is brought anew while somebody wants it.
    let wanted = order
        .plan
        .steps
        .iter()
        .any(|step| step.op.wants_token() && step.skip_reason.is_none() && settled(step).is_none());
    for step in &order.plan.steps {
        let record = earlier.as_ref().and_then(|run| run.step(&step.id));
        if let Some(record) = record {
            made.insert(step.id.clone(), record.made.clone());
            tries.insert(step.id.clone(), record.attempts);
        }
        let settled = settled(step).filter(|_| !(wanted && step.op.lives_in_memory()));
        if let Some(outcome) = settled {
            order.telling.step(&step.id, |p| {
                p.phase = Phase::Ended;
                p.outcome = Some(outcome);
            });
        } else if let Some(reason) = &step.skip_reason {
            let brought = made.get(&step.id).cloned().unwrap_or_default();
            journal.step_ends(
                &order.id,
                &step.id,
                StepOutcome::Skipped,
                &brought,
                None,
                Utc::now(),
            )?;
            order.telling.step(&step.id, |p| {
                p.phase = Phase::Ended;
                p.outcome = Some(StepOutcome::Skipped);
                p.note = Some(reason.clone());
            });
        } else {
            pending.push(step);
        }
    }
    if pending.is_empty() {
        return Ok((Outcome::Done, None));
    }
    let tools = match Tools::new(&order.session, &order.id, &order.plan, order.means.clone()).await {
        Ok(tools) => tools,
        Err(problem) => {
            for step in pending {
                leave(order, step, made.get(&step.id))?;
            }
            return Ok((Outcome::Failed, Some(problem)));
        }
    };
    let mut problems: Vec<(StepOutcome, Problem, bool)> = Vec::new();
    let mut stopped = false;
    // What failed does not stop its neighbours of this kind, but everything behind them.
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
        let ends = join_all(group.iter().map(|step| one(order, &tools, step, &made, &tries))).await;
        for (step, ended) in group.iter().zip(ends) {
            let ended = ended?;
            made.insert(step.id.clone(), ended.made);
            if let Some(problem) = ended.problem {
                if step.op.stands_alone() {
                    failed_alone = failed_alone.or((!step.optional).then(|| step.op.kind()));
                } else {
                    stopped |= !step.optional;
                }
                problems.push((ended.outcome, problem, step.optional));
            } else if ended.outcome == StepOutcome::Cancelled {
                stopped = true;
            }
        }
    }
    let of = |wanted: StepOutcome| {
        problems
            .iter()
            .find(|(outcome, _, optional)| *outcome == wanted && !optional)
            .map(|(_, p, _)| p.clone())
    };
    let whole = |problem: Problem| {
        steps::account(
            &order.plan,
            journal.run(&order.id).ok().flatten().as_ref(),
            problem,
        )
    };
    Ok(if let Some(problem) = of(StepOutcome::Unknown) {
        (Outcome::Unknown, Some(whole(problem)))
    } else if let Some(problem) = of(StepOutcome::Failed) {
        (Outcome::Failed, Some(whole(problem)))
    } else if stopped {
        (Outcome::Cancelled, None)
    } else if let Some((_, problem, _)) = problems.into_iter().next() {
        (Outcome::Partly, Some(problem))
    } else {
        (Outcome::Done, None)
    })
}

/// Neighbouring steps of one kind go together, except releases, secrets and sessions: between two
/// of them it must be possible to stop.
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

fn leave(order: &Order, step: &Step, made: Option<&Made>) -> Result<(), Problem> {
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
        p.note = Some(Outside::new("not begun"));
    });
    Ok(())
}

async fn one(
    order: &Order,
    tools: &Tools,
    step: &Step,
    made: &BTreeMap<StepId, Made>,
    tries: &BTreeMap<StepId, u32>,
) -> Result<Ended, Problem> {
    let journal = &order.session.journal;
    journal.step_begins(&order.id, &step.id, Utc::now())?;
    order.telling.step(&step.id, |p| p.phase = Phase::Looking);
    let made_of = |id: &StepId| -> Option<Made> { made.get(id).cloned() };
    let brought = made.get(&step.id).cloned().unwrap_or_default();
    let keep = |made: &Made| journal.step_made(&order.id, &step.id, made);
    let work = steps::Work {
        step,
        plan: &order.plan,
        made: brought,
        keep: &keep,
        made_of: &made_of,
        tries: tries.get(&step.id).copied().unwrap_or_default(),
        telling: &order.telling,
        cancel: &order.cancel,
    };
    let ended = steps::perform(tools, work).await;
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
