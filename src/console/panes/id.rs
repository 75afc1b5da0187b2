//! Identifies panes, and tells where they are on a large screen and how wide they need to be.

use std::fmt;

/// Columns around the text of a row: two borders, the cursor, and a blank before the right border.
const AROUND: usize = 5;

/// Identifies a pane by its title. The module of a pane declares its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaneId(&'static str);

impl PaneId {
    /// Returns the id of the pane with this title.
    pub const fn new(title: &'static str) -> Self {
        Self(title)
    }

    /// Returns its title.
    pub const fn title(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for PaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Where a pane is on a large screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanePlace {
    /// One of the two in the upper row.
    Upper,
    /// One of the three in the lower row.
    Lower,
    /// Not beside the others: it fills the screen while it is focused.
    Alone,
}

/// Columns that the content of a pane needs, borders included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaneNeed {
    /// Columns for the essential part of each row.
    pub brief: usize,
    /// Columns for the whole of each row.
    pub full: usize,
}

impl PaneNeed {
    /// Returns the need of rows that take `brief` or `full` columns inside a pane.
    pub const fn inside(brief: usize, full: usize) -> Self {
        Self {
            brief: brief + AROUND,
            full: full + AROUND,
        }
    }
}
