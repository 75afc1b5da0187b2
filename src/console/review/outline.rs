//! The review as an outline: lines under headings that can be folded, and the position of the
//! cursor.
//!
//! Keys of headings stay the same when the plan is made again. Must not depend on the content of a
//! plan.

use std::collections::BTreeMap;

use crate::console::view::look::{Look, Tone};
use crate::console::view::piece::Piece;
use crate::console::words;

/// A line of the review.
#[derive(Clone, Debug)]
pub struct ReviewLine {
    /// Its text.
    pub pieces: Vec<Piece>,
    /// The entry that it is the heading of.
    pub entry: Option<usize>,
}

/// A heading or line that the cursor can select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key: path-like, so that the enclosing entry is a prefix.
    pub key: String,
    /// True if it can be folded.
    pub folds: bool,
    /// Its image, as an index into the images of the intent.
    pub item: Option<usize>,
    /// Its lost token, as an index.
    pub orphan: Option<usize>,
}

/// What was folded or opened by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folds {
    said: BTreeMap<String, bool>,
    all: Option<bool>,
}

impl Folds {
    /// Returns true if `key` is open; open is the default.
    pub fn open(&self, key: &str) -> bool {
        self.said.get(key).copied().or(self.all).unwrap_or(true)
    }

    /// Opens or folds `key`.
    pub fn set(&mut self, key: &str, open: bool) {
        self.said.insert(key.to_owned(), open);
    }

    /// Opens or folds everything.
    pub fn set_all(&mut self, open: bool) {
        self.said.clear();
        self.all = Some(open);
    }
}

/// Builds the lines.
pub(super) struct Page<'a> {
    pub(super) look: &'a Look,
    pub(super) width: usize,
    folds: &'a Folds,
    at: Option<&'a str>,
    pub(super) lines: Vec<ReviewLine>,
    pub(super) entries: Vec<Entry>,
}

impl<'a> Page<'a> {
    pub(super) const fn new(look: &'a Look, width: usize, folds: &'a Folds, at: Option<&'a str>) -> Self {
        Self {
            look,
            width,
            folds,
            at,
            lines: Vec::new(),
            entries: Vec::new(),
        }
    }

    pub(super) fn pieces(&mut self, pieces: Vec<Piece>) {
        self.lines.push(ReviewLine { pieces, entry: None });
    }

    pub(super) fn text(&mut self, indent: usize, text: &str, tone: Tone) {
        let room = self.width.saturating_sub(indent + 1);
        for line in words::wrap(text, room) {
            self.pieces(vec![Piece::new(format!("{}{line}", " ".repeat(indent)), tone)]);
        }
    }

    /// Adds a list: every text with `sign` before its first line.
    pub(super) fn item(&mut self, indent: usize, sign: &str, text: &str, tone: Tone) {
        let own = indent + words::width(sign) + 1;
        for (at, line) in words::wrap(text, self.width.saturating_sub(own + 1))
            .into_iter()
            .enumerate()
        {
            let before = if at == 0 {
                format!("{}{sign} ", " ".repeat(indent))
            } else {
                " ".repeat(own)
            };
            self.pieces(vec![Piece::new(format!("{before}{line}"), tone)]);
        }
    }

    pub(super) fn blank(&mut self) {
        self.pieces(Vec::new());
    }

    /// Adds a blank line before a section, but not after a folded one.
    pub(super) fn gap(&mut self) {
        let wants = |line: &ReviewLine| line.entry.is_none() && !line.pieces.is_empty();
        if self.lines.last().is_some_and(wants) {
            self.blank();
        }
    }

    /// Adds a heading that cannot be folded.
    pub(super) fn heading(&mut self, text: &str) {
        self.blank();
        self.pieces(vec![Piece::new(format!(" {text}"), Tone::Strong)]);
    }

    /// Adds a label and its value, from column `indent` on.
    pub(super) fn label(&mut self, indent: usize, columns: usize, label: &str, text: &str, tone: Tone) {
        let own = indent + columns;
        let room = self.width.saturating_sub(own + 1);
        for (at, line) in words::wrap(text, room).into_iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            self.pieces(vec![
                Piece::new(
                    format!("{}{}", " ".repeat(indent), words::pad(label, columns)),
                    Tone::Dim,
                ),
                Piece::new(line, tone),
            ]);
        }
    }

    /// Returns the sign before an entry: the cursor if it is selected.
    pub(super) fn cursor(&self, key: &str) -> &'static str {
        use crate::console::view::look::Glyph;
        if self.at == Some(key) {
            self.look.glyph(Glyph::Cursor)
        } else {
            " "
        }
    }

    /// Adds a heading that can be folded; returns true if its content must follow.
    pub(super) fn section(&mut self, depth: usize, entry: Entry, pieces: Vec<Piece>) -> bool {
        let open = self.folds.open(&entry.key) || !entry.folds;
        let mark = match (entry.folds, open, self.look.unicode) {
            (false, ..) => " ",
            (true, true, true) => "▾",
            (true, false, true) => "▹",
            (true, true, false) => "-",
            (true, false, false) => "+",
        };
        let mut line = vec![Piece::new(
            format!("{}{}{mark} ", " ".repeat(depth * 2), self.cursor(&entry.key)),
            Tone::Accent,
        )];
        line.extend(pieces);
        self.entry(line, entry);
        open
    }

    /// Adds a line that the cursor can select.
    pub(super) fn entry(&mut self, pieces: Vec<Piece>, entry: Entry) {
        self.lines.push(ReviewLine {
            pieces,
            entry: Some(self.entries.len()),
        });
        self.entries.push(entry);
    }
}

/// Returns the index of the entry `at`: if it is gone, the enclosing one; if none was chosen, the
/// first that needs a choice.
pub fn index(entries: &[Entry], at: Option<&str>) -> usize {
    let Some(at) = at else {
        return entries.iter().position(|one| one.orphan.is_some()).unwrap_or(0);
    };
    let exactly = entries.iter().position(|one| one.key == at);
    let around = || {
        entries.iter().rposition(|one| {
            at.strip_prefix(one.key.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        })
    };
    exactly.or_else(around).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str) -> Entry {
        Entry {
            key: key.to_owned(),
            folds: true,
            item: None,
            orphan: None,
        }
    }

    #[test]
    fn the_cursor_stays_with_its_key_or_what_encloses_it() {
        let entries = [entry("charm/a"), entry("charm/a/2025-01/edge"), entry("charm/ab")];
        assert_eq!(index(&entries, Some("charm/a/2025-01/edge")), 1);
        assert_eq!(index(&entries, Some("charm/a/latest/edge")), 0);
        assert_eq!(index(&entries, Some("charm/abc")), 0);
        assert_eq!(index(&entries, None), 0);
        assert_eq!(index(&[], Some("x")), 0);
    }

    #[test]
    fn what_was_said_last_counts() {
        let mut folds = Folds::default();
        assert!(folds.open("a"));
        folds.set("a", false);
        assert!(!folds.open("a"));
        folds.set_all(true);
        assert!(folds.open("a"));
        folds.set_all(false);
        folds.set("a", true);
        assert!(folds.open("a") && !folds.open("b"));
    }
}
