//! What the panes' shared actions and their frame use of a list, whatever its rows are.

use super::{Keyed, Listing};
use crate::console::sorting::Sorting;

/// A list whose rows are of any type, as the panes' shared actions and their frame use it.
pub trait AnyList {
    /// Moves the selection by `steps`, stopping at the ends.
    fn move_by(&mut self, steps: isize);
    /// Selects a visible row.
    fn select_index(&mut self, at: usize);
    /// Selects the banner, if there is one.
    fn select_banner(&mut self);
    /// Returns true if the banner is selected.
    fn on_banner(&self) -> bool;
    /// Returns true if there is a banner above the rows.
    fn has_banner(&self) -> bool;
    /// Adds or removes the banner.
    fn set_banner(&mut self, banner: bool);
    /// Returns the key of the selected row.
    fn selected_key(&self) -> Option<&str>;
    /// Selects the row with this key, if it is visible.
    fn select_key(&mut self, key: &str);
    /// Returns the active filter.
    fn filter(&self) -> &str;
    /// Sets the filter.
    fn set_filter(&mut self, filter: &str);
    /// Marks or unmarks the selected row.
    fn toggle_mark(&mut self);
    /// Sorts by the next column.
    fn sort_next(&mut self);
    /// Reverses the sort order.
    fn sort_reverse(&mut self);
    /// Returns the active sorting and the title of its column.
    fn sorting(&self) -> Option<(&'static str, Sorting)>;
    /// Scrolls the window so that it contains the selection.
    fn settle(&mut self, height: usize);
    /// Returns how many rows are shown, and of how many.
    fn counts(&self) -> (usize, usize);
    /// Returns how many rows the filter matches.
    fn matches(&self) -> usize;
    /// Returns the index of the selection among the visible rows.
    fn index(&self) -> usize;
    /// Returns the first visible row of the window.
    fn offset(&self) -> usize;
    /// Returns the rows of the window: visible index, index, and whether it is marked.
    fn in_window(&self, height: usize) -> Vec<(usize, usize, bool)>;
}

impl<R: Keyed> AnyList for Listing<R> {
    fn move_by(&mut self, steps: isize) {
        Self::move_by(self, steps);
    }

    fn select_index(&mut self, at: usize) {
        Self::select_index(self, at);
    }

    fn select_banner(&mut self) {
        Self::select_banner(self);
    }

    fn on_banner(&self) -> bool {
        Self::on_banner(self)
    }

    fn has_banner(&self) -> bool {
        Self::has_banner(self)
    }

    fn set_banner(&mut self, banner: bool) {
        Self::set_banner(self, banner);
    }

    fn selected_key(&self) -> Option<&str> {
        self.selected().map(Keyed::key)
    }

    fn select_key(&mut self, key: &str) {
        Self::select_key(self, key);
    }

    fn filter(&self) -> &str {
        Self::filter(self)
    }

    fn set_filter(&mut self, filter: &str) {
        Self::set_filter(self, filter);
    }

    fn toggle_mark(&mut self) {
        Self::toggle_mark(self);
    }

    fn sort_next(&mut self) {
        Self::sort_next(self);
    }

    fn sort_reverse(&mut self) {
        Self::sort_reverse(self);
    }

    fn sorting(&self) -> Option<(&'static str, Sorting)> {
        Self::sorting(self)
    }

    fn settle(&mut self, height: usize) {
        Self::settle(self, height);
    }

    fn counts(&self) -> (usize, usize) {
        (self.len(), self.rows().len())
    }

    fn matches(&self) -> usize {
        Self::matches(self)
    }

    fn index(&self) -> usize {
        Self::index(self)
    }

    fn offset(&self) -> usize {
        Self::offset(self)
    }

    fn in_window(&self, height: usize) -> Vec<(usize, usize, bool)> {
        let shown = self.visible.iter().enumerate().skip(self.offset).take(height);
        shown
            .filter_map(|(at, index)| {
                let row = self.rows.get(*index)?;
                Some((at, *index, self.marked.contains(row.key())))
            })
            .collect()
    }
}
