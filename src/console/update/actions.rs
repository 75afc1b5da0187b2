//! Actions that apply on every screen, and the question whether to leave.

use super::go::{new_workspace, open_help, open_palette, quit, quit_now};
use crate::console::actions::{
    ActionId, ActionSpec, Availability, FeatureActions, Scope, ScopeSpec, actions, always, scopes,
};
use crate::console::update::{go, terminal};
use crate::console::{Model, tour};
use crate::plan::Risk;

scopes! {
    /// In the question whether to quit.
    LEAVE "Question: leave while a run is in progress?" in [ALWAYS];
}

actions! {
    [Scope::ALWAYS, Scope::EVERYWHERE, Scope::LEAVE];
    INTERRUPT = "interrupt" in Scope::ALWAYS, ["ctrl-c"], "interrupt",
        "Leave the console. Ask first while a run is in progress; press it again to leave at once.",
        run quit_now, needed true;
    QUIT = "quit" in Scope::EVERYWHERE, ["q"], "quit",
        "Leave the console. Ask first while a run is in progress.",
        run quit, footer 99;
    HELP = "help" in Scope::EVERYWHERE, ["?", "f1"], "help",
        "List every key that works here; type words or a key to search, then run the selected action.",
        change open_help, footer 98;
    TOUR = "tour" in Scope::EVERYWHERE, ["T"], "tour",
        "End the tour of the demo environment, or start it again.",
        run tour::toggle, if offers_tour;
    NEW_WORKSPACE = "new-workspace" in Scope::EVERYWHERE, [], "new workspace",
        "Show how to create a workspace file for your own charms.",
        change new_workspace, twin "windlass config new";
    PALETTE = "palette" in Scope::EVERYWHERE, [":", "ctrl-p"], "palette",
        "Find an action by a few letters of its name and run it.",
        change open_palette, footer 72;
    MOUSE = "mouse" in Scope::EVERYWHERE, ["m"], "mouse",
        "Release the mouse to the terminal to select text, or capture it again.",
        run terminal::mouse;
    LEAVE_YES = "leave-yes" in Scope::LEAVE, ["x"], "cancel and leave",
        "Cancel the runs, then leave when they have ended.",
        run go::leave, footer 2, needed true;
    LEAVE_NO = "leave-no" in Scope::LEAVE, ["esc", "enter"], "stay",
        "Close the question and stay in the console.",
        change Model::close_dialog, footer 1, needed true;
}

const fn offers_tour(model: &Model) -> Availability {
    if tour::offered(model) {
        Availability::Enabled
    } else {
        Availability::Hidden
    }
}
