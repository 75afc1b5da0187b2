//! Decides whether actions that concern the terminal are available now, and if not, why.

use super::Availability::{self, Disabled, Enabled, Hidden};
use crate::console::Model;
use crate::console::dialogs::Modal;

pub(super) fn split(model: &Model) -> Availability {
    if model.split.is_usual() {
        Disabled("the panes have their usual sizes")
    } else {
        Enabled
    }
}

pub(super) const fn settings(model: &Model) -> Availability {
    match model.setting.wishes.file {
        Some(_) => Enabled,
        None if model.setting.demo => Disabled("the demo world has no settings of its own"),
        None => Disabled("there is no home folder to keep settings in"),
    }
}

pub(super) const fn workflow_page(model: &Model) -> Availability {
    match &model.modal {
        Some(Modal::Workflows(dialog)) if dialog.shown.is_some() => Enabled,
        _ => Hidden,
    }
}
