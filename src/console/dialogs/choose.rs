//! The dialog for a choice between a few options, if the selected row stands for more than one.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::console::actions::{ActionId, Scope};
use crate::console::components::{Dialog, Line, List};
use crate::console::image::Look;
use crate::console::view::look::{Glyph, Tone};
use crate::console::view::piece::Piece;
use crate::console::view::{self, Drawn};
use crate::console::{Model, Msg, layout};
use crate::plan::Intent;

/// An option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// An intent to plan.
    Plan(Box<Intent>),
    /// An image to show.
    Look(Look),
}

/// The state of the choice dialog.
#[derive(Clone, Debug)]
pub struct Choose {
    /// Its title.
    pub title: String,
    /// The question.
    pub lines: Vec<Line>,
    /// The options with their labels.
    pub entries: Vec<(String, Choice)>,
    /// The selected option.
    pub list: List,
}

impl Choose {
    /// Returns a dialog with a question and options.
    pub fn new(title: impl Into<String>, ask: &str, entries: Vec<(String, Choice)>) -> Self {
        Self {
            title: title.into(),
            lines: vec![Line::text(ask, Tone::Plain)],
            entries,
            list: List::default(),
        }
    }
}

impl Dialog for Choose {
    fn scope(&self) -> Scope {
        Scope::CHOOSE
    }

    fn boxed(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }

    fn draw(&self, model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
        draw(model, self, frame, drawn);
    }

    fn fit(&mut self, model: &Model) {
        let (_, lines) = layout::text_size(model);
        self.list.fit(lines.saturating_sub(2), self.entries.len());
    }

    fn move_by(&mut self, _: &Model, steps: isize) {
        self.list.step_in(steps, self.entries.len());
    }

    fn pick(&mut self, _: &Model, line: usize) {
        self.list.at = line;
    }

    fn double_click(&self) -> Option<ActionId> {
        Some(ActionId::CHOOSE_ACCEPT)
    }
}

fn draw(model: &Model, choose: &Choose, frame: &mut Frame, drawn: &mut Drawn) {
    let columns = 76.min(model.columns.saturating_sub(2));
    let room = usize::from(columns.saturating_sub(4));
    let lines: Vec<Line> = choose.lines.iter().flat_map(|line| line.wrap(room)).collect();
    let height = lines.len() + choose.entries.len() + 3;
    let area = layout::dialog(model, columns, u16::try_from(height).unwrap_or(u16::MAX));
    view::clear(frame, area);
    let inner = view::boxed(model, frame, area, &choose.title, None, true);
    // At least three options are visible; of the text above them the end is shown, the question.
    let fitting = usize::from(inner.height).saturating_sub(choose.entries.len().min(3));
    let asked = lines.iter().map(|line| (line.pieces(), None));
    let asked = asked.skip(lines.len().saturating_sub(fitting));
    let blank = std::iter::once((Vec::new(), None)).take(usize::from(fitting > lines.len()));
    let entries = choose.entries.iter().enumerate().skip(choose.list.offset);
    let entries = entries.map(|(at, (text, _))| {
        let mark = if at == choose.list.at {
            model.setting.look.glyph(Glyph::Cursor)
        } else {
            " "
        };
        let pieces = vec![
            Piece::new(format!(" {mark} "), Tone::Accent),
            Piece::new(text.clone(), Tone::Plain),
        ];
        (pieces, Some(at))
    });
    for ((pieces, at), y) in asked.chain(blank).chain(entries).zip(inner.y..inner.bottom()) {
        let rect = Rect::new(inner.x, y, inner.width, 1);
        view::line(model, frame, rect, pieces, at == Some(choose.list.at));
        if let Some(at) = at {
            drawn.hit(rect, Msg::Pick(at));
            drawn.rows_built += 1;
        }
    }
    drawn.wheel(area, None);
}
