//! Actions of the run screen.

use super::update;
use crate::console::actions::READ_ONLY;
use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, always, online, scopes,
};
use crate::console::live::State;
use crate::console::running::Running;
use crate::console::update::resume;
use crate::console::{Model, review, rollback, running};
use crate::plan::Risk;

use Availability::{Disabled, Enabled, Hidden};

scopes! {
    /// On the run screen.
    RUN "Run screen" in [OPENED, SEARCHED, SELECTED, LIST, EVERYWHERE, ALWAYS];
    /// In the question whether to stop a run.
    STOP "Question: cancel the run?" in [ALWAYS];
}

actions! {
    [Scope::RUN, Scope::STOP];
    RUN_CANCEL = "run-cancel" in Scope::RUN, ["c"], "cancel …",
        "Ask whether to cancel the run.",
        change update::ask_cancel, footer 1, if cancel, risk Write, twin "ctrl-c while windlass publish runs";
    RUN_AGAIN = "run-again" in Scope::RUN, ["enter"], "plan again",
        "Plan again what did not start by itself, then review and confirm it.",
        run update::again, footer 1, if run_again;
    RUN_TAKE_OUT = "run-take-out" in Scope::RUN, ["x"], "remove",
        "Remove the plan from the queue before it starts.",
        change update::take_out, footer 2, if take_out;
    RUN_RESUME = "run-resume" in Scope::RUN, ["r"], "resume",
        "Check the current state, then finish the run.",
        change resume::ask, footer 2, if resume_here, risk Irreversible, twin "windlass resume RUN", fill fill;
    RUN_ROLL_BACK = "run-roll-back" in Scope::RUN, ["b"], "roll back",
        "Plan to restore every channel that this run changed.",
        run rollback::open, footer 3, if roll_back_here, twin "windlass plan rollback --run RUN", fill fill;
    RUN_SIGN_IN = "run-sign-in" in Scope::RUN, ["L"], "sign in",
        "Sign in to Charmhub, then return to this run.",
        run review::sign_in, footer 3, if run_sign_in, twin "windlass login";
    RUN_LOG = "run-log" in Scope::RUN, ["l"], "log",
        "Show or hide the log of the run.",
        change update::toggle_log, footer 4, if run_started;
    RUN_FOCUS = "run-focus" in Scope::RUN, ["tab"], "steps or log",
        "Switch the keys between the steps and the log.",
        change update::toggle_focus, footer 7, if run_started;
    RUN_COPY_ID = "run-copy-id" in Scope::RUN, ["Y"], "copy run id",
        "Copy the ID of the run.",
        run update::copy_id, footer 8, if run_started;
    STOP_YES = "stop-yes" in Scope::STOP, ["x"], "cancel run",
        "Cancel the run.",
        run update::confirm_cancel, footer 2, needed true;
    STOP_NO = "stop-no" in Scope::STOP, ["esc", "enter"], "keep running",
        "Close the question; the run continues.",
        change Model::close_dialog, footer 1, needed true;
}

fn run_sign_in(model: &Model) -> Availability {
    let Some(running) = model.on::<Running>() else {
        return Hidden;
    };
    let record = model.record(&running.run);
    match (running::state(model, &running.run), record) {
        (State::Open | State::Ended(_), Some(record)) if running::wants_sign_in(record) => Enabled,
        _ => Hidden,
    }
}

fn of_run(model: &Model) -> Option<State> {
    let running = model.on::<Running>()?;
    Some(running::state(model, &running.run))
}

/// Available once the run has started.
pub fn run_started(model: &Model) -> Availability {
    match of_run(model) {
        None | Some(State::Queued | State::Asks) => Hidden,
        Some(_) => Enabled,
    }
}

fn run_again(model: &Model) -> Availability {
    match of_run(model) {
        Some(State::Asks) => Enabled,
        _ => Hidden,
    }
}

fn take_out(model: &Model) -> Availability {
    match of_run(model) {
        Some(State::Queued | State::Asks) => Enabled,
        _ => Hidden,
    }
}

fn resume_here(model: &Model) -> Availability {
    of_run(model).map_or(Hidden, |state| may_resume(model, state))
}

/// Returns whether a run in this state can be resumed.
pub fn may_resume(model: &Model, state: State) -> Availability {
    match state {
        state if !state.waits() => Hidden,
        _ if model.setting.read_only => Disabled(READ_ONLY),
        _ => Enabled,
    }
}

fn cancel(model: &Model) -> Availability {
    let Some(running) = model.on::<Running>() else {
        return Hidden;
    };
    match running::state(model, &running.run) {
        State::Running if model.live().contains_key(&running.run) => Enabled,
        State::Running => Disabled("another process is applying this run"),
        State::Stopping => Disabled("the run is being cancelled; the current step finishes first"),
        State::Queued
        | State::Asks
        | State::Ended(_)
        | State::Open
        | State::RolledBack
        | State::GivenUp
        | State::Replaced(_) => Hidden,
    }
}

/// Available where the selected step has a page.
pub fn can_browse(model: &Model) -> Availability {
    match model.on::<Running>() {
        Some(running) if running::page(model, running).is_none() => Disabled("this step has no page"),
        Some(_) => Enabled,
        None => Hidden,
    }
}

fn fill(model: &Model, word: &str) -> Option<String> {
    let run = (word == "RUN").then(|| running::shown(model))?;
    Some(run?.0)
}

/// Hidden for a run that changed nothing.
fn roll_back_here(model: &Model) -> Availability {
    if rollback::no_run(model).is_none() {
        online(model)
    } else {
        Hidden
    }
}
