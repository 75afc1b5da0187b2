//! Text dialogs: draws the text component, alone or for another dialog.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::{Dialog, Text};
use crate::console::actions::{ActionId, Scope};
use crate::console::view::{self, Drawn};
use crate::console::{Model, layout};

/// Fits `text` to the screen.
pub fn fit(text: &mut Text, model: &Model) {
    let keymap = &model.setting.keymap;
    text.fit(layout::text_size(model), || {
        keymap.hint(ActionId::TEXT_SIGN_IN, "sign in and return here")
    });
}

impl Dialog for Text {
    fn scope(&self) -> Scope {
        Scope::DETAILS
    }

    fn boxed(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }

    fn draw(&self, model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
        draw(model, self, frame, drawn);
    }

    fn fit(&mut self, model: &Model) {
        fit(self, model);
    }

    fn move_by(&mut self, _: &Model, steps: isize) {
        self.scroll(steps);
    }

    fn text(&self) -> Option<&Text> {
        Some(self)
    }

    fn text_mut(&mut self) -> Option<&mut Text> {
        Some(self)
    }
}

/// Draws `text` as a dialog.
pub fn draw(model: &Model, text: &Text, frame: &mut Frame, drawn: &mut Drawn) {
    let lines = u16::try_from(text.lines.len() + 2).unwrap_or(u16::MAX);
    let area = layout::dialog(model, layout::TEXT_COLUMNS, lines);
    view::clear(frame, area);
    let searched: Vec<String> = if text.find.words.is_empty() {
        Vec::new()
    } else {
        let lines = text.lines.iter();
        lines.map(|line| format!("{}{}", line.label, line.text)).collect()
    };
    let found = text.find.note(searched.iter().map(String::as_str));
    let title = found.map_or_else(|| text.title.clone(), |found| format!("{}  {found}", text.title));
    let inner = view::boxed(model, frame, area, &title, None, true);
    let height = usize::from(inner.height);
    let lines = text.lines.iter().enumerate().skip(text.offset).take(height);
    for ((at, line), y) in lines.zip(inner.y..) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        view::line(model, frame, rect, line.pieces(), false);
        view::mark_words(model, frame, rect, &text.find, at);
        drawn.rows_built += 1;
    }
    view::scroll_mark(model, frame, area, text.offset, height, text.lines.len());
    drawn.wheel(area, None);
}
