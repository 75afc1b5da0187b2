//! An input field with a question: a confirmation word, or another tag for an image.

use ratatui::Frame;
use ratatui::layout::Rect;
use tui_input::Input;

use crate::console::actions::{Key, Scope};
use crate::console::components::{Dialog, Line, form};
use crate::console::hidden::Hidden;
use crate::console::layout::TEXT_COLUMNS;
use crate::console::view::look::Tone;
use crate::console::view::piece::Piece;
use crate::console::view::{self, Drawn};
use crate::console::{Model, layout, words};
use crate::domain::Repository;
use crate::journal::RunId;
use crate::plan::Plan;

/// What the typed text is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Purpose {
    /// Confirms running a plan.
    Start(Box<Plan>),
    /// Confirms resuming a run.
    Resume(RunId),
    /// Gives another tag or digest for an image.
    Replace(String),
}

/// An input field with a question.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Its title.
    pub title: String,
    /// The question.
    pub lines: Vec<Line>,
    /// The required word, if there is one.
    pub wanted: Option<String>,
    /// The input.
    pub input: Input,
    /// Why the last input was rejected.
    pub error: Option<String>,
    /// What it is for.
    pub purpose: Purpose,
}

impl Dialog for Prompt {
    fn scope(&self) -> Scope {
        Scope::PROMPT
    }

    fn boxed(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }

    fn draw(&self, model: &Model, frame: &mut Frame, _: &mut Drawn) {
        draw(model, self, frame);
    }

    fn typed(&mut self, _: &Model, key: Key) {
        if form::edit(&mut self.input, key) {
            self.error = None;
        }
    }

    fn paste(&mut self, model: &Model, text: &Hidden) {
        if self.wanted.is_some() {
            self.error = Some("type the confirmation; it cannot be pasted".to_owned());
            return;
        }
        for c in text.expose().trim().chars().filter(|c| !c.is_control()).take(200) {
            self.typed(model, Key::Char(c));
        }
    }

    fn repository(&self, model: &Model) -> Option<Repository> {
        match &self.purpose {
            Purpose::Replace(image) => model.workspace().image_repository(image).ok(),
            Purpose::Start(_) | Purpose::Resume(_) => None,
        }
    }

    fn put_tag(&mut self, _: &Repository, tag: &str) {
        self.input = Input::new(tag.to_owned());
        self.error = None;
    }

    fn confirmation(&self) -> Option<&str> {
        self.wanted.as_deref()
    }
}

fn draw(model: &Model, prompt: &Prompt, frame: &mut Frame) {
    // A digest has 71 characters.
    let wanted = match prompt.purpose {
        Purpose::Replace(_) => TEXT_COLUMNS,
        Purpose::Start(_) | Purpose::Resume(_) => 76,
    };
    let columns = wanted.min(model.columns.saturating_sub(2));
    let room = usize::from(columns.saturating_sub(4));
    let lines: Vec<Line> = prompt.lines.iter().flat_map(|line| line.wrap(room)).collect();
    let error: Vec<String> = prompt
        .error
        .as_ref()
        .map(|error| words::wrap(error, room))
        .unwrap_or_default();
    let height = lines.len() + error.len() + 5;
    let area = layout::dialog(model, columns, u16::try_from(height).unwrap_or(u16::MAX));
    view::clear(frame, area);
    let inner = view::boxed(model, frame, area, &prompt.title, None, true);
    let mut y = inner.y;
    // If the dialog is too small, the end is shown: the question, the field and the error.
    let fitting = usize::from(inner.height).saturating_sub(1 + error.len());
    for line in lines.iter().skip(lines.len().saturating_sub(fitting)) {
        view::line(
            model,
            frame,
            Rect::new(inner.x, y, inner.width, 1),
            line.pieces(),
            false,
        );
        y += 1;
    }
    let last = inner.bottom().saturating_sub(1 + error.len() as u16);
    y = (y + 1).min(last.max(inner.y));
    let field = Rect::new(inner.x, y, inner.width, 1);
    let shown = usize::from(inner.width.saturating_sub(5));
    let scroll = prompt.input.visual_scroll(shown);
    let text: String = prompt.input.value().chars().skip(scroll).collect();
    view::line(
        model,
        frame,
        field,
        vec![Piece::new(" > ", Tone::Accent), Piece::new(text, Tone::Strong)],
        false,
    );
    let cursor = prompt.input.visual_cursor().saturating_sub(scroll).min(shown) as u16;
    frame.set_cursor_position((inner.x + 3 + cursor, y));
    let wrong = error.iter().map(|text| (text, Tone::Bad));
    view::texts(model, frame, inner, y + 1, wrong);
}
