//! Locates positions in configuration files and creates problems that name them.
//!
//! A TOML error becomes a problem with file, line, column and remedy.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer};

use crate::domain::{Problem, ProblemKind, SanitizedText};

/// A position in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    at: String,
    line: SanitizedText,
}

impl Place {
    /// Returns the position `offset` bytes into `text`, read from `file`.
    pub fn of(text: &str, file: &str, offset: usize) -> Self {
        let before = text.get(..offset.min(text.len())).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
        Self {
            at: format!("{file}, line {line}, column {column}"),
            line: SanitizedText::capped(text.lines().nth(line - 1).unwrap_or_default().trim(), 120),
        }
    }

    /// Returns the position of the last `value` of `key` in `text`, or of the file if there is
    /// none.
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
                line: SanitizedText::default(),
            },
            |start| Self::of(text, file, start),
        )
    }

    /// Returns a problem with the value at this position.
    pub fn problem(&self, message: impl std::fmt::Display) -> Problem {
        self.fault(&Problem::new(ProblemKind::Config, message.to_string()))
    }

    /// Returns a problem with the value at this position because of `inner`, whose hints come
    /// first.
    pub fn fault(&self, inner: &Problem) -> Problem {
        let mut problem = Problem::new(ProblemKind::Config, format!("{}: {inner}", self.at));
        if !self.line.is_empty() {
            problem = problem.cause(self.line.clone());
        }
        problem.hints.clone_from(&inner.hints);
        problem.hint("correct that line, then run 'windlass config check'")
    }
}

/// Calls `each` with the key, text and offset of every string below `table`; strings in a list have
/// the list's key.
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

/// Faults that are collected in one file.
const MOST: usize = 40;

/// Parses `text`, found at `place`, with every fault of its form: a value of the wrong type, a name
/// that `T` does not know. The value is what the rest of the file says; `None` where `T` cannot be
/// without what is wrong.
pub fn parse<T: serde::de::DeserializeOwned>(text: &str, place: &str) -> (Option<T>, Vec<Problem>) {
    let fault = |error: &toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        Place::of(text, place, at).problem(error.message())
    };
    let mut faults = Vec::new();
    let mut table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => return (None, vec![fault(&error)]),
    };
    // Tables that lack something only because it was wrong and taken out.
    let mut reduced: Vec<Owner> = Vec::new();
    loop {
        let error = match T::deserialize(Deserializer::from(table.clone())) {
            Ok(value) => return (Some(value), faults),
            Err(error) => error,
        };
        let span = error.span();
        let owner = span.as_ref().and_then(|span| remove(table.get_mut(), span, None));
        // What is nowhere below the root concerns the root.
        let concerned = owner.as_ref().and(span).map_or(Owner::Root, Owner::Below);
        if !reduced.contains(&concerned) {
            faults.push(fault(&error));
        }
        match owner {
            Some(owner) if faults.len() < MOST => reduced.push(owner),
            _ => return (None, faults),
        }
    }
}

/// The table or list that something was taken out of.
#[derive(PartialEq, Eq)]
enum Owner {
    /// The whole file.
    Root,
    /// The one with this span.
    Below(Range<usize>),
}

/// Takes out of `table` what has this span, as key or as value. Returns the span of the table or
/// list that it was in; the root has none.
fn remove(table: &mut DeTable<'_>, span: &Range<usize>, own: Option<&Range<usize>>) -> Option<Owner> {
    if let Some(found) = table.iter_mut().find_map(|(_, value)| remove_below(value, span)) {
        return Some(Owner::Below(found));
    }
    let (key, _) = table
        .iter()
        .find(|(key, value)| key.span() == *span || value.span() == *span)?;
    let key = key.clone();
    table.remove(&key);
    Some(own.map_or(Owner::Root, |own| Owner::Below(own.clone())))
}

fn remove_below(value: &mut Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<Range<usize>> {
    let own = value.span();
    match value.get_mut() {
        DeValue::Table(table) => match remove(table, span, Some(&own))? {
            Owner::Below(found) => Some(found),
            Owner::Root => None,
        },
        DeValue::Array(list) => {
            if let Some(found) = list.iter_mut().find_map(|one| remove_below(one, span)) {
                return Some(found);
            }
            if list.iter().all(|one| one.span() != *span) {
                return None;
            }
            let mut kept = DeArray::new();
            for one in list.iter().filter(|one| one.span() != *span) {
                kept.push(one.clone());
            }
            *list = kept;
            Some(own)
        }
        _ => None,
    }
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
