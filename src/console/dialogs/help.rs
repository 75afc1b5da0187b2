//! Help: the lines of the action table that apply here, filtered by key or word; Enter does one.

use tui_input::Input;

use crate::console::Model;
use crate::console::actions::{ActionSpec, Availability, Scope, in_scopes};
use crate::console::listing::window;

/// The dialog.
#[derive(Clone, Debug)]
pub struct Help {
    /// What is searched for.
    pub filter: Input,
    /// Where actions are taken from: the scopes that were active below it.
    pub scopes: Vec<Scope>,
    /// The selected entry.
    pub at: usize,
    /// First entry shown.
    pub offset: usize,
}

impl Help {
    /// Help for `scopes`.
    pub fn new(scopes: Vec<Scope>) -> Self {
        Self {
            filter: Input::default(),
            scopes,
            at: 0,
            offset: 0,
        }
    }

    /// Moves the selection.
    pub fn move_by(&mut self, steps: isize, entries: usize) {
        self.at = self
            .at
            .saturating_add_signed(steps)
            .min(entries.saturating_sub(1));
    }

    /// Keeps selection and window inside.
    pub fn settle(&mut self, entries: usize, height: usize) {
        self.at = self.at.min(entries.saturating_sub(1));
        self.offset = window(self.offset, self.at, height, entries);
    }
}

/// The entries that the filter leaves.
pub fn entries(model: &Model, help: &Help) -> Vec<&'static ActionSpec> {
    let wanted = help.filter.value().trim().to_lowercase();
    in_scopes(&help.scopes)
        .filter(|spec| (spec.availability)(model) != Availability::Hidden)
        .filter(|spec| {
            wanted.is_empty()
                || spec.keys.iter().any(|key| key.to_lowercase() == wanted)
                || format!("{} {}", spec.title, spec.help)
                    .to_lowercase()
                    .contains(&wanted)
        })
        .collect()
}
