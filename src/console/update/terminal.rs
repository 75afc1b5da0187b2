//! Handles actions that concern the terminal: mouse, clipboard, pager, notifications.
//!
//! Effects only: the shell performs them.

use chrono::TimeDelta;

use super::act;
use crate::config::Notify;
use crate::console::actions::ActionId;
use crate::console::components::{Line, Text};
use crate::console::effect::Effect;
use crate::console::model::Screen;
use crate::console::view::look::Tone;
use crate::console::{Model, panes, running, words};
use crate::domain::{Problem, SanitizedText};
use crate::journal::RunRecord;

/// Longest text copied, in bytes: some terminals drop longer sequences.
const COPIED: usize = 60_000;
/// A shorter run needs no notification.
const A_WHILE: TimeDelta = TimeDelta::seconds(10);
/// Width of a text in the pager, in columns.
const PAGE: usize = 100;

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

/// Handles a double click.
pub(super) fn twice(model: &mut Model) -> Vec<Effect> {
    let action = match (&model.modal, &model.screen) {
        (Some(dialog), _) => dialog.double_click(),
        (None, Screen::Panes) if model.pane == panes::PaneId::Activity => Some(ActionId::OPEN_RUN),
        (None, Screen::Panes) => Some(ActionId::OPEN),
        (None, Screen::Review(_) | Screen::Run(_)) => None,
    };
    action.map_or_else(Vec::new, |action| act(model, action))
}

/// Copies `text` and reports what was copied and how; if copying is off, shows the text to be
/// selected.
pub(super) fn copy(model: &mut Model, text: String) -> Vec<Effect> {
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
    let text = match (&model.modal, &model.screen) {
        (Some(dialog), _) => match dialog.text() {
            Some(text) => text.plain(PAGE),
            None => return Vec::new(),
        },
        (None, Screen::Run(run)) => {
            let lines = running::lines(model, run, PAGE);
            let line = |line: &running::RunLine| {
                let text: String = line.pieces.iter().map(text_of).collect();
                format!("{}\n", text.trim_end())
            };
            lines.iter().map(line).collect()
        }
        _ => return Vec::new(),
    };
    vec![Effect::Page(text)]
}

fn text_of(piece: &crate::console::view::piece::Piece) -> &str {
    &piece.text
}

/// Reports whether the edited settings are valid.
pub(super) fn edited(model: &mut Model, result: Result<(), Problem>) {
    match result {
        Ok(()) => model.say("settings are valid; they apply at the next start"),
        Err(problem) => model.open_problem("Invalid settings", &problem),
    }
}

/// Notifies that a run ended, if configured, while the window has no focus.
pub fn told_elsewhere(model: &Model, record: &RunRecord, words: &str) -> Vec<Effect> {
    let wished = match model.setting.wishes.notify {
        Notify::Always => true,
        Notify::Unfocused => !model.in_focus,
        Notify::Never => false,
    };
    let ended = record.finished_at.unwrap_or(model.now);
    if !wished || ended - record.started_at < A_WHILE {
        return Vec::new();
    }
    vec![Effect::Notify(SanitizedText::capped(words, 200).to_string())]
}
