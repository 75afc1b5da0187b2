//! Opens help and palette, and leaves the console.

use crate::console::dialogs::{Help, Leave, Palette};
use crate::console::effect::Effect;
use crate::console::{Model, actions, panes, queue, running};
use crate::journal::RunId;

/// Opens help for what is active now.
pub(super) fn open_help(model: &mut Model) {
    let scopes = actions::scopes(model);
    model.open(Help::new(scopes));
}

/// Opens the palette.
pub(super) fn open_palette(model: &mut Model) {
    model.open(Palette::default());
}

/// Tells how to create a workspace file.
pub(super) fn new_workspace(model: &mut Model) {
    model.say(
        "windlass config new asks a few questions and writes a workspace file; run it in \
        a shell",
    );
}

/// Leaves the console; asks first while a run is in progress.
pub(super) fn quit(model: &mut Model) -> Vec<Effect> {
    if queue::busy(model) || !model.queue().is_empty() {
        model.open(Leave);
        Vec::new()
    } else {
        vec![Effect::Quit]
    }
}

/// Like [`quit`]; does not ask twice.
pub(super) fn quit_now(model: &mut Model) -> Vec<Effect> {
    if model.dialog::<Leave>().is_some() {
        vec![Effect::Quit]
    } else {
        quit(model)
    }
}

/// Cancels the runs, drops what waits, and leaves when the runs have ended.
pub fn leave(model: &mut Model) -> Vec<Effect> {
    model.modal = None;
    model.queue_mut().clear();
    panes::rebuild_activity(model);
    if !queue::busy(model) {
        return vec![Effect::Quit];
    }
    model.leaving = true;
    model.say("cancelling the run; windlass exits when it has ended");
    let runs: Vec<RunId> = model.live().keys().cloned().collect();
    runs.iter().flat_map(|run| running::cancel(model, run)).collect()
}
