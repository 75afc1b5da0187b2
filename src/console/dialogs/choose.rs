//! The dialog for a choice between a few options, if the selected row stands for more than one.

use super::Line;
use crate::console::image::Look;
use crate::console::listing::window;
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
    pub at: usize,
    /// The first option shown.
    pub offset: usize,
}

impl Choose {
    /// Returns a dialog with a question and options.
    pub fn new(title: impl Into<String>, ask: &str, entries: Vec<(String, Choice)>) -> Self {
        Self {
            title: title.into(),
            lines: vec![Line::text(ask, crate::console::view::look::Tone::Plain)],
            entries,
            at: 0,
            offset: 0,
        }
    }

    /// Moves the selection.
    pub fn move_by(&mut self, steps: isize) {
        self.at = self
            .at
            .saturating_add_signed(steps)
            .min(self.entries.len().saturating_sub(1));
    }

    /// Clamps selection and scroll position.
    pub fn settle(&mut self, height: usize) {
        self.at = self.at.min(self.entries.len().saturating_sub(1));
        self.offset = window(self.offset, self.at, height, self.entries.len());
    }
}
