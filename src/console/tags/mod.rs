//! The tags of a repository, listed to choose one for the field below.
//!
//! Holds filter and selection. The tags themselves are in the model.

pub mod actions;
mod update;
pub mod view;

pub use update::{listed, open};

use std::collections::BTreeMap;

use tui_input::Input;

use super::Model;
use super::components::{Dialog, List};
use super::effect::RequestId;
use super::state::state;
use crate::domain::tags::TagList;
use crate::domain::{Observed, Repository};

/// The state of the list of tags.
#[derive(Clone, Debug)]
pub struct Tags {
    /// The repository.
    pub repository: Repository,
    /// The filter.
    pub filter: Input,
    /// The selected row.
    pub list: List,
    /// The pending request.
    pub in_flight: Option<RequestId>,
    /// The field that the tag is for.
    pub under: Box<dyn Dialog>,
}

/// The tags of repositories, as their registries listed them.
#[derive(Clone, Debug, Default)]
pub struct TagLists(pub BTreeMap<Repository, Observed<TagList>>);

state!(TagLists);

/// Returns the tags that match the filter, in order.
pub fn rows<'m>(model: &'m Model, dialog: &Tags) -> Vec<&'m str> {
    let listed = model
        .state::<TagLists>()
        .0
        .get(&dialog.repository)
        .and_then(|seen| seen.value.as_ref());
    let words: Vec<String> = dialog
        .filter
        .value()
        .split_whitespace()
        .map(str::to_lowercase)
        .collect();
    let fits = |tag: &&String| {
        let tag = tag.to_lowercase();
        words.iter().all(|word| tag.contains(word))
    };
    let tags = listed.into_iter().flat_map(|list| &list.tags);
    tags.filter(fits).map(String::as_str).collect()
}
