//! Places in the files of the configuration, and problems that name them.
//!
//! Owns the translation of a TOML error into a problem with file, line, column and remedy. Must not
//! know what the files mean.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

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

    /// The place of the last `value` that `key` has in `text`; the file itself where it has none.
    pub fn of_value(text: &str, file: &str, key: &str, value: &str) -> Self {
        let mut starts = Vec::new();
        if let Ok(table) = DeTable::parse(text) {
            find_strings(table.get_ref(), &mut |name, found, at| {
                if (name, found) == (key, value) {
                    starts.push(at);
                }
            });
        }
        starts.into_iter().max().map_or_else(
            || Self {
                at: file.to_owned(),
                line: Outside::default(),
            },
            |start| Self::of(text, file, start),
        )
    }

    /// The problem that what stands here is wrong.
    pub fn problem(&self, message: impl std::fmt::Display) -> Problem {
        self.fault(&Problem::new(Kind::Config, message.to_string()))
    }

    /// The problem that what stands here is wrong because of `inner`, whose hints come first.
    pub fn fault(&self, inner: &Problem) -> Problem {
        let mut problem = Problem::new(Kind::Config, format!("{}: {inner}", self.at));
        if !self.line.is_empty() {
            problem = problem.cause(self.line.clone());
        }
        problem.hints.clone_from(&inner.hints);
        problem.hint("correct that line; 'windlass config check' reads it again")
    }
}

/// Calls `each` with key, text and start of every string below `table`; those of a list have its key.
fn find_strings(table: &DeTable<'_>, each: &mut impl FnMut(&str, &str, usize)) {
    fn visit(key: &str, value: &Spanned<DeValue<'_>>, each: &mut impl FnMut(&str, &str, usize)) {
        match value.get_ref() {
            DeValue::String(text) => each(key, text, value.span().start),
            DeValue::Array(list) => list.iter().for_each(|one| visit(key, one, each)),
            DeValue::Table(table) => find_strings(table, each),
            _ => {}
        }
    }
    for (key, value) in table {
        visit(key.get_ref(), value, each);
    }
}

/// Parses `text`, found at `place`, refusing what `T` does not know.
pub fn parse<T: serde::de::DeserializeOwned>(text: &str, place: &str) -> Result<T, Problem> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Place::of(text, place, at).problem(error.message())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_where_its_key_has_it() {
        let text = "# name = \"a\"\nname = \"a\"\n[[charm]]\nname = 'b'\nlist = [\n  \"a\",\n]\n\
                    inline = [{ name = \"\\u0007\" }]\n";
        let place = |key: &str, value: &str| Place::of_value(text, "f", key, value).at;
        assert_eq!(place("name", "a"), "f, line 2, column 8");
        assert_eq!(place("name", "b"), "f, line 4, column 8");
        assert_eq!(place("list", "a"), "f, line 6, column 3");
        assert_eq!(place("name", "\u{7}"), "f, line 8, column 20");
        assert_eq!(place("name", "c"), "f");
    }
}
