//! Starts what was confirmed: asks for a sign-in if it needs one, or puts it into the queue.

use super::Model;
use super::confirm::Confirmed;
use super::dialogs::{Prompt, Purpose};
use super::effect::{Effect, RequestId};
use super::given::Given;
use super::panes::screen::PanesScreen;
use super::pending::PendingAction;
use super::refresh::read_runs;
use super::review::{self, Review};
use super::running::{self, Running};
use super::{queue, sign_in};
use crate::domain::Problem;
use crate::journal::RunId;
use crate::plan::Plan;

/// Handles a run that started, from the review or by a resume.
pub fn started(model: &mut Model, id: RequestId, result: Result<RunId, Problem>) -> Vec<Effect> {
    let waited = queue::started(model, id, &result);
    let mut effects = match &result {
        // If the operator quit meanwhile, the run is cancelled.
        Ok(run) if model.leaving => running::cancel(model, run),
        Err(_) if model.leaving && !queue::busy(model) => return vec![Effect::Quit],
        _ => Vec::new(),
    };
    if waited {
        effects.extend(read_runs(model));
    } else {
        effects.extend(show_started(model, id, result));
    }
    effects
}

fn show_started(model: &mut Model, id: RequestId, result: Result<RunId, Problem>) -> Vec<Effect> {
    if model
        .on::<Review>()
        .is_some_and(|review| review.starting == Some(id))
    {
        return review::started(model, id, result);
    }
    match result {
        Ok(run) => {
            if model.on::<PanesScreen>().is_some() {
                model.show(Running::of(run));
            }
            read_runs(model)
        }
        Err(problem) => {
            model.open_problem("The run was not resumed", &problem);
            Vec::new()
        }
    }
}

/// Accepts the content of the input field.
pub fn accept_prompt(model: &mut Model) -> Vec<Effect> {
    let Some(mut prompt) = model.take_dialog::<Prompt>() else {
        return Vec::new();
    };
    let typed = prompt.input.value().to_owned();
    let wanted = prompt.wanted.clone().unwrap_or_default();
    let again = |model: &mut Model, mut prompt: Prompt, error: String| {
        prompt.error = Some(error);
        model.open(prompt);
        Vec::new()
    };
    // Checked again here: a read-only console never writes.
    if model.setting.read_only && prompt.wanted.is_some() {
        return again(
            model,
            prompt,
            "read-only: start without --read-only to make changes".to_owned(),
        );
    }
    let effects = match prompt.purpose.clone() {
        Purpose::Replace(image) => {
            return match review::replace_image(model, &image, &typed) {
                Ok(effects) => effects,
                Err(error) => again(model, prompt, error),
            };
        }
        Purpose::Start(plan) => {
            Confirmed::by_typing(*plan, &typed, &wanted).map(|plan| signed_on(model, plan))
        }
        Purpose::Resume(run) => {
            Confirmed::by_typing(run, &typed, &wanted).map(|run| signed_on_again(model, run))
        }
    };
    effects.unwrap_or_else(|| {
        prompt.input.reset();
        again(model, prompt, format!("that is not {wanted}; nothing started"))
    })
}

/// Asks for a sign-in if `plan` needs one, and starts it.
fn signed_on(model: &mut Model, plan: Confirmed<Plan>) -> Vec<Effect> {
    match plan.get().sign_in().cloned() {
        Some(scope) => {
            let shown = plan.get().clone();
            sign_in::open(
                model,
                (PendingAction::Start(Box::new(plan)), begin),
                &shown,
                scope,
            );
            Vec::new()
        }
        None => start(model, plan, Given::default()),
    }
}

/// Like [`signed_on`], for a run that is resumed.
fn signed_on_again(model: &mut Model, run: Confirmed<RunId>) -> Vec<Effect> {
    let wanted = model
        .record(run.get())
        .and_then(|record| Some((record.plan.clone(), record.sign_in()?.clone())));
    match wanted {
        Some((plan, scope)) => {
            sign_in::open(model, (PendingAction::Resume(run), begin), &plan, scope);
            Vec::new()
        }
        None => begin(model, PendingAction::Resume(run), Given::default()),
    }
}

/// Continues the action that a sign-in was for.
fn begin(model: &mut Model, deed: PendingAction, given: Given) -> Vec<Effect> {
    match deed {
        // Checked again here: a read-only console never writes.
        _ if model.setting.read_only => {
            model.refuse("read-only: start without --read-only to make changes");
            Vec::new()
        }
        PendingAction::Start(plan) => start(model, *plan, given),
        PendingAction::Resume(run) => {
            let plan = model.record(run.get()).map(|record| record.plan.clone());
            if let Some(plan) = &plan
                && queue::must_wait(model, plan, given != Given::default())
            {
                queue::put(model, PendingAction::Resume(run), plan.clone());
                return Vec::new();
            }
            let id = model.next_id();
            if let Some(plan) = plan {
                model.queue_mut().start(id, plan);
            }
            vec![Effect::Resume { id, run, given }]
        }
    }
}

/// Starts `plan` if it is still the one under review.
fn start(model: &mut Model, plan: Confirmed<Plan>, given: Given) -> Vec<Effect> {
    let id = model.next_id();
    let waits = queue::must_wait(model, plan.get(), plan.get().sign_in().is_some());
    let Some(review) = model.on_mut::<Review>() else {
        return Vec::new();
    };
    let current = review.in_flight.is_none()
        && review.starting.is_none()
        && review.plan.as_ref().is_some_and(|shown| shown == plan.get());
    if !current {
        model.refuse("the plan has changed; review it again");
        return Vec::new();
    }
    let confirmed = plan.get().clone();
    if waits {
        queue::put(model, PendingAction::Start(Box::new(plan)), confirmed);
        return Vec::new();
    }
    review.starting = Some(id);
    model.queue_mut().start(id, confirmed);
    vec![Effect::Start {
        id,
        plan: Box::new(plan),
        given,
    }]
}
