//! Opens the image details and handles their keys and answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use ratatui::Frame;

use super::data::Reading;
use super::{Fetched, Image, Images, Look, Seen, There, Wanted, lines};
use crate::console::Model;
use crate::console::actions::Scope;
use crate::console::components::{Dialog, Text, text_dialog};
use crate::console::dialogs::{Choice, Choose};
use crate::console::effect::{Effect, RequestId};
use crate::console::panes::{self, PaneId, charms};
use crate::console::view::Drawn;
use crate::console::view::look::Glyph;
use crate::domain::charm::ImageBehind;
use crate::domain::{CharmName, ContentFacts, Observed, Problem, Risk, Snapshot};

impl Model {
    /// Returns the images that were read.
    pub fn images(&self) -> &Images {
        self.state()
    }

    /// Returns the images that were read for changes.
    pub fn images_mut(&mut self) -> &mut Images {
        self.state_mut()
    }
}

/// Returns the images of the selected row, each with a label.
pub fn selected(model: &Model) -> Vec<(String, Look)> {
    match model.pane {
        PaneId::CHARMS => of_charm(model),
        PaneId::CHANNELS => of_channels(model),
        PaneId::RELEASES => of_release(model),
        _ => Vec::new(),
    }
}

fn is_image(model: &Model, charm: &CharmName, resource: &crate::domain::ResourceName) -> bool {
    charms::holds_images(model.workspace(), &model.snapshot, charm, resource) != Some(false)
}

fn of_charm(model: &Model) -> Vec<(String, Look)> {
    let row = model.charm_rows().selected();
    let found = row.and_then(|row| {
        let (resource, revision) = row.resource()?;
        let wanted = Wanted::Behind {
            charm: row.charm.clone(),
            resource: resource.clone(),
            revision: revision?,
        };
        let look = Look { wanted, to: None };
        is_image(model, &row.charm, resource).then(|| (look.title(), look))
    });
    found.into_iter().collect()
}

fn of_channels(model: &Model) -> Vec<(String, Look)> {
    let Some(row) = model.channel_rows().selected() else {
        return Vec::new();
    };
    let mut served: Vec<(Risk, &crate::domain::charm::ChannelRow)> = model
        .snapshot
        .rows(&row.charm)
        .iter()
        .filter(|one| one.channel.track == row.track && one.channel.branch == row.branch)
        .map(|one| (one.channel.risk, one))
        .collect();
    served.sort_by_key(|(risk, _)| std::cmp::Reverse(*risk));
    let mut found: Vec<(String, Look)> = Vec::new();
    for (risk, one) in served {
        for attached in &one.resources {
            let Some(revision) = attached
                .revision
                .filter(|_| is_image(model, &row.charm, &attached.name))
            else {
                continue;
            };
            let wanted = Wanted::Behind {
                charm: row.charm.clone(),
                resource: attached.name.clone(),
                revision,
            };
            let look = Look { wanted, to: None };
            match found.iter_mut().find(|(_, known)| *known == look) {
                Some((text, _)) if text.contains(risk.as_str()) => {}
                Some((text, _)) => text.push_str(&format!(", {risk}")),
                None => found.push((format!("{} {revision}  {risk}", attached.name), look)),
            }
        }
    }
    found
}

