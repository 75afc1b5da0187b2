//! Lists the parts of the console: the actions of every feature, and the panes.
//!
//! A feature is added to the console by one line here.

use std::sync::LazyLock;

use super::actions::{ActionId, ActionSpec, FeatureActions, Keymap, Scope, page};
use super::panes::PaneSpec;
use super::{
    components, dialogs, image, panes, promote, release, review, running, sign_in, tags, update, upload,
    workflows,
};
use crate::config::KeyWish;
use crate::domain::Problem;

/// The actions of every feature, in the order of the key page.
pub static FEATURES: &[&FeatureActions] = &[
    &update::actions::ACTIONS,
    &components::actions::ACTIONS,
    &panes::actions::ACTIONS,
    &panes::releases::actions::ACTIONS,
    &panes::channels::actions::ACTIONS,
    &panes::charms::actions::ACTIONS,
    &panes::credentials::actions::ACTIONS,
    &panes::activity::actions::ACTIONS,
    &review::actions::ACTIONS,
    &running::actions::ACTIONS,
    &dialogs::actions::ACTIONS,
    &sign_in::actions::ACTIONS,
    &upload::actions::ACTIONS,
    &tags::actions::ACTIONS,
    &release::actions::ACTIONS,
    &promote::actions::ACTIONS,
    &workflows::actions::ACTIONS,
    &image::actions::ACTIONS,
];

/// The panes, in the order of their numbers.
pub static PANES: LazyLock<Vec<&'static PaneSpec>> =
    LazyLock::new(|| FEATURES.iter().filter_map(|part| part.pane).collect());

/// Returns every action.
pub fn all() -> impl Iterator<Item = &'static ActionSpec> {
    FEATURES.iter().flat_map(|part| part.actions)
}

/// Returns the action with this id.
pub fn spec(id: ActionId) -> Option<&'static ActionSpec> {
    all().find(|spec| spec.id == id)
}

/// Returns the key page: every action with its default keys, as Markdown.
pub fn key_page() -> String {
    page::page(FEATURES)
}

impl Default for Keymap {
    /// Returns the keys of the action table.
    fn default() -> Self {
        Self::of(FEATURES)
    }
}

impl Keymap {
    /// Returns the keys of the action table, replaced by those that the user configured.
    ///
    /// # Errors
    /// As [`Keymap::replace`].
    pub fn with(wishes: &[KeyWish]) -> Result<Self, Problem> {
        Self::of(FEATURES).replace(wishes)
    }
}

impl Scope {
    /// Returns every scope that can be the narrowest one.
    pub fn narrowest() -> impl Iterator<Item = Self> {
        super::actions::narrowest(FEATURES)
    }
}
