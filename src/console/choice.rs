//! Applies what was chosen in the choice dialog.

use super::dialogs::{Choice, Choose};
use super::effect::Effect;
use super::{Model, image, review};

/// Applies the selected choice.
pub fn choose(model: &mut Model) -> Vec<Effect> {
    let Some(dialog) = model.dialog::<Choose>() else {
        return Vec::new();
    };
    let Some((_, choice)) = dialog.entries.get(dialog.list.at).cloned() else {
        return Vec::new();
    };
    // Leaving the review asks again.
    if matches!(choice, Choice::Look(_)) {
        model.modal = None;
    }
    chosen(model, choice)
}

/// Applies a choice.
pub fn chosen(model: &mut Model, choice: Choice) -> Vec<Effect> {
    match choice {
        Choice::Plan(intent) => review::open(model, *intent),
        Choice::Look(look) => image::open(model, look),
    }
}
