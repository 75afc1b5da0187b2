//! Finds the actions that apply now: by key, for the footer, for help and palette.

use super::{ActionSpec, Availability, Chord, Key, Scope};
use crate::console::Model;
use crate::console::components::search;

/// Returns the active scopes, the narrowest first.
pub fn scopes(model: &Model) -> Vec<Scope> {
    in_front(model).with_wider()
}

fn in_front(model: &Model) -> Scope {
    if search::is_typing(model) {
        return Scope::FIND;
    }
    match &model.modal {
        Some(dialog) => dialog.scope(),
        None => model.screen_scope(),
    }
}

/// Returns everything available on the screen, ignoring dialogs, and the ways from it to every
/// pane. Actions that do not apply there are left out.
pub fn reachable(model: &Model) -> Vec<&'static ActionSpec> {
    let scopes = model.screen_scope().with_wider();
    let keymap = &model.setting.keymap;
    let jumps = keymap
        .all()
        .filter(|spec| leads_to_pane(model, spec) && !scopes.contains(&spec.scope));
    keymap
        .in_scopes(&scopes)
        .chain(jumps)
        .filter(|spec| (spec.availability)(model) != Availability::Hidden)
        .collect()
}

/// Returns actions on rows of unfocused panes, unless an action of the screen has the same title.
pub fn elsewhere(model: &Model) -> Vec<&'static ActionSpec> {
    let here = reachable(model);
    let other =
        |spec: &&ActionSpec| model.pane_of(spec.scope).is_some() && spec.scope != model.screen_scope();
    model
        .setting
        .keymap
        .all()
        .filter(other)
        .filter(|spec| here.iter().all(|own| own.title != spec.title))
        .filter(|spec| spec.standing(model) != Availability::Hidden)
        .collect()
}

/// Returns true for actions that focus a pane; the palette offers them on every screen.
fn leads_to_pane(model: &Model, spec: &ActionSpec) -> bool {
    model.panes.iter().any(|pane| pane.go == spec.id)
}

/// Returns the action bound to `chord` now.
pub fn lookup(model: &Model, chord: Chord) -> Option<&'static ActionSpec> {
    model
        .setting
        .keymap
        .meaning(&scopes(model), chord)
        .find(|spec| (spec.availability)(model) != Availability::Hidden)
}

/// Returns what can follow `prefix` now; empty if it is not a prefix.
pub fn following(model: &Model, prefix: Key) -> Vec<(Key, &'static ActionSpec)> {
    model
        .setting
        .keymap
        .following(&scopes(model), prefix)
        .filter(|(_, spec)| (spec.availability)(model) != Availability::Hidden)
        .collect()
}

/// Returns the service's reason why `spec` is not available, if it gave one.
pub fn detail(model: &Model, spec: &ActionSpec) -> Option<String> {
    (spec.detail?)(model)
}

/// Returns the actions of the footer, in order.
pub fn footer(model: &Model) -> Vec<&'static ActionSpec> {
    let mut specs: Vec<_> = model
        .setting
        .keymap
        .in_scopes(&scopes(model))
        .filter(|spec| spec.footer.is_some() && (spec.availability)(model) != Availability::Hidden)
        .collect();
    specs.sort_by_key(|spec| spec.footer);
    specs
}
