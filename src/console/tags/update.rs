//! Handles keys and answers of the list of tags.

use chrono::{DateTime, Utc};
use tui_input::Input;

use super::{Tags, of_prompt, of_upload, rows};
use crate::console::Model;
use crate::console::dialogs::Modal;
use crate::console::effect::{Effect, RequestId};
use crate::console::msg::TagsMsg;
use crate::domain::tags::TagList;
use crate::domain::{Observed, Problem};

/// Handles a key.
pub fn update(model: &mut Model, msg: TagsMsg) -> Vec<Effect> {
    match msg {
        TagsMsg::Open => return open(model),
        TagsMsg::Again => return again(model),
        TagsMsg::Take => take(model),
        TagsMsg::Step(steps) => {
            if let Some(Modal::Tags(dialog)) = &mut model.modal {
                dialog.at = dialog.at.saturating_add_signed(steps);
            }
        }
        TagsMsg::Close => close(model, None),
    }
    Vec::new()
}

fn open(model: &mut Model) -> Vec<Effect> {
    let repository = match &model.modal {
        Some(Modal::Prompt(prompt)) => of_prompt(model, prompt),
        Some(Modal::Upload(dialog)) => of_upload(model, dialog),
        _ => None,
    };
    let (Some(repository), Some(under)) = (repository, model.modal.take()) else {
        return Vec::new();
    };
    let known = model
        .tags
        .get(&repository)
        .is_some_and(|seen| seen.value.is_some());
    model.modal = Some(Modal::Tags(Box::new(Tags {
        repository,
        filter: Input::default(),
        at: 0,
        offset: 0,
        in_flight: None,
        under,
    })));
    if known { Vec::new() } else { again(model) }
}

/// Reads the tags from the registry again.
fn again(model: &mut Model) -> Vec<Effect> {
    let id = model.next_id();
    let Some(Modal::Tags(dialog)) = &mut model.modal else {
        return Vec::new();
    };
    if dialog.in_flight.is_some() {
        return Vec::new();
    }
    dialog.in_flight = Some(id);
    vec![Effect::ListTags {
        id,
        repository: dialog.repository.clone(),
    }]
}

/// Stores the answer of the registry.
pub fn listed(model: &mut Model, id: RequestId, at: DateTime<Utc>, answer: Result<TagList, Problem>) {
    let Some(Modal::Tags(dialog)) = &mut model.modal else {
        return;
    };
    if dialog.in_flight != Some(id) {
        return;
    }
    dialog.in_flight = None;
    model.now = model.now.max(at);
    let seen = model.tags.entry(dialog.repository.clone()).or_default();
    seen.refresh(Observed::from_result(answer, at));
}

/// Puts the selected tag into the field below the list.
fn take(model: &mut Model) {
    let Some(Modal::Tags(dialog)) = &model.modal else {
        return;
    };
    match rows(model, dialog).get(dialog.at).map(|tag| (*tag).to_owned()) {
        Some(tag) => close(model, Some(&tag)),
        None => model.refuse("no tag is selected"),
    }
}

fn close(model: &mut Model, tag: Option<&str>) {
    let Some(Modal::Tags(dialog)) = model.modal.take() else {
        return;
    };
    let Tags {
        repository,
        mut under,
        ..
    } = *dialog;
    match (&mut under, tag) {
        (Modal::Prompt(prompt), Some(tag)) => {
            prompt.input = Input::new(tag.to_owned());
            prompt.error = None;
        }
        (Modal::Upload(upload), Some(tag)) => {
            upload.input = Input::new(repository.tagged(tag).to_string());
            upload.stem = None;
            upload.at = 0;
        }
        _ => {}
    }
    model.modal = Some(under);
}
