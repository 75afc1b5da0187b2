//! Handles the keys of the upload dialog.

use super::{Upload, known, read};
use crate::console::dialogs::{self, Modal};
use crate::console::effect::Effect;
use crate::console::image::{self, Look, Wanted};
use crate::console::panes::charms;
use crate::console::{Model, paths, review};
use crate::domain::ImageSource;
use crate::plan::{Content, Intent, UploadIntent};

/// Opens the dialog for the selected resource.
pub fn open(model: &mut Model) -> Vec<Effect> {
    let Some(row) = model.panes.charms.selected() else {
        return Vec::new();
    };
    let Some((resource, _)) = row.resource() else {
        return Vec::new();
    };
    let images = charms::holds_images(model.workspace(), &model.snapshot, &row.charm, resource);
    let dialog = Upload {
        charm: row.charm.clone(),
        resource: resource.clone(),
        images,
        input: tui_input::Input::default(),
        stem: None,
        at: 0,
    };
    model.modal = Some(Modal::Upload(Box::new(dialog)));
    if images == Some(false) || model.setting.offline {
        Vec::new()
    } else {
        vec![Effect::AskEngines]
    }
}

const fn dialog(model: &mut Model) -> Option<&mut Upload> {
    match &mut model.modal {
        Some(Modal::Upload(dialog)) => Some(dialog),
        _ => None,
    }
}

/// Applies `key` to the line.
pub fn typed(model: &mut Model, key: crate::console::actions::Key) {
    if let Some(dialog) = dialog(model)
        && dialogs::edit(&mut dialog.input, key)
    {
        dialog.stem = None;
        dialog.at = 0;
    }
}

/// Inserts a completion that matches the input; repeated, the next one. For paths first their
/// common prefix, as in a shell; after a directory was inserted, its names next.
pub fn complete(model: &mut Model, steps: isize) -> Vec<Effect> {
    let Some(Modal::Upload(shown)) = &model.modal else {
        return Vec::new();
    };
    let texts: Vec<String> = known(model, shown).into_iter().map(|known| known.text).collect();
    let wanted = shown.wanted().to_owned();
    let is_path = paths::known(model, &wanted, shown.images) == texts;
    let common = paths::common_start(&texts);
    if texts.is_empty() {
        model.refuse("no suggestion matches");
        return Vec::new();
    }
    if is_path && (texts.len() == 1 || common.len() > wanted.len()) {
        let taken = tui_input::Input::new(common.to_owned());
        if let Some(dialog) = dialog(model) {
            dialog.input = taken;
            dialog.stem = None;
            dialog.at = 0;
        }
        return paths::ask(model);
    }
    let count = texts.len() as isize;
    let at = match (&shown.stem, steps) {
        (Some(_), _) => (shown.at as isize + steps).rem_euclid(count) as usize,
        (None, ..0) => texts.len() - 1,
        (None, _) => 0,
    };
    pick(model, at);
    Vec::new()
}

/// Inserts the completion at `at`.
pub fn pick(model: &mut Model, at: usize) {
    let Some(Modal::Upload(dialog)) = &model.modal else {
        return;
    };
    let Some(one) = known(model, dialog).into_iter().nth(at) else {
        return;
    };
    if let Some(Modal::Upload(dialog)) = &mut model.modal {
        let wanted = dialog.wanted().to_owned();
        dialog.stem = Some(wanted);
        dialog.at = at;
        dialog.input = tui_input::Input::new(one.text);
    }
}

fn content(model: &Model) -> Option<(UploadIntent, bool)> {
    let Some(Modal::Upload(dialog)) = &model.modal else {
        return None;
    };
    let read = read(
        &model.setting,
        &dialog.resource,
        dialog.images,
        dialog.input.value(),
    );
    let content = read?.ok()?;
    let image = !matches!(content, Content::File { .. });
    let intent = UploadIntent {
        charm: dialog.charm.clone(),
        resource: dialog.resource.clone(),
        content,
    };
    Some((intent, image))
}

/// Opens the review of the upload. Invalid input stays, and the line below shows why.
pub fn accept(model: &mut Model) -> Vec<Effect> {
    let Some((intent, _)) = content(model) else {
        model.refuse("nothing to plan yet; the reason is below the field");
        return Vec::new();
    };
    review::open(model, Intent::Upload(intent))
}

/// Shows the typed image, and how much of it the resource lacks.
pub fn look(model: &mut Model) -> Vec<Effect> {
    let Some((intent, true)) = content(model) else {
        model.refuse("type an image first");
        return Vec::new();
    };
    let source = match &intent.content {
        Content::From { source, .. } => Some(source.clone()),
        Content::Digest { digest } => match super::known::behind(model, &intent, digest) {
            Some(revision) => {
                let wanted = Wanted::Behind {
                    charm: intent.charm.clone(),
                    resource: intent.resource.clone(),
                    revision,
                };
                return image::open(model, Look { wanted, to: None });
            }
            None => None,
        },
        Content::File { .. } => None,
    };
    let Some(source) = source else {
        model.refuse("no known revision holds it; plan the upload to search for it");
        return Vec::new();
    };
    look_at(model, source, intent)
}

fn look_at(model: &mut Model, source: ImageSource, intent: UploadIntent) -> Vec<Effect> {
    let look = Look {
        wanted: Wanted::From(source),
        to: Some((intent.charm, intent.resource)),
    };
    image::open(model, look)
}

/// Closes the dialog.
pub fn close(model: &mut Model) {
    if dialog(model).is_some() {
        model.modal = None;
    }
}
