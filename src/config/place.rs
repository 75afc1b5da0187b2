//! Turns a TOML error into a problem with file, line, column and remedy.
//!
//! Owns that one translation. Must not know what the files mean.

use crate::domain::{Kind, Outside, Problem};

/// Parses `text`, found at `place`, refusing what `T` does not know.
pub fn parse<T: serde::de::DeserializeOwned>(text: &str, place: &str) -> Result<T, Problem> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start).min(text.len());
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
        Problem::new(
            Kind::Config,
            format!("{place}, line {line}, column {column}: {}", error.message()),
        )
        .cause(Outside::capped(
            text.lines().nth(line - 1).unwrap_or_default().trim(),
            120,
        ))
        .hint("correct that line; 'windlass config check' reads it again")
    })
}
