//! The tags of a repository, listed to choose one for the field under them.
//!
//! Owns the filter and the selection. What the registry listed is in the model.

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

/// The dialog.
#[derive(Clone, Debug)]
pub struct Tags {
    /// The repository.
    pub repository: Repository,
    /// What is typed to narrow the list.
    pub filter: Input,
    /// The selected row.
    pub at: usize,
    /// First row shown.
    pub offset: usize,
    /// The request under way.
    pub in_flight: Option<RequestId>,
    /// The field that the tag is for.
    pub under: Modal,
}

/// The repository whose tags `prompt` takes.
pub fn of_prompt(model: &Model, prompt: &Prompt) -> Option<Repository> {
    match &prompt.purpose {
        Purpose::Replace(image) => model.workspace().image_repository(image).ok(),
        Purpose::Start(_) | Purpose::Resume(_) => None,
    }
}

/// The repository that is typed in the upload dialog, else the one that the resource is fed from.
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

/// The tags that the filter leaves, in order.
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

/// Keeps selection and window inside.
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
