//! The cursor and the window of a list whose rows are built when they are drawn.

use crate::console::listing::window;

/// A cursor with the first row shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// The selected row.
    pub at: usize,
    /// The first row shown.
    pub offset: usize,
}

impl List {
    /// Moves by rows; [`List::fit`] stops it at the last one.
    pub const fn step(&mut self, steps: isize) {
        self.at = self.at.saturating_add_signed(steps);
    }

    /// Moves by rows, of which there are `count`.
    pub fn step_in(&mut self, steps: isize, count: usize) {
        self.step(steps);
        self.at = self.at.min(count.saturating_sub(1));
    }

    /// Clamps the cursor to `count` rows, and scrolls `height` of them to it.
    pub fn fit(&mut self, height: usize, count: usize) {
        self.at = self.at.min(count.saturating_sub(1));
        self.offset = window(self.offset, self.at, height, count);
    }
}
