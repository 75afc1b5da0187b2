//! The text component: lines that are wrapped, scrolled, searched, copied and paged, alone as a
//! dialog or inside another one.

use super::Line;
use crate::console::find::Find;
use crate::console::view::look::Tone;
use crate::domain::{CharmName, Problem};

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

    /// Wraps the text to columns and clamps its scroll position to lines. `sign_in` tells how to sign
    /// in, if that is the remedy.
    pub fn fit(&mut self, (columns, lines): (usize, usize), sign_in: impl FnOnce() -> String) {
        self.wrap(columns, sign_in);
        self.offset = self.offset.min(self.lines.len().saturating_sub(lines));
    }

    fn wrap(&mut self, width: usize, sign_in: impl FnOnce() -> String) {
        if self.width != width {
            self.width = width;
            self.lines = self.source.iter().flat_map(|line| line.wrap(width)).collect();
            if self.sign_in {
                let hint = sign_in();
                self.lines
                    .extend(Line::of("here", hint, Tone::Accent).wrap(width));
            }
        }
    }
}
