//! A list of rows with a selection by stable key, a filter and a visible window.
//!
//! A refresh that moves rows keeps the selection on the same row. The words that the filter matches
//! are built once per rebuild, and only once a filter is used; a filter that extends the previous
//! one searches only what that one matched. Nested rows that match keep the rows that they are nested
//! under. A view asks only for the rows of its window.

mod any_list;

use std::collections::BTreeSet;

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32String};

pub use any_list::AnyList;

use super::sorting::{SortColumn, SortValue, Sorted, Sorting, arranged};

/// A row of a list.
pub trait Keyed {
    /// Returns what identifies the row across refreshes.
    fn key(&self) -> &str;
    /// Returns the words that the filter matches, also with letters between those typed.
    fn words(&self) -> String;
    /// Returns further texts of the row or of its details, such as numbers and digests. The filter
    /// matches them only as typed: scattered digits are in every digest.
    fn details(&self) -> String {
        String::new()
    }
    /// Returns the columns that rows can be sorted by.
    fn sort_columns() -> &'static [SortColumn] {
        &[]
    }
    /// Returns the sort value of a column; `None` if the row has no value there.
    fn sort_value(&self, _column: usize) -> Option<SortValue> {
        None
    }
    /// Returns how deep the row is nested under others.
    fn level(&self) -> u8 {
        0
    }
    /// Returns the group; rows of one level keep the order of their groups when sorted.
    fn group(&self) -> u8 {
        0
    }
}

/// The list. Indices count visible rows.
#[derive(Clone, Debug)]
pub struct Listing<R> {
    rows: Vec<R>,
    /// The rows in their current order, as indices.
    order: Vec<usize>,
    sorting: Option<Sorting>,
    /// Keys of the rows that are marked.
    marked: BTreeSet<String>,
    visible: Vec<usize>,
    selected: Option<String>,
    at: usize,
    offset: usize,
    /// Height of the window when it was last computed.
    height: Option<usize>,
    filter: String,
    touched: bool,
    /// The words and details that the filter matches, row by row; empty until a filter is used.
    words: Vec<[Utf32String; 2]>,
    /// Filters with the rows each matched, every filter an extension of the one before it. One more
    /// letter searches the last result; a deleted letter uses the stored one.
    answered: Vec<(String, Vec<usize>)>,
    searched: usize,
    banner: bool,
    on_banner: bool,
}

/// Characters that change the meaning of those after them, so that a longer filter may match more.
const MARKS: [char; 5] = ['!', '^', '$', '\'', '\\'];

/// Returns true if every row that `next` matches is also matched by `last`.
fn narrows(last: &str, next: &str) -> bool {
    let Some(word) = last.split_whitespace().last() else {
        return false;
    };
    let grown = next.split_whitespace().nth(last.split_whitespace().count() - 1);
    // A word that is no longer a revision is matched less strictly.
    let loosens = is_revision(word) && !grown.is_some_and(is_revision);
    next.starts_with(last) && !next.contains(MARKS) && !loosens
}

/// Returns true if `word` is the number of a revision, such as `r32`.
fn is_revision(word: &str) -> bool {
    let digits = word.strip_prefix(['r', 'R']).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Parses a filter, for the list and for views that highlight matches. The number of a revision is
/// matched as typed: its digits are scattered over many texts.
pub fn pattern(filter: &str) -> Pattern {
    let mut pattern = Pattern::parse(filter, CaseMatching::Ignore, Normalization::Smart);
    for atom in &mut pattern.atoms {
        if atom.kind == AtomKind::Fuzzy && is_revision(&atom.needle_text().to_string()) {
            atom.kind = AtomKind::Substring;
        }
    }
    pattern
}

/// Returns how well a row matches: each word of the filter in its words or its details. A negated
/// word must be in neither.
fn score(pattern: &Pattern, [words, details]: &[Utf32String; 2], matcher: &mut Matcher) -> Option<u32> {
    let mut all = 0;
    for atom in &pattern.atoms {
        let mut whole = atom.clone();
        if whole.kind == AtomKind::Fuzzy {
            whole.kind = AtomKind::Substring;
        }
        let loose = atom.score(words.slice(..), matcher);
        let strict = whole.score(details.slice(..), matcher);
        // A row that is about the word comes before one that mentions it.
        let strict = strict.map(|score| score / 2);
        let own = match (loose, strict) {
            (Some(loose), Some(strict)) => loose.max(strict),
            (Some(one), None) | (None, Some(one)) if !atom.negative => one,
            _ => return None,
        };
        all += u32::from(own);
    }
    Some(all)
}

impl<R> Default for Listing<R> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            order: Vec::new(),
            sorting: None,
            marked: BTreeSet::new(),
            visible: Vec::new(),
            selected: None,
            at: 0,
            offset: 0,
            height: None,
            filter: String::new(),
            touched: false,
            words: Vec::new(),
            answered: Vec::new(),
            searched: 0,
            banner: false,
            on_banner: false,
        }
    }
}

