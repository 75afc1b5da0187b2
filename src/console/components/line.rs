//! A line of a text dialog: a label with a value, or plain text.

use crate::console::view::look::Tone;
use crate::console::view::piece::Piece;
use crate::console::words;
use crate::domain::{Hint, Problem};

/// Width of the label, in columns.
const LABEL: usize = 12;

/// A line of a text dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The label; empty for plain text.
    pub label: String,
    /// The value or text.
    pub text: String,
    /// Its tone.
    pub tone: Tone,
}

impl Line {
    /// Returns a labelled value.
    pub fn of(label: &str, text: impl Into<String>, tone: Tone) -> Self {
        Self {
            label: words::pad(label, LABEL.max(words::width(label) + 1)),
            text: text.into(),
            tone,
        }
    }

    /// Returns plain text.
    pub fn text(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            label: String::new(),
            text: text.into(),
            tone,
        }
    }

    /// Returns a heading.
    pub fn heading(text: impl Into<String>) -> Self {
        Self::text(text, Tone::Strong)
    }

    /// Returns an empty line.
    pub fn blank() -> Self {
        Self::text("", Tone::Plain)
    }

    /// Returns the lines of a problem: what happened, why, and the remedy.
    pub fn problem(problem: &Problem) -> Vec<Self> {
        Self::problem_without(problem, |_| false)
    }

    /// Like [`Line::problem`], without the hints that the screen replaces with its own keys.
    pub fn problem_without(problem: &Problem, replaced: impl Fn(&Hint) -> bool) -> Vec<Self> {
        let mut lines = vec![Self::text(problem.summary.to_string(), Tone::Bad)];
        for cause in &problem.causes {
            lines.push(Self::of("cause", cause.to_string(), Tone::Plain));
        }
        for hint in problem.hints.iter().filter(|hint| !replaced(hint)) {
            lines.push(Self::of("what to do", hint.to_string(), Tone::Accent));
        }
        if let Some(at) = problem.retry_after {
            lines.push(Self::of(
                "not before",
                format!("{} UTC", words::minute(at)),
                Tone::Plain,
            ));
        }
        if let Some(id) = &problem.request_id {
            lines.push(Self::of("request ID", id.to_string(), Tone::Dim));
        }
        lines
    }

    /// Returns what is drawn of it.
    pub fn pieces(&self) -> Vec<Piece> {
        vec![
            Piece::new(format!(" {}", self.label), Tone::Dim),
            Piece::new(self.text.clone(), self.tone),
        ]
    }

    /// Returns the line wrapped to `width` columns; continuation lines are aligned with the value.
    pub fn wrap(&self, width: usize) -> Vec<Self> {
        let indent = words::width(&self.label);
        if indent + words::width(&self.text) <= width {
            return vec![self.clone()];
        }
        words::wrap(&self.text, width.saturating_sub(indent).max(8))
            .into_iter()
            .enumerate()
            .map(|(at, text)| Self {
                label: if at == 0 {
                    self.label.clone()
                } else {
                    " ".repeat(indent)
                },
                text,
                tone: self.tone,
            })
            .collect()
    }
}
