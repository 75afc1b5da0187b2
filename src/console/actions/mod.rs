//! Actions, and what derives from them: keymap, footer, help.
//!
//! Also defines lookup and scopes. There is no second list of keys.

pub mod aliases;
mod id;
mod key;
mod keymap;
pub mod page;
mod scope;
mod spec;
mod twin;

pub use id::ActionId;
pub use key::{Chord, Key};
pub use keymap::{Conflict, Keymap};
pub(in crate::console) use scope::scopes;
pub use scope::{Scope, ScopeSpec};
pub(in crate::console) use spec::actions;
pub use spec::{ActionSpec, Availability, Part, READ_ONLY, always, online, online_unless};
pub use twin::twin;

use super::model::Screen;
use super::panes::PaneId;
use super::panes::charms::What;
use super::{Model, find, review};

/// Returns the scopes of `parts` that can be the narrowest one.
pub fn narrowest(parts: &'static [&'static Part]) -> impl Iterator<Item = Scope> {
    let all = || parts.iter().flat_map(|part| part.scopes).copied();
    let wide =
        move |scope: Scope| scope == Scope::ALWAYS || all().any(|other| other.wider().contains(&scope));
    all().filter(move |scope| !wide(*scope))
}

/// Returns the active scopes, the narrowest first.
pub fn scopes(model: &Model) -> Vec<Scope> {
    in_front(model).with_wider()
}

fn in_front(model: &Model) -> Scope {
    if find::is_typing(model) {
        return Scope::FIND;
    }
    match &model.modal {
        Some(dialog) => dialog.scope(),
        None => on_screen(model),
    }
}

/// Returns the narrowest scope of the screen, ignoring dialogs.
pub(super) fn on_screen(model: &Model) -> Scope {
    match &model.screen {
        Screen::Panes if model.filtering.is_some() => Scope::FILTER,
        Screen::Panes => model.pane.scope(),
        Screen::Review(state) => review::actions::scope(state.kind()),
        Screen::Run(_) => Scope::RUN,
    }
}

/// Returns everything available on the screen, ignoring dialogs, and the ways from it to every
/// pane. Actions that do not apply there are left out.
pub fn reachable(model: &Model) -> Vec<&'static ActionSpec> {
    let scopes = on_screen(model).with_wider();
    let keymap = &model.setting.keymap;
    let jumps = keymap
        .all()
        .filter(|spec| leads_to_pane(spec) && !scopes.contains(&spec.scope));
    keymap
        .in_scopes(&scopes)
        .chain(jumps)
        .filter(|spec| (spec.availability)(model) != Availability::Hidden)
        .collect()
}

/// Returns actions on rows of unfocused panes, unless an action of the screen has the same title.
pub fn elsewhere(model: &Model) -> Vec<&'static ActionSpec> {
    let here = reachable(model);
    let other = |spec: &&ActionSpec| PaneId::of_scope(spec.scope).is_some() && spec.scope != on_screen(model);
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
fn leads_to_pane(spec: &ActionSpec) -> bool {
    PaneId::ALL.into_iter().any(|pane| pane.action() == spec.id)
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

/// Returns the service's reason why `id` is not available, if it gave one.
pub fn detail(model: &Model, id: ActionId) -> Option<String> {
    let row = model
        .panes
        .charms
        .selected()
        .filter(|_| id == ActionId::RELEASE_REVISION)?;
    match &row.what {
        What::Revision {
            revision, refusal, ..
        } => refusal.as_ref().map(|refusal| format!("{revision} is {refusal}")),
        _ => None,
    }
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
