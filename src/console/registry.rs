//! Lists the parts of the console: the actions of every feature, and the panes.
//!
//! A feature is added to the console by one line here.

use std::sync::LazyLock;

use super::actions::{ActionId, ActionSpec, Keymap, Part, Scope, page};
use super::panes::PaneSpec;
use super::{
    components, dialogs, image, panes, promote, release, review, running, sign_in, tags, update, upload,
    workflows,
};
use crate::config::KeyWish;
use crate::domain::Problem;

/// The actions of every feature, in the order of the key page.
pub static PARTS: &[&Part] = &[
    &update::actions::PART,
    &components::actions::PART,
    &panes::actions::PART,
    &panes::releases::actions::PART,
    &panes::channels::actions::PART,
    &panes::charms::actions::PART,
    &panes::credentials::actions::PART,
    &panes::activity::actions::PART,
    &review::actions::PART,
    &running::actions::PART,
    &dialogs::actions::PART,
    &sign_in::actions::PART,
    &upload::actions::PART,
    &tags::actions::PART,
    &release::actions::PART,
    &promote::actions::PART,
    &workflows::actions::PART,
    &image::actions::PART,
];

/// The panes, in the order of their numbers.
pub static PANES: LazyLock<Vec<&'static PaneSpec>> =
    LazyLock::new(|| PARTS.iter().filter_map(|part| part.pane).collect());

/// Returns every action.
pub fn all() -> impl Iterator<Item = &'static ActionSpec> {
    PARTS.iter().flat_map(|part| part.actions)
}

/// Returns the action with this id.
pub fn spec(id: ActionId) -> Option<&'static ActionSpec> {
    all().find(|spec| spec.id == id)
}

/// Returns the key page: every action with its default keys, as Markdown.
pub fn key_page() -> String {
    page::page(PARTS)
}

impl Default for Keymap {
    /// Returns the keys of the action table.
    fn default() -> Self {
        Self::of(PARTS)
    }
}

impl Keymap {
    /// Returns the keys of the action table, replaced by those that the user configured.
    ///
    /// # Errors
    /// As [`Keymap::replace`].
    pub fn with(wishes: &[KeyWish]) -> Result<Self, Problem> {
        Self::of(PARTS).replace(wishes)
    }
}

impl Scope {
    /// Returns every scope that can be the narrowest one.
    pub fn narrowest() -> impl Iterator<Item = Self> {
        super::actions::narrowest(PARTS)
    }
}
