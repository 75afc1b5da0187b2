//! Handles actions that concern the terminal: mouse, clipboard, pager, notifications.
//!
//! Effects only: the shell performs them.

use crate::console::actions::ActionId;
use crate::console::components::{Line, Text};
use crate::console::effect::Effect;
use crate::console::view::look::Tone;
use crate::console::{Model, words};
use crate::domain::{Problem, SanitizedText};

/// Longest text copied, in bytes: some terminals drop longer sequences.
const COPIED: usize = 60_000;
/// Width of a text in the pager, in columns.
pub const PAGE: usize = 100;

/// Releases the mouse to the terminal, or captures it.
pub(in crate::console) fn mouse(model: &mut Model) -> Vec<Effect> {
    model.mouse = !model.mouse;
    let said = if model.mouse {
        "mouse captured by the console".to_owned()
    } else {
        let back = model.setting.keymap.hint(ActionId::MOUSE, "capture it again");
        format!("mouse released to the terminal for selecting text; {back}")
    };
    model.say(said);
    vec![Effect::Mouse(model.mouse)]
}

/// Copies `text` and reports what was copied and how; if copying is off, shows the text to be
/// selected.
pub(in crate::console) fn copy(model: &mut Model, text: String) -> Vec<Effect> {
    if !model.setting.wishes.clipboard {
        let keymap = &model.setting.keymap;
        let how = format!(
            "Copying is off in your settings (clipboard = false). {}; {}.",
            keymap.hint(ActionId::TEXT_MOUSE, "release the mouse and select text"),
            keymap.hint(ActionId::PAGER, "open it in the pager")
        );
        let lines = vec![
            Line::text(SanitizedText::new(&text).to_string(), Tone::Strong),
            Line::blank(),
            Line::text(how, Tone::Dim),
        ];
        model.open(Text::new("To copy by hand", lines));
        return Vec::new();
    }
    let mut end = text.len().min(COPIED);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end < text.len() {
        model.say(format!(
            "copy request sent to the terminal; text cut to the first {} of {}",
            words::bytes(end as u64),
            words::bytes(text.len() as u64)
        ));
    } else {
        let shown = SanitizedText::new(&text);
        model.say(format!(
            "copy request sent to the terminal: {}",
            words::cut(shown.as_str(), 60)
        ));
    }
    let mut text = text;
    text.truncate(end);
    vec![Effect::Copy(text)]
}

/// Shows the visible text in the pager.
pub(in crate::console) fn page(model: &mut Model) -> Vec<Effect> {
    let text = match &model.modal {
        Some(dialog) => dialog.text().map(|text| text.plain(PAGE)),
        None => (model.screen.spec().pager)(model),
    };
    text.map_or_else(Vec::new, |text| vec![Effect::Page(text)])
}

/// Reports whether the edited settings are valid.
pub(super) fn edited(model: &mut Model, result: Result<(), Problem>) {
    match result {
        Ok(()) => model.say("settings are valid; they apply at the next start"),
        Err(problem) => model.open_problem("Invalid settings", &problem),
    }
}
