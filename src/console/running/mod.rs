//! The run screen: every step with its phase, bytes and rate, the log, and finally the result. A
//! plan that waits in the queue has the same screen.
//!
//! Holds which run and which step is selected; the data is in the model's `live`, `queue` and
//! `runs`.

pub mod actions;
mod ending;
mod lines;
mod log;
mod pages;
mod result;
mod step;
mod stop;
mod update;
pub mod view;

pub use lines::{RunLine, lines};
pub use pages::{copied, page};
pub use stop::Stop;
pub use update::{cancel, ended, progress, shown, tick};

use super::Model;
use super::find::Find;
use super::live::{self, Live, State};
use super::model::Screen;
use super::view::piece::Piece;
use crate::domain::ProblemKind;
use crate::journal::{RunId, RunRecord, StepOutcome};
use crate::plan::{Plan, Step};
use crate::run::progress::Phase;

/// From this height on the log has its own part of the screen.
const LOG_FROM: usize = 14;

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
    match model.queue.find(run) {
        Some(waiting) => waiting.state(),
        None => live::state(model.live.get(run), model.record(run)),
    }
}

/// Returns everything known about `run`: its reports and its journal record.
fn known<'m>(model: &'m Model, run: &RunId) -> (Option<&'m Live>, Option<&'m RunRecord>) {
    (model.live.get(run), model.record(run))
}

/// Returns the plan of `run`.
pub fn plan<'m>(model: &'m Model, run: &RunId) -> Option<&'m Plan> {
    let (live, record) = known(model, run);
    let waiting = model.queue.find(run).map(|one| &one.plan);
    waiting
        .or_else(|| live.map(|live| &live.plan))
        .or_else(|| record.map(|record| &record.plan))
}

/// Returns the selected step.
pub fn selected<'m>(model: &'m Model, running: &Running) -> Option<&'m Step> {
    plan(model, &running.run)?.steps.get(running.cursor)
}

/// Returns the lines of the steps and of the log inside a border of `height` lines. If both do not
/// fit, the part that keys scroll gets all of it.
fn heights(model: &Model, running: &Running, height: usize) -> (usize, usize) {
    // A waiting plan has no log.
    let none = model.log_hidden || model.queue.find(&running.run).is_some();
    if none || (height < LOG_FROM && !running.in_log) {
        (height, 0)
    } else if height < LOG_FROM {
        (0, height.saturating_sub(1))
    } else {
        let log = (height / 4).clamp(4, 10);
        (height - log - 1, log)
    }
}

/// Returns the lines of the log in a border of this size, and the first one on screen.
pub fn log_lines(model: &Model, running: &Running, (width, height): (usize, usize)) -> (Vec<String>, usize) {
    let lines = log::lines(model, &running.run, width);
    let (_, below) = heights(model, running, height);
    let first = lines.len().saturating_sub(below + running.log_back);
    let text = |line: &Vec<Piece>| line.iter().map(|piece| piece.text.as_str()).collect();
    (lines.iter().map(text).collect(), first)
}

/// Shows the log and directs keys to it.
pub fn show_log(model: &mut Model) {
    model.log_hidden = false;
    if let Screen::Run(running) = &mut model.screen {
        running.in_log = true;
    }
}

/// Scrolls the log so that its line `at` is visible.
pub fn show_log_line(model: &mut Model, at: usize, size: (usize, usize)) {
    let Screen::Run(running) = &model.screen else {
        return;
    };
    let (lines, first) = log_lines(model, running, size);
    let (_, below) = heights(model, running, size.1);
    let Screen::Run(running) = &mut model.screen else {
        return;
    };
    if !(first..first + below).contains(&at) {
        let first = at.saturating_sub(below / 3);
        running.log_back = lines.len().saturating_sub(below + first);
    }
}

/// Moves the selected step, or scrolls the log, by `steps` rows.
pub fn move_by(model: &mut Model, steps: isize) {
    let Screen::Run(running) = &model.screen else {
        return;
    };
    if running.in_log {
        return scroll(model, steps);
    }
    let count = plan(model, &running.run).map_or(0, |plan| plan.steps.len());
    let Screen::Run(running) = &mut model.screen else {
        return;
    };
    running.own = true;
    let next = running.cursor.saturating_add_signed(steps);
    if next >= count || (steps < 0 && running.cursor == 0) {
        running.follow = false;
        running.offset = running.offset.saturating_add_signed(steps);
    } else {
        running.follow = true;
        running.cursor = next;
    }
}

/// Scrolls by `steps` lines.
pub fn scroll(model: &mut Model, steps: isize) {
    let Screen::Run(running) = &mut model.screen else {
        return;
    };
    if running.in_log {
        running.log_back = running.log_back.saturating_add_signed(steps.saturating_neg());
    } else {
        running.own = true;
        running.follow = false;
        running.offset = running.offset.saturating_add_signed(steps);
    }
}

/// Returns the most relevant step: the active one, and finally the failed one.
fn leading(model: &Model, run: &RunId) -> Option<usize> {
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

/// Selects a step.
pub fn pick(model: &mut Model, at: usize) {
    if let Screen::Run(running) = &mut model.screen {
        running.cursor = at;
        running.own = true;
        running.in_log = false;
    }
}

/// Clamps cursor and scroll positions.
pub fn settle(model: &mut Model, width: usize, height: usize) {
    let Screen::Run(running) = &model.screen else {
        return;
    };
    let goes_on = model.live.get(&running.run).is_some_and(|live| !live.ended);
    let leads = leading(model, &running.run);
    let Screen::Run(running) = &mut model.screen else {
        return;
    };
    if !running.own {
        if let Some(at) = leads {
            running.cursor = at;
            running.follow = goes_on;
        }
        if !goes_on {
            // The result is at the top.
            running.follow = false;
            running.offset = 0;
        }
    }
    let Screen::Run(running) = &model.screen else {
        return;
    };
    let (above, below) = heights(model, running, height);
    let count = plan(model, &running.run).map_or(0, |plan| plan.steps.len());
    let lines = lines(model, running, width);
    let at = lines.iter().position(|line| line.step == Some(running.cursor));
    // The lines under a step, above all why it failed, are shown with it.
    let under = |at: usize| {
        let mut below = lines.iter().skip(at + 1);
        below.position(|line| line.step.is_some() || line.pieces.is_empty())
    };
    let last = at.map(|at| at + under(at).unwrap_or(lines.len() - at - 1));
    let log = log::lines(model, &running.run, width).len();
    let hidden = model.log_hidden || model.queue.find(&running.run).is_some();
    let Screen::Run(running) = &mut model.screen else {
        return;
    };
    running.in_log &= !hidden;
    running.cursor = running.cursor.min(count.saturating_sub(1));
    running.log_back = running.log_back.min(log.saturating_sub(below));
    for line in [last, at].into_iter().flatten().filter(|_| running.follow) {
        running.offset = super::listing::window(running.offset, line, above, lines.len());
    }
    running.offset = running.offset.min(lines.len().saturating_sub(above));
}
