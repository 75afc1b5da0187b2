//! Handles the keys of the upload dialog.

use ratatui::Frame;
use tui_input::Input;

use super::{Upload, known, read};
use crate::console::actions::{Key, Scope};
use crate::console::components::{Dialog, form};
use crate::console::effect::Effect;
use crate::console::image::{self, Look, Wanted};
use crate::console::panes::charms;
use crate::console::view::Drawn;
use crate::console::{Model, paths, review};
use crate::domain::{ImageSource, Reference, Repository};
use crate::plan::{Content, Intent, UploadIntent};

/// Opens the dialog for the selected resource.
pub fn open(model: &mut Model) -> Vec<Effect> {
    let Some(row) = model.charm_rows().selected() else {
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
        input: Input::default(),
        stem: None,
        at: 0,
    };
    model.open(dialog);
    if images == Some(false) || model.setting.offline {
        Vec::new()
    } else {
        vec![Effect::AskEngines]
    }
}

impl Dialog for Upload {
    fn scope(&self) -> Scope {
        Scope::UPLOAD
    }

    fn boxed(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }

    fn draw(&self, model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
        super::view::draw(model, self, frame, drawn);
    }

    fn pick(&mut self, model: &Model, line: usize) {
        if let Some(one) = known(model, self).into_iter().nth(line) {
            self.stem = Some(self.wanted().to_owned());
            self.at = line;
            self.input = Input::new(one.text);
        }
    }

    fn typed(&mut self, _: &Model, key: Key) {
        if form::edit(&mut self.input, key) {
            self.stem = None;
            self.at = 0;
        }
    }

    fn stays_below(&self) -> bool {
        true
    }

    fn typed_path(&self, _: &Model) -> Option<(String, Option<bool>)> {
        Some((self.input.value().to_owned(), self.images))
    }

    /// Returns the repository typed, else the one that feeds the resource.
    fn repository(&self, model: &Model) -> Option<Repository> {
        let typed = self.wanted();
        if typed.contains('/') {
            let reference = Reference::parse(typed.strip_suffix(':').unwrap_or(typed));
            return reference.ok().map(|reference| reference.repository);
        }
        let workspace = model.workspace();
        let charm = workspace.charm(&self.charm)?;
        let (_, key) = charm.fed().find(|(name, _)| **name == self.resource)?;
        workspace.image_repository(key).ok()
    }

    fn put_tag(&mut self, repository: &Repository, tag: &str) {
        self.input = Input::new(repository.tagged(tag).to_string());
        self.stem = None;
        self.at = 0;
    }
}

/// Inserts a completion that matches the input; repeated, the next one. For paths first their
/// common prefix, as in a shell; after a directory was inserted, its names next.
fn complete(model: &mut Model, steps: isize) -> Vec<Effect> {
    let Some(shown) = model.dialog::<Upload>() else {
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
        let taken = Input::new(common.to_owned());
        if let Some(dialog) = model.dialog_mut::<Upload>() {
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
    model.change_dialog(|dialog, model| dialog.pick(model, at));
    Vec::new()
}

/// Inserts the next completion.
pub(super) fn next(model: &mut Model) -> Vec<Effect> {
    complete(model, 1)
}

/// Inserts the previous completion.
pub(super) fn previous(model: &mut Model) -> Vec<Effect> {
    complete(model, -1)
}

fn content(model: &Model) -> Option<(UploadIntent, bool)> {
    let dialog = model.dialog::<Upload>()?;
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
pub(super) fn accept(model: &mut Model) -> Vec<Effect> {
    let Some((intent, _)) = content(model) else {
        model.refuse("nothing to plan yet; the reason is below the field");
        return Vec::new();
    };
    review::open(model, Intent::Upload(intent))
}

/// Shows the typed image, and how much of it the resource lacks.
pub(super) fn look(model: &mut Model) -> Vec<Effect> {
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
