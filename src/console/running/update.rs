//! What happens to a run while the console looks on.

use chrono::{DateTime, Utc};

use crate::console::dialogs::{Modal, Text};
use crate::console::effect::Effect;
use crate::console::model::Screen;
use crate::console::msg::RunMsg;
use crate::console::{Model, panes, running};
use crate::domain::Problem;
use crate::journal::{Outcome, RunId, RunRecord};
use crate::plan::Intent;
use crate::run::progress::RunProgress;

/// What a key of the screen does.
pub fn update(model: &mut Model, msg: RunMsg) -> Vec<Effect> {
    match msg {
        RunMsg::AskCancel => {
            if let Screen::Run(running) = &model.screen {
                model.modal = Some(Modal::Stop(running.run.clone()));
            }
            Vec::new()
        }
        RunMsg::Cancel => {
            let Some(Modal::Stop(run)) = model.modal.take() else {
                return Vec::new();
            };
            cancel(model, &run)
        }
    }
}

/// Asks `run` to stop, once.
pub fn cancel(model: &mut Model, run: &RunId) -> Vec<Effect> {
    let Some(live) = model
        .live
        .get_mut(run)
        .filter(|live| !live.ended && !live.cancel_asked)
    else {
        return Vec::new();
    };
    live.cancel_asked = true;
    panes::rebuild_activity(model);
    vec![Effect::Cancel(run.clone())]
}

/// Hears how far a run is.
pub fn progress(model: &mut Model, progress: RunProgress) {
    let Some(live) = model.live.get_mut(&progress.run) else {
        return;
    };
    if live.progress.as_ref() == Some(&progress) {
        model.still = true;
        return;
    }
    live.cancel_asked |= progress.cancel_requested;
    live.progress = Some(progress);
    panes::rebuild_activity(model);
}

/// Hears the end of a run.
pub fn ended(
    model: &mut Model,
    run: &RunId,
    at: DateTime<Utc>,
    result: Result<RunRecord, Problem>,
) -> Vec<Effect> {
    model.now = model.now.max(at);
    if let Some(live) = model.live.get_mut(run) {
        live.ended = true;
    }
    let mut notified = Vec::new();
    match result {
        Ok(record) => {
            let words = match record.outcome {
                Some(Outcome::Done) => "done",
                Some(Outcome::Partly) => "partly done; the run shows what is missing",
                Some(Outcome::Failed) => "failed; the run shows why and the ways on",
                Some(Outcome::Cancelled) => "stopped",
                Some(Outcome::Unknown) | None => "ended without a certain answer; resume it to look",
            };
            let told = format!("{}: {words}", model.short_title(&record.plan.title));
            notified = crate::console::update::told_elsewhere(model, &record, &told);
            model.say(told);
            match model.runs.iter_mut().find(|known| known.id == record.id) {
                Some(known) => *known = record,
                None => model.runs.insert(0, record),
            }
        }
        Err(problem) => {
            model.modal = Some(Modal::Problem(Text::of_problem("The run broke off", &problem)));
        }
    }
    panes::rebuild_activity(model);
    let mut effects = if model.interrupted.is_some() && signed_in(model, run) {
        crate::console::update::come_back(model)
    } else {
        Vec::new()
    };
    effects.extend(notified);
    if model.leaving && !model.busy() {
        return vec![Effect::Quit];
    }
    effects.extend(crate::console::update::read_runs(model));
    effects.extend(crate::console::update::refresh(model));
    effects
}

/// True where the screen shows `run`, and it was a sign-in that came through.
fn signed_in(model: &Model, run: &RunId) -> bool {
    shown(model).as_ref() == Some(run)
        && model.record(run).is_some_and(|record| {
            record.outcome == Some(Outcome::Done) && matches!(record.plan.intent, Intent::SignIn(_))
        })
}

/// The run that the screen shows, where it shows one.
pub fn shown(model: &Model) -> Option<RunId> {
    match &model.screen {
        Screen::Run(running::Running { run, .. }) => Some(run.clone()),
        _ => None,
    }
}
