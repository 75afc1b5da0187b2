//! Acts on whatever is in front: the open dialog, else the screen.

use crate::console::Model;
use crate::console::effect::Effect;
use crate::console::update::terminal;
use crate::console::{layout, links};

/// Moves by rows.
pub fn rows(model: &mut Model, steps: isize) {
    if model.modal.is_some() {
        return model.change_dialog(|dialog, model| dialog.move_by(model, steps));
    }
    (model.screen.spec().move_by)(model, steps);
}

/// Moves by pages.
pub fn pages(model: &mut Model, steps: isize) {
    let height = if model.modal.is_some() {
        usize::from(layout::layout(model).body.height.saturating_sub(3))
    } else {
        (model.screen.spec().page_height)(model)
    };
    lines(model, steps * (height.max(2) as isize - 1));
}

/// Scrolls a text by lines, or moves the selection in a list.
pub fn lines(model: &mut Model, steps: isize) {
    if model.modal.is_some() {
        return rows(model, steps);
    }
    (model.screen.spec().scroll)(model, steps);
}

/// Returns the text to copy.
pub fn copied(model: &Model) -> Option<String> {
    match &model.modal {
        Some(dialog) => dialog.text()?.copy.clone(),
        None => (model.screen.spec().copied)(model),
    }
}

/// Copies the selected value.
pub fn copy(model: &mut Model) -> Vec<Effect> {
    let Some(text) = copied(model) else {
        model.refuse("nothing to copy here");
        return Vec::new();
    };
    terminal::copy(model, text)
}

/// Opens the page of what is selected.
pub fn browse(model: &mut Model) -> Vec<Effect> {
    let page = match &model.modal {
        Some(dialog) => dialog.page(model),
        None => (model.screen.spec().page)(model),
    };
    let Some(link) = page.filter(|link| links::allowed(link)) else {
        model.refuse("this row has no page");
        return Vec::new();
    };
    model.say(format!("opening {link}"));
    vec![Effect::Open(link)]
}
