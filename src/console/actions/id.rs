//! Identifies actions by name.

use std::fmt;

/// Identifies an action by its name in the user's settings: `publish`, `review-track-only`. The
/// module of a feature declares its own, next to its part of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(&'static str);

impl ActionId {
    /// Returns the id called `name`.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
