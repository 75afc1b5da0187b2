//! What follows from the palette and help, and the way to a pane from any screen.
//!
//! Owns which action an Enter there runs. What the action means is told by its message.

use crate::console::actions::{self, ActionSpec};
use crate::console::dialogs::{Help, Modal, Palette, help, palette};
use crate::console::effect::Effect;
use crate::console::model::Screen;
use crate::console::panes::PaneId;
use crate::console::{Model, jumps};

/// Runs what is selected in help.
pub(super) fn run_from_help(model: &mut Model, dialog: Help) -> Vec<Effect> {
    // The screen may have changed below it.
    let here = actions::scopes(model);
    let chosen = help::chosen(model, &dialog).filter(|spec| here.contains(&spec.scope));
    run_chosen(model, Modal::Help(dialog), chosen)
}

/// Runs what is selected in the palette.
pub(super) fn run_from_palette(model: &mut Model, dialog: Palette) -> Vec<Effect> {
    let chosen = palette::entries(model, &dialog).get(dialog.at).copied();
    run_chosen(model, Modal::Palette(dialog), chosen)
}

/// To `pane` from whatever screen is up. A review is left as with its own key: nothing was changed.
pub(super) fn to_pane(model: &mut Model, pane: PaneId) {
    if !matches!(model.screen, Screen::Panes) {
        model.interrupted = None;
        model.screen = Screen::Panes;
    }
    jumps::jump(model, pane);
}

/// Puts the title of what is selected in the palette into its field; it stays selected.
pub(super) fn complete(model: &mut Model) {
    let Some(Modal::Palette(palette)) = &model.modal else {
        return;
    };
    let entries = palette::entries(model, palette);
    let Some(spec) = entries.get(palette.at).copied() else {
        return;
    };
    let mut completed = Palette {
        input: tui_input::Input::new(spec.title.to_owned()),
        ..Palette::default()
    };
    let found = palette::entries(model, &completed);
    completed.at = found.iter().position(|other| other.id == spec.id).unwrap_or(0);
    model.modal = Some(Modal::Palette(completed));
}

/// Runs what was chosen in `dialog`, which is closed already; where nothing was, it stays open.
fn run_chosen(model: &mut Model, dialog: Modal, chosen: Option<&'static ActionSpec>) -> Vec<Effect> {
    if let Some(spec) = chosen {
        return super::perform(model, spec);
    }
    model.modal = Some(dialog);
    Vec::new()
}
