//! Decides whether promotion, rollback, hold and workflow actions are available now, and if not,
//! why.

use super::Availability;
use super::available::{change, may_change, of_review, online};
use crate::console::dialogs::Modal;
use crate::console::model::Screen;
use crate::console::review::Review;
use crate::console::workflows::{self as flows, Workflows};
use crate::console::{Model, promote, rollback};
use crate::domain::Remedy;
use crate::plan::{Intent, LaterChanges};

use Availability::{Disabled, Enabled, Hidden};

fn unless(model: &Model, reason: Option<&'static str>) -> Availability {
    reason.map_or_else(|| online(model), Disabled)
}

pub(super) fn promote_release(model: &Model) -> Availability {
    unless(model, promote::source(model).err())
}

pub(super) fn promote_channel(model: &Model) -> Availability {
    promote_release(model)
}

pub(super) fn hold(model: &Model) -> Availability {
    let reason = if model.workspace().bundle.is_none() {
        Some("this workspace has no bundle repository to store a hold in")
    } else if model.panes.releases.selected().is_none() {
        Some("no release is selected")
    } else {
        None
    };
    unless(model, reason)
}

pub(super) fn roll_back_channel(model: &Model) -> Availability {
    unless(model, rollback::no_channel(model))
}

pub(super) fn roll_back_run(model: &Model) -> Availability {
    unless(model, rollback::no_run(model))
}

/// Like [`roll_back_run`], for the run screen: hidden for a run that changed nothing.
pub(super) fn roll_back_here(model: &Model) -> Availability {
    match &model.screen {
        Screen::Run(_) if rollback::no_run(model).is_none() => online(model),
        _ => Hidden,
    }
}

/// Available only if the plan reports a channel that was changed since, or if the option is already
/// on.
pub(super) fn later_changes(model: &Model) -> Availability {
    of_review(model, |review| match &review.intent {
        Intent::Rollback(wish)
            if wish.later != LaterChanges::Refuse || offers(review, Remedy::OverLaterChanges) =>
        {
            may_change(review)
        }
        _ => Hidden,
    })
}

fn offers(review: &Review, remedy: Remedy) -> bool {
    review
        .problem
        .as_ref()
        .is_some_and(|problem| problem.offers(remedy))
}

pub(super) fn without(model: &Model) -> Availability {
    if model.workspace().bundle.is_none() {
        Hidden
    } else {
        change(model)
    }
}

pub(super) fn workflows(model: &Model) -> Availability {
    let reason = model.workspace().bundle.is_none();
    unless(model, reason.then_some("this workspace has no bundle repository"))
}

fn dialog(model: &Model) -> Option<&Workflows> {
    match &model.modal {
        Some(Modal::Workflows(dialog)) => Some(dialog),
        _ => None,
    }
}

pub(super) fn workflow_open(model: &Model) -> Availability {
    match dialog(model) {
        Some(dialog) if dialog.shown.is_some() => Hidden,
        Some(dialog) if flows::rows(model, dialog).is_empty() => Disabled("nothing is selected"),
        _ => Enabled,
    }
}

pub(super) fn workflow_log(model: &Model) -> Availability {
    match dialog(model) {
        Some(dialog) if dialog.shown.is_none() => Hidden,
        Some(dialog) if flows::next_job(model, dialog).is_some() => online(model),
        _ => Disabled("no jobs were read yet"),
    }
}

pub(super) fn workflow_repeat(model: &Model) -> Availability {
    match dialog(model).and_then(|dialog| flows::run(model, dialog)) {
        None => Disabled("select a run"),
        Some(run) if !run.ended() => Disabled("the run is still in progress"),
        Some(run) if run.ended_well() => Disabled("no job of this run failed"),
        Some(_) => online(model),
    }
}

pub(super) fn workflow_stop(model: &Model) -> Availability {
    match dialog(model).and_then(|dialog| flows::run(model, dialog)) {
        None => Disabled("select a run"),
        Some(run) if run.ended() => Disabled("the run has ended"),
        Some(_) => online(model),
    }
}

pub(super) fn workflows_again(model: &Model) -> Availability {
    match dialog(model) {
        Some(dialog) if dialog.in_flight.is_some() => Disabled("GitHub is still being read"),
        _ => online(model),
    }
}
