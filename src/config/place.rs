//! Places in the files of the configuration, and problems that name them.
//!
//! Owns the translation of a TOML error into a problem with file, line, column and remedy. Must not
//! know what the files mean.

use crate::domain::{Kind, Outside, Problem};

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    at: String,
    line: Outside,
}

impl Place {
    /// The place `offset` bytes into `text`, which lies at `file`.
    pub fn of(text: &str, file: &str, offset: usize) -> Self {
        let before = text.get(..offset.min(text.len())).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
        Self {
            at: format!("{file}, line {line}, column {column}"),
            line: Outside::capped(text.lines().nth(line - 1).unwrap_or_default().trim(), 120),
        }
    }

    /// The place of the first `value` in quotes; the file itself where it is written otherwise.
    pub fn of_value(text: &str, file: &str, value: &str) -> Self {
        let found = ['"', '\'']
            .iter()
            .find_map(|quote| text.find(&format!("{quote}{value}{quote}")));
        found.map_or_else(
            || Self {
                at: file.to_owned(),
                line: Outside::default(),
            },
            |offset| Self::of(text, file, offset),
        )
    }

    /// File, line and column, in words.
    pub fn in_words(&self) -> &str {
        &self.at
    }

    /// The problem that what stands here is wrong.
    pub fn problem(&self, message: impl std::fmt::Display) -> Problem {
        Problem::new(Kind::Config, format!("{}: {message}", self.at))
            .cause(self.line.clone())
            .hint("correct that line; 'windlass config check' reads it again")
    }
}

/// Parses `text`, found at `place`, refusing what `T` does not know.
pub fn parse<T: serde::de::DeserializeOwned>(text: &str, place: &str) -> Result<T, Problem> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Place::of(text, place, at).problem(error.message())
    })
}
