//! The state of the run screen, and what is known about its run.

use super::step;
use crate::console::Model;
use crate::console::find::Find;
use crate::console::live::{self, Live, State};
use crate::console::state::state as feature_state;
use crate::domain::ProblemKind;
use crate::journal::{RunId, RunRecord, StepOutcome};
use crate::plan::{Plan, Step};
use crate::run::progress::Phase;

/// The state of the screen.
#[derive(Clone, Debug)]
pub struct Running {
    /// The run, or the queue id of a waiting plan.
    pub run: RunId,
    /// The selected step.
    pub cursor: usize,
    /// The first line shown.
    pub offset: usize,
    /// True while the window follows the cursor.
    pub follow: bool,
    /// True once the operator moved; until then the screen follows the active step.
    pub own: bool,
    /// True while keys scroll the log.
    pub in_log: bool,
    /// Lines of the log below the window; 0 follows new lines.
    pub log_back: usize,
    /// The search in the log.
    pub find: Find,
}

/// True where signing in to Charmhub may be what `record` needs. The journal keeps no remedies: a
/// refused credential is Charmhub's where the step that it stopped is none of GitHub.
pub fn wants_sign_in(record: &RunRecord) -> bool {
    let Some(problem) = &record.problem else {
        return false;
    };
    let stopped = record.steps.iter().filter(|step| step.problem.is_some());
    let ops = stopped.filter_map(|written| record.plan.steps.iter().find(|step| step.id == written.id));
    let mut on_github = ops.map(|step| step::on_github(&step.op)).peekable();
    let elsewhere = on_github.peek().is_none() || on_github.any(|github| !github);
    problem.wants_sign_in() || (problem.kind == ProblemKind::Credentials && elsewhere)
}

impl Running {
    /// Returns the screen of `run`.
    pub fn of(run: RunId) -> Self {
        Self {
            run,
            cursor: 0,
            offset: 0,
            follow: false,
            own: false,
            in_log: false,
            log_back: 0,
            find: Find::default(),
        }
    }
}

/// Returns the state of `run`.
pub fn state(model: &Model, run: &RunId) -> State {
    match model.queue().find(run) {
        Some(waiting) => waiting.state(),
        None => live::state(model.live().get(run), model.record(run)),
    }
}

/// Returns everything known about `run`: its reports and its journal record.
pub(super) fn known<'m>(model: &'m Model, run: &RunId) -> (Option<&'m Live>, Option<&'m RunRecord>) {
    (model.live().get(run), model.record(run))
}

/// Returns the plan of `run`.
pub fn plan<'m>(model: &'m Model, run: &RunId) -> Option<&'m Plan> {
    let (live, record) = known(model, run);
    let waiting = model.queue().find(run).map(|one| &one.plan);
    waiting
        .or_else(|| live.map(|live| &live.plan))
        .or_else(|| record.map(|record| &record.plan))
}

/// Returns the selected step.
pub fn selected<'m>(model: &'m Model, running: &Running) -> Option<&'m Step> {
    plan(model, &running.run)?.steps.get(running.cursor)
}

/// Returns the most relevant step: the active one, and finally the failed one.
pub(super) fn leading(model: &Model, run: &RunId) -> Option<usize> {
    let (live, record) = known(model, run);
    let steps = &plan(model, run)?.steps;
    if let Some(live) = live.filter(|live| !live.ended) {
        let heard = &live.progress.as_ref()?.steps;
        let busy = |step: &Step| {
            let heard = heard.get(&step.id);
            heard.is_some_and(|heard| heard.outcome.is_none() && heard.phase != Phase::Waiting)
        };
        return steps.iter().position(busy);
    }
    let wrong = |step: &Step| {
        let written = record.and_then(|record| record.step(&step.id)?.outcome);
        matches!(written, Some(StepOutcome::Failed | StepOutcome::Unknown))
    };
    steps.iter().position(wrong)
}

/// Returns the run on screen, if there is one.
pub fn shown(model: &Model) -> Option<RunId> {
    model.on::<Running>().map(|running| running.run.clone())
}

/// Whether the log of runs is hidden.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogHidden(pub bool);

feature_state!(LogHidden);
