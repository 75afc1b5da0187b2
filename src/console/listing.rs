//! A list of rows with a selection by stable key, a filter and a window.
//!
//! Owns what is visible and what is selected, so that a refresh that moves rows never moves the
//! operator's choice to another thing. Must not draw; a view asks for the rows of its window only.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// What a row must offer.
pub trait Keyed {
    /// What stays the same when the list changes.
    fn key(&self) -> &str;
    /// The words that the filter looks at.
    fn words(&self) -> String;
}

/// The list. Indices are into the visible rows.
#[derive(Clone, Debug)]
pub struct Listing<R> {
    rows: Vec<R>,
    visible: Vec<usize>,
    selected: Option<String>,
    at: usize,
    offset: usize,
    filter: String,
    touched: bool,
}

impl<R> Default for Listing<R> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            visible: Vec::new(),
            selected: None,
            at: 0,
            offset: 0,
            filter: String::new(),
            touched: false,
        }
    }
}

impl<R: Keyed> Listing<R> {
    /// New rows; the selection stays on its key. Where that is gone the row that took its place
    /// is selected. `preferred` is selected as long as nobody chose.
    pub fn replace(&mut self, rows: Vec<R>, preferred: Option<String>) {
        self.rows = rows;
        if !self.touched && preferred.is_some() {
            self.selected = preferred;
        }
        self.search();
    }

    /// All rows, hidden ones included.
    pub fn rows(&self) -> &[R] {
        &self.rows
    }

    /// How many rows the filter leaves.
    pub const fn len(&self) -> usize {
        self.visible.len()
    }

    /// True where the filter leaves none.
    pub const fn is_empty(&self) -> bool {
        self.visible.is_empty()
    }

    /// The filter in force.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Sets the filter; the best match comes first.
    pub fn set_filter(&mut self, filter: &str) {
        filter.clone_into(&mut self.filter);
        self.search();
        if !filter.is_empty() {
            self.select_index(0);
        }
    }

    fn search(&mut self) {
        if self.filter.trim().is_empty() {
            self.visible = (0..self.rows.len()).collect();
        } else {
            let pattern = Pattern::parse(&self.filter, CaseMatching::Ignore, Normalization::Smart);
            let mut matcher = Matcher::new(Config::DEFAULT);
            let mut buffer = Vec::new();
            let mut found: Vec<(u32, usize)> = self
                .rows
                .iter()
                .enumerate()
                .filter_map(|(index, row)| {
                    let words = row.words();
                    let score = pattern.score(Utf32Str::new(&words, &mut buffer), &mut matcher)?;
                    Some((score, index))
                })
                .collect();
            found.sort_by_key(|(score, index)| (std::cmp::Reverse(*score), *index));
            self.visible = found.into_iter().map(|(_, index)| index).collect();
        }
        self.find_selected();
    }

    fn find_selected(&mut self) {
        let found = self.selected.as_deref().and_then(|key| {
            self.visible
                .iter()
                .position(|index| self.rows.get(*index).is_some_and(|row| row.key() == key))
        });
        let at = found.unwrap_or_else(|| self.at.min(self.visible.len().saturating_sub(1)));
        self.at = at;
        self.selected = self.row(at).map(|row| row.key().to_owned());
    }

    fn row(&self, at: usize) -> Option<&R> {
        self.visible.get(at).and_then(|index| self.rows.get(*index))
    }

    /// The selected row.
    pub fn selected(&self) -> Option<&R> {
        self.row(self.at)
    }

    /// Where the selection is among the visible rows.
    pub const fn index(&self) -> usize {
        self.at
    }

    /// First visible row of the window.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Moves the selection by `steps`, stopping at the ends.
    pub fn move_by(&mut self, steps: isize) {
        self.select_index(self.at.saturating_add_signed(steps));
    }

    /// Selects a visible row, the last where `at` is beyond it.
    pub fn select_index(&mut self, at: usize) {
        self.touched = true;
        self.at = at.min(self.visible.len().saturating_sub(1));
        self.selected = self.row(self.at).map(|row| row.key().to_owned());
    }

    /// Keeps the selection where it is, whatever row a newer list would begin with.
    pub fn stay(&mut self) {
        self.touched = true;
    }

    /// Selects the row with this key, where it is visible.
    pub fn select_key(&mut self, key: &str) {
        self.touched = true;
        self.selected = Some(key.to_owned());
        self.find_selected();
    }

    /// Moves the window so that the selection lies in it.
    pub fn settle(&mut self, height: usize) {
        self.offset = window(self.offset, self.at, height, self.visible.len());
    }

    /// The rows of the window with their visible index.
    pub fn window(&self, height: usize) -> impl Iterator<Item = (usize, &R)> + '_ {
        self.visible
            .iter()
            .enumerate()
            .skip(self.offset)
            .take(height)
            .filter_map(|(at, index)| self.rows.get(*index).map(|row| (at, row)))
    }
}

/// The least move of `offset` that shows `at` in a window of `height` over `len` rows.
pub fn window(offset: usize, at: usize, height: usize, len: usize) -> usize {
    let highest = len.saturating_sub(height);
    let lowest_needed = (at + 1).saturating_sub(height);
    offset.max(lowest_needed).min(at).min(highest.max(lowest_needed))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Word(&'static str);
    impl Keyed for Word {
        fn key(&self) -> &str {
            self.0
        }
        fn words(&self) -> String {
            self.0.to_owned()
        }
    }

    fn list(words: &[&'static str]) -> Vec<Word> {
        words.iter().copied().map(Word).collect()
    }

    #[test]
    fn selection_follows_its_key_not_its_place() {
        let mut listing = Listing::default();
        listing.replace(list(&["a", "b", "c"]), None);
        listing.select_index(1);
        listing.replace(list(&["x", "y", "b"]), None);
        assert_eq!(listing.selected().unwrap().key(), "b");
        listing.replace(list(&["x", "y"]), None);
        assert_eq!(listing.selected().unwrap().key(), "y");
        listing.replace(Vec::new(), None);
        assert!(listing.selected().is_none());
    }

    #[test]
    fn a_preference_yields_to_a_choice() {
        let mut listing = Listing::default();
        listing.replace(list(&["a", "b", "c"]), Some("c".into()));
        assert_eq!(listing.selected().unwrap().key(), "c");
        listing.move_by(-1);
        listing.replace(list(&["a", "b", "c"]), Some("a".into()));
        assert_eq!(listing.selected().unwrap().key(), "b");
    }

    #[test]
    fn the_filter_hides_and_comes_back() {
        let mut listing = Listing::default();
        listing.replace(list(&["engine", "sdlc", "studio"]), None);
        listing.set_filter("stu");
        assert_eq!(listing.len(), 1);
        assert_eq!(listing.selected().unwrap().key(), "studio");
        listing.set_filter("");
        assert_eq!(listing.len(), 3);
        assert_eq!(listing.selected().unwrap().key(), "studio");
    }

    #[test]
    fn windows_hold_the_selection() {
        assert_eq!(window(0, 9, 5, 10), 5);
        assert_eq!(window(5, 3, 5, 10), 3);
        assert_eq!(window(8, 9, 5, 10), 5);
        assert_eq!(window(3, 0, 0, 0), 0);
    }
}
