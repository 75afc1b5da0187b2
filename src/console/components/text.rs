//! The text component: lines that are wrapped, scrolled, searched, copied and paged, alone as a
//! dialog or inside another one.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::{Dialog, Line};
use crate::console::actions::{ActionId, Keymap, Scope};
use crate::console::find::Find;
use crate::console::view::look::Tone;
use crate::console::view::{self, Drawn};
use crate::console::{Model, layout};
use crate::domain::{CharmName, Problem};

/// Width of text dialogs in columns, borders included.
pub const TEXT_COLUMNS: u16 = 96;

/// A text that may be longer than the screen.
#[derive(Clone, Debug)]
pub struct Text {
    /// Its title.
    pub title: String,
    source: Vec<Line>,
    /// Lines wrapped to `width`.
    pub lines: Vec<Line>,
    width: usize,
    /// The first line shown.
    pub offset: usize,
    /// The text that `y` copies.
    pub copy: Option<String>,
    /// The page that `o` opens.
    pub link: Option<String>,
    /// True if signing in is the remedy.
    pub sign_in: bool,
    /// The charm whose details it shows; rebuilt when more is known.
    pub charm: Option<CharmName>,
    /// The search in it.
    pub find: Find,
}

impl Text {
    /// Returns a text dialog.
    pub fn new(title: impl Into<String>, lines: Vec<Line>) -> Self {
        Self {
            title: title.into(),
            source: lines,
            lines: Vec::new(),
            width: 0,
            offset: 0,
            copy: None,
            link: None,
            sign_in: false,
            charm: None,
            find: Find::default(),
        }
    }

    /// Returns a dialog with a problem in full.
    pub fn of_problem(title: impl Into<String>, problem: &Problem) -> Self {
        let lines = Line::problem(problem);
        let sign_in = problem.wants_sign_in();
        let mut text = Self::new(title, lines);
        text.sign_in = sign_in;
        text.copy = Some(problem.to_string());
        text
    }

    /// Returns the whole text without styles, in lines of at most `width` columns.
    pub fn plain(&self, width: usize) -> String {
        let lines = self.source.iter().flat_map(|line| line.wrap(width));
        let body: String = lines
            .map(|line| format!("{}\n", format!("{}{}", line.label, line.text).trim_end()))
            .collect();
        format!("{}\n\n{body}", self.title)
    }

    /// Scrolls by `steps` lines.
    pub const fn scroll(&mut self, steps: isize) {
        self.offset = self.offset.saturating_add_signed(steps);
    }

    /// Wraps the text to the width of the screen and clamps the scroll position.
    pub fn fit(&mut self, model: &Model) {
        let (columns, lines) = size(model);
        self.wrap(columns, &model.setting.keymap);
        self.offset = self.offset.min(self.lines.len().saturating_sub(lines));
    }

    fn wrap(&mut self, width: usize, keymap: &Keymap) {
        if self.width != width {
            self.width = width;
            self.lines = self.source.iter().flat_map(|line| line.wrap(width)).collect();
            if self.sign_in {
                let hint = keymap.hint(ActionId::TEXT_SIGN_IN, "sign in and return here");
                self.lines
                    .extend(Line::of("here", hint, Tone::Accent).wrap(width));
            }
        }
    }
}

/// Returns lines and columns inside the border of a text dialog.
pub fn size(model: &Model) -> (usize, usize) {
    let rect = layout::dialog(model, TEXT_COLUMNS, model.lines);
    (
        usize::from(rect.width.saturating_sub(4)),
        usize::from(rect.height.saturating_sub(2)),
    )
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
        Self::fit(self, model);
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
    let area = layout::dialog(model, TEXT_COLUMNS, lines);
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
