//! Searches the text in front: of the open dialog, else of the screen.

use tui_input::Input;

use super::form;
use crate::console::actions::Key;
use crate::console::find::Find;
use crate::console::screen::SearchSpec;
use crate::console::{Model, layout};

/// Returns how the text of the screen is searched, if no dialog covers it.
fn on_screen(model: &Model) -> Option<&'static SearchSpec> {
    let spec = model.screen.spec();
    spec.search.as_ref().filter(|_| model.modal.is_none())
}

/// Returns the search of the visible text, if it can be searched.
pub fn find(model: &Model) -> Option<&Find> {
    match &model.modal {
        Some(dialog) => dialog.text().map(|text| &text.find),
        None => (on_screen(model)?.find)(model),
    }
}

fn find_mut(model: &mut Model) -> Option<&mut Find> {
    match on_screen(model) {
        Some(spec) => (spec.find_mut)(model),
        None => model.modal.as_deref_mut()?.text_mut().map(|text| &mut text.find),
    }
}

/// Returns true while search words are being typed.
pub fn is_typing(model: &Model) -> bool {
    find(model).is_some_and(|find| find.typing.is_some())
}

/// Returns the searchable lines and the index of the first one on screen.
fn lines(model: &Model) -> (Vec<String>, usize) {
    if let Some(spec) = on_screen(model) {
        return (spec.lines)(model);
    }
    let text = model.modal.as_deref().and_then(|dialog| dialog.text());
    text.map_or_else(Default::default, |text| {
        let lines = text.lines.iter();
        let lines = lines.map(|line| format!("{}{}", line.label, line.text));
        (lines.collect(), text.offset)
    })
}

/// Starts typing search words.
pub fn begin(model: &mut Model) {
    if let Some(spec) = on_screen(model) {
        (spec.begin)(model);
    }
    let (_, first) = lines(model);
    if let Some(find) = find_mut(model) {
        *find = Find {
            typing: Some(Input::default()),
            from: first,
            ..Find::default()
        };
    }
}

/// Keeps the words.
pub fn keep(model: &mut Model) {
    if let Some(find) = find_mut(model) {
        find.typing = None;
    }
}

/// Ends the search.
pub fn clear(model: &mut Model) {
    if let Some(find) = find_mut(model) {
        *find = Find::default();
    }
}

/// Selects another match, by steps.
pub fn step(model: &mut Model, steps: isize) {
    select(model, |find, matches| find.step(matches, steps));
}

/// Applies `key` to the search field.
pub fn typed(model: &mut Model, key: Key) {
    let Some(find) = find_mut(model) else {
        return;
    };
    if let Some(input) = &mut find.typing
        && form::edit(input, key)
    {
        find.words = input.value().to_owned();
        select(model, Find::search);
    }
}

/// Selects a match and scrolls the text to it.
fn select(model: &mut Model, choose: impl Fn(&mut Find, &[usize])) {
    let (lines, _) = lines(model);
    let Some(find) = find_mut(model) else {
        return;
    };
    let matches = find.matches(lines.iter().map(String::as_str));
    choose(find, &matches);
    let Some(at) = find.at else {
        return;
    };
    if let Some(spec) = on_screen(model) {
        return (spec.show_line)(model, at);
    }
    let (_, height) = layout::text_size(model);
    if let Some(text) = model.modal.as_deref_mut().and_then(|dialog| dialog.text_mut())
        && !(text.offset..text.offset + height).contains(&at)
    {
        text.offset = at.saturating_sub(height / 3);
    }
}