fn of_release(model: &Model) -> Vec<(String, Look)> {
    let workspace = model.workspace();
    let row = model.release_rows().selected();
    let Some(release) = row.and_then(|row| model.snapshot.release(&row.name)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for charm in workspace.fed_charms() {
        for (resource, key) in charm.fed() {
            let tag = release.images.get(key);
            if let (Some(tag), Ok(repository)) = (tag, workspace.image_repository(key)) {
                let reference = repository.tagged(tag);
                let text = format!("{reference}  for {}", model.short(&charm.name));
                let look = Look {
                    wanted: Wanted::From(crate::domain::ImageSource::Registry(reference)),
                    to: Some((charm.name.clone(), resource.clone())),
                };
                found.push((text, look));
            }
        }
    }
    found
}

impl Dialog for Image {
    fn scope(&self) -> Scope {
        Scope::IMAGE
    }

    fn boxed(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }

    fn draw(&self, model: &Model, frame: &mut Frame, drawn: &mut Drawn) {
        text_dialog::draw(model, &self.text, frame, drawn);
    }

    fn fit(&mut self, model: &Model) {
        text_dialog::fit(&mut self.text, model);
    }

    fn move_by(&mut self, _: &Model, steps: isize) {
        self.text.scroll(steps);
    }

    fn text(&self) -> Option<&Text> {
        Some(&self.text)
    }

    fn text_mut(&mut self) -> Option<&mut Text> {
        Some(&mut self.text)
    }

    fn close(self: Box<Self>, model: &mut Model) {
        model.modal = self.under;
    }
}

/// Shows the image of the selected row; asks which one if there are several.
pub fn open_selected(model: &mut Model) -> Vec<Effect> {
    let mut found = selected(model);
    if found.len() > 1 {
        let entries = found
            .into_iter()
            .map(|(text, look)| (text, Choice::Look(look)))
            .collect();
        model.open(Choose::new("Choose an image", "Inspect:", entries));
        return Vec::new();
    }
    found.pop().map_or_else(Vec::new, |(_, look)| open(model, look))
}

/// Shows the image of the plan under review, which was read for the plan.
pub fn open_planned(model: &mut Model) -> Vec<Effect> {
    let Some(ContentFacts::Image(facts)) = &model.snapshot.content.value else {
        model.refuse("this plan has no image");
        return Vec::new();
    };
    let layers = facts.detail.platforms.iter().flat_map(|one| &one.layers);
    let there = layers
        .map(|layer| layer.digest)
        .filter(|digest| facts.there || !facts.lacking.contains(digest))
        .collect();
    let fetched = Fetched {
        seen: Some(Seen {
            detail: facts.detail.clone(),
            there: There::Layers(there),
        }),
        at: model.snapshot.content.read_at,
        ..Fetched::default()
    };
    let look = Look {
        wanted: Wanted::Planned,
        to: None,
    };
    model.images_mut().fetched.insert(look.clone(), fetched);
    open(model, look)
}

/// Shows the image of `look`; fetches it if it was not read yet.
pub fn open(model: &mut Model, look: Look) -> Vec<Effect> {
    let known = model.images().fetched.get(&look);
    let wanted = known.is_none_or(|known| known.seen.is_none() && known.in_flight.is_none());
    let under = model.modal.take().filter(|dialog| dialog.stays_below());
    model.open(Image {
        look,
        text: Text::new("", Vec::new()),
        diff: false,
        under,
    });
    let effects = if wanted { again(model) } else { Vec::new() };
    rewrite(model);
    effects
}

/// Reads the shown image again.
pub(super) fn again(model: &mut Model) -> Vec<Effect> {
    let Some(dialog) = model.dialog::<Image>() else {
        return Vec::new();
    };
    let look = dialog.look.clone();
    if look.wanted == Wanted::Planned || model.setting.offline {
        return Vec::new();
    }
    let id = model.next_id();
    let fetched = model.images_mut().fetched.entry(look.clone()).or_default();
    if fetched.in_flight.is_some() {
        return Vec::new();
    }
    fetched.in_flight = Some(id);
    fetched.problem = None;
    rewrite(model);
    vec![Effect::Look {
        id,
        image: look.wanted,
        to: look.to,
        previous: model.snapshot.clone(),
    }]
}

/// Stores an image that was read, or the problem. Earlier results are kept.
pub fn looked(model: &mut Model, id: RequestId, result: Result<Seen, Problem>) {
    let now = model.now;
    let asked = model
        .images_mut()
        .fetched
        .values_mut()
        .find(|fetched| fetched.in_flight == Some(id));
    let Some(fetched) = asked else { return };
    fetched.in_flight = None;
    match result {
        Ok(seen) => {
            fetched.seen = Some(seen);
            fetched.at = Some(now);
            fetched.problem = None;
        }
        Err(problem) => fetched.problem = Some(problem),
    }
    rewrite(model);
}

/// Rebuilds the shown lines.
fn rewrite(model: &mut Model) {
    let Some(dialog) = model.dialog::<Image>() else {
        return;
    };
    let seen = model
        .images()
        .fetched
        .get(&dialog.look)
        .and_then(|one| one.seen.as_ref());
    let title = dialog.look.title();
    let mut text = match (&model.images().marked, seen) {
        (Some((from, marked)), Some(seen)) if dialog.diff => {
            let arrow = model.setting.look.glyph(Glyph::Arrow);
            let lines = super::diff::lines((from, marked), (&title, &seen.detail), arrow);
            Text::new("Differences", lines)
        }
        _ => Text::new(title, lines::lines(model, &dialog.look)),
    };
    text.copy = seen.map(|seen| seen.detail.digest.to_string());
    text.offset = dialog.text.offset;
    if let Some(dialog) = model.dialog_mut::<Image>() {
        dialog.text = text;
    }
}

/// Keeps the shown image for comparison.
pub(super) fn mark(model: &mut Model) {
    let Some(dialog) = model.dialog::<Image>() else {
        return;
    };
    let fetched = model.images().fetched.get(&dialog.look);
    let Some(seen) = fetched.and_then(|fetched| fetched.seen.as_ref()) else {
        return model.refuse("the image was not read yet");
    };
    let title = dialog.look.title();
    model.images_mut().marked = Some((title.clone(), seen.detail.clone()));
    model.say(format!("{title} is marked; open another image and compare it"));
}

/// Shows the differences from the marked image, or the image itself again.
pub(super) fn diff(model: &mut Model) {
    if let Some(dialog) = model.dialog_mut::<Image>() {
        dialog.diff = !dialog.diff;
        dialog.text.offset = 0;
    }
    rewrite(model);
}

/// Requests the images of those revisions of a charm that were not read yet.
pub fn ask_behind(model: &mut Model, charm: &CharmName) -> Vec<Effect> {
    let snapshot = &model.snapshot;
    let facts = snapshot.charms.get(charm).and_then(|seen| seen.value.as_ref());
    let unseen = facts
        .into_iter()
        .flat_map(|facts| &facts.resources)
        .any(|(name, all)| {
            is_image(model, charm, name)
                && all
                    .iter()
                    .any(|one| snapshot.image_behind(charm, name, one.revision).is_none())
        });
    if !unseen || model.setting.offline || model.state::<Reading>().0.contains_key(charm) {
        return Vec::new();
    }
    let id = model.next_id();
    model.state_mut::<Reading>().0.insert(charm.clone(), id);
    vec![Effect::LookBehind {
        id,
        charm: charm.clone(),
        previous: model.snapshot.clone(),
    }]
}

/// Like [`ask_behind`], for the charms whose resource revisions are on screen, because new ones may
/// have appeared.
pub fn ask_unfolded(model: &mut Model) -> Vec<Effect> {
    let charms: std::collections::BTreeSet<CharmName> = model
        .charm_rows()
        .rows()
        .iter()
        .filter(|row| matches!(row.what, charms::What::Held { .. }))
        .map(|row| row.charm.clone())
        .collect();
    charms.iter().flat_map(|charm| ask_behind(model, charm)).collect()
}

/// Stores the images of a charm's resource revisions.
pub fn behind(
    model: &mut Model,
    id: RequestId,
    charm: &CharmName,
    found: BTreeMap<String, Observed<ImageBehind>>,
) {
    if model.state::<Reading>().0.get(charm) != Some(&id) {
        return;
    }
    model.state_mut::<Reading>().0.remove(charm);
    let snapshot: &mut Snapshot = Arc::make_mut(&mut model.snapshot);
    for (key, observed) in found {
        snapshot.behind.entry(key).or_default().refresh(observed);
    }
    panes::rebuild(model);
}

/// Returns `newer` with the images of revisions that only the previous snapshot has: the image of a
/// revision never changes, and a read that began earlier does not contain them.
pub fn with_known(model: &Model, mut newer: Arc<Snapshot>) -> Arc<Snapshot> {
    let unknown = |key: &String| newer.behind.get(key).is_none_or(|seen| seen.value.is_none());
    let kept: Vec<_> = model
        .snapshot
        .behind
        .iter()
        .filter(|(key, seen)| seen.value.is_some() && unknown(key))
        .map(|(key, seen)| (key.clone(), seen.clone()))
        .collect();
    if !kept.is_empty() {
        Arc::make_mut(&mut newer).behind.extend(kept);
    }
    newer
}

/// Ends pending requests after a task failed: they will not be answered.
pub fn broken(model: &mut Model) {
    model.state_mut::<Reading>().0.clear();
    for fetched in model.images_mut().fetched.values_mut() {
        fetched.in_flight = None;
    }
}
