//! Runs what is selected in the palette or in help.

use crate::console::actions;
use crate::console::command::{self, Param};
use crate::console::dialogs::palette::{self, PaletteEntry};
use crate::console::dialogs::{Help, Palette, help};
use crate::console::effect::Effect;
use crate::console::{Model, paths};

/// Runs what is selected in help.
pub(in crate::console) fn run_from_help(model: &mut Model) -> Vec<Effect> {
    // The screen below may have changed.
    let chosen = model.take_dialog::<Help>().and_then(|dialog| {
        let here = actions::scopes(model);
        let chosen = help::chosen(model, &dialog).filter(|spec| here.contains(&spec.scope));
        if chosen.is_none() {
            model.open(dialog);
        }
        chosen
    });
    chosen.map_or_else(Vec::new, |spec| actions::perform(model, spec))
}

/// Runs what is selected in the palette. A command with missing words asks for the next one.
pub(in crate::console) fn run_from_palette(model: &mut Model) -> Vec<Effect> {
    let Some(dialog) = model.take_dialog::<Palette>() else {
        return Vec::new();
    };
    match palette::listed(model, &dialog).into_iter().nth(dialog.list.at) {
        Some(PaletteEntry::Command(offer)) if offer.typed.is_last() => {
            command::run(model, &offer.typed, &offer.words())
        }
        Some(PaletteEntry::Command(offer)) => {
            model.open(Palette::with(format!("{} ", offer.typed.with(&offer.word))));
            paths::ask(model)
        }
        Some(PaletteEntry::Action(spec)) => actions::perform(model, spec),
        None => {
            model.open(dialog);
            Vec::new()
        }
    }
}

/// Puts what is selected in the palette into its field: the title of an action, which stays
/// selected, or the next word of a command. A space follows where words can follow.
pub(in crate::console) fn complete(model: &mut Model) -> Vec<Effect> {
    let Some(palette) = model.dialog::<Palette>() else {
        return Vec::new();
    };
    let listed = palette::listed(model, palette);
    let completed = match listed.get(palette.list.at) {
        None => return Vec::new(),
        Some(PaletteEntry::Action(spec)) if !spec.takes.is_empty() => {
            Palette::with(format!("{} ", spec.title))
        }
        Some(PaletteEntry::Action(spec)) => {
            let mut completed = Palette::with(spec.title.to_owned());
            let found = palette::entries(model, &completed);
            completed.list.at = found.iter().position(|other| other.id == spec.id).unwrap_or(0);
            completed
        }
        Some(PaletteEntry::Command(offer)) => {
            let words: Vec<String> = listed
                .iter()
                .filter_map(|entry| match entry {
                    PaletteEntry::Command(other) if other.typed.param() == Some(Param::Content) => {
                        Some(other.word.clone())
                    }
                    _ => None,
                })
                .collect();
            // As in a shell: the common prefix of all paths first.
            let common = paths::common_start(&words);
            let word = if common.len() > offer.typed.current.len() {
                common
            } else {
                &offer.word
            };
            let more = if offer.typed.is_last() { "" } else { " " };
            Palette::with(format!("{}{more}", offer.typed.with(word)))
        }
    };
    model.open(completed);
    paths::ask(model)
}
