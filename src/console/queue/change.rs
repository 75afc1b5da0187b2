//! Changes the queue: a plan is added, a run ends, the next plan starts.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Stands, Waiting, Why, effect};
use crate::console::effect::{Effect, RequestId};
use crate::console::live::Live;
use crate::console::panes::screen::PanesScreen;
use crate::console::pending::PendingAction;
use crate::console::running::{self, Running};
use crate::console::{Model, image, panes, review};
use crate::domain::{Problem, Snapshot};
use crate::journal::{Outcome, RunId};
use crate::plan::{Op, Plan, PlannedRow, State, Step};

/// Returns true if `plan` has to wait: a run of its workspace is in progress, or another plan
/// already waits. A plan with a sign-in never waits, because typed secrets are not kept that long.
pub fn must_wait(model: &Model, plan: &Plan, signs_in: bool) -> bool {
    let goes_on = model
        .live()
        .values()
        .any(|live| !live.ended && live.plan.workspace == plan.workspace);
    let waits = model.queue().waiting.iter().any(Waiting::may_start);
    !signs_in && (goes_on || waits || model.queue().starts())
}

/// Appends `deed`, whose plan is `plan`, to the queue and shows it there.
pub fn put(model: &mut Model, deed: PendingAction, plan: Plan) {
    let queue = model.queue_mut();
    queue.numbered += 1;
    let place = RunId(format!("queued-{}", queue.numbered));
    queue.waiting.push(Waiting {
        place: place.clone(),
        deed,
        plan,
        stands: Stands::Behind,
    });
    model.show(Running::of(place));
    panes::rebuild_activity(model);
}

/// Removes `place` from the queue; what is already starting cannot be removed.
pub fn take_out(model: &mut Model, place: &RunId) {
    let Some(one) = model.queue().find(place) else {
        return;
    };
    if matches!(one.stands, Stands::Starting(_)) {
        return model.refuse("the run is starting; cancel the run instead");
    }
    let title = model.short_title(&one.plan.title);
    model.queue_mut().waiting.retain(|one| &one.place != place);
    if running::shown(model).as_ref() == Some(place) {
        model.show(PanesScreen);
    }
    model.say(format!("{title}: removed from the queue; nothing started"));
    panes::rebuild_activity(model);
}

/// Removes `place` from the queue and plans the same intent again; shows the run if it resumes one.
pub fn again(model: &mut Model, place: &RunId) -> Vec<Effect> {
    let Some(at) = model.queue().waiting.iter().position(|one| &one.place == place) else {
        return Vec::new();
    };
    if model.queue().waiting.get(at).is_none_or(Waiting::may_start) {
        return Vec::new();
    }
    let one = model.queue_mut().waiting.remove(at);
    panes::rebuild_activity(model);
    match one.deed {
        PendingAction::Start(_) => review::open(model, one.plan.intent),
        PendingAction::Resume(run) => {
            model.show(Running::of(run.into_inner()));
            Vec::new()
        }
    }
}

/// Starts the next plan if nothing is running. `before` is what just ended, and how.
pub fn advance(model: &mut Model, before: &str, outcome: Option<Outcome>) -> Vec<Effect> {
    if !matches!(outcome, Some(Outcome::Done | Outcome::Partly)) {
        failed(model, before, outcome);
    }
    let goes_on = model.live().values().any(|live| !live.ended);
    if goes_on || model.queue().starts() || model.leaving {
        return Vec::new();
    }
    let turn = |one: &&mut Waiting| one.may_start();
    let id = model.next_id();
    let previous = model.snapshot.clone();
    let Some(one) = model.queue_mut().waiting.iter_mut().find(turn) else {
        return Vec::new();
    };
    if matches!(one.stands, Stands::Looking(_)) {
        return Vec::new();
    }
    let effects = match &one.deed {
        PendingAction::Start(_) => {
            one.stands = Stands::Looking(id);
            vec![Effect::Plan {
                id,
                previous,
                intent: one.plan.intent.clone(),
            }]
        }
        // A resumed run checks again before each of its steps.
        PendingAction::Resume(_) => {
            one.stands = Stands::Starting(id);
            vec![effect(id, one.deed.clone())]
        }
    };
    panes::rebuild_activity(model);
    effects
}

/// Marks the plan after `before`, which did not succeed, as needing confirmation again.
pub fn failed(model: &mut Model, before: &str, outcome: Option<Outcome>) {
    for one in &mut model.queue_mut().waiting {
        if matches!(one.stands, Stands::Behind | Stands::Looking(_)) {
            one.stands = Stands::Asks(Why::Before {
                title: before.to_owned(),
                outcome,
            });
        }
    }
    panes::rebuild_activity(model);
}

fn ask(model: &mut Model, at: usize, why: Why) {
    let Some(one) = model.queue_mut().waiting.get_mut(at) else {
        return;
    };
    one.stands = Stands::Asks(why);
    let title = one.plan.title.clone();
    let short = model.short_title(&title);
    model.refuse(format!("{short}: not started; review it in Activity"));
    failed(model, &title, None);
}

