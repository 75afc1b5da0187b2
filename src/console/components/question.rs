//! The question component: a short text and the keys of its answers.

use ratatui::Frame;

use crate::console::actions::ActionId;
use crate::console::view::look::Tone;
use crate::console::{Model, layout, view, words};

/// Draws a question with its answers.
pub fn question(model: &Model, frame: &mut Frame, title: &str, lines: &[&str], ids: [ActionId; 2]) {
    let answers = answers(model, ids);
    let columns = 80.min(model.columns.saturating_sub(2));
    let room = usize::from(columns.saturating_sub(4));
    let wrapped: Vec<String> = words::wrap(&lines.join(" "), room);
    let area = layout::dialog(model, columns, wrapped.len() as u16 + 4);
    view::clear(frame, area);
    let inner = view::boxed(model, frame, area, title, None, true);
    let texts = wrapped
        .iter()
        .map(|line| (line.as_str(), Tone::Plain))
        .chain([("", Tone::Plain), (answers.as_str(), Tone::Accent)]);
    view::texts(model, frame, inner, inner.y, texts);
}

/// Returns the options with their current keys.
fn answers(model: &Model, ids: [ActionId; 2]) -> String {
    let said = ids.map(|id| {
        let title = model.setting.keymap.spec(id).map_or("", |spec| spec.title);
        model.setting.keymap.brief(id, title)
    });
    said.join("    ")
}
