//! Decides whether actions that concern the terminal are available now, and if not, why.

use super::Availability::{self, Disabled, Enabled, Hidden};
use crate::console::Model;
use crate::console::dialogs::Modal;

pub(super) fn split(model: &Model) -> Availability {
    if model.split.is_usual() {
        Disabled("the panes have their default sizes")
    } else {
        Enabled
    }
}

pub(super) const fn settings(model: &Model) -> Availability {
    match model.setting.wishes.file {
        Some(_) => Enabled,
        None if model.setting.demo => Disabled("the demo environment has no settings file"),
        None => Disabled("no home directory was found for the settings file"),
    }
}

pub(super) const fn workflow_page(model: &Model) -> Availability {
    match &model.modal {
        Some(Modal::Workflows(dialog)) if dialog.shown.is_some() => Enabled,
        _ => Hidden,
    }
}