/// Handles the new plan for the next in the queue; `None` if it was requested for something else.
/// Only a plan that does the same as the confirmed one is started.
pub fn planned(
    model: &mut Model,
    id: RequestId,
    now: DateTime<Utc>,
    snapshot: &Arc<Snapshot>,
    result: &Result<Plan, Problem>,
) -> Option<Vec<Effect>> {
    let looking = |one: &Waiting| one.stands == Stands::Looking(id);
    let at = model.queue().waiting.iter().position(looking)?;
    model.now = model.now.max(now);
    model.snapshot = image::with_known(model, snapshot.clone());
    panes::rebuild(model);
    let one = model.queue_mut().waiting.get_mut(at)?;
    let why = match result {
        Ok(plan) => match differences(&one.plan, plan) {
            list if list.is_empty() => None,
            list => Some(Why::Changed(list)),
        },
        Err(problem) => Some(Why::Refused(problem.clone())),
    };
    if let Some(why) = why {
        ask(model, at, why);
        return Some(Vec::new());
    }
    one.stands = Stands::Starting(id);
    Some(vec![effect(id, one.deed.clone())])
}

/// Handles the answer to a start; returns true if it came from the queue, so that nothing else has
/// to be done.
pub fn started(model: &mut Model, id: RequestId, result: &Result<RunId, Problem>) -> bool {
    if let Some(plan) = model.queue_mut().starting.remove(&id) {
        match result {
            Ok(run) => {
                model.live_mut().insert(run.clone(), Live::new(plan));
                panes::rebuild_activity(model);
            }
            Err(_) => failed(model, &plan.title, None),
        }
        return false;
    }
    let starting = |one: &Waiting| one.stands == Stands::Starting(id);
    let Some(at) = model.queue().waiting.iter().position(starting) else {
        return false;
    };
    match result {
        Ok(run) => {
            let one = model.queue_mut().waiting.remove(at);
            let title = model.short_title(&one.plan.title);
            model.live_mut().insert(run.clone(), Live::new(one.plan));
            if running::shown(model) == Some(one.place) {
                model.show(Running::of(run.clone()));
            }
            model.say(format!("{title}: started from the queue"));
        }
        Err(problem) => ask(model, at, Why::Refused(problem.clone())),
    }
    panes::rebuild_activity(model);
    true
}

/// Handles a failed background task: the plan that waited for it needs confirmation again.
pub fn broken(model: &mut Model, problem: &Problem) {
    let looking = |one: &Waiting| matches!(one.stands, Stands::Looking(_));
    if let Some(at) = model.queue().waiting.iter().position(looking) {
        ask(model, at, Why::Refused(problem.clone()));
    }
}

/// Returns the operation without what does not matter: the same commit made later has another time.
fn does(step: &Step) -> Op {
    let mut op = step.op.clone();
    if let Op::Commit { at, .. } = &mut op {
        *at = DateTime::UNIX_EPOCH;
    }
    op
}

/// Describes what `new` does differently from `old`.
fn differences(old: &Plan, new: &Plan) -> Vec<String> {
    let mut list = Vec::new();
    for step in &old.steps {
        let name = format!("{} {}", step.kind, step.target);
        match new.steps.iter().find(|other| other.id == step.id) {
            None => list.push(format!("{name}: no longer part of the plan")),
            Some(other) => match (&step.skip_reason, &other.skip_reason) {
                (None, Some(reason)) => list.push(format!("{name}: nothing left to do ({reason})")),
                (Some(_), None) => list.push(format!("{name}: was already done, but is needed now")),
                // Skipped in both: no difference.
                (Some(_), Some(_)) => {}
                (None, None) if does(step) != does(other) => {
                    let moved = moved(step, other);
                    if moved.is_empty() {
                        list.push(format!("{name}: does something else now"));
                    }
                    list.extend(moved);
                }
                (None, None) => {}
            },
        }
    }
    for step in &new.steps {
        if !old.steps.iter().any(|other| other.id == step.id) {
            list.push(format!("{} {}: new in the plan", step.kind, step.target));
        }
    }
    list
}

/// Returns the rows of the channel map that changed since `old` was planned.
fn moved(old: &Step, new: &Step) -> Vec<String> {
    let (State::Rows(was), State::Rows(is)) = (&old.before, &new.before) else {
        return Vec::new();
    };
    was.iter()
        .filter_map(|was| {
            let is = is
                .iter()
                .find(|is| is.channel == was.channel && is.base == was.base)?;
            let (before, now) = (serves(was), serves(is));
            let base = was
                .base
                .as_ref()
                .map_or_else(String::new, |base| format!(" ({base})"));
            (before != now).then(|| {
                format!(
                    "{} {}{base}: was {before} at confirmation, now {now}",
                    old.target, was.channel
                )
            })
        })
        .collect()
}

fn serves(row: &PlannedRow) -> String {
    let Some(revision) = row.revision else {
        return "closed".to_owned();
    };
    let mut text = revision.to_string();
    for resource in &row.resources {
        let number = resource
            .revision
            .map_or_else(|| "none".to_owned(), |number| number.to_string());
        text.push_str(&format!(" + {} {number}", resource.name));
    }
    text
}
