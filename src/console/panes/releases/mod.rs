//! The releases pane: upstream releases, their state, and their oddities.

pub mod actions;
mod details;
mod diff;
pub mod pane;
mod state;
pub mod view;

pub use details::details;
pub use diff::{pair, show_diff};
pub use state::{Label, Row, link, preferred, rows, sign_words};

/// Counts the release rows that this thread measured, so that a test can check that a key measures
/// none.
#[cfg(test)]
pub mod counted {
    use std::cell::Cell;

    thread_local!(static MEASURED: Cell<usize> = const { Cell::new(0) });

    /// Adds measured rows.
    pub fn add(rows: usize) {
        MEASURED.set(MEASURED.get() + rows);
    }

    /// Returns how many rows were measured so far.
    pub fn measured() -> usize {
        MEASURED.get()
    }
}
