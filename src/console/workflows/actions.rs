//! Actions of the workflows dialog and of its form.

use super::{form, job_log, update};
use crate::console::Model;
use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, online, scopes,
};
use crate::console::workflows::{self as flows, Workflows};
use crate::plan::Risk;

use Availability::{Disabled, Enabled, Hidden};

scopes! {
    /// In the dialog of workflows.
    WORKFLOWS "Dialog: workflows" in [SEARCHED, SELECTED, LIST, DIALOG, ALWAYS];
    /// In the form of a workflow.
    FORM "Form of a workflow", typed in [FIELDS, LIST, DIALOG, ALWAYS];
}

actions! {
    [Scope::WORKFLOWS, Scope::FORM];
    WORKFLOWS_OPEN = "workflows-open" in Scope::WORKFLOWS, ["enter"], "start or open",
        "Fill in the inputs of the selected workflow to start it, or open the selected run.",
        run update::open_selected, footer 1, if workflow_open, twin "windlass workflow watch RUN", needed true;
    WORKFLOWS_REPEAT = "workflows-repeat" in Scope::WORKFLOWS, ["R"], "rerun failed",
        "Plan to rerun the failed jobs of the run.",
        run update::repeat, footer 2, if workflow_repeat, twin "windlass workflow rerun RUN";
    WORKFLOWS_STOP = "workflows-stop" in Scope::WORKFLOWS, ["x"], "cancel …",
        "Plan to cancel the workflow run.",
        run update::stop, footer 3, if workflow_stop, twin "windlass workflow cancel RUN";
    WORKFLOWS_AGAIN = "workflows-again" in Scope::WORKFLOWS, ["g", "ctrl-r"], "reload",
        "Read the workflows and runs from GitHub again.",
        run update::again, footer 4, if workflows_again, twin "windlass workflow list";
    WORKFLOWS_LOG = "workflows-log" in Scope::WORKFLOWS, ["l"], "job log",
        "Show the log of a failed job of the open run; press it again for the next job.",
        run job_log::log, footer 2, if workflow_log;
    FORM_ACCEPT = "form-accept" in Scope::FORM, ["enter"], "plan",
        "Plan to start the workflow with these inputs. Nothing changes before you confirm.",
        run form::accept, footer 1, if online, twin "windlass workflow run WORKFLOW KEY=VALUE", needed true;
}

fn dialog(model: &Model) -> Option<&Workflows> {
    model.dialog()
}

fn workflow_open(model: &Model) -> Availability {
    match dialog(model) {
        Some(dialog) if dialog.shown.is_some() => Hidden,
        Some(dialog) if flows::rows(model, dialog).is_empty() => Disabled("nothing is selected"),
        _ => Enabled,
    }
}

fn workflow_log(model: &Model) -> Availability {
    match dialog(model) {
        Some(dialog) if dialog.shown.is_none() => Hidden,
        Some(dialog) if flows::next_job(model, dialog).is_some() => online(model),
        _ => Disabled("no jobs were read yet"),
    }
}

fn workflow_repeat(model: &Model) -> Availability {
    match dialog(model).and_then(|dialog| flows::run(model, dialog)) {
        None => Disabled("select a run"),
        Some(run) if !run.ended() => Disabled("the run is still in progress"),
        Some(run) if run.ended_well() => Disabled("no job of this run failed"),
        Some(_) => online(model),
    }
}

fn workflow_stop(model: &Model) -> Availability {
    match dialog(model).and_then(|dialog| flows::run(model, dialog)) {
        None => Disabled("select a run"),
        Some(run) if run.ended() => Disabled("the run has ended"),
        Some(_) => online(model),
    }
}

fn workflows_again(model: &Model) -> Availability {
    match dialog(model) {
        Some(dialog) if dialog.in_flight.is_some() => Disabled("GitHub is still being read"),
        _ => online(model),
    }
}
