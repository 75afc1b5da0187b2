//! A choice between a few things, where a row of a pane stands for more than one.
//!
//! Owns which one is selected. Must not decide what follows.

use super::Line;
use crate::console::image::Look;
use crate::console::listing::window;
use crate::plan::Intent;

/// What can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A wish to be planned.
    Plan(Box<Intent>),
    /// An image to be looked at.
    Look(Look),
}

/// The dialog.
#[derive(Clone, Debug)]
pub struct Choose {
    /// Its title.
    pub title: String,
    /// What is asked.
    pub lines: Vec<Line>,
    /// The answers with their words.
    pub entries: Vec<(String, Choice)>,
    /// The selected answer.
    pub at: usize,
    /// First answer shown.
    pub offset: usize,
}

impl Choose {
    /// A question.
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

    /// Keeps selection and window inside.
    pub fn settle(&mut self, height: usize) {
        self.at = self.at.min(self.entries.len().saturating_sub(1));
        self.offset = window(self.offset, self.at, height, self.entries.len());
    }
}
