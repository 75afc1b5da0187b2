//! A line of a text dialog: a label and what it says, or plain text.

use crate::console::view::look::Tone;
use crate::console::words;
use crate::domain::Problem;

/// Columns of the label.
const LABEL: usize = 12;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about; empty for plain text.
    pub label: String,
    /// What it says.
    pub text: String,
    /// How it is shown.
    pub tone: Tone,
}

impl Line {
    /// A fact with its label.
    pub fn of(label: &str, text: impl Into<String>, tone: Tone) -> Self {
        Self {
            label: words::pad(label, LABEL.max(words::width(label) + 1)),
            text: text.into(),
            tone,
        }
    }

    /// Plain text.
    pub fn text(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            label: String::new(),
            text: text.into(),
            tone,
        }
    }

    /// A heading.
    pub fn heading(text: impl Into<String>) -> Self {
        Self::text(text, Tone::Strong)
    }

    /// An empty line.
    pub fn blank() -> Self {
        Self::text("", Tone::Plain)
    }

    /// A problem: what, why, what to do.
    pub fn problem(problem: &Problem) -> Vec<Self> {
        let mut lines = vec![Self::text(problem.summary.to_string(), Tone::Bad)];
        for cause in &problem.causes {
            lines.push(Self::of("because", cause.to_string(), Tone::Plain));
        }
        for hint in &problem.hints {
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
            lines.push(Self::of("request", id.to_string(), Tone::Dim));
        }
        lines
    }

    /// The line broken to `width` columns; what follows the first stands under its text.
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