impl<R: Keyed> Listing<R> {
    /// Replaces the rows; the selection stays on its key. If that key is gone, the row in its place
    /// is selected. `preferred` is selected until the operator selects a row.
    pub fn replace(&mut self, rows: Vec<R>, preferred: Option<String>) {
        self.rows = rows;
        self.words.clear();
        self.answered.clear();
        if !self.marked.is_empty() {
            let known: BTreeSet<&str> = self.rows.iter().map(Keyed::key).collect();
            self.marked.retain(|key| known.contains(key.as_str()));
        }
        self.arrange();
        if !self.touched && preferred.is_some() {
            self.selected = preferred;
        }
        self.search();
    }

    /// Returns all rows, including filtered-out ones.
    pub fn rows(&self) -> &[R] {
        &self.rows
    }

    /// Returns the number of rows shown.
    pub const fn len(&self) -> usize {
        self.visible.len()
    }

    /// Returns the number of rows that the filter matches, without those shown only because matching
    /// rows are nested under them.
    pub fn matches(&self) -> usize {
        match self.answered.last() {
            Some((filter, found)) if *filter == self.filter => found.len(),
            _ => self.visible.len(),
        }
    }

    /// Returns true if the filter matches no row.
    pub const fn is_empty(&self) -> bool {
        self.visible.is_empty()
    }

    /// Returns the active filter.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Sets the filter and selects the first row; among nested rows, which keep their order, the best
    /// match.
    pub fn set_filter(&mut self, filter: &str) {
        filter.clone_into(&mut self.filter);
        self.search();
        if !filter.is_empty() {
            let best = self.answered.last().and_then(|(_, found)| found.first());
            let best = best.filter(|_| self.is_nested());
            let at = best.and_then(|best| self.visible.iter().position(|index| index == best));
            self.select_index(at.unwrap_or(0));
        }
    }

    /// Returns the active sorting and the title of its column; `None` for the default order.
    pub fn sorting(&self) -> Option<(&'static str, Sorting)> {
        let sorting = self.sorting?;
        Some((R::sort_columns().get(sorting.column)?.title, sorting))
    }

    /// Sorts by the next column; after the last one, restores the default order.
    pub fn sort_next(&mut self) {
        let next = self.sorting.map_or(0, |sorting| sorting.column + 1);
        self.sorting = R::sort_columns().get(next).map(|column| Sorting {
            column: next,
            descending: column.descending,
        });
        self.arrange();
        self.search();
    }

    /// Reverses the sort order.
    pub fn sort_reverse(&mut self) {
        if let Some(sorting) = &mut self.sorting {
            sorting.descending = !sorting.descending;
        }
        self.arrange();
        self.search();
    }

    fn arrange(&mut self) {
        self.order = match self.sorting {
            None => (0..self.rows.len()).collect(),
            Some(sorting) => {
                let of_row = |row: &R| Sorted {
                    level: row.level(),
                    group: row.group(),
                    value: row.sort_value(sorting.column),
                };
                let rows: Vec<Sorted> = self.rows.iter().map(of_row).collect();
                arranged(&rows, sorting.descending)
            }
        };
    }

    /// Returns the keys of the marked rows.
    pub const fn marked(&self) -> &BTreeSet<String> {
        &self.marked
    }

    /// Marks or unmarks the selected row.
    pub fn toggle_mark(&mut self) {
        if let Some(key) = self.selected().map(|row| row.key().to_owned())
            && !self.marked.remove(&key)
        {
            self.marked.insert(key);
        }
    }

    /// Removes all marks.
    pub fn clear_marks(&mut self) {
        self.marked.clear();
    }

    /// Returns the number of rows that the last search examined.
    pub const fn searched(&self) -> usize {
        self.searched
    }

    fn search(&mut self) {
        self.searched = 0;
        if self.filter.trim().is_empty() {
            self.visible.clone_from(&self.order);
            self.answered.clear();
        } else {
            let goes_on = |last: &str| last == self.filter || narrows(last, &self.filter);
            while self.answered.last().is_some_and(|(last, _)| !goes_on(last)) {
                self.answered.pop();
            }
            if self.answered.last().is_none_or(|(last, _)| *last != self.filter) {
                let found = self.found();
                self.answered.push((self.filter.clone(), found));
            }
            self.visible = self
                .answered
                .last()
                .map_or_else(Vec::new, |(_, found)| found.clone());
            // A chosen sort order applies to filtered rows too, and nested rows stay under theirs.
            if self.sorting.is_some() || self.is_nested() {
                let found = self.with_parents(&self.visible);
                let order = self.order.iter().copied();
                self.visible = order.filter(|index| found.contains(index)).collect();
            }
        }
        self.find_selected();
    }

    /// Returns true if a row is nested under another.
    fn is_nested(&self) -> bool {
        self.rows.iter().any(|row| row.level() > 0)
    }

