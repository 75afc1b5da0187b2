//! Performs actions that are available.

use super::{ActionId, ActionSpec, Availability, detail, scopes};
use crate::console::Model;
use crate::console::effect::Effect;

/// Performs an action if it is available, else shows why it is not.
pub fn act(model: &mut Model, id: ActionId) -> Vec<Effect> {
    match model.setting.keymap.spec(id) {
        // A click may arrive on a footer that a dialog has covered since.
        Some(spec) if scopes(model).contains(&spec.scope) => perform(model, spec),
        _ => Vec::new(),
    }
}

/// Performs `spec` if it is available, else shows why it is not.
pub fn perform(model: &mut Model, spec: &ActionSpec) -> Vec<Effect> {
    match spec.standing(model) {
        Availability::Enabled => (spec.run)(model),
        Availability::Disabled(reason) => {
            let detail = detail(model, spec);
            model.refuse(detail.unwrap_or_else(|| reason.to_owned()));
            Vec::new()
        }
        Availability::Hidden => Vec::new(),
    }
}
