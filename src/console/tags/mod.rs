//! The tags of a repository, listed to choose one for the field below.
//!
//! Holds filter and selection. The tags themselves are in the model.

mod update;
pub mod view;

pub use update::{listed, update};

use tui_input::Input;

use super::dialogs::{Modal, Prompt, Purpose};
use super::effect::RequestId;
use super::listing::window;
use super::upload::Upload;
use super::{Model, dialogs};
use crate::domain::{Reference, Repository};

/// The state of the list of tags.
#[derive(Clone, Debug)]
pub struct Tags {
    /// The repository.
    pub repository: Repository,
    /// The filter.
    pub filter: Input,
    /// The selected row.
    pub at: usize,
    /// The first row shown.
    pub offset: usize,
    /// The pending request.
    pub in_flight: Option<RequestId>,
    /// The field that the tag is for.
    pub under: Modal,
}

/// Returns the repository whose tags `prompt` accepts.
pub fn of_prompt(model: &Model, prompt: &Prompt) -> Option<Repository> {
    match &prompt.purpose {
        Purpose::Replace(image) => model.workspace().image_repository(image).ok(),
        Purpose::Start(_) | Purpose::Resume(_) => None,
    }
}

/// Returns the repository typed in the upload dialog, else the one that feeds the resource.
pub fn of_upload(model: &Model, dialog: &Upload) -> Option<Repository> {
    let typed = dialog.wanted();
    if typed.contains('/') {
        let reference = Reference::parse(typed.strip_suffix(':').unwrap_or(typed));
        return reference.ok().map(|reference| reference.repository);
    }
    let workspace = model.workspace();
    let charm = workspace.charm(&dialog.charm)?;
    let (_, key) = charm.fed().find(|(name, _)| **name == dialog.resource)?;
    workspace.image_repository(key).ok()
}

/// Returns the tags that match the filter, in order.
pub fn rows<'m>(model: &'m Model, dialog: &Tags) -> Vec<&'m str> {
    let listed = model
        .tags
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

/// Clamps selection and scroll position.
pub fn settle(model: &mut Model) {
    let Some(Modal::Tags(dialog)) = &model.modal else {
        return;
    };
    let count = rows(model, dialog).len();
    let height = usize::from(dialogs::search_height(model));
    if let Some(Modal::Tags(dialog)) = &mut model.modal {
        dialog.at = dialog.at.min(count.saturating_sub(1));
        dialog.offset = window(dialog.offset, dialog.at, height, count);
    }
}
