//! Handles keys and reports of runs.

use chrono::{DateTime, Utc};

use super::{LogHidden, Running, Stop, shown};
use crate::console::effect::Effect;
use crate::console::{Model, panes, queue, workflows};
use crate::domain::Problem;
use crate::journal::{Outcome, RunId, RunRecord, mark_replaced};
use crate::plan::Intent;
use crate::run::progress::RunProgress;

/// Asks whether to stop the run.
pub(super) fn ask_cancel(model: &mut Model) {
    if let Some(run) = shown(model) {
        model.open(Stop { run });
    }
}

/// Stops the run after the question.
pub(super) fn confirm_cancel(model: &mut Model) -> Vec<Effect> {
    let stop = model.take_dialog::<Stop>();
    stop.map_or_else(Vec::new, |stop| cancel(model, &stop.run))
}

/// Shows the log, or hides it.
pub(super) fn toggle_log(model: &mut Model) {
    let hidden = &mut model.state_mut::<LogHidden>().0;
    *hidden = !*hidden;
}

/// Moves the key focus to the log, or back to the steps.
pub(super) fn toggle_focus(model: &mut Model) {
    let hidden = std::mem::replace(&mut model.state_mut::<LogHidden>().0, false);
    if let Some(running) = model.on_mut::<Running>() {
        running.in_log = hidden || !running.in_log;
    }
}

/// Copies the id of the run.
pub(super) fn copy_id(model: &mut Model) -> Vec<Effect> {
    let Some(run) = shown(model) else {
        return Vec::new();
    };
    model.say(format!("copy request sent to the terminal: {run}"));
    vec![Effect::Copy(run.0)]
}

/// Removes a waiting plan from the queue.
pub(super) fn take_out(model: &mut Model) {
    if let Some(place) = shown(model) {
        queue::take_out(model, &place);
    }
}

/// Plans again what could not run.
pub(super) fn again(model: &mut Model) -> Vec<Effect> {
    shown(model).map_or_else(Vec::new, |place| queue::again(model, &place))
}

/// Samples transfer speeds.
pub fn tick(model: &mut Model) {
    let now = model.now;
    for live in model.live_mut().values_mut().filter(|live| !live.ended) {
        live.measure(now);
    }
}

/// Requests that `run` stops, once.
pub fn cancel(model: &mut Model, run: &RunId) -> Vec<Effect> {
    let Some(live) = model
        .live_mut()
        .get_mut(run)
        .filter(|live| !live.ended && !live.cancel_asked)
    else {
        return Vec::new();
    };
    live.cancel_asked = true;
    panes::rebuild_activity(model);
    vec![Effect::Cancel(run.clone())]
}

/// Stores the progress of a run.
pub fn progress(model: &mut Model, progress: RunProgress) {
    let now = model.now;
    let Some(live) = model.live_mut().get_mut(&progress.run) else {
        return;
    };
    if live.progress.as_ref() == Some(&progress) {
        model.still = true;
        return;
    }
    live.cancel_asked |= progress.cancel_requested;
    let now = now.max(progress.at);
    live.progress = Some(progress);
    live.measure(now);
    model.now = now;
    panes::rebuild_activity(model);
}

/// Handles the end of a run.
pub fn ended(
    model: &mut Model,
    run: &RunId,
    at: DateTime<Utc>,
    result: Result<RunRecord, Problem>,
) -> Vec<Effect> {
    model.now = model.now.max(at);
    if let Some(live) = model.live_mut().get_mut(run) {
        live.ended = true;
    }
    let (title, outcome) = if let Ok(record) = &result {
        (record.plan.title.clone(), record.outcome)
    } else {
        let title = model.live().get(run).map(|live| live.plan.title.clone());
        (title.unwrap_or_else(|| run.to_string()), None)
    };
    let mut notified = Vec::new();
    match result {
        Ok(record) => {
            // The most important part first: a narrow line is cut at its end.
            let (word, rest) = match record.outcome {
                Some(Outcome::Done) => ("done", ""),
                Some(Outcome::Partly) => ("partly done", "; open the run to see what is missing"),
                Some(Outcome::Failed) => ("failed", "; open the run to see why"),
                Some(Outcome::Cancelled) => ("cancelled", ""),
                Some(Outcome::Unknown) | None => ("outcome unknown", "; resume the run to check"),
            };
            let word = workflows::standing(model, &record).map_or_else(|| word.to_owned(), |(word, ..)| word);
            let told = format!("{word}: {}{rest}", model.short_title(&record.plan.title));
            notified = crate::console::notification::told_elsewhere(model, &record, &told);
            // Its own screen shows all that, with the keys in the last line.
            if shown(model).as_ref() != Some(run) {
                model.say(told);
            }
            mark_replaced(&mut model.runs, &record);
            match model.runs.iter_mut().find(|known| known.id == record.id) {
                Some(known) => *known = record,
                None => model.runs.insert(0, record),
            }
        }
        Err(problem) => {
            model.open_problem("The run was interrupted", &problem);
        }
    }
    panes::rebuild_activity(model);
    let mut effects = if model.interrupted.is_some() && signed_in(model, run) {
        crate::console::review::come_back(model)
    } else {
        Vec::new()
    };
    effects.extend(notified);
    if model.leaving && !queue::busy(model) {
        return vec![Effect::Quit];
    }
    effects.extend(workflows::follow(model, run));
    effects.extend(queue::advance(model, &title, outcome));
    effects.extend(crate::console::refresh::read_runs(model));
    effects.extend(crate::console::refresh::refresh_after_change(model));
    effects
}

/// Returns true if the screen shows `run`, and it was a successful login.
fn signed_in(model: &Model, run: &RunId) -> bool {
    shown(model).as_ref() == Some(run)
        && model.record(run).is_some_and(|record| {
            record.outcome == Some(Outcome::Done) && matches!(record.plan.intent, Intent::SignIn(_))
        })
}