    /// Returns `found` with every row that one of them is nested under.
    fn with_parents(&self, found: &[usize]) -> BTreeSet<usize> {
        let mut all: BTreeSet<usize> = found.iter().copied().collect();
        let mut above: Vec<usize> = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            above.retain(|parent| {
                self.rows
                    .get(*parent)
                    .is_some_and(|parent| parent.level() < row.level())
            });
            if all.contains(&index) {
                all.extend(&above);
            }
            above.push(index);
        }
        all
    }

    /// Returns the rows that match the filter, best first, out of the last result.
    fn found(&mut self) -> Vec<usize> {
        if self.words.len() != self.rows.len() {
            let words = |row: &R| [row.words().into(), row.details().into()];
            self.words = self.rows.iter().map(words).collect();
        }
        let among = match self.answered.last() {
            Some((_, left)) => left.clone(),
            None => (0..self.rows.len()).collect(),
        };
        self.searched = among.len();
        let pattern = pattern(&self.filter);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut found: Vec<(u32, usize)> = among
            .into_iter()
            .filter_map(|index| {
                let words = self.words.get(index)?;
                Some((score(&pattern, words, &mut matcher)?, index))
            })
            .collect();
        found.sort_unstable_by_key(|(score, index)| (std::cmp::Reverse(*score), *index));
        found.into_iter().map(|(_, index)| index).collect()
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

    /// Returns the selected row; `None` on the banner.
    pub fn selected(&self) -> Option<&R> {
        if self.on_banner {
            return None;
        }
        self.row(self.at)
    }

    /// Adds or removes a line above the rows that is not a row.
    pub const fn set_banner(&mut self, banner: bool) {
        self.banner = banner;
        self.on_banner &= banner;
    }

    /// Returns true if there is a banner above the rows.
    pub const fn has_banner(&self) -> bool {
        self.banner
    }

    /// Returns true if the banner is selected: the operator has not moved, or there is no row.
    pub const fn on_banner(&self) -> bool {
        self.banner && (self.on_banner || self.visible.is_empty())
    }

    /// Returns the index of the selection among the visible rows.
    pub const fn index(&self) -> usize {
        self.at
    }

    /// Returns the first visible row of the window.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Moves the selection by `steps`, stopping at the ends.
    pub fn move_by(&mut self, steps: isize) {
        let above = self.on_banner || self.at < steps.unsigned_abs();
        if self.banner && steps < 0 && above {
            self.touched = true;
            self.at = 0;
            self.selected = self.row(0).map(|row| row.key().to_owned());
            self.on_banner = true;
        } else if self.on_banner {
            let steps = steps.saturating_sub(1);
            self.select_index(0_usize.saturating_add_signed(steps));
        } else {
            self.select_index(self.at.saturating_add_signed(steps));
        }
    }

    /// Selects the banner, if there is one.
    pub const fn select_banner(&mut self) {
        self.on_banner = self.banner;
    }

    /// Selects a visible row, or the last if `at` is beyond it.
    pub fn select_index(&mut self, at: usize) {
        self.touched = true;
        self.on_banner = false;
        self.at = at.min(self.visible.len().saturating_sub(1));
        self.selected = self.row(self.at).map(|row| row.key().to_owned());
    }

    /// Keeps the selection on its row, even if a newer list would prefer another one.
    pub fn stay(&mut self) {
        self.touched = true;
    }

    /// Selects the row with this key, if it is visible.
    pub fn select_key(&mut self, key: &str) {
        self.touched = true;
        self.on_banner = false;
        self.selected = Some(key.to_owned());
        self.find_selected();
    }

    /// Scrolls the window so that it contains the selection; a taller window shows more rows above
    /// too. The banner takes one line of `height`.
    pub fn settle(&mut self, height: usize) {
        let height = height.saturating_sub(usize::from(self.banner));
        let grown = height.saturating_sub(self.height.unwrap_or(height));
        self.offset = self.offset.saturating_sub(grown);
        self.height = Some(height);
        self.offset = window(self.offset, self.at, height, self.visible.len());
    }

    /// Returns the rows of the window with their visible index.
    pub fn window(&self, height: usize) -> impl Iterator<Item = (usize, &R)> + '_ {
        self.visible
            .iter()
            .enumerate()
            .skip(self.offset)
            .take(height)
            .filter_map(|(at, index)| self.rows.get(*index).map(|row| (at, row)))
    }
}

/// Returns the `offset` nearest to the given one that shows `at` in a window of `height` over `len`
/// rows.
pub fn window(offset: usize, at: usize, height: usize, len: usize) -> usize {
    let highest = len.saturating_sub(height);
    let lowest_needed = (at + 1).saturating_sub(height);
    offset.max(lowest_needed).min(at).min(highest.max(lowest_needed))
}

#[cfg(test)]
mod tests;
